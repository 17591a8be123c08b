"""Loop counts of the scalar kernels, variants M3 and RV32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from planner.core.blocks import Box, Counts, clamped, gathered, strip_columns
from planner.core.variants import CHUNK, DEPTHWISE_KERNEL, SCALAR_TILE_PIXELS
from planner.data.graph import Add, Conv, Graph, Operator, Shape

GROUP_CHANNELS = 4
STRIP_CHANNELS = 4
STRIP_COLUMNS = {1: 126, 2: 63}
"""Columns of a depthwise strip, by column stride."""
ROW_CHANNELS = 4

_TILES = (
    *(
        "call",
        "rows",
        "ragged_rows",
        "pixels",
        "tiles",
        "tile_runs",
        "tile_groups",
        "tile_channels",
        "tile_group_passes",
    ),
    *("tile_group_products", "tile_channel_products", "clamped_rows", "clamped"),
)
SCALAR_FEATURES: Mapping[str, tuple[str, ...]] = {
    "pointwise": _TILES,
    "convolution": (*_TILES, "copies", "copied_words", "copied_bytes", "border_pixels", "border_values"),
    "depthwise": (
        *("call", "strips", "padding_columns", "strip_rows", "loaded_rows", "loaded_columns", "loaded_singles"),
        *("padded_rows", "channel_rows", "blocks", "strided_blocks", "clamped_rows", "clamped"),
    ),
    "fully_connected": ("call", "quads", "quad_taps", "quad_chunks", "quad_rest_products", "outputs"),
    "add": ("call", "rows", "outputs", "clamped_rows", "clamped"),
}
"""By the kernel that the variant's stands for."""


@dataclass(frozen=True, slots=True)
class ScalarCore:
    """How a core's inner loops go: products in one pass of a tile, and depthwise outputs at once."""

    tile_pixels: int
    pass_products: int
    block_columns: int


CORES = {"m3": ScalarCore(SCALAR_TILE_PIXELS["m3"], 8, 4), "rv32": ScalarCore(SCALAR_TILE_PIXELS["rv32"], 4, 1)}


def m3_features(graph: Graph, operator: Operator, kernel: str, box: Box) -> Mapping[str, Counts]:
    """Counts of computing a box of an operator's output on a Cortex-M3, by feature, without the call."""
    return _features(graph, operator, kernel, box, CORES["m3"])


def rv32_features(graph: Graph, operator: Operator, kernel: str, box: Box) -> Mapping[str, Counts]:
    """The same on an RV32."""
    return _features(graph, operator, kernel, box, CORES["rv32"])


def _features(graph: Graph, operator: Operator, kernel: str, box: Box, core: ScalarCore) -> Mapping[str, Counts]:
    source = graph.tensors[operator.inputs[0]].shape
    match operator:
        case Conv() if kernel == "depthwise":
            return _depthwise(operator, source, box, core) | clamped(operator, box)
        case Conv() if kernel == "fully_connected":
            return _fully_connected(operator, source, box)
        case Conv():
            counts = _tiles(operator, kernel, box, core) | clamped(operator, box)
            return counts | gathered(operator, source, box) if kernel == "convolution" else counts
        case Add():
            return {"rows": box.rows, "outputs": box.outputs, **clamped(operator, box)}
    raise TypeError(f"the variant does not compute {operator.name}")


def _tiles(conv: Conv, kernel: str, box: Box, core: ScalarCore) -> dict[str, Counts]:
    """Tiles of pixels by groups of up to four channels; those of a 1x1 convolution a row at once, if they fill it."""
    taps = conv.weights[0].size
    tiles = box.blocks(box.pixels, core.tile_pixels)
    groups = box.blocks(box.channels, GROUP_CHANNELS)
    runs = (box.channels >= GROUP_CHANNELS) + 1.0 * (box.channels % GROUP_CHANNELS > 0)
    return {
        "rows": box.rows,
        "ragged_rows": box.extra(box.rows * (box.columns % core.tile_pixels > 0)),
        "pixels": box.pixels,
        "tiles": tiles,
        "tile_runs": (box.rows if kernel == "pointwise" else tiles) * box.extra(runs),
        "tile_groups": tiles * groups,
        "tile_channels": tiles * box.channels,
        "tile_group_passes": tiles * groups * -(-taps // core.pass_products),
        "tile_group_products": tiles * groups * taps,
        "tile_channel_products": tiles * box.channels * taps,
    }


def _depthwise(conv: Conv, source: Shape, box: Box, core: ScalarCore) -> dict[str, Counts]:
    """Strips of up to four channels; their rows are loaded into lines."""
    window = conv.window
    (row_stride, stride), kernel_rows = window.stride, DEPTHWISE_KERNEL[0]
    most = STRIP_COLUMNS[stride]
    parts = [strip_columns(window, first, most, source.width, box.columns) for first in range(0, box.columns, most)]
    columns, valid, line = (np.array(values) for values in zip(*parts, strict=True))
    channels = box.channels
    strips = box.blocks(channels, STRIP_CHANNELS)
    is_wide = channels >= STRIP_CHANNELS
    fresh = min(row_stride, kernel_rows)
    loaded = box.rows * fresh + box.extra(kernel_rows - fresh)
    first_row, last_row = box.row_start * row_stride, (box.row_stop - 1) * row_stride + kernel_rows - 1
    above = np.clip(window.padding.top - first_row, 0, loaded)
    below = np.clip(last_row - window.padding.top - source.height + 1, 0, loaded)
    padded = np.minimum(above + below, loaded)
    real = strips * (loaded - padded)
    channel_rows = box.rows * np.where(is_wide, strips * STRIP_CHANNELS, channels)
    blocks = channel_rows * np.ceil(columns / core.block_columns).sum()
    return {
        "strips": box.extra(strips * len(parts)),
        "padding_columns": box.extra((line - valid).sum()),
        "strip_rows": strips * box.rows * len(parts),
        "loaded_rows": strips * loaded * len(parts),
        "loaded_columns": box.extra(np.where(is_wide, real * valid.sum(), 0.0)),
        "loaded_singles": box.extra(np.where(is_wide, 0.0, real * channels * valid.sum())),
        "padded_rows": box.extra(strips * padded * len(parts)),
        "channel_rows": channel_rows * len(parts),
        "blocks": blocks,
        "strided_blocks": blocks * (stride - 1),
    }


def _fully_connected(conv: Conv, source: Shape, box: Box) -> dict[str, Counts]:
    taps = conv.window.kernel[0] * conv.window.kernel[1]
    quads = box.blocks(box.channels, ROW_CHANNELS)
    quads = np.where((box.channels < ROW_CHANNELS) & box.exact, box.channels, quads)
    return {
        "quads": quads,
        "quad_taps": quads * taps,
        "quad_chunks": quads * taps * (source.channels // CHUNK),
        "quad_rest_products": quads * taps * (source.channels % CHUNK),
        "outputs": box.channels,
    }
