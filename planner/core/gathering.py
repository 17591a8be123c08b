"""What a `Gather` reads: the boxes of its input that parts of its output need, and its offsets within them.

The offsets of a Gather are sums of steps along the input's rows, columns and channels. Where no sum of such steps
carries from one axis into the next, every axis of the input has an interval of its own; elsewhere (a reshape) only the
rows have, and a box is as wide and deep as the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from planner.data.graph import Gather, Int32Array, Shape
from planner.data.region import Region

_Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Footprint:
    """Which indices of one axis of the input an interval of the output's same axis reads.

    Outputs [start, stop) read [least[start], end[stop - 1]): the hull over all that follow `start` and all that precede
    `stop`. For a monotone axis that is exact, and for any axis both ends depend on one end of the output alone, as the
    solvers assume of every operator.
    """

    least: _Indices
    end: _Indices

    def interval(self, start: int, stop: int) -> tuple[int, int]:
        return int(self.least[start]), int(self.end[stop - 1])


@lru_cache(maxsize=1024)
def footprints(gather: Gather, source: Shape) -> tuple[Footprint, Footprint | None, Footprint | None]:
    """Footprints along rows, columns and channels; None for an axis of which everything is read."""
    vectors = (gather.rows, gather.columns, gather.channels)
    steps = [np.unravel_index(vector, source.as_tuple()) for vector in vectors]
    if all(sum(int(part[axis].max()) for part in steps) < source.as_tuple()[axis] for axis in range(3)):
        rows, columns, channels = (
            _footprint(steps[axis][axis], [part[axis] for other, part in enumerate(steps) if other != axis], 1)
            for axis in range(3)
        )
        return rows, columns, channels
    return _footprint(gather.rows, [gather.columns, gather.channels], source.width * source.channels), None, None


def _footprint(own: NDArray[np.generic], others: list[NDArray[np.generic]], unit: int) -> Footprint:
    """Indices, in `unit` elements, that the elements of `own` reach together with any elements of the others."""
    values = own.astype(np.int64)
    low, high = sum(int(other.min()) for other in others), sum(int(other.max()) for other in others)
    least = np.minimum.accumulate(values[::-1])[::-1] + low
    most = np.maximum.accumulate(values) + high
    return Footprint(least // unit, most // unit + 1)


def separated(places: _Indices) -> tuple[Int32Array, Int32Array, Int32Array] | None:
    """The offsets of a Gather that takes output element [r, c, k] from places[r, c, k] of its input; None if no Gather
    does. places: [height, width, channels]."""
    columns, channels = places[0, :, 0] - places[0, 0, 0], places[0, 0] - places[0, 0, 0]
    rows = places[:, 0, 0] + columns.min() + channels.min()
    columns, channels = columns - columns.min(), channels - channels.min()
    if not np.array_equal(rows[:, None, None] + columns[:, None] + channels, places):
        return None
    return rows.astype(np.int32), columns.astype(np.int32), channels.astype(np.int32)


def gathered_region(gather: Gather, source: Shape, output: Region) -> Region:
    """The box of the input that computing `output`, which is not empty, reads."""
    rows, columns, channels = footprints(gather, source)
    return Region(
        *rows.interval(output.row_start, output.row_stop),
        *((0, source.width) if columns is None else columns.interval(output.column_start, output.column_stop)),
        *((0, source.channels) if channels is None else channels.interval(output.channel_start, output.channel_stop)),
    )


def gathered_offsets(gather: Gather, source: Shape, box: Region, output: Region) -> tuple[_Indices, _Indices, _Indices]:
    """For the rows, columns and channels of `output`: offsets within a dense `box` of the input, none negative.

    int64 vectors that add up as those of the Gather do.
    """
    vectors = (
        gather.rows[output.row_start : output.row_stop],
        gather.columns[output.column_start : output.column_stop],
        gather.channels[output.channel_start : output.channel_stop],
    )
    moved = [_within(vector.astype(np.int64), source, box) for vector in vectors]
    origin = (box.row_start * box.columns + box.column_start) * box.channels + box.channel_start
    least = [int(vector.min()) for vector in moved]
    rows, columns, channels = (vector - low for vector, low in zip(moved, least, strict=True))
    return rows + (sum(least) - origin), columns, channels


def runs(channels: _Indices) -> list[tuple[int, int]]:
    """Offsets of channels as runs of consecutive ones: (first offset, length)."""
    starts = np.flatnonzero(np.diff(channels, prepend=channels[0] - 2) != 1)
    lengths = np.diff(starts, append=len(channels))
    return [(int(channels[start]), int(length)) for start, length in zip(starts, lengths, strict=True)]


def _within(offsets: _Indices, source: Shape, box: Region) -> _Indices:
    row, column, channel = np.unravel_index(offsets, source.as_tuple())
    return np.asarray((row * box.columns + column) * box.channels + channel, np.int64)
