"""Weights in the orders of the scalar kernels; runtime_c/src/kernels/scalar/stream.h describes them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from planner.core.fast_sums import FastSums
from planner.core.scalar_sums import scalar_finishes
from planner.data.graph import Int32Array

GROUP_CHANNELS = 4
GENERAL = 256
ROTATED_ROWS = (0, 1, 2, 0, 1)
"""Rows of a 3x3 window such that three of them follow each other from any one on."""
RECORD_WEIGHTS = 16


def group_stream(sums: FastSums, start: int, stop: int) -> bytes:
    """SCALAR_GROUPS of the output channels [start, stop)."""
    finishes, is_general = scalar_finishes(sums)
    return b"".join(
        np.array([count, size + GENERAL * general], "<u4").tobytes()
        + b"".join(_group(sums, finishes, first + i * size, size) for i in range(count))
        for first, count, size, general in _runs(is_general, start, stop)
    )


def window_records(sums: FastSums, start: int, stop: int) -> bytes:
    """SCALAR_CHANNELS of the channels [start, stop) of a 3x3 depthwise convolution without general finishes."""
    finishes, is_general = scalar_finishes(sums)
    assert not is_general[start:stop].any()
    weights = np.zeros((stop - start, RECORD_WEIGHTS), np.int8)
    rotated = sums.weights[start:stop].reshape(-1, 3, 3)[:, ROTATED_ROWS, :].reshape(stop - start, -1)
    weights[:, : rotated.shape[1]] = rotated
    words = [sums.bias[start:stop, None].astype("<i4"), finishes[start:stop].astype("<i4")]
    return np.concatenate([weights.view("<i4"), *words], axis=1).astype("<i4").tobytes()


def _runs(is_general: NDArray[np.bool_], start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """First channel, number of groups, channels of each, and whether they are general: groups of four, then a rest."""
    first = start
    while first < stop:
        general = bool(is_general[first])
        end = first
        while end < stop and bool(is_general[end]) == general:
            end += 1
        whole, rest = divmod(end - first, GROUP_CHANNELS)
        if whole:
            yield first, whole, GROUP_CHANNELS, general
        if rest:
            yield end - rest, 1, rest, general
        first = end


def _group(sums: FastSums, finishes: Int32Array, first: int, size: int) -> bytes:
    channels = slice(first, first + size)
    weights = sums.weights[channels].T.tobytes()
    bias = sums.bias[channels].astype("<i4").tobytes()
    return bias + weights + bytes(-len(weights) % 4) + finishes[channels].astype("<i4").tobytes()
