"""Loop counts of the DSP variant's kernels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from planner.core.blocks import Box, Counts, clamped, gathered, strip_columns
from planner.core.fast_sums import fast_sums, pair_groups
from planner.core.variants import CHUNK, DEPTHWISE_KERNEL, padded_taps
from planner.data.graph import Add, Conv, Graph, Operator, Shape

TILE_PIXELS = 4
PAIR_CHANNELS = 2
PASS_CHUNKS = 8
"""Chunks of input channels in one pass of the unrolled loop."""
STRIP_CHANNELS = 4
STRIP_COLUMNS = {1: 124, 2: 62}
"""Columns of a depthwise strip, by column stride."""
QUAD_CHANNELS = 4

_TILES = (
    *("call", "rows", "pixels", "tiles", "tile_chunks", "ragged_tiles", "ragged_values", "runs"),
    *("tile_groups", "tile_group_chunks", "tile_group_passes", "clamped_rows", "clamped"),
)
DSP_FEATURES: Mapping[str, tuple[str, ...]] = {
    "pointwise": _TILES,
    "convolution": (*_TILES, "copies", "copied_words", "copied_bytes", "border_pixels", "border_values"),
    "depthwise": (
        *("call", "strips", "padding_columns", "strip_rows", "loaded_rows", "loaded_pairs", "loaded_singles"),
        *("padded_columns", "channel_rows", "odd_channel_rows", "pairs", "strided_pairs", "clamped_rows", "clamped"),
    ),
    "fully_connected": ("call", "rows", "chunks", "quads", "quad_chunks", "outputs", "rest_products"),
    "add": ("call", "rows", "outputs", "clamped_rows", "clamped"),
}
"""By the kernel that the variant's stands for."""


def dsp_features(graph: Graph, operator: Operator, kernel: str, box: Box) -> Mapping[str, Counts]:
    """Counts of computing a box of an operator's output, by feature, without the call."""
    source = graph.tensors[operator.inputs[0]].shape
    match operator:
        case Conv() if kernel == "depthwise":
            return _depthwise(operator, source, box) | clamped(operator, box)
        case Conv() if kernel == "fully_connected":
            return _fully_connected(operator, box)
        case Conv():
            counts = _tiles(graph, operator, kernel, box) | clamped(operator, box)
            return counts | gathered(operator, source, box) if kernel == "convolution" else counts
        case Add():
            return {"rows": box.rows, "outputs": box.outputs, **clamped(operator, box)}
    raise TypeError(f"the variant does not compute {operator.name}")


def _tiles(graph: Graph, conv: Conv, kernel: str, box: Box) -> dict[str, Counts]:
    """Tiles of four pixels by groups of one or two channels."""
    sums = fast_sums(graph, conv)
    assert sums is not None
    unpaired = len(pair_groups(sums.weights)) - -(-conv.output_channels // PAIR_CHANNELS)
    tiles = box.blocks(box.pixels, TILE_PIXELS)
    groups = box.blocks(box.channels, PAIR_CHANNELS) + box.extra(box.channels * unpaired / conv.output_channels)
    chunks = padded_taps(conv) // CHUNK
    ragged = conv.weights[0].size % CHUNK if kernel == "pointwise" else 0
    return {
        "rows": box.rows,
        "pixels": box.pixels,
        "tiles": tiles,
        "tile_chunks": tiles * chunks,
        "ragged_tiles": tiles * (ragged > 0),
        "ragged_values": tiles * ragged,
        "runs": tiles * box.extra((box.channels >= PAIR_CHANNELS) + box.channels % PAIR_CHANNELS),
        "tile_groups": tiles * groups,
        "tile_group_chunks": tiles * groups * chunks,
        "tile_group_passes": tiles * groups * -(-chunks // PASS_CHUNKS),
    }


def _depthwise(conv: Conv, source: Shape, box: Box) -> dict[str, Counts]:
    """Strips of up to four channels; their rows are loaded into lines, pairs of columns at a time."""
    window = conv.window
    (row_stride, stride), kernel_rows = window.stride, DEPTHWISE_KERNEL[0]
    parts = [
        strip_columns(window, first, STRIP_COLUMNS[stride], source.width, box.columns)
        for first in range(0, box.columns, STRIP_COLUMNS[stride])
    ]
    columns, valid, line = (np.array(values) for values in zip(*parts, strict=True))
    channels = box.channels
    strips = box.blocks(channels, STRIP_CHANNELS)
    loaded_channels = np.minimum(channels, STRIP_CHANNELS)
    unsafe = np.ceil((STRIP_CHANNELS - loaded_channels) / np.maximum(channels, 1))
    pairs = sum((np.maximum(count - unsafe, 0) // 2 for count in valid), np.zeros(()))
    fresh = min(row_stride, kernel_rows)
    loaded = box.rows * fresh + box.extra(kernel_rows - fresh)
    first_row, last_row = box.row_start * row_stride, (box.row_stop - 1) * row_stride + kernel_rows - 1
    above = np.clip(window.padding.top - first_row, 0, loaded)
    below = np.clip(last_row - window.padding.top - source.height + 1, 0, loaded)
    padded = np.minimum(above + below, loaded)
    real = strips * (loaded - padded)
    channel_rows = box.rows * channels
    return {
        "strips": box.extra(strips * len(parts)),
        "padding_columns": box.extra((line - valid).sum()),
        "strip_rows": strips * box.rows * len(parts),
        "loaded_rows": strips * loaded * len(parts),
        "loaded_pairs": box.extra(real * pairs),
        "loaded_singles": box.extra(real * loaded_channels * (valid.sum() - 2 * pairs)),
        "padded_columns": box.extra(strips * padded * valid.sum()),
        "channel_rows": channel_rows * len(parts),
        "odd_channel_rows": channel_rows * (columns % 2).sum(),
        "pairs": channel_rows * (columns // 2).sum(),
        "strided_pairs": channel_rows * (columns // 2).sum() * (stride - 1),
    }


def _fully_connected(conv: Conv, box: Box) -> dict[str, Counts]:
    taps = conv.weights[0].size
    chunks = np.full((), float(taps // CHUNK))
    quads = box.blocks(box.channels, QUAD_CHANNELS)
    quads = np.where((box.channels < QUAD_CHANNELS) & box.exact, box.channels, quads)
    return {
        "rows": box.extra(conv.window.kernel[0]),
        "chunks": box.extra(chunks),
        "quads": quads,
        "quad_chunks": quads * chunks,
        "outputs": box.channels,
        "rest_products": box.channels * (taps % CHUNK),
    }
