"""The machines that a board can be: emulated ones, and the local process.

Facts that the firmware fixes when it is built (where it reads its configuration and its plan) are repeated here; the
first HELLO of each machine proves that both sides agree.
"""

from __future__ import annotations

from dataclasses import dataclass

ICOUNT_SHIFT = 7
"""One instruction takes 2**7 ns of the emulator's virtual time; the firmware divides by it."""

PLAN_OFFSET_BYTES = 4096
"""The configuration lies at the start of the emulated flash, the plan this much later."""


@dataclass(frozen=True, slots=True)
class Machine:
    """An emulated machine: the emulator's arguments, and its memory. Its flash holds configuration and plan."""

    name: str
    emulator: str
    arguments: tuple[str, ...]
    flash_address: int
    compiler: str
    ram_bytes: int = 4 << 20
    flash_bytes: int = 16 << 20
    has_ethernet: bool = False


LOCAL_BOARD = "posix"
"""Name of the port that runs as a process of this computer."""

LOCAL_COMPILER = "cc"


def _arm(name: str, flash_address: int) -> Machine:
    return Machine(name, "qemu-system-arm", ("-M", name), flash_address, "arm-none-eabi-gcc", has_ethernet=True)


MACHINES = {
    machine.name: machine
    for machine in (
        _arm("mps2-an385", 0x21000000),
        _arm("mps2-an386", 0x21000000),
        _arm("mps2-an500", 0x60000000),
        _arm("mps2-an505", 0x80000000),
        _arm("mps3-an547", 0x70000000),
        Machine(
            "riscv32-virt",
            "qemu-system-riscv32",
            ("-M", "virt", "-bios", "none", "-m", "32M"),
            0x81000000,
            "riscv64-unknown-elf-gcc",
        ),
    )
}
