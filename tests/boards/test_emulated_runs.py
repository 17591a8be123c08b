"""Plans on emulated boards: exact bytes, exact times, RAM as predicted, the same in every run."""

from __future__ import annotations

from itertools import pairwise

import pytest

from planner.boards.machines import MACHINES
from planner.boards.measure import measure
from planner.core.lowering import lower
from planner.core.simulate import simulate
from planner.data.graph import Graph
from planner.data.hardware import NetworkKind
from planner.data.instance import Instance
from planner.data.plan import Await, Plan, Ready, Transfer
from planner.data.run import Boards, RunResult
from planner.errors import DeviceError, InputError
from planner.workflow.run import count_mismatches, run_plan
from tests.builders.boards import emulated_instance, needs_machines
from tests.builders.fleets import FIRMWARE, instance, random_network
from tests.builders.graphs import random_graph, random_input
from tests.builders.splits import random_split

SEED = 11


def _measured_durations_ns(plan: Plan, result: RunResult) -> list[list[int]]:
    """What every step of every node took on the boards; the host's are 0."""
    durations = [
        [
            0 if isinstance(step, Ready | Transfer | Await) else end_ns - start_ns
            for step, (start_ns, end_ns) in zip(
                program.steps, pairwise([0, *(step.end_ns for step in device.steps)]), strict=True
            )
        ]
        for program, device in zip(plan.programs[:-1], result.devices, strict=True)
    ]
    return [*durations, [0] * len(plan.programs[-1].steps)]


def _run(graph: Graph, fleet: Instance) -> tuple[Plan, RunResult]:
    plan = lower(graph, fleet, random_split(graph, fleet, SEED))
    inputs = random_input(graph, SEED)
    result = run_plan(graph, fleet, plan, inputs, Boards.EMULATED)
    assert count_mismatches(result, graph, inputs) == 0
    return plan, result


@pytest.mark.parametrize("machine", [pytest.param(name, marks=needs_machines(name)) for name in MACHINES])
def test_every_machine_is_exact_and_within_its_cap(machine: str) -> None:
    fleet = emulated_instance([machine])
    plan, result = _run(random_graph(SEED, operators=12), fleet)
    (device,) = result.devices
    assert device.board == machine
    assert device.ram_peak.arena_bytes == plan.programs[0].arena_bytes
    assert 0 < device.ram_peak.stack_bytes < FIRMWARE.stack_bytes
    assert device.ram_peak.total_bytes <= device.ram_cap_bytes
    assert device.compute_ns > 0
    assert all(
        (step.work > 0) == (not isinstance(s, Ready | Transfer | Await))
        for step, s in zip(device.steps, plan.programs[0].steps, strict=True)
    )


@needs_machines(*MACHINES)
@pytest.mark.parametrize("kind", [NetworkKind.SWITCH, NetworkKind.BUS])
def test_six_kinds_of_boards_keep_the_plan_clock(kind: NetworkKind) -> None:
    """With the measured compute times, the simulator gives the boards' clocks to the nanosecond."""
    fleet = emulated_instance(list(MACHINES), kind)
    plan, result = _run(random_graph(SEED, operators=6), fleet)
    replayed = simulate(fleet, plan, _measured_durations_ns(plan, result))
    assert result.latency_ns == replayed.makespan_ns
    assert [device.end_ns for device in result.devices] == [node.end_ns for node in replayed.nodes[:-1]]


@needs_machines("mps2-an385", "riscv32-virt")
def test_latency_is_the_same_in_every_run() -> None:
    graph, fleet = random_graph(SEED), emulated_instance(["mps2-an385", "riscv32-virt"])
    latencies = {_run(graph, fleet)[1].latency_ns for _ in range(3)}
    assert len(latencies) == 1


@needs_machines("mps2-an500")
def test_a_cap_below_the_firmware_is_reported() -> None:
    fleet = emulated_instance(["mps2-an500"], ram_cap_bytes=1024)
    with pytest.raises(DeviceError, match="d0: its process ended with exit status 3: the RAM cap is below") as error:
        _run(random_graph(SEED), fleet)
    assert error.value.device == "d0"


def test_a_profile_without_a_machine_is_refused() -> None:
    import numpy as np

    fleet = instance(random_network(np.random.default_rng(0), 1, NetworkKind.SWITCH))
    with pytest.raises(InputError, match="profile synthetic has no emulated board"):
        _run(random_graph(SEED), fleet)


@needs_machines("mps2-an386")
def test_a_cap_beyond_the_machine_is_refused() -> None:
    fleet = emulated_instance(["mps2-an386"], ram_cap_bytes=64 << 20)
    with pytest.raises(InputError, match="device d0: its RAM cap of 67108864 bytes exceeds the RAM of the emulated"):
        _run(random_graph(SEED), fleet)


@needs_machines("mps2-an386")
def test_measuring_gives_the_work_of_every_compute_step() -> None:
    graph, fleet = random_graph(SEED), emulated_instance(["mps2-an386"])
    plan = lower(graph, fleet, random_split(graph, fleet, SEED))
    first, second = (measure("mps2-an386", plan, graph) for _ in range(2))
    assert first == second
    assert len(first.work) == len(plan.programs[0].steps)
    assert first.code_bytes > 0 and 0 < first.stack_peak_bytes < first.stack_reserve_bytes
