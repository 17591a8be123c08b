"""Loop counts of the MVE variant's kernels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from planner.core.blocks import Box, Counts
from planner.core.variants import VARIANTS, padded_taps
from planner.data.graph import Add, Clamp, Conv, Graph, Operator, Shape, Window

GROUP_CHANNELS = 4
BLOCK_TAPS = 16
STRIP_CHANNELS = 8
PART_COLUMNS = {1: 120, 2: 56}
"""Columns of a depthwise part, by column stride."""
PAIR_COLUMNS = 4
ROW_COLUMNS = 8
COPY_BYTES = 16
_PATCHES = VARIANTS["mve"]["convolution"]

_GROUPS = (
    *("call", "rows", "groups", "pairs", "pair_groups", "pair_group_blocks", "singles", "single_groups"),
    *("single_group_blocks", "clamped_rows", "clamped"),
)
MVE_FEATURES: Mapping[str, tuple[str, ...]] = {
    "pointwise": _GROUPS,
    "convolution": (*_GROUPS, "spreads", "spread_blocks", "edge_pixels", "edge_copies", "filled_values"),
    "depthwise": (
        *("call", "margin_columns", "strips", "strip_steps", "loads", "loaded_columns", "channel_steps"),
        *("pair_blocks", "row_blocks", "strided_blocks", "rests", "clamped_rows", "clamped"),
    ),
    "fully_connected": ("call", "copies", "copied_blocks", "single_groups", "single_group_blocks", "clamped"),
    "add": ("call", "rows", "quads", "clamped_rows", "clamped"),
}
"""By the kernel that the variant's stands for."""


def mve_features(graph: Graph, operator: Operator, kernel: str, box: Box) -> Mapping[str, Counts]:
    """Counts of computing a box of an operator's output, by feature, without the call."""
    source = graph.tensors[operator.inputs[0]].shape
    match operator:
        case Conv() if kernel == "depthwise":
            return _depthwise(operator, source, box) | _clamped(operator, box)
        case Conv() if kernel == "fully_connected":
            return _fully_connected(operator, box)
        case Conv() if kernel == "pointwise":
            return {"rows": box.rows, **_groups(operator, box, box.pixels, runs=1), **_clamped(operator, box)}
        case Conv():
            return _convolution(operator, source, box) | _clamped(operator, box)
        case Add():
            quads = box.rows * box.blocks(box.columns * box.channels, 4)
            return {"rows": box.rows, "quads": quads, **_clamped(operator, box)}
    raise TypeError(f"the variant does not compute {operator.name}")


def _clamped(operator: Conv | Add, box: Box) -> dict[str, Counts]:
    is_clamped = operator.clamp != Clamp()
    return {"clamped_rows": box.rows * is_clamped, "clamped": box.outputs * is_clamped}


