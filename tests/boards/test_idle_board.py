"""Boards that wait for commands, over a pseudo terminal and pyserial as over any serial port."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from planner.boards.emulated_board import EmulatedBoard
from planner.boards.frames import FrameKind
from planner.boards.idle_board import IdleBoard
from planner.boards.machines import MACHINES
from planner.data.testbed import SerialAddress
from planner.errors import DeviceError, DeviceReported, DeviceTimeout
from planner.planfmt import layout
from tests.builders.boards import needs_machines
from tests.planfmt.test_vectors import VECTORS

BOARDS = [pytest.param(name, marks=needs_machines(name)) for name in MACHINES]
PATIENCE_S = 30.0


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SerialAddress]:
    board = EmulatedBoard(MACHINES[request.param], "board", tmp_path)
    yield board.address
    board.kill()


@pytest.mark.parametrize(
    ("machine", "address"), [pytest.param(*2 * p.values, marks=p.marks) for p in BOARDS], indirect=["address"]
)
def test_every_machine_says_what_it_is_and_takes_a_plan(machine: str, address: SerialAddress) -> None:
    plan = (VECTORS / "tflm.plan").read_bytes()
    told: list[int] = []
    with IdleBoard.open(address, "board", PATIENCE_S) as board:
        assert board.info.name == machine
        assert (board.info.ram_bytes, board.info.flash_bytes) == (4 << 20, 16 << 20)
        assert board.info.plan_crc32 == 0
        assert board.write_plan(plan, "corner", told.append) == len(plan)
    assert told == [4096 - 128, 8192 - 128, len(plan)]
    # Another session, as of another host, finds what the first has left.
    with IdleBoard.open(address, "board", PATIENCE_S) as board:
        assert board.info.plan_crc32 == layout.PLAN_HEADER.unpack(plan)["crc32"]


@pytest.mark.parametrize("address", [BOARDS[0]], indirect=True)
def test_what_a_board_refuses_is_reported(address: SerialAddress) -> None:
    with IdleBoard.open(address, "corner", PATIENCE_S) as board:
        board.send(FrameKind.PLAN, tag=0, payload=b"unannounced")
        with pytest.raises(DeviceReported, match="corner: reported STORE"):
            board.receive(FrameKind.HELLO)
        board.send(FrameKind.RUN, payload=b"no configuration")
        with pytest.raises(DeviceReported, match="corner: reported CONFIG"):
            board.receive(FrameKind.HELLO)
        board.send(FrameKind.GRANT)
        with pytest.raises(DeviceReported, match="corner: reported PROTOCOL"):
            board.receive(FrameKind.HELLO)
        board.restart()
        assert board.info.core == "Cortex-M3"


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match=r"corner: serial:/dev/nowhere\?baud=9600 cannot be opened") as error:
        IdleBoard.open(SerialAddress("/dev/nowhere", 9600), "corner")
    assert error.value.device == "corner"


@pytest.mark.parametrize("address", [BOARDS[0]], indirect=True)
def test_a_board_that_is_gone_is_named(address: SerialAddress, tmp_path: Path) -> None:
    other = EmulatedBoard(MACHINES[BOARDS[0].values[0]], "other", tmp_path)
    with IdleBoard.open(other.address, "other", PATIENCE_S) as board:
        other.kill()
        with pytest.raises(DeviceError, match="other: "):
            board.write_plan((VECTORS / "tflm.plan").read_bytes())


def test_a_silent_line_times_out() -> None:
    ours, theirs = os.openpty()
    try:
        with pytest.raises(DeviceTimeout, match=r"mute: has not answered for 0\.3 s"):
            IdleBoard.open(SerialAddress(os.ttyname(theirs)), "mute", 0.3)
    finally:
        os.close(ours)
        os.close(theirs)
