"""Weights in the orders of the DSP variant's kernels; runtime_c/src/kernels/dsp/inner.h describes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.core.fast_sums import FastAddition, FastSums, pair_groups
from planner.core.variants import CHUNK

ADVANCE = 1 << 8
_CHUNK_ORDER = (0, 2, 1, 3)


def pair_stream(sums: FastSums, start: int, stop: int) -> bytes:
    """DSP_PAIRS of the output channels [start, stop): header, then a group for every pair of channels or single one."""
    weights = sums.weights[start:stop]
    taps = weights.shape[1]
    padded = np.zeros((stop - start, -(-taps // CHUNK) * CHUNK), np.int64)
    padded[:, :taps] = weights
    ordered = padded.reshape(stop - start, -1, CHUNK)[:, :, _CHUNK_ORDER].reshape(stop - start, -1)
    groups: list[bytes] = []
    channels = pair_groups(weights)
    for first, count in channels:
        second = ordered[first + 1] if count == 2 else np.zeros_like(ordered[first])
        words = (ordered[first] + 256 * second).astype("<i2").tobytes()
        groups.append(words + _group_constants(sums, start + first, count))
    paired = groups if channels[-1][1] == 2 else groups[:-1]
    words = [sum(map(len, some)) // 4 for some in (groups, paired)]
    return b"".join([np.array(words, "<u4").tobytes(), *groups])


def channel_stream(sums: FastSums, start: int, stop: int) -> bytes:
    """DSP_CHANNELS of the channels [start, stop) of a 3x3 depthwise convolution."""
    scale = 2 if sums.doubled else 1
    windows = scale * sums.weights[start:stop].reshape(-1, 3, 3).astype(np.int64)
    pairs = windows[:, :, [0, 1, 1, 2]].astype("<i2").reshape(stop - start, -1)
    bias = (scale * sums.bias[start:stop]).astype("<i4")[:, None]
    finish = sums.finish[start:stop].astype("<i4")
    return np.concatenate([pairs.view("<i4"), bias, finish], axis=1).astype("<i4").tobytes()


def addition_constants(addition: FastAddition) -> bytes:
    """The tables and the finish of an addition."""
    return addition.terms.astype("<i4").tobytes() + addition.finish.astype("<i4").tobytes()


def _group_constants(sums: FastSums, channel: int, count: int) -> bytes:
    scale = 2 if sums.doubled else 1
    second = channel + count - 1
    words: NDArray[np.int64] = np.concatenate(
        [scale * sums.bias[[channel, second]], sums.finish[channel], sums.finish[second]]
    )
    words[-1] += count * ADVANCE
    return words.astype("<i4").tobytes()
