"""Sums, concatenations and paddings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.core import arithmetic
from planner.data.graph import Add, Clamp, Concat, Mul, Pad, Padding, Shape
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.elementwise import with_scalar
from planner.frontend.onnx.model_file import Node
from planner.frontend.onnx.operands import constant, plane, stored
from planner.frontend.onnx.values import Activation, Draft, FileQuant, Value, dims_text, is_plane, plane_places


def add(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    if not (isinstance(first, Activation) and isinstance(second, Activation)):
        return with_scalar(node, np.add, first, second)
    a, b = stored(node, first), stored(node, second)
    shape = assembly.shape(a)
    places = assembly.places(a)
    if shape != assembly.shape(b) or not np.array_equal(places, assembly.places(b)):
        raise node.refuse(
            f"its operands ({dims_text(a.dims)} and {dims_text(b.dims)}) differ in shape or layout",
            "give both the same shape; broadcasting is not supported",
        )

    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        operator = Add(target.unique_name(node.name), (a.tensor, b.tensor), name, clamp=clamp)
        target.add(operator, shape, quant)

    return Draft(places, shape, emit)


def multiply(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    if not (isinstance(first, Activation) and isinstance(second, Activation)):
        return with_scalar(node, np.multiply, first, second)
    sources = [stored(node, value) for value in (first, second)]
    if sources[0].places.size < sources[1].places.size:
        sources.reverse()
    shapes = [assembly.shape(source) for source in sources]
    places = [assembly.places(source) for source in sources]
    if shapes[0] == shapes[1]:
        fits = np.array_equal(places[0], places[1])
    else:
        planes = all(is_plane(place, shape) for place, shape in zip(places, shapes, strict=True))
        fits = planes and shapes[1] == Shape(1, 1, shapes[0].channels)
    if not fits:
        raise node.refuse(
            f"its operands ({' and '.join(dims_text(source.dims) for source in sources)}) differ in shape or layout",
            "give both the same shape, or one a value for each channel",
        )
    names = tuple(source.tensor for source in sources)

    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        target.add(Mul(target.unique_name(node.name), names, name, clamp=clamp), shapes[0], quant)

    return Draft(places[0], shapes[0], emit)


def concat(assembly: Assembly, node: Node, *values: Value) -> Value:
    sources = [stored(node, value) for value in values]
    shapes = [assembly.shape(source) for source in sources]
    if len({(shape.height, shape.width) for shape in shapes}) != 1:
        raise node.refuse("it joins tensors of several heights or widths", "concatenate along the channels only")
    output = replace(shapes[0], channels=sum(shape.channels for shape in shapes))
    parts = []
    before = 0
    for source, shape in zip(sources, shapes, strict=True):
        pixel, channel = np.divmod(assembly.places(source), shape.channels)
        parts.append(pixel * output.channels + before + channel)
        before += shape.channels
    places = np.concatenate(parts, axis=int(node.attributes["axis"]))
    names = tuple(source.tensor for source in sources)

    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        def make(result: str) -> Concat:
            return Concat(target.unique_name(node.name), names, result)

        target.add_requantised(make, output, quant, name, quant, clamp)

    return Draft(places, output, emit)


def pad(
    assembly: Assembly, node: Node, x: Value, pads: Value, value: Value | None = None, axes: Value | None = None
) -> Draft:
    mode = node.attributes.get("mode", b"constant").decode()
    if mode != "constant":
        raise node.refuse(f"mode {mode} is not supported", "pad with a constant")
    source = stored(node, x)
    shape = plane(assembly, node, source)
    given = [int(p) for p in constant(node, pads)]
    used = range(4) if axes is None else [int(axis) % 4 for axis in constant(node, axes)]
    before, after = [0] * 4, [0] * 4
    for place, axis in enumerate(used):
        before[axis], after[axis] = given[place], given[place + len(given) // 2]
    if before[:2] != [0, 0] or after[:2] != [0, 0] or min(before + after) < 0:
        raise node.refuse(f"pads {given} are not supported", "pad height and width only, by no negative number")
    padding = Padding(before[2], before[3], after[2], after[3])
    output = Shape(shape.height + before[2] + after[2], shape.width + before[3] + after[3], shape.channels)
    inner = assembly.quant(source.tensor)
    fill = 0.0 if value is None else float(constant(node, value).reshape(-1)[0])
    level = int(arithmetic.quantise(np.array([fill], np.float32), inner.params)[0])

    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        def make(result: str) -> Pad:
            return Pad(target.unique_name(node.name), (source.tensor,), result, padding, level)

        target.add_requantised(make, output, inner, name, quant, clamp)

    return Draft(plane_places(output), output, emit)
