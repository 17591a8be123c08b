"""The reference boards: emulated machines, with the clock and cycles per instruction that they are taken to have."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from planner.core.variants import PORTABLE
from planner.data.hardware import Provenance, Source

KIB = 1024
MIB = 1024 * KIB

ASSUMED = Source(
    Provenance.GUESSED, "reference board: clock, memory and cycles per instruction are assumptions, typical of the core"
)


@dataclass(frozen=True, slots=True)
class ReferenceBoard:
    """A board that `planner profile` can measure. `machine` names its firmware port."""

    name: str
    machine: str
    core: str
    clock_hz: int
    cycles_per_instruction: Fraction
    ram_bytes: int
    flash_bytes: int
    kernels: str = PORTABLE


REFERENCE_BOARDS = {
    board.name: board
    for board in (
        ReferenceBoard("m7", "mps2-an500", "cortex-m7", 600_000_000, Fraction("0.6"), 512 * KIB, 8 * MIB, "dsp"),
        ReferenceBoard("m4", "mps2-an386", "cortex-m4", 168_000_000, Fraction("1.25"), 192 * KIB, 1 * MIB, "dsp"),
        ReferenceBoard("m33", "mps2-an505", "cortex-m33", 160_000_000, Fraction("1.15"), 256 * KIB, 2 * MIB, "dsp"),
        ReferenceBoard("m55", "mps3-an547", "cortex-m55", 250_000_000, Fraction("1.6"), 512 * KIB, 4 * MIB, "mve"),
        ReferenceBoard("m3", "mps2-an385", "cortex-m3", 120_000_000, Fraction("1.25"), 96 * KIB, 1 * MIB, "m3"),
        ReferenceBoard("rv32", "riscv32-virt", "rv32imac", 160_000_000, Fraction("1.3"), 400 * KIB, 4 * MIB, "rv32"),
    )
}
