"""Plans over reliable links instead of pipes: the same bytes at the same times, and boards at fault named."""

from __future__ import annotations

import os
import signal
import time

import pytest

from planner.boards.linked_fleet import LinkedFleet
from planner.core.lowering import lower
from planner.core.simulate import simulate
from planner.data.hardware import NetworkKind
from planner.data.run import Boards
from planner.data.testbed import Address, EmulatedAddress, LocalAddress, Testbed
from planner.errors import DeviceError, DeviceTimeout, InputError
from planner.workflow.run import count_mismatches, run_plan
from tests.boards.test_faults import (
    BOARDS,
    GRAPH,
    KINDS,
    MOMENTS,
    PAINT,
    PATIENCE_S,
    PLAN,
    SabotagedSession,
    _converse,
    _setups,
    _signal,
)
from tests.builders.boards import emulated_instance, needs_local, needs_machines
from tests.builders.cases import random_case
from tests.builders.graphs import random_graph, random_input
from tests.builders.splits import random_split

SEED = 11
THREE = ("mps2-an385", "mps2-an500", "riscv32-virt")


@needs_local()
@pytest.mark.parametrize("kind", NetworkKind)
def test_processes_keep_the_simulated_time(kind: NetworkKind) -> None:
    case = random_case(7, kind=kind)
    plan = lower(case.graph, case.instance, case.split)
    inputs = random_input(case.graph, 7)
    testbed = Testbed({device.name: LocalAddress() for device in case.instance.devices})
    result = run_plan(case.graph, case.instance, plan, inputs, testbed, timeout_s=PATIENCE_S)
    assert count_mismatches(result, case.graph, inputs) == 0
    assert result.latency_ns == simulate(case.instance, plan).makespan_ns


@needs_machines(*THREE)
def test_serial_lines_give_the_bytes_and_times_of_pipes() -> None:
    """Three kinds of boards, whose messages for each other go through the host."""
    graph, fleet = random_graph(SEED, operators=4), emulated_instance(list(THREE))
    plan = lower(graph, fleet, random_split(graph, fleet, SEED))
    inputs = random_input(graph, SEED)
    assert any(max(message.source, message.target) < fleet.host for message in plan.messages)
    testbed = Testbed({d.name: EmulatedAddress(m) for d, m in zip(fleet.devices, THREE, strict=True)})
    serial = run_plan(graph, fleet, plan, inputs, testbed)
    piped = run_plan(graph, fleet, plan, inputs, Boards.EMULATED)
    assert count_mismatches(serial, graph, inputs) == 0
    assert serial.latency_ns == piped.latency_ns
    assert [device.steps for device in serial.devices] == [device.steps for device in piped.devices]


def test_a_device_without_an_address_is_named() -> None:
    case = random_case(7)
    plan = lower(case.graph, case.instance, case.split)
    with pytest.raises(InputError, match="the testbed has no address for"):
        run_plan(case.graph, case.instance, plan, random_input(case.graph, 7), Testbed({}))


@needs_machines("mps2-an385", "mps2-an386")
def test_a_board_of_another_kind_is_refused() -> None:
    graph, fleet = random_graph(SEED), emulated_instance(["mps2-an385"])
    plan = lower(graph, fleet, random_split(graph, fleet, SEED))
    testbed = Testbed({fleet.devices[0].name: EmulatedAddress("mps2-an386")})
    with pytest.raises(DeviceError, match="is mps2-an386, but its profile is for mps2-an385; correct the testbed"):
        run_plan(graph, fleet, plan, random_input(graph, SEED), testbed)


def _fleet(machine: str | None) -> LinkedFleet:
    address: Address = LocalAddress() if machine is None else EmulatedAddress(machine)
    return LinkedFleet(_setups(machine), [address] * BOARDS, PAINT, PATIENCE_S)


def _fail(machine: str | None, node: int, tag: int, number: signal.Signals) -> DeviceError:
    """The error of a run in which a board gets a signal when it begins a message; checks that nothing is left."""
    begun_s = time.monotonic()
    with pytest.raises(DeviceError) as raised, _fleet(machine) as fleet:
        _converse(SabotagedSession(fleet, node, tag, _signal(node, number)))
    assert time.monotonic() - begun_s < PATIENCE_S
    assert not fleet.directory.exists()
    assert all(process.returncode is not None for process in fleet.processes.values())
    assert raised.value.exit_code == 3
    return raised.value


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize(("node", "tag"), MOMENTS[::6])
def test_a_board_that_dies_is_named(machine: str | None, node: int, tag: int) -> None:
    error = _fail(machine, node, tag, signal.SIGKILL)
    assert error.device == f"board{node}"
    assert "was killed by signal 9" in str(error)


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize(("node", "tag"), MOMENTS[1::6])
def test_a_board_that_freezes_is_named(machine: str | None, node: int, tag: int) -> None:
    error = _fail(machine, node, tag, signal.SIGSTOP)
    assert isinstance(error, DeviceTimeout)
    assert error.device == f"board{node}"


@needs_local()
def test_a_board_that_freezes_before_it_says_hello_is_named() -> None:
    with pytest.raises(DeviceTimeout) as raised, _fleet(None) as fleet:
        os.kill(fleet.processes[1].pid, signal.SIGSTOP)
        session = SabotagedSession(fleet, 0, 0, lambda _: None)
        session._timeout_s = 1.5
        _converse(session)
    assert raised.value.device == "board1"


def test_the_network_under_test_has_messages_between_boards() -> None:
    assert any(max(m.source, m.target) < BOARDS for m in PLAN.messages) and len(GRAPH.operators) == 3
