"""Boards that were not measured: clock and memory from data sheets, costs scaled from the nearest measured core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from planner.core.cost import portable_cycles
from planner.core.variants import PORTABLE
from planner.data.hardware import CostProfile, Provenance, Source

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class DatasheetBoard:
    """A board as its maker describes it. Its kernels take `cycle_factor` times the cycles of profile `nearest`.

    It has the same kernels if the core is the same, else the portable ones.
    """

    name: str
    core: str
    clock_hz: int
    ram_bytes: int
    flash_bytes: int
    document: str
    nearest: str
    cycle_factor: Fraction
    reason: str


BOARDS = (
    DatasheetBoard(
        "teensy41", "cortex-m7", 600_000_000, 1024 * KIB, 7936 * KIB,
        "Teensy 4.1 (NXP i.MX RT1062): 512 KiB tightly coupled and 512 KiB on-chip RAM, 7936 KiB of flash",
        "m7", Fraction(1), "same core",
    ),
    DatasheetBoard(
        "stm32h7", "cortex-m7", 480_000_000, 512 * KIB, 2 * MIB,
        "STM32H743: 512 KiB AXI RAM of 1 MiB in all, 2 MiB of flash",
        "m7", Fraction(1), "same core",
    ),
    DatasheetBoard(
        "stm32f4", "cortex-m4", 180_000_000, 128 * KIB, 512 * KIB,
        "STM32F446: 128 KiB RAM, 512 KiB of flash",
        "m4", Fraction(1), "same core",
    ),
    DatasheetBoard(
        "rp2040", "cortex-m0+", 133_000_000, 264 * KIB, 2 * MIB,
        "RP2040 on a Raspberry Pi Pico: 264 KiB RAM, 2 MiB of external flash",
        "m3", Fraction(2), "no long multiplication, few registers in reach, code and weights from serial flash",
    ),
    DatasheetBoard(
        "nrf52840", "cortex-m4", 64_000_000, 256 * KIB, 1 * MIB,
        "nRF52840: 256 KiB RAM, 1 MiB of flash",
        "m4", Fraction(1), "same core",
    ),
    DatasheetBoard(
        "esp32s3", "xtensa-lx7", 240_000_000, 512 * KIB, 8 * MIB,
        "ESP32-S3 module with 8 MiB of flash: 512 KiB RAM",
        "rv32", Fraction(1), "a scalar core with 32 registers as well",
    ),
)  # fmt: skip


def derived_profile(board: DatasheetBoard, measured: Mapping[str, CostProfile]) -> CostProfile:
    """The profile of a board that nobody has measured. Raises KeyError if its nearest core has not been either."""
    nearest = measured[board.nearest]
    is_same_core = board.core == nearest.core
    guess = Source(
        Provenance.GUESSED, f"{board.cycle_factor} times the cycles of profile {nearest.name}: {board.reason}"
    )
    return CostProfile(
        name=board.name,
        core=board.core,
        clock_hz=board.clock_hz,
        cycles_per_instruction=nearest.cycles_per_instruction * board.cycle_factor,
        machine=None,
        ram_bytes=board.ram_bytes,
        flash_bytes=board.flash_bytes,
        kernels=nearest.kernels if is_same_core else PORTABLE,
        cycles={
            key: {feature: float(f"{value * float(board.cycle_factor):.6g}") for feature, value in table.items()}
            for key, table in (nearest.cycles if is_same_core else portable_cycles(nearest.cycles)).items()
        },
        cycles_source=guess,
        firmware=replace(nearest.firmware, source=Source(Provenance.GUESSED, f"as measured on {nearest.name}")),
        hardware_source=Source(Provenance.DATASHEET, board.document),
    )
