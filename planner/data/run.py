"""What a run of a plan on boards or processes gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from planner.data.graph import Int8Array


class Boards(Enum):
    """What stands in for the devices."""

    LOCAL = "local"
    """Processes of this computer, whose clock advances by the predicted times."""
    EMULATED = "emulated"
    """QEMU machines with the devices' cores, whose clock advances by the instructions that they execute."""
    TESTBED = "testbed"
    """Whatever answers at the addresses of a testbed."""


@dataclass(frozen=True, slots=True)
class RamPeak:
    """RAM that a board used at most, by painting; on local processes the arena alone."""

    arena_bytes: int
    stack_bytes: int
    static_bytes: int
    link_buffer_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.arena_bytes + self.stack_bytes + self.static_bytes + self.link_buffer_bytes


@dataclass(frozen=True, slots=True)
class StepRun:
    """One executed step: `work` is instructions on emulated boards, 0 for message steps; the clock after it."""

    work: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class DeviceRun:
    """What one device did. On local processes the RAM numbers are the arena's."""

    name: str
    board: str
    ram_cap_bytes: int
    predicted_ram_peak_bytes: int
    ram_peak: RamPeak
    compute_ns: int
    end_ns: int
    sent_bytes: int
    received_bytes: int
    steps: tuple[StepRun, ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class RunResult:
    """A run: int8 outputs [rows, columns, channels] by tensor, and the plan clock at the output node's end."""

    boards: Boards
    outputs: Mapping[str, Int8Array]
    latency_ns: int
    predicted_latency_ns: int
    devices: tuple[DeviceRun, ...]
