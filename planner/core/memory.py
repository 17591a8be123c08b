"""Offsets for buffers with lifespans: first fit in several orders.

First fit nearly always reaches the live peak; `planner.solvers.offsets` has an exact packer for when it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from planner.core.storage import footprint_bytes


@dataclass(frozen=True, slots=True)
class Lifespan:
    """A buffer without its place: `size_bytes` during the steps [first_step, end_step)."""

    size_bytes: int
    first_step: int
    end_step: int

    def meets(self, other: Lifespan) -> bool:
        """Whether both are ever live at once."""
        return self.first_step < other.end_step and other.first_step < self.end_step


Packer = Callable[[Sequence[Lifespan]], Sequence[int]]
"""Gives every lifespan an offset in bytes."""


def pack(lifespans: Sequence[Lifespan]) -> tuple[int, ...]:
    """The best of several first-fit packings. Offsets are multiples of the alignment; canaries have their room."""
    lower_bound = peak_footprint_bytes(lifespans)
    neighbours = _neighbours(lifespans)
    best: tuple[int, ...] = ()
    best_bytes: int | None = None
    for priority in _PRIORITIES:
        ranked = sorted((priority(lifespan), index) for index, lifespan in enumerate(lifespans))
        offsets = _first_fit(lifespans, [index for _, index in ranked], neighbours)
        used = packed_bytes(lifespans, offsets)
        if best_bytes is None or used < best_bytes:
            best, best_bytes = offsets, used
        if used == lower_bound:
            break
    return best


def packed_bytes(lifespans: Sequence[Lifespan], offsets: Sequence[int]) -> int:
    """Arena bytes that a packing takes, rounded up to the alignment."""
    return max((o + footprint_bytes(s.size_bytes) for s, o in zip(lifespans, offsets, strict=True)), default=0)


def peak_footprint_bytes(lifespans: Sequence[Lifespan]) -> int:
    """Largest sum of the footprints of buffers that are live at once: no packing is smaller."""
    changes: dict[int, int] = {}
    for lifespan in lifespans:
        size = footprint_bytes(lifespan.size_bytes)
        changes[lifespan.first_step] = changes.get(lifespan.first_step, 0) + size
        changes[lifespan.end_step] = changes.get(lifespan.end_step, 0) - size
    live = peak = 0
    for step in sorted(changes):
        live += changes[step]
        peak = max(peak, live)
    return peak


_PRIORITIES: tuple[Callable[[Lifespan], tuple[int, ...]], ...] = (
    lambda s: (-s.size_bytes, s.first_step),
    lambda s: (s.first_step - s.end_step, -s.size_bytes),
    lambda s: (s.size_bytes * (s.first_step - s.end_step), s.first_step),
    lambda s: (s.first_step, -s.size_bytes),
    lambda s: (-s.end_step, -s.size_bytes),
)


def _neighbours(lifespans: Sequence[Lifespan]) -> tuple[tuple[int, ...], ...]:
    """For each lifespan, the indices of those that it meets."""
    return tuple(
        tuple(j for j, other in enumerate(lifespans) if i != j and lifespan.meets(other))
        for i, lifespan in enumerate(lifespans)
    )


def _first_fit(
    lifespans: Sequence[Lifespan], order: Sequence[int], neighbours: Sequence[Sequence[int]]
) -> tuple[int, ...]:
    """Place the buffers in an order, each at the lowest offset where it meets no placed neighbour."""
    offsets: list[int | None] = [None] * len(lifespans)
    for index in order:
        placed = [(offset, other) for other in neighbours[index] if (offset := offsets[other]) is not None]
        candidate, size = 0, footprint_bytes(lifespans[index].size_bytes)
        for offset, other in sorted(placed):
            if candidate + size <= offset:
                break
            candidate = max(candidate, offset + footprint_bytes(lifespans[other].size_bytes))
        offsets[index] = candidate
    return tuple(offset for offset in offsets if offset is not None)
