"""The integer executor: the oracle of every kernel, split and plan. It follows docs/ARITHMETIC.md in numpy.

Whole activations are int8 arrays [height, width, channels]. All sums are exact: float64 holds every product and sum
of a convolution, and the int32 result is taken modulo 2^32 as on the boards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from planner.core import arithmetic
from planner.core.regions import required, whole
from planner.data.graph import (
    INT8_MIN,
    Add,
    Concat,
    Conv,
    Gather,
    Graph,
    Int8Array,
    Int32Array,
    Lookup,
    Mul,
    Operator,
    Pad,
    Pool,
    PoolKind,
    Slice,
    Window,
)
from planner.data.region import Region

Scalar = TypeVar("Scalar", bound=np.generic)


def execute(graph: Graph, inputs: Mapping[str, Int8Array]) -> dict[str, Int8Array]:
    """Every tensor of the network, by name, from the graph's int8 inputs [height, width, channels].

    Raises ValueError if an input is missing or has the wrong shape or type.
    """
    tensors: dict[str, Int8Array] = {}
    for end in graph.inputs:
        value = inputs.get(end.tensor)
        shape = graph.tensors[end.tensor].shape.as_tuple()
        if value is None or value.dtype != np.int8 or value.shape != shape:
            raise ValueError(f"input {end.tensor} must be an int8 array of shape {shape}")
        tensors[end.tensor] = value
    for operator in graph.operators:
        region = whole(graph.output_tensor(operator).shape)
        tensors[operator.output] = compute_region(graph, operator, [tensors[name] for name in operator.inputs], region)
    return tensors


def compute_region(graph: Graph, operator: Operator, inputs: Sequence[Int8Array], region: Region) -> Int8Array:
    """`region` of the operator's output from whole input arrays. Raises TypeError for an unknown operator class."""
    match operator:
        case Conv():
            return finish_sums(graph, operator, partial_sums(graph, operator, inputs[0], region), region)
        case Add():
            first, second = (_cut(x, region) for x in inputs)
            return arithmetic.add_parameters(graph, operator).apply(first, second, operator.clamp)
        case Mul():
            return _mul(graph, operator, inputs, region)
        case Pool():
            return _pool(graph, operator, inputs[0], region)
        case Concat():
            return _concat(graph, operator, inputs, region)
        case Pad():
            return _pad(operator, inputs[0], region)
        case Slice():
            return _cut(inputs[0], required(graph, operator, 0, region))
        case Lookup():
            return look_up(channel_tables(operator, region), _cut(inputs[0], region))
        case Gather():
            return _gather(operator, inputs[0], region)
    raise TypeError(f"operator {operator.name} has the unknown class {type(operator).__name__}")


