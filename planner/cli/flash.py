"""`planner flash`: plans, or firmware, into the flash of boards."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from planner.boards.flashers import FLASHERS, installed_flasher, require_flasher
from planner.boards.machines import MACHINES
from planner.cli.console import ProgressNotes, note, show
from planner.errors import DeviceError, InputError
from planner.files.output_directory import read_output
from planner.files.testbed_file import read_testbed
from planner.report.notation import kibibytes
from planner.workflow.flash import flash_plans

BAR_COLUMNS = 30


def flash(
    target: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory that planner solve wrote; with --firmware, the image.")
    ],
    testbed: Annotated[Path | None, typer.Option("--testbed", help="Where the boards are (testbed.yaml).")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Only this device.")] = None,
    firmware: Annotated[
        str | None, typer.Option("--firmware", metavar="BOARD", help=f"Flash an image: {', '.join(FLASHERS)}.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --firmware: print the command, run nothing.")
    ] = False,
) -> None:
    """Send each device its plan over its link, into the slot that is not in force; or flash firmware.

    What a board has already is not sent again, and a transfer that was cut short is resumed. The new plan comes into
    force when the board has read it back and checked it.

    \\b
        planner flash build/mine --testbed testbed.yaml
        planner flash firmware.bin --firmware nrf52840 --dry-run
    """
    if firmware is not None and testbed is None and device is None:
        _flash_firmware(firmware, target, dry_run)
    elif firmware is None and testbed is not None and not dry_run:
        _flash_plans(target, testbed, device)
    else:
        raise InputError("give --testbed FILE, with --device or not, or --firmware BOARD, with --dry-run or not")


def _flash_plans(directory: Path, testbed: Path, device: str | None) -> None:
    content = read_output(directory)
    notes = ProgressNotes()

    def progress(name: str, done_bytes: int, whole_bytes: int) -> None:
        filled = BAR_COLUMNS * done_bytes // whole_bytes
        bar = "#" * filled + "." * (BAR_COLUMNS - filled)
        notes.update(f"{name:12} [{bar}] {kibibytes(done_bytes)} of {kibibytes(whole_bytes)} KiB")

    plan, instance = content.file.plan, content.file.instance
    flashed = flash_plans(
        instance, content.binaries, plan.cluster_id, read_testbed(testbed, MACHINES), device, progress
    )
    for board in flashed:
        state = f"sent {board.sent_bytes} of {board.plan_bytes} bytes" if board.sent_bytes else "has it already"
        show(f"{board.device:12} plan {board.plan_crc32:08x}: {state}; verified")


def _flash_firmware(board: str, image: Path, dry_run: bool) -> None:
    flasher = (installed_flasher(board) or FLASHERS[board][0]) if dry_run else require_flasher(board)
    command = flasher.command(str(image))
    show(shlex.join(command))
    if dry_run:
        return
    if not image.is_file():
        raise InputError(f"there is no image {image}; build it with: make -C runtime_c BOARD={board} OUT=DIR")
    note(f"{board}: flashing {image}")
    code = subprocess.run(command).returncode
    if code != 0:
        raise DeviceError(board, f"{flasher.program} ended with exit status {code}")
