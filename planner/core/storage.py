"""Where a node keeps what an operator needs of an input: the storage rule of docs/DESIGN.md, section 3."""

from __future__ import annotations

from dataclasses import dataclass

from planner.data.plan import ALIGNMENT_BYTES, CANARY_BYTES
from planner.data.region import Region


@dataclass(frozen=True, slots=True)
class Storage:
    """How the required region of a tensor lies in memory on a node that owns a part of the tensor.

    `in_place` is the part that is read from the own buffer, None if nothing is. `received` are the regions that get a
    buffer each. `copied` is the part that is copied from the own buffer into the only received buffer, None if none is.
    The pieces, sorted by rows, make up the required region.
    """

    in_place: Region | None
    received: tuple[Region, ...]
    copied: Region | None = None

    @property
    def pieces(self) -> tuple[Region, ...]:
        """The regions of all pieces from top to bottom."""
        own = () if self.in_place is None else (self.in_place,)
        return tuple(sorted((*own, *self.received)))


def store(own: Region, need: Region) -> Storage:
    """Apply the storage rule to a node that owns `own` of a tensor and needs `need` of it."""
    if need.empty:
        return Storage(None, ())
    if own.contains(need):
        return Storage(need, ())
    common = own.intersect(need)
    if common.empty:
        return Storage(None, (need,))
    if own == need.with_rows(own.row_start, own.row_stop):
        above = need.with_rows(need.row_start, common.row_start)
        below = need.with_rows(common.row_stop, need.row_stop)
        return Storage(common, tuple(region for region in (above, below) if not region.empty))
    return Storage(None, (need,), common)


def footprint_bytes(size_bytes: int) -> int:
    """Arena bytes that a buffer takes when buffers are stacked: its canary and its alignment included."""
    return -(-(size_bytes + CANARY_BYTES) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
