"""Lines that lose, repeat, swap, damage, cut and delay frames: the same bytes come out, or an error names a device."""

from __future__ import annotations

import pytest

from tests.benchmarks.faults import MIXES, Tally, Trial, trial
from tests.builders.boards import needs_local, needs_machines
from tests.builders.faulty_line import Fault, FaultRates

LOSSES = [FaultRates(rate, burst=burst) for rate, burst in ((0.001, 1), (0.01, 4), (0.05, 1), (0.05, 4))]


@pytest.fixture(scope="module")
def processes() -> Trial:
    return trial("small")


@needs_local()
@pytest.mark.parametrize("rates", [*LOSSES, *(FaultRates(0.1, (fault,)) for fault in Fault)])
def test_processes_give_the_same_bytes(processes: Trial, rates: FaultRates) -> None:
    tally = Tally()
    processes.run(rates, 0, tally)
    assert tally.exact == 1 and not tally.named


@needs_machines("mps2-an385")
def test_emulated_boards_give_the_same_bytes() -> None:
    tally = Tally()
    trial("emulated").run(FaultRates(0.05), 0, tally)
    assert tally.exact == 1 and tally.injected > 0 and not tally.named


@needs_local()
def test_a_line_that_loses_everything_is_named_in_time(processes: Trial) -> None:
    tally = Tally()
    processes.run(FaultRates(1.0, (Fault.DROP,)), 0, tally, timeout_s=1.0)
    assert tally.named == {"DeviceTimeout": 1} and tally.longest_s < 10


@needs_local()
@pytest.mark.slow
def test_a_thousand_runs() -> None:
    tried, tally = trial("small"), Tally()
    for seed in range(1000):
        tried.run(MIXES[seed % len(MIXES)], seed, tally)
    assert tally.exact + tally.named.total() == 1000


@needs_local()
@pytest.mark.slow
def test_twenty_runs_of_a_real_network() -> None:
    tried, tally = trial("large"), Tally()
    for seed in range(20):
        tried.run(MIXES[seed % len(MIXES)], seed, tally)
    assert tally.exact + tally.named.total() == 20
