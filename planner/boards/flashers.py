"""The programs that put firmware into a board: each maker's own, called if it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.errors import ToolchainError


@dataclass(frozen=True, slots=True)
class Flasher:
    """A program and its arguments; `{image}` stands for the image."""

    program: str
    arguments: tuple[str, ...]
    source: str

    def command(self, image: str) -> list[str]:
        """The command line that flashes an image."""
        return [self.program, *(argument.format(image=image) for argument in self.arguments)]


FLASHERS: Mapping[str, Sequence[Flasher]] = {
    "stm32h743": (
        Flasher("st-flash", ("--format", "binary", "write", "{image}", "0x08000000"), "stlink-tools"),
        Flasher(
            "openocd",
            ("-f", "board/st_nucleo_h743zi.cfg", "-c", "program {image} verify reset exit 0x08000000"),
            "openocd",
        ),
        Flasher(
            "pyocd",
            ("flash", "--target", "stm32h743xx", "--base-address", "0x08000000", "{image}"),
            "pip install pyocd",
        ),
    ),
    "nrf52840": (
        Flasher("pyocd", ("flash", "--target", "nrf52840", "--base-address", "0x0", "{image}"), "pip install pyocd"),
        Flasher(
            "openocd", ("-f", "board/nordic_nrf52_dk.cfg", "-c", "program {image} verify reset exit 0x0"), "openocd"
        ),
    ),
    "rp2040": (
        Flasher(
            "picotool", ("load", "--verify", "--execute", "{image}", "--offset", "0x10000100", "-t", "bin"), "picotool"
        ),
    ),
    "teensy41": (Flasher("teensy_loader_cli", ("--mcu=TEENSY41", "-w", "-v", "{image}"), "teensy-loader-cli"),),
    "esp32s3": (Flasher("esptool", ("--chip", "esp32s3", "write-flash", "0x10000", "{image}"), "pip install esptool"),),
}
"""Flashers of each board, the preferred one first."""


def installed_flasher(board: str) -> Flasher | None:
    """The first flasher of a board that is installed. Raises ToolchainError if the board has none at all."""
    if board not in FLASHERS:
        raise ToolchainError(f"no flasher is known for board {board!r}; boards with one are {', '.join(FLASHERS)}")
    return next((flasher for flasher in FLASHERS[board] if shutil.which(flasher.program)), None)


def require_flasher(board: str) -> Flasher:
    """The first that is installed. Raises ToolchainError that says how to install one."""
    flasher = installed_flasher(board)
    if flasher is None:
        wanted = " or ".join(f"{flasher.program} ({flasher.source})" for flasher in FLASHERS[board])
        raise ToolchainError(f"flashing {board} needs {wanted}, none of which is installed")
    return flasher
