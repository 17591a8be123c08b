"""Plans in the flash of emulated boards, which outlives the power, over a serial line."""

from __future__ import annotations

import contextlib
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from planner.boards.emulated_board import EmulatedBoard
from planner.boards.frames import FrameKind
from planner.boards.idle_board import IdleBoard, StoredPlan
from planner.boards.machines import MACHINES
from planner.errors import DeviceError, DeviceReported
from planner.planfmt import layout
from planner.planfmt.records import RecordValues
from tests.builders.boards import needs_machines
from tests.planfmt.test_vectors import VECTORS

MACHINE = "mps2-an386"
PATIENCE_S = 30.0
FIRST_PAGE_BYTES = 4096 - layout.STORED_PLAN_HEAD_BYTES.value
OLD, NEW = ((VECTORS / f"{name}.plan").read_bytes() for name in ("tflm", "onnxruntime"))

pytestmark = needs_machines(MACHINE)


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[EmulatedBoard]:
    board = EmulatedBoard(MACHINES[MACHINE], "board", tmp_path)
    yield board
    board.kill()


def connect(emulated: EmulatedBoard) -> IdleBoard:
    return IdleBoard.open(emulated.address, "board", PATIENCE_S)


def crc32(plan: bytes) -> int:
    return int(layout.PLAN_HEADER.unpack(plan)["crc32"])


def altered(plan: bytes, **fields: int) -> bytes:
    """A plan with other fields in its header, and the right CRC."""
    values: RecordValues = layout.PLAN_HEADER.unpack(plan)
    head = layout.PLAN_HEADER.pack({**values, **fields, "crc32": 0})
    body = plan[layout.PLAN_HEADER.size_bytes :]
    return layout.PLAN_HEADER.pack({**values, **fields, "crc32": zlib.crc32(head + body)}) + body


def test_a_plan_outlives_the_power_and_is_not_sent_twice(emulated: EmulatedBoard) -> None:
    with connect(emulated) as board:
        assert board.stored_plan() is None
        assert board.write_plan(OLD, "first model") == len(OLD)
    emulated.power_cycle()
    with connect(emulated) as board:
        stored = board.stored_plan()
        assert stored is not None and board.info.plan_crc32 == stored.plan_crc32 == crc32(OLD)
        assert (stored.plan_bytes, stored.model) == (len(OLD), "first model")
        assert abs(stored.stored_at_s - time.time()) < 300
        assert board.write_plan(OLD, "another name") == 0
        assert board.write_plan(NEW, "m" * 200) == len(NEW)
        assert (now := board.stored_plan()) is not None and now.model == "m" * 80
        assert board.write_plan(OLD) == FIRST_PAGE_BYTES, "what the other slot still holds need not be sent"


def test_a_transfer_that_the_power_cuts_short_is_resumed(emulated: EmulatedBoard) -> None:
    def cut(done_bytes: int) -> None:
        if done_bytes > FIRST_PAGE_BYTES:
            emulated.kill()

    with connect(emulated) as board:
        board.write_plan(NEW)
        with pytest.raises(DeviceError):
            board.write_plan(OLD, progress=cut)
    emulated.power_cycle()
    with connect(emulated) as board:
        assert board.info.plan_crc32 == crc32(NEW)
        assert board.write_plan(OLD) <= len(OLD) - 4096, "the second page was there"
        assert board.info.plan_crc32 == crc32(NEW)
        board.restart()
        assert board.info.plan_crc32 == crc32(OLD)


def test_a_cut_at_any_moment_leaves_the_old_plan_or_the_new(emulated: EmulatedBoard) -> None:
    with connect(emulated) as board:
        board.write_plan(OLD)
    plans = [OLD, NEW]
    for moment_s in (0.02, 0.05, 0.1, 0.2):
        with connect(emulated) as board:
            in_force = board.info.plan_crc32
            other = next(plan for plan in plans if crc32(plan) != in_force)
            killer = threading.Timer(moment_s, emulated.kill)
            killer.start()
            with contextlib.suppress(DeviceError):
                board.write_plan(other)
            killer.join()
        emulated.power_cycle()
        with connect(emulated) as board:
            stored = board.stored_plan()
            assert stored is not None and board.info.plan_crc32 == stored.plan_crc32 in map(crc32, plans)


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        (altered(NEW, format_major=2), "PLAN_MAJOR"),
        (altered(NEW, format_minor=99), "PLAN_MINOR"),
        (altered(NEW, capabilities=1 << 31), "PLAN_CAPABILITY"),
        (altered(NEW, arena_bytes=64 << 20), "PLAN_ARENA"),
        (NEW[:-1] + bytes([NEW[-1] ^ 1]), "PLAN_CRC"),
    ],
)
def test_a_board_refuses_a_plan_that_it_cannot_run(emulated: EmulatedBoard, plan: bytes, status: str) -> None:
    with connect(emulated) as board:
        board.write_plan(OLD)
        with pytest.raises(DeviceReported, match=f"board: reported {status}"):
            board.write_plan(plan)
        assert (stored := board.stored_plan()) is not None and stored.plan_crc32 == crc32(OLD)


def test_a_board_refuses_another_plan_than_the_announced_one(emulated: EmulatedBoard) -> None:
    with connect(emulated) as board:
        board.write_plan(OLD)
        board.send(FrameKind.STORE, len(NEW))
        board.receive(FrameKind.STORE)
        for offset in range(0, len(NEW), 1024):
            board.send(FrameKind.PLAN, offset, NEW[offset : offset + 1024])
        board.flush()
        announced = StoredPlan.describe(NEW, "")
        other = replace(announced, cluster_id=announced.cluster_id ^ 1)
        board.send(FrameKind.COMMIT, payload=other.encode())
        with pytest.raises(DeviceReported, match="STORE_MISMATCH"):
            board.receive(FrameKind.STORED)
        board.send(FrameKind.STORE, 1 << 30)
        with pytest.raises(DeviceReported, match="STORE_TOO_SMALL"):
            board.receive(FrameKind.STORE)
        assert (stored := board.stored_plan()) is not None and stored.plan_crc32 == crc32(OLD)
