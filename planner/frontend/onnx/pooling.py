"""Pools and means."""

from __future__ import annotations

import math

import numpy as np

from planner.data.graph import Clamp, Pool, PoolKind, Shape, Window
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Node
from planner.frontend.onnx.operands import constant, plane, stored
from planner.frontend.onnx.values import Draft, FileQuant, OperatorSink, Places, Stored, Value, dims_text, plane_places
from planner.frontend.onnx.windows import window_of


def maximum_pool(assembly: Assembly, node: Node, x: Value) -> Draft:
    if any(node.outputs[1:]):
        raise node.refuse("its output Indices is not supported", "use only its first output")
    source, shape = plane(assembly, node, stored(node, x))
    return _maximum(assembly, node, source, window_of(node, (), (shape.height, shape.width)))


def global_maximum_pool(assembly: Assembly, node: Node, x: Value) -> Draft:
    source, shape = plane(assembly, node, stored(node, x))
    return _maximum(assembly, node, source, Window((shape.height, shape.width)))


def average_pool(assembly: Assembly, node: Node, x: Value) -> Draft:
    source, shape = plane(assembly, node, stored(node, x))
    window = window_of(node, (), (shape.height, shape.width))
    output = Shape(*window.output_size(shape.height, shape.width), shape.channels)
    count_padding = bool(node.attributes.get("count_include_pad", 0))
    return _pool(node, source, PoolKind.AVERAGE, window, output, plane_places(output), count_padding)


def global_average_pool(assembly: Assembly, node: Node, x: Value) -> Draft:
    source, shape = plane(assembly, node, stored(node, x))
    output = Shape(1, 1, shape.channels)
    return _pool(node, source, PoolKind.MEAN, Window((shape.height, shape.width)), output, plane_places(output))


def reduce_mean(assembly: Assembly, node: Node, x: Value, axes: Value | None = None) -> Value:
    source = stored(node, x)
    rank = len(source.dims)
    given = node.attributes.get("axes") if axes is None else constant(node, axes).tolist()
    if not given:
        if node.attributes.get("noop_with_empty_axes", 0):
            return source
        given = range(rank)
    reduced = sorted({int(axis) % rank for axis in given})
    kept = [axis for axis in range(rank) if axis not in reduced]
    shape = assembly.shape(source)
    groups = assembly.places(source).transpose(*kept, *reduced)
    groups = groups.reshape(math.prod(groups.shape[: len(kept)]), -1)
    channels = groups[:, 0] % shape.channels
    if len(groups) != shape.channels or np.any(groups % shape.channels != channels[:, None]):
        raise node.refuse(
            f"it averages over axes {reduced} of {dims_text(source.dims)}", "average over the height and width alone"
        )
    dims = [source.dims[axis] for axis in kept]
    if node.attributes.get("keepdims", 1):
        dims = [1 if axis in reduced else size for axis, size in enumerate(source.dims)]
    window = Window((shape.height, shape.width))
    return _pool(node, source, PoolKind.MEAN, window, Shape(1, 1, shape.channels), channels.reshape(dims))


def _maximum(assembly: Assembly, node: Node, source: Stored, window: Window) -> Draft:
    shape = assembly.shape(source)
    output = Shape(*window.output_size(shape.height, shape.width), shape.channels)
    inner = assembly.quant(source.tensor)

    def emit(target: OperatorSink, name: str, quant: FileQuant, clamp: Clamp) -> None:
        def make(result: str) -> Pool:
            return Pool(target.unique_name(node.name), (source.tensor,), result, PoolKind.MAXIMUM, window)

        target.add_requantised(make, output, inner, name, quant, clamp)

    return Draft(plane_places(output), output, emit)


def _pool(
    node: Node,
    source: Stored,
    kind: PoolKind,
    window: Window,
    output: Shape,
    places: Places,
    count_padding: bool = False,
) -> Draft:
    def emit(target: OperatorSink, name: str, quant: FileQuant, clamp: Clamp) -> None:
        operator = Pool(
            target.unique_name(node.name),
            (source.tensor,),
            name,
            kind,
            window,
            count_padding=count_padding,
            clamp=clamp,
        )
        target.add(operator, output, quant)

    return Draft(places, output, emit)