def _blocks(conv: Conv) -> int:
    return -(-int(conv.weights[0].size) // BLOCK_TAPS)


def _groups(conv: Conv, box: Box, pixels: Counts, runs: Counts | int) -> dict[str, Counts]:
    """Pairs of pixels by groups of channels. The last one of an odd number is half a pair, and what it costs more."""
    groups = box.blocks(box.channels, GROUP_CHANNELS)
    blocks = _blocks(conv)
    singles = box.extra(np.asarray(pixels % 2))
    pairs = pixels / 2
    return {
        "groups": box.extra(groups * runs),
        "pairs": pairs,
        "pair_groups": pairs * groups,
        "pair_group_blocks": pairs * groups * blocks,
        "singles": singles,
        "single_groups": singles * groups,
        "single_group_blocks": singles * groups * blocks,
    }


def _fully_connected(conv: Conv, box: Box) -> dict[str, Counts]:
    rows, columns = conv.window.kernel
    groups = box.blocks(box.channels, GROUP_CHANNELS)
    row_values = columns * conv.group_input_channels
    return {
        "copies": box.extra(rows),
        "copied_blocks": box.extra(rows * -(-row_values // COPY_BYTES)),
        "single_groups": groups,
        "single_group_blocks": groups * _blocks(conv),
        "clamped": box.channels * (conv.clamp != Clamp()),
    }


def _convolution(conv: Conv, source: Shape, box: Box) -> dict[str, Counts]:
    """Values under the windows, gathered a row or, if it is dilated, a tap at a time; at edges a pixel at a time."""
    window = conv.window
    is_dense = window.dilation[1] == 1
    copies = window.kernel[0] * (1 if is_dense else window.kernel[1])
    length = conv.group_input_channels * (window.kernel[1] if is_dense else 1)
    taps = conv.weights[0].size
    patch_bytes = _blocks(conv) * BLOCK_TAPS
    scratch_bytes = _PATCHES.scratch_bytes + _PATCHES.tap_scratch_bytes * padded_taps(conv)
    fills = box.blocks(box.pixels, scratch_bytes // patch_bytes // 2 * 2)
    first, end = _inside(window, 1, source.width)
    columns = max(0, min(box.columns, end) - first)
    edge_pixels = box.rows * (box.columns - columns)
    first, end = _inside(window, 0, source.height)
    whole_rows = np.maximum(np.minimum(box.row_stop, end) - np.maximum(box.row_start, first), 0)
    return {
        "rows": box.rows,
        **_groups(conv, box, box.pixels, fills),
        "spreads": copies * (box.rows * (columns > 0) + fills),
        "spread_blocks": copies * box.rows * columns * -(-length // COPY_BYTES),
        "edge_pixels": edge_pixels,
        "edge_copies": edge_pixels * copies,
        "filled_values": box.extra(edge_pixels + (box.rows - whole_rows) * columns) * taps,
    }


def _inside(window: Window, axis: int, size: int) -> tuple[int, int]:
    """Output positions of an axis whose windows lie inside of the input."""
    pad = (window.padding.top, window.padding.left)[axis]
    stride = window.stride[axis]
    extent = (window.kernel[axis] - 1) * window.dilation[axis] + 1
    return -(-pad // stride), (pad + size - extent) // stride + 1


def _depthwise(conv: Conv, source: Shape, box: Box) -> dict[str, Counts]:
    """Strips of up to eight channels; two rows at a time are loaded, two rows or one are computed in a step.

    A row without a partner is half a pair, and what it costs more.
    """
    window = conv.window
    row_stride, stride = window.stride
    parts = [
        _part_columns(first, window.padding.left, source.width, stride, box.columns)
        for first in range(0, box.columns, PART_COLUMNS[stride])
    ]
    columns, valid, line = (np.array(values) for values in zip(*parts, strict=True))
    strips = box.blocks(box.channels, STRIP_CHANNELS)
    is_paired = row_stride == stride == 1
    pairs = box.rows / 2 if is_paired else np.zeros_like(box.rows)
    singles = box.extra(box.rows % 2) if is_paired else box.rows
    steps = pairs + singles / 2 if is_paired else singles
    fresh = 1 if is_paired or row_stride == 2 else 2
    loads = strips * (steps * fresh + box.extra(1 if fresh == 1 else 0))
    pair_blocks = pairs * (columns // PAIR_COLUMNS).sum() + pairs * (columns % PAIR_COLUMNS > 0).sum()
    row_blocks = singles * (columns // ROW_COLUMNS + (columns % ROW_COLUMNS > 0)).sum()
    rests = pairs * (columns % PAIR_COLUMNS > 0).sum() + singles * (columns % ROW_COLUMNS > 0).sum()
    return {
        "margin_columns": box.extra((line - valid).sum()),
        "strips": box.extra(strips * len(parts)),
        "strip_steps": strips * steps * len(parts),
        "loads": loads * len(parts),
        "loaded_columns": loads * valid.sum(),
        "channel_steps": box.channels * steps * len(parts),
        "pair_blocks": box.channels * pair_blocks,
        "row_blocks": box.channels * row_blocks * (stride == 1),
        "strided_blocks": box.channels * row_blocks * (stride == 2),
        "rests": box.channels * rests,
    }


def _part_columns(first: int, pad: int, width: int, stride: int, columns: int) -> tuple[int, int, int]:
    """Of a part from a column on: output columns, input columns that exist, and columns of a line."""
    count = min(columns - first, PART_COLUMNS[stride])
    line = (count - 1) * stride + 3
    start = first * stride - pad
    return count, max(0, min(start + line, width) - max(start, 0)), line
