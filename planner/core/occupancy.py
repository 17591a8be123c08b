"""What lies in a node's arena, step by step."""

from __future__ import annotations

from planner.core.storage import footprint_bytes
from planner.data.plan import Buffer, Program


def live_bytes(program: Program) -> tuple[int, ...]:
    """For every step, the footprints (canary and alignment included) of all buffers that are live during it."""
    steps = len(program.steps)
    changes = [0] * (steps + 1)
    for buffer in program.buffers:
        changes[min(buffer.first_step, steps)] += footprint_bytes(buffer.size_bytes)
        changes[min(buffer.end_step, steps)] -= footprint_bytes(buffer.size_bytes)
    live: list[int] = []
    total = 0
    for change in changes[:steps]:
        total += change
        live.append(total)
    return tuple(live)


def peak_step(program: Program) -> int | None:
    """The first step at which most is live; None if the program has no steps."""
    live = live_bytes(program)
    return max(range(len(live)), key=live.__getitem__) if live else None


def live_buffers(program: Program, step: int) -> tuple[Buffer, ...]:
    """The buffers that are live during a step, largest first."""
    live = (buffer for buffer in program.buffers if buffer.first_step <= step < buffer.end_step)
    return tuple(sorted(live, key=lambda buffer: -buffer.size_bytes))
