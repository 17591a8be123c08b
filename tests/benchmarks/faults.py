"""Runs over lines with faults: each gives the same bytes, or an error that names a device in time. Writes a table.

python -m tests.benchmarks.faults FILE.md small|large|emulated RUNS
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from tabulate import tabulate

from planner.boards.linked_fleet import LinkedFleet
from planner.boards.machines import MACHINES
from planner.boards.session import Session
from planner.boards.setup import BoardSetup
from planner.boards.transports import Transport
from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.simulate import simulate
from planner.data.graph import Graph, Int8Array
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.testbed import Address, EmulatedAddress, LocalAddress
from planner.errors import DeviceError
from planner.files import shipped
from planner.files.atomic import write_text
from planner.files.instance_file import load_instance
from planner.planfmt.encode import encode
from planner.planfmt.layout import CONFIG_FLAG
from planner.solvers.heuristics import speed_proportional_rows
from planner.zoo import zoo_model
from tests.builders.boards import RAM_CAP_BYTES
from tests.builders.faulty_line import Fault, FaultRates, FaultyTransport
from tests.builders.graphs import random_input
from tests.builders.small_network import small_network

PAINT = 0xA5C35A3C
TIMEOUT_S = 30.0
WORKERS = 4
MIXES = (
    FaultRates(0.001),
    FaultRates(0.01),
    FaultRates(0.05),
    FaultRates(0.01, burst=4),
    *(FaultRates(0.05, (fault,)) for fault in Fault),
)


@dataclass
class Tally:
    """What became of the runs with one mix of faults."""

    exact: int = 0
    named: Counter[str] = field(default_factory=Counter)
    injected: int = 0
    repeated: int = 0
    longest_s: float = 0.0


def sum_up(parts: Iterable[Tally]) -> Tally:
    """One tally of several."""
    total = Tally()
    for part in parts:
        total.exact += part.exact
        total.named += part.named
        total.injected += part.injected
        total.repeated += part.repeated
        total.longest_s = max(total.longest_s, part.longest_s)
    return total


@dataclass(frozen=True)
class Trial:
    """A plan, where it runs, and what it has to give."""

    plan: Plan
    setups: list[BoardSetup]
    addresses: list[Address]
    inputs: Mapping[str, Int8Array]
    expected: Mapping[str, Int8Array]
    latency_ns: int | None

    @staticmethod
    def of(graph: Graph, fleet: Instance, plan: Plan, machine: str | None, ram_bytes: int) -> Trial:
        """Run on processes, or all on one kind of emulated machine."""
        flags = CONFIG_FLAG.members["PROGRESS"][0]
        flags |= 0 if machine else CONFIG_FLAG.members["PREDICTED_CLOCK"][0]
        emulated = None if machine is None else MACHINES[machine]
        setups = [
            BoardSetup(device.name, emulated, encode(plan, graph, node), ram_bytes, Fraction(1), flags)
            for node, device in enumerate(fleet.devices)
        ]
        address: Address = EmulatedAddress(machine) if machine else LocalAddress()
        inputs = random_input(graph, 0)
        expected = execute(graph, inputs)
        latency_ns = None if machine else simulate(fleet, plan).makespan_ns
        return Trial(plan, setups, [address] * len(setups), inputs, expected, latency_ns)

    def run(self, rates: FaultRates, seed: int, tally: Tally, timeout_s: float = TIMEOUT_S) -> None:
        """One run. Raises AssertionError if anything comes out but the right bytes or a DeviceError in time."""
        lines: list[FaultyTransport] = []

        def distort(transport: Transport) -> Transport:
            lines.append(FaultyTransport(transport, rates, seed * len(self.setups) + len(lines)))
            return lines[-1]

        begun_s = time.monotonic()
        fleet = LinkedFleet(self.setups, self.addresses, PAINT, timeout_s, distort)
        try:
            with fleet:
                session = Session(fleet, self.plan, timeout_s)
                session.greet()
                outcome = session.run(self.inputs)
                session.stop()
                tally.repeated += sum(fleet.links.counters(node)["repeated"] for node in range(fleet.host))
        except DeviceError as error:
            assert error.device in {setup.name for setup in self.setups}
            tally.named[type(error).__name__] += 1
        else:
            for name, values in outcome.outputs.items():
                assert np.array_equal(values, self.expected[name]), f"wrong bytes with {rates}, seed {seed}"
            assert self.latency_ns in (None, outcome.host_end_ns), f"wrong clock with {rates}, seed {seed}"
            tally.exact += 1
        tally.injected += sum(line.injected.total() for line in lines)
        tally.longest_s = max(tally.longest_s, time.monotonic() - begun_s)
        assert all(process.poll() is not None for process in fleet.processes.values())


def trial(size: str) -> Trial:
    """The small network on three boards, MobileNetV2 0.5/128 on four, or the small one on emulated boards."""
    if size == "large":
        graph = zoo_model("mobilenet_v2_0.5_128")
        fleet = load_instance(shipped.path("instances") / "m7x4.yaml")
        return Trial.of(graph, fleet, lower(graph, fleet, speed_proportional_rows(graph, fleet)), None, 4 << 20)
    graph, fleet, plan = small_network()
    return Trial.of(graph, fleet, plan, "mps2-an385" if size == "emulated" else None, RAM_CAP_BYTES)


def _some_runs(size: str, seeds: range) -> list[Tally]:
    """Runs with these seeds, a tally per mix."""
    tried = trial(size)
    tallies = [Tally() for _ in MIXES]
    for seed in seeds:
        tried.run(MIXES[seed % len(MIXES)], seed, tallies[seed % len(MIXES)])
    return tallies


def main(file: Path, size: str, runs: int) -> None:
    """Spread the runs over the mixes and write the table. Runs mostly wait, so several go at a time."""
    with ProcessPoolExecutor(WORKERS) as pool:
        parts = list(pool.map(partial(_some_runs, size), [range(w, runs, WORKERS) for w in range(WORKERS)]))
    tallies = [sum_up(part[mix] for part in parts) for mix in range(len(MIXES))]
    rows = [
        (
            f"{100 * rates.rate:g} %",
            "all" if len(rates.faults) > 1 else rates.faults[0].value,
            rates.burst,
            tally.exact + tally.named.total(),
            tally.exact,
            ", ".join(f"{count} {name}" for name, count in tally.named.items()) or "0",
            0,
            tally.injected,
            tally.repeated,
            f"{tally.longest_s:.1f} s",
        )
        for rates, tally in zip(MIXES, tallies, strict=True)
    ]
    headers = ("frames hit", "faults", "burst", "runs", "exact", "named errors", "wrong", "faults injected")
    table = tabulate(rows, (*headers, "repeated by the host", "longest run"), tablefmt="github")
    command = f"`python -m tests.benchmarks.faults results/faults/{file.name} {size} {runs}`"
    write_text(file, f"# {runs} runs over faulty lines: {size}\n\n{command}\n\n{table}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
