"""Boards that die, hang or talk nonsense: the run ends in time, names the board at fault and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from planner.boards.fleet import Fleet
from planner.boards.frames import Frame, FrameKind, encode
from planner.boards.machines import MACHINES
from planner.boards.pipes import pipe_path
from planner.boards.session import Session
from planner.boards.setup import BoardSetup
from planner.errors import DeviceError, DeviceReported, DeviceTimeout, ProtocolError
from planner.planfmt.encode import encode as encode_plan
from planner.planfmt.layout import CONFIG_FLAG
from tests.builders.boards import RAM_CAP_BYTES, needs_local, needs_machines
from tests.builders.graphs import random_input
from tests.builders.small_network import BOARDS, small_network

PATIENCE_S = 30.0
"""Timeout of runs that end by themselves: a busy computer may take long to boot a board."""
IMPATIENCE_S = 1.5
"""Timeout once a board hangs."""
PAINT = 0xA5C35A3C
EMULATED = "mps2-an385"
KINDS = [pytest.param(None, marks=needs_local()), pytest.param(EMULATED, marks=needs_machines(EMULATED))]
Sabotage = Callable[[Fleet], None]


GRAPH, _, PLAN = small_network()


def _setups(machine: str | None) -> list[BoardSetup]:
    flags = CONFIG_FLAG.members["PROGRESS"][0]
    emulated = None if machine is None else MACHINES[machine]
    return [
        BoardSetup(f"board{node}", emulated, encode_plan(PLAN, GRAPH, node), RAM_CAP_BYTES, Fraction(1), flags)
        for node in range(BOARDS)
    ]


class SabotagedSession(Session):
    """Calls `sabotage`, and becomes impatient, when board `node` says that it begins message `tag`."""

    def __init__(self, fleet: Fleet, node: int, tag: int, sabotage: Sabotage) -> None:
        super().__init__(fleet, PLAN, PATIENCE_S)
        self._trigger = (node, tag)
        self._sabotage = sabotage

    def _accept(self, node: int, frame: Frame) -> None:
        super()._accept(node, frame)
        if frame.kind is FrameKind.PROGRESS and (node, frame.tag) == self._trigger:
            self._sabotage(self._fleet)
            self._timeout_s = IMPATIENCE_S


def _fail(setups: list[BoardSetup], talk: Callable[[Fleet], None]) -> DeviceError:
    """The error with which a conversation ends; checks that it ends long before `PATIENCE_S` and leaves nothing."""
    begun_s = time.monotonic()
    with pytest.raises(DeviceError) as raised, Fleet(setups, PLAN, PAINT) as fleet:
        talk(fleet)
    assert time.monotonic() - begun_s < PATIENCE_S
    _check_nothing_left(fleet)
    return raised.value


def _check_nothing_left(fleet: Fleet) -> None:
    assert not fleet.directory.exists()
    assert all(process.returncode is not None for process in fleet.processes)


def _converse(session: Session) -> None:
    session.greet()
    session.run(random_input(GRAPH, 0))
    session.stop()


def _signal(node: int, number: signal.Signals) -> Sabotage:
    return lambda fleet: os.kill(fleet.processes[node].pid, number)


def _ends(node: int) -> list[int]:
    """The messages of a board."""
    return [tag for tag, message in enumerate(PLAN.messages) if node in (message.source, message.target)]


MOMENTS = [(node, tag) for node in range(BOARDS) for tag in _ends(node)]


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize(("node", "tag"), MOMENTS[::3])
def test_a_board_that_dies_is_named(machine: str | None, node: int, tag: int) -> None:
    sabotage = _signal(node, signal.SIGKILL)
    error = _fail(_setups(machine), lambda fleet: _converse(SabotagedSession(fleet, node, tag, sabotage)))
    assert error.device == f"board{node}"
    assert "was killed by signal 9" in str(error)


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize(("node", "tag"), MOMENTS[1::4])
def test_a_board_that_hangs_is_named(machine: str | None, node: int, tag: int) -> None:
    sabotage = _signal(node, signal.SIGSTOP)
    error = _fail(_setups(machine), lambda fleet: _converse(SabotagedSession(fleet, node, tag, sabotage)))
    assert isinstance(error, DeviceTimeout)
    assert error.device == f"board{node}"


@pytest.mark.parametrize("machine", KINDS)
def test_a_board_that_hangs_at_boot_is_named(machine: str | None) -> None:
    def talk(fleet: Fleet) -> None:
        os.kill(fleet.processes[1].pid, signal.SIGSTOP)
        _converse(Session(fleet, PLAN, PATIENCE_S / 6))

    error = _fail(_setups(machine), talk)
    assert isinstance(error, DeviceTimeout)
    assert error.device == "board1"


@needs_local()
def test_a_board_that_does_not_stop_is_named() -> None:
    def talk(fleet: Fleet) -> None:
        session = Session(fleet, PLAN, PATIENCE_S / 6)
        session.greet()
        session.run(random_input(GRAPH, 0))
        os.kill(fleet.processes[1].pid, signal.SIGSTOP)
        session.stop()

    error = _fail(_setups(None), talk)
    assert isinstance(error, DeviceTimeout)
    assert str(error).startswith("board1: has not obeyed STOP")


@pytest.mark.parametrize("machine", KINDS)
def test_a_damaged_plan_is_reported_by_its_board(machine: str | None) -> None:
    setups = _setups(machine)
    plan = bytearray(setups[1].plan)
    plan[-1] ^= 1
    setups[1] = replace(setups[1], plan=bytes(plan))
    error = _fail(setups, lambda fleet: _converse(Session(fleet, PLAN, PATIENCE_S)))
    assert isinstance(error, DeviceReported)
    assert error.device == "board1"
    assert "PLAN_CRC" in str(error)


@pytest.mark.parametrize("machine", KINDS)
def test_a_plan_of_another_cluster_is_refused(machine: str | None) -> None:
    setups = _setups(machine)
    other = replace(PLAN, cluster_id=PLAN.cluster_id ^ 1)
    setups[2] = replace(setups[2], plan=encode_plan(other, GRAPH, 2))
    error = _fail(setups, lambda fleet: _converse(Session(fleet, PLAN, PATIENCE_S)))
    assert isinstance(error, ProtocolError)
    assert error.device == "board2"
    assert "cluster_id" in str(error)


NONSENSE = {
    "zeros": bytes(64),
    "text": b"Segmentation fault (core dumped)" * 2,
    "not due": encode(Frame(FrameKind.START, 0, BOARDS)),
    "of another node": encode(Frame(FrameKind.GRANT, 1, BOARDS)),
    "another message": encode(Frame(FrameKind.GRANT, 0, BOARDS, tag=999)),
    "short record": encode(Frame(FrameKind.REPORT, 0, BOARDS, payload=b"?")),
}


@needs_local()
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_to_the_host_is_the_fault_of_its_sender(nonsense: bytes) -> None:
    def sabotage(fleet: Fleet) -> None:
        pipe_path(fleet.directory, 0, BOARDS).write_bytes(nonsense)

    first = _ends(0)[0]
    error = _fail(_setups(None), lambda fleet: _converse(SabotagedSession(fleet, 0, first, sabotage)))
    assert isinstance(error, ProtocolError)
    assert error.device == "board0"


@pytest.mark.parametrize("machine", KINDS)
@pytest.mark.parametrize("nonsense", [bytes(64), b"\xff" * 64, encode(Frame(FrameKind.GRANT, 0, 1, tag=999))])
def test_nonsense_between_boards_is_the_fault_of_its_sender(machine: str | None, nonsense: bytes) -> None:
    def talk(fleet: Fleet) -> None:
        pipe_path(fleet.directory, 0, 1).write_bytes(nonsense)
        _converse(Session(fleet, PLAN, PATIENCE_S))

    # Opened for both directions first, the pipe keeps what is written before board 1 opens it.
    def held(fleet: Fleet) -> None:
        descriptor = os.open(pipe_path(fleet.directory, 0, 1), os.O_RDWR)
        try:
            talk(fleet)
        finally:
            os.close(descriptor)

    error = _fail(_setups(machine), held)
    assert isinstance(error, ProtocolError)
    assert error.device == "board0"


@pytest.mark.parametrize("machine", KINDS)
def test_an_interruption_leaves_nothing_behind(machine: str | None) -> None:
    def interrupt(_: Fleet) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Fleet(_setups(machine), PLAN, PAINT) as fleet:
        _converse(SabotagedSession(fleet, 0, _ends(0)[0], interrupt))
    _check_nothing_left(fleet)


ORPHANAGE = """
import sys, time
from tests.boards.test_faults import PAINT, PLAN, _setups
from planner.boards.fleet import Fleet
with Fleet(_setups(None), PLAN, PAINT) as fleet:
    print(fleet.directory, *(process.pid for process in fleet.processes), flush=True)
    time.sleep(60)
"""


@needs_local()
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends children with their parent")
def test_boards_end_with_a_host_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHANAGE], stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        directory, *boards = host.stdout.readline().split()
        host.kill()
    deadline_s = time.monotonic() + 5
    while any(_runs(pid) for pid in boards) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    for file in Path(directory).iterdir():
        file.unlink()
    Path(directory).rmdir()
    assert not any(_runs(pid) for pid in boards)


def _runs(process: str) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