def partial_sums(
    graph: Graph, conv: Conv, values: Int8Array, region: Region, input_channels: range | None = None
) -> Int32Array:
    """int32 sums for `region`, without bias, over `input_channels` of the whole input `values` (all, if None).

    Raises ValueError if input channels are given for a convolution with groups.
    """
    if input_channels is not None and conv.groups != 1:
        raise ValueError(f"{conv.name} has groups: it cannot be summed over a part of its input channels")
    per_group = conv.group_output_channels
    groups = range(region.channel_start // per_group, -(-region.channel_stop // per_group))
    first, last = groups.start * per_group, groups.stop * per_group
    depths = range(conv.group_input_channels) if input_channels is None else input_channels
    channels = depths if conv.groups == 1 else range(groups.start * len(depths), groups.stop * len(depths))
    zero_point = graph.tensors[conv.inputs[0]].quant.zero_point
    shifted = values[:, :, channels.start : channels.stop].astype(np.float64) - zero_point
    weights = conv.weights[first:last, :, :, depths.start : depths.stop].astype(np.float64) - conv.weight_zero_point
    weights = weights.reshape(len(groups), per_group, *conv.window.kernel, len(depths))
    sums = np.zeros((region.rows * region.columns, len(groups), per_group))
    for row, column, plane in _taps(shifted, conv.window, region, 0.0):
        sums += _tap_product(plane.reshape(-1, len(groups), len(depths)), weights[:, :, row, column])
    result = sums.reshape(region.rows, region.columns, -1).astype(np.int64).astype(np.int32)
    return result[:, :, region.channel_start - first : region.channel_stop - first]


def finish_sums(graph: Graph, conv: Conv, sums: Int32Array, region: Region) -> Int8Array:
    """Bias, requantisation and clamp of complete int32 sums [rows, columns, channels] of `region`."""
    channels = slice(region.channel_start, region.channel_stop)
    biased = (sums.astype(np.int64) + conv.bias[channels]).astype(np.int32)
    requantisation = arithmetic.conv_requantisation(graph, conv).channels(region.channel_start, region.channel_stop)
    return requantisation.apply(biased, graph.output_tensor(conv).quant.zero_point, conv.clamp)


def channel_tables(lookup: Lookup, region: Region) -> Int8Array:
    """The one table, or those of the region's channels."""
    return lookup.table if lookup.table.ndim == 1 else lookup.table[region.channel_start : region.channel_stop]


def look_up(table: Int8Array, values: Int8Array) -> Int8Array:
    """table[q + 128] of each value q. table: int8 [256], or [channels, 256] by the last axis of `values`."""
    places = values.astype(np.int16) - INT8_MIN
    return table[places] if table.ndim == 1 else table[np.arange(len(table)), places]


def _tap_product(plane: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """[pixels, groups, depth] by [groups, outputs, depth] to [pixels, groups, outputs]; BLAS unless depthwise."""
    if plane.shape[2] == 1:
        return plane * weights[:, :, 0]
    product: NDArray[np.float64] = np.matmul(plane.transpose(1, 0, 2), weights.transpose(0, 2, 1))
    return product.transpose(1, 0, 2)


def _taps(
    values: NDArray[Scalar], window: Window, region: Region, fill: float
) -> Iterator[tuple[int, int, NDArray[Scalar]]]:
    """For each tap of the kernel, row-major: its place, and the input elements that the outputs of `region` read there.

    Padding reads as `fill`. `values` has all rows and columns of the input; the channels are the caller's business.
    """
    slab = _slab(values, window, region, fill)
    row_step, column_step = window.stride
    for row in range(window.kernel[0]):
        for column in range(window.kernel[1]):
            first_row, first_column = row * window.dilation[0], column * window.dilation[1]
            rows = slice(first_row, first_row + (region.rows - 1) * row_step + 1, row_step)
            columns = slice(first_column, first_column + (region.columns - 1) * column_step + 1, column_step)
            yield row, column, slab[rows, columns]


def _slab(values: NDArray[Scalar], window: Window, region: Region, fill: float) -> NDArray[Scalar]:
    """All that the window reads for `region`, padding included."""
    starts = (
        region.row_start * window.stride[0] - window.padding.top,
        region.column_start * window.stride[1] - window.padding.left,
    )
    sizes = tuple(
        (count - 1) * stride + (kernel - 1) * dilation + 1
        for count, stride, kernel, dilation in zip(
            (region.rows, region.columns), window.stride, window.kernel, window.dilation, strict=True
        )
    )
    return _padded_cut(values, (starts[0], starts[0] + sizes[0]), (starts[1], starts[1] + sizes[1]), fill)


def _padded_cut(
    values: NDArray[Scalar], rows: tuple[int, int], columns: tuple[int, int], fill: float
) -> NDArray[Scalar]:
    """Rows and columns [start, stop) of `values`, which may lie outside of it, where they are `fill`."""
    spans = tuple(zip((rows, columns), values.shape[:2], strict=True))
    inside = tuple(slice(min(max(start, 0), size), max(min(stop, size), 0)) for (start, stop), size in spans)
    result = np.full((rows[1] - rows[0], columns[1] - columns[0], values.shape[2]), fill, values.dtype)
    target = tuple(
        slice(part.start - start, part.stop - start) for part, ((start, _), _) in zip(inside, spans, strict=True)
    )
    cut = values[inside]
    if cut.size:
        result[target] = cut
    return result


def _mul(graph: Graph, mul: Mul, inputs: Sequence[Int8Array], region: Region) -> Int8Array:
    shifted = [
        _cut(values, required(graph, mul, index, region)).astype(np.int32) - tensor.quant.zero_point
        for index, (values, tensor) in enumerate(zip(inputs, graph.input_tensors(mul), strict=True))
    ]
    requantisation = arithmetic.mul_requantisation(graph, mul)
    return requantisation.apply(shifted[0] * shifted[1], graph.output_tensor(mul).quant.zero_point, mul.clamp)


def _pool(graph: Graph, pool: Pool, values: Int8Array, region: Region) -> Int8Array:
    values = values[:, :, region.channel_start : region.channel_stop]
    source = graph.tensors[pool.inputs[0]].quant
    target = graph.output_tensor(pool).quant
    if pool.kind is PoolKind.MAXIMUM:
        planes = (plane for _, _, plane in _taps(values, pool.window, region, INT8_MIN))
        return np.clip(reduce(np.maximum, planes), pool.clamp.minimum, pool.clamp.maximum)
    if pool.kind is PoolKind.MEAN:
        sums = (values.astype(np.int32) - source.zero_point).sum(axis=(0, 1), keepdims=True, dtype=np.int32)
        return arithmetic.mean_requantisation(graph, pool).apply(sums, target.zero_point, pool.clamp)
    parameters = arithmetic.average_parameters(graph, pool)
    counts = _average_counts(pool, values.shape, region)
    if isinstance(parameters, arithmetic.FloatAverage):
        real = parameters.dequantise(values)
        total = reduce(np.add, (plane for _, _, plane in _taps(real, pool.window, region, 0.0)))
        return parameters.apply(total, counts, pool.clamp)
    shifted = values.astype(np.int32) - source.zero_point
    sums = reduce(np.add, (plane for _, _, plane in _taps(shifted, pool.window, region, 0)))
    return parameters.apply(sums + counts * source.zero_point, counts, pool.clamp)


def _average_counts(pool: Pool, shape: tuple[int, ...], region: Region) -> Int32Array:
    """Elements that each average is over: int32 [rows, columns, 1]."""
    if pool.count_padding:
        taps = pool.window.kernel[0] * pool.window.kernel[1]
        return np.full((region.rows, region.columns, 1), taps, np.int32)
    ones = np.ones((shape[0], shape[1], 1), np.int32)
    return reduce(np.add, (plane for _, _, plane in _taps(ones, pool.window, region, 0)))


def _concat(graph: Graph, concat: Concat, inputs: Sequence[Int8Array], region: Region) -> Int8Array:
    parts = []
    for index, table in enumerate(arithmetic.concat_tables(graph, concat)):
        need = required(graph, concat, index, region)
        if not need.empty:
            part = _cut(inputs[index], need)
            parts.append(part if table is None else look_up(table, part))
    return np.concatenate(parts, axis=2)


def _gather(gather: Gather, values: Int8Array, region: Region) -> Int8Array:
    rows = gather.rows[region.row_start : region.row_stop, None, None]
    columns = gather.columns[region.column_start : region.column_stop, None]
    channels = gather.channels[region.channel_start : region.channel_stop]
    return np.take(values, rows + columns + channels)


def _pad(pad: Pad, values: Int8Array, region: Region) -> Int8Array:
    top, left = pad.padding.top, pad.padding.left
    rows = (region.row_start - top, region.row_stop - top)
    columns = (region.column_start - left, region.column_stop - left)
    return _padded_cut(values[:, :, region.channel_start : region.channel_stop], rows, columns, pad.value)


def _cut(values: NDArray[Scalar], region: Region) -> NDArray[Scalar]:
    return values[
        region.row_start : region.row_stop,
        region.column_start : region.column_stop,
        region.channel_start : region.channel_stop,
    ]
