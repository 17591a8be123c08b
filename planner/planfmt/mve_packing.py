"""Constants in the orders of the MVE variant's kernels; runtime_c/src/kernels/mve/inner.h describes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.core.fast_sums import FastAddition, FastSums, Int64Array
from planner.data.graph import Int8Array, Int32Array

GROUP_CHANNELS = 4
BLOCK_TAPS = 16
WORD_ROWS = 4
WINDOW = 3


def group_stream(sums: FastSums, start: int, stop: int) -> bytes:
    """MVE_GROUPS of the output channels [start, stop)."""
    return weight_groups(sums.weights[start:stop], sums.bias[start:stop], _finish(sums)[start:stop])


def weight_groups(weights: Int8Array, bias: Int64Array, finish: Int32Array) -> bytes:
    """Groups of four channels; the last one overlaps the one before if need be, or repeats its last channel.

    weights: [channels, taps]; bias: [channels]; finish: [channels, 2], factor and shift.
    """
    count, taps = weights.shape
    starts = [min(channel, max(count - GROUP_CHANNELS, 0)) for channel in range(0, count, GROUP_CHANNELS)]
    padded = np.zeros((count, -(-taps // BLOCK_TAPS) * BLOCK_TAPS), np.int8)
    padded[:, :taps] = weights
    words = np.column_stack([bias, finish]).astype("<i4")
    groups = []
    for channel in starts:
        members = np.minimum(np.arange(channel, channel + GROUP_CHANNELS), count - 1)
        blocks = padded[members].reshape(GROUP_CHANNELS, -1, BLOCK_TAPS).transpose(1, 0, 2)
        groups += [words[members].T.tobytes(), blocks.tobytes()]
    return b"".join(groups)


def window_stream(sums: FastSums, start: int, stop: int) -> bytes:
    """MVE_WINDOWS of the channels [start, stop) of a 3x3 depthwise convolution."""
    words = np.zeros((stop - start, WORD_ROWS, WORD_ROWS), np.int8)
    words[:, :WINDOW, :WINDOW] = sums.weights[start:stop].reshape(-1, WINDOW, WINDOW).transpose(0, 2, 1)
    constants = np.column_stack([sums.bias[start:stop], _finish(sums)[start:stop]]).astype("<i4")
    return np.concatenate([words.reshape(stop - start, -1).view("<i4"), constants], axis=1).tobytes()


def addition_constants(addition: FastAddition) -> bytes:
    """The tables, which are not doubled, and the finish of an addition."""
    multiplier, addend, shift = (int(word) for word in addition.finish)
    finish = [multiplier, -shift, addend >> shift]
    return (addition.terms // 2).astype("<i4").tobytes() + np.array(finish, "<i4").tobytes()


def _finish(sums: FastSums) -> NDArray[np.int32]:
    """Factor, and shift to the left, of every channel: int32 [channels, 2]."""
    return np.stack([sums.finish[:, 0], -sums.finish[:, 2]], axis=1)
