"""What one board of a fleet is started with."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from planner.boards.configuration import TransportKind, configuration
from planner.boards.machines import LOCAL_BOARD, Machine


@dataclass(frozen=True, slots=True)
class BoardSetup:
    """What one board is started with. `machine` is None for a local process and for a board that is `real`; the RAM cap
    of a process is that of its arena."""

    name: str
    machine: Machine | None
    plan: bytes
    ram_cap_bytes: int
    ns_per_work: Fraction
    flags: int
    real: bool = False

    @property
    def is_process(self) -> bool:
        """Whether the board is a process, whose own memory is not that of a board."""
        return self.machine is None and not self.real

    @property
    def board(self) -> str:
        """Name of the firmware port, or "board" where it is not known."""
        if self.machine is not None:
            return self.machine.name
        return LOCAL_BOARD if self.is_process else "board"

    def configuration(self, node: int, host: int, transport: TransportKind, paint: int) -> bytes:
        """The configuration record of this board as one node of a fleet."""
        return configuration(node, host, transport, self.flags, self.ram_cap_bytes, paint, self.ns_per_work)
