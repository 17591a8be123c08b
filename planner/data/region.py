"""Boxes of a tensor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """Half-open box of rows, columns and channels in a tensor's own (absolute) coordinates."""

    row_start: int
    row_stop: int
    column_start: int
    column_stop: int
    channel_start: int
    channel_stop: int

    @property
    def rows(self) -> int:
        return max(0, self.row_stop - self.row_start)

    @property
    def columns(self) -> int:
        return max(0, self.column_stop - self.column_start)

    @property
    def channels(self) -> int:
        return max(0, self.channel_stop - self.channel_start)

    @property
    def elements(self) -> int:
        return self.rows * self.columns * self.channels

    @property
    def empty(self) -> bool:
        return self.elements == 0

    def intersect(self, other: Region) -> Region:
        """The common box; empty boxes may come out with stop < start."""
        return Region(
            max(self.row_start, other.row_start),
            min(self.row_stop, other.row_stop),
            max(self.column_start, other.column_start),
            min(self.column_stop, other.column_stop),
            max(self.channel_start, other.channel_start),
            min(self.channel_stop, other.channel_stop),
        )

    def contains(self, other: Region) -> bool:
        """Whether every element of `other` lies inside; an empty box lies in every box."""
        return other.empty or self.intersect(other) == other

    def with_rows(self, start: int, stop: int) -> Region:
        return Region(start, stop, self.column_start, self.column_stop, self.channel_start, self.channel_stop)

    def with_columns(self, start: int, stop: int) -> Region:
        return Region(self.row_start, self.row_stop, start, stop, self.channel_start, self.channel_stop)

    def with_channels(self, start: int, stop: int) -> Region:
        return Region(self.row_start, self.row_stop, self.column_start, self.column_stop, start, stop)
