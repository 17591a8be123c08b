"""Loop counts of the variants' kernels, which work on blocks of pixels, columns and channels.

Counts are floats or arrays that broadcast. Unless `exact`, a block counts as the fraction of it that is used, so that
the counts are additive in rows and in channels, and no more than the exact ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.core.fast_sums import fast_sums, pair_groups
from planner.core.variants import CHUNK, DEPTHWISE_KERNEL, padded_taps
from planner.data.graph import Add, Clamp, Conv, Graph, Operator

Counts = NDArray[np.float64]

TILE_PIXELS = 4
PAIR_CHANNELS = 2
STRIP_CHANNELS = 4
STRIP_COLUMNS = {1: 124, 2: 62}
"""Of a depthwise convolution, by column stride."""

_TILES = ("call", "rows", "pixels", "tiles", "tile_chunks", "tile_groups", "tile_group_chunks", "odd_tiles", "clamped")
VARIANT_FEATURES: Mapping[str, tuple[str, ...]] = {
    "pointwise": _TILES,
    "convolution": (*_TILES, "row_taps"),
    "depthwise": (
        *("call", "strips", "strip_rows", "loaded_rows", "loaded_columns", "channel_rows", "odd_channel_rows"),
        *("pairs", "strided_pairs", "clamped"),
    ),
    "fully_connected": ("call", "row_taps", "chunks", "quads", "quad_chunks", "outputs"),
    "add": ("call", "rows", "outputs", "clamped"),
}
"""By the kernel that a variant's kernel stands for."""


def variant_features(
    graph: Graph,
    operator: Operator,
    kernel: str,
    rows: ArrayLike,
    columns: int,
    channels: ArrayLike,
    exact: bool = True,
) -> Mapping[str, Counts]:
    """Counts of computing rows x columns x channels of an operator's output, by feature."""
    blocks = _Blocks(np.asarray(rows, np.float64), columns, np.asarray(channels, np.float64), exact)
    match operator:
        case Conv() if kernel == "depthwise":
            counts = _depthwise(operator, blocks)
        case Conv() if kernel == "fully_connected":
            counts = _fully_connected(operator, blocks)
        case Conv():
            counts = _tiles(graph, operator, kernel, blocks)
        case Add():
            counts = {"rows": blocks.rows, "outputs": blocks.outputs, "clamped": blocks.outputs * _is_clamped(operator)}
        case _:
            raise TypeError(f"no variant computes {operator.name}")
    return {"call": np.ones(()), **counts}


class _Blocks:
    """An output box, and how many blocks cover some of it."""

    def __init__(self, rows: Counts, columns: int, channels: Counts, exact: bool) -> None:
        self.rows = rows
        self.columns = columns
        self.channels = channels
        self.exact = exact

    @property
    def pixels(self) -> Counts:
        return self.rows * self.columns

    @property
    def outputs(self) -> Counts:
        return self.pixels * self.channels

    def covering(self, count: ArrayLike, size: float) -> Counts:
        blocks = np.asarray(count, np.float64) / size
        return np.ceil(blocks) if self.exact else blocks

    def odd(self, count: ArrayLike) -> Counts:
        return np.asarray(count, np.float64) % 2 if self.exact else np.zeros(())


def _tiles(graph: Graph, conv: Conv, kernel: str, blocks: _Blocks) -> dict[str, Counts]:
    sums = fast_sums(graph, conv)
    assert sums is not None
    channels_per_group = conv.output_channels / len(pair_groups(sums.weights)) if blocks.exact else PAIR_CHANNELS
    tiles = blocks.covering(blocks.pixels, TILE_PIXELS)
    groups = blocks.covering(blocks.channels, channels_per_group)
    chunks = padded_taps(conv) // CHUNK
    counts = {
        "rows": blocks.rows,
        "pixels": blocks.pixels,
        "tiles": tiles,
        "tile_chunks": tiles * chunks,
        "tile_groups": tiles * groups,
        "tile_group_chunks": tiles * groups * chunks,
        "odd_tiles": tiles * blocks.odd(blocks.channels),
        "clamped": blocks.outputs * _is_clamped(conv),
    }
    return counts | ({"row_taps": blocks.pixels * conv.window.kernel[0]} if kernel == "convolution" else {})


def _depthwise(conv: Conv, blocks: _Blocks) -> dict[str, Counts]:
    window = conv.window
    row_stride, column_stride = window.stride
    strips = blocks.covering(blocks.channels, STRIP_CHANNELS) * -(-blocks.columns // STRIP_COLUMNS[column_stride])
    fresh = min(row_stride, DEPTHWISE_KERNEL[0])
    first = DEPTHWISE_KERNEL[0] - fresh if blocks.exact else 0
    loaded_rows = strips * (blocks.rows * fresh + first)
    channel_rows = blocks.rows * np.minimum(blocks.covering(blocks.channels, STRIP_CHANNELS) * 4, blocks.channels + 3)
    pairs = channel_rows * -(-blocks.columns // 2)
    return {
        "strips": strips,
        "strip_rows": strips * blocks.rows,
        "loaded_rows": loaded_rows,
        "loaded_columns": loaded_rows * blocks.columns * column_stride,
        "channel_rows": channel_rows,
        "odd_channel_rows": channel_rows * (blocks.columns % 2),
        "pairs": pairs,
        "strided_pairs": pairs * (column_stride - 1),
        "clamped": blocks.outputs * _is_clamped(conv),
    }


def _fully_connected(conv: Conv, blocks: _Blocks) -> dict[str, Counts]:
    chunks = np.full((), conv.weights[0].size // CHUNK, np.float64)
    quads = blocks.covering(blocks.channels, STRIP_CHANNELS)
    return {
        "row_taps": np.full((), conv.window.kernel[0], np.float64),
        "chunks": chunks,
        "quads": quads,
        "quad_chunks": quads * chunks,
        "outputs": blocks.channels,
    }


def _is_clamped(operator: Conv | Add) -> bool:
    return operator.clamp != Clamp()
