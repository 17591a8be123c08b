"""The boards that answer, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tabulate import tabulate

from planner.boards.idle_board import BoardInfo, StoredPlan
from planner.planfmt.layout import CAPABILITY
from planner.report.notation import kibibytes


@dataclass(frozen=True, slots=True)
class BoardSummary:
    """The contract for programs: a place where a board may be, and what it says; `problem` if none answers there."""

    device: str
    address: str
    problem: str = ""
    board: str = ""
    core: str = ""
    clock_hz: int = 0
    ram_bytes: int = 0
    flash_bytes: int = 0
    firmware: str = ""
    capabilities: tuple[str, ...] = ()
    plan_crc32: int = 0
    plan_model: str = ""
    plan_stored_at: str = ""


@dataclass(frozen=True, slots=True)
class BoardsReport:
    """All places that were asked."""

    boards: tuple[BoardSummary, ...]


def summarise(device: str, address: str, info: BoardInfo, plan: StoredPlan | None) -> BoardSummary:
    """What a board says of itself and of the plan in force."""
    stored_at = "" if plan is None else f"{datetime.fromtimestamp(plan.stored_at_s, UTC):%Y-%m-%d %H:%M}"
    return BoardSummary(
        device=device,
        address=address,
        board=info.name,
        core=info.core,
        clock_hz=info.clock_hz,
        ram_bytes=info.ram_bytes,
        flash_bytes=info.flash_bytes,
        firmware=".".join(map(str, info.firmware_version)),
        capabilities=tuple(name for name, (bit, _) in CAPABILITY.members.items() if info.capabilities & bit),
        plan_crc32=info.plan_crc32,
        plan_model="" if plan is None else plan.model,
        plan_stored_at=stored_at,
    )


def board_table(report: BoardsReport) -> str:
    """One row per place."""
    if not report.boards:
        return "no serial ports, and no testbed was given"
    rows = [
        (
            board.device,
            board.address,
            board.problem or board.board,
            board.core,
            f"{board.clock_hz / 1e6:g} MHz" if board.clock_hz else "",
            f"{kibibytes(board.ram_bytes)} KiB" if board.ram_bytes else "",
            f"{kibibytes(board.flash_bytes)} KiB" if board.flash_bytes else "",
            board.firmware,
            " ".join(board.capabilities),
            f"{board.plan_crc32:08x}" if board.plan_crc32 else "",
            board.plan_model,
            board.plan_stored_at,
        )
        for board in report.boards
    ]
    headers = ("device", "address", "board", "core", "clock", "RAM", "flash", "firmware", "capabilities")
    plan_headers = ("plan", "model", "flashed (UTC)")
    return tabulate(rows, (*headers, *plan_headers), disable_numparse=True)
