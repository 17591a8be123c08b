"""Which part of its inputs an operator needs for a part of its output: receptive fields, halos, clipping."""

from __future__ import annotations

from planner.core.gathering import gathered_region
from planner.data.graph import (
    Add,
    Concat,
    Conv,
    Gather,
    Graph,
    Lookup,
    Mul,
    Operator,
    Pad,
    Pool,
    Shape,
    Slice,
    Window,
)
from planner.data.region import Region
from planner.data.split import Axis, Layout


def whole(shape: Shape) -> Region:
    """The region of a whole tensor."""
    return Region(0, shape.height, 0, shape.width, 0, shape.channels)


def owned(layout: Layout, node: int, shape: Shape) -> Region:
    """The region that `node` owns under `layout`; empty if it owns nothing."""
    start, stop = layout.ranges[node]
    everything = whole(shape)
    if layout.axis is Axis.ROWS:
        return everything.with_rows(start, stop)
    return everything.with_channels(start, stop)


def axis_size(shape: Shape, axis: Axis) -> int:
    """Length of a tensor along a layout's axis."""
    return shape.height if axis is Axis.ROWS else shape.channels


def window_span(start: int, stop: int, kernel: int, stride: int, dilation: int, pad: int, size: int) -> tuple[int, int]:
    """Input interval, clipped to [0, size), that the output interval [start, stop) reads along one axis."""
    first = start * stride - pad
    last = (stop - 1) * stride - pad + (kernel - 1) * dilation
    return max(0, first), min(size, last + 1)


def required(graph: Graph, operator: Operator, input_index: int, output: Region) -> Region:
    """Region of input `input_index` that computing `output` reads; empty if none.

    Raises TypeError for an operator class that it does not know.
    """
    shape = graph.tensors[operator.inputs[input_index]].shape
    everything = whole(shape)
    if output.empty:
        return everything.with_rows(0, 0)
    match operator:
        case Add() | Lookup():
            return output
        case Mul():
            return (
                output
                if shape.height * shape.width > 1
                else Region(0, 1, 0, 1, output.channel_start, output.channel_stop)
            )
        case Conv():
            first_group = output.channel_start // operator.group_output_channels
            last_group = (output.channel_stop - 1) // operator.group_output_channels
            per_group = operator.group_input_channels
            return _windowed(operator.window, output, shape).with_channels(
                first_group * per_group, (last_group + 1) * per_group
            )
        case Pool():
            return _windowed(operator.window, output, shape)
        case Concat():
            before = sum(graph.tensors[name].shape.channels for name in operator.inputs[:input_index])
            start = max(0, output.channel_start - before)
            stop = min(shape.channels, output.channel_stop - before)
            return output.with_channels(start, stop) if start < stop else everything.with_rows(0, 0)
        case Slice():
            return _shifted(output, *operator.start)
        case Gather():
            return gathered_region(operator, shape, output)
        case Pad():
            shifted = _shifted(output, -operator.padding.top, -operator.padding.left).intersect(everything)
            return everything.with_rows(0, 0) if shifted.empty else shifted
    raise TypeError(f"operator {operator.name} has the unknown class {type(operator).__name__}")


def _shifted(region: Region, rows: int, columns: int, channels: int = 0) -> Region:
    return Region(
        region.row_start + rows,
        region.row_stop + rows,
        region.column_start + columns,
        region.column_stop + columns,
        region.channel_start + channels,
        region.channel_stop + channels,
    )


def _windowed(window: Window, output: Region, shape: Shape) -> Region:
    rows = window_span(
        output.row_start,
        output.row_stop,
        window.kernel[0],
        window.stride[0],
        window.dilation[0],
        window.padding.top,
        shape.height,
    )
    columns = window_span(
        output.column_start,
        output.column_stop,
        window.kernel[1],
        window.stride[1],
        window.dilation[1],
        window.padding.left,
        shape.width,
    )
    return Region(*rows, *columns, output.channel_start, output.channel_stop)
