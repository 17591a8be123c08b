"""Sums, concatenations and paddings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.core import arithmetic
from planner.data.graph import Add, Arithmetic, Clamp, Concat, Lookup, Mul, Pad, Padding, QuantParams, Shape
from planner.errors import ModelError
from planner.frontend.constant_operands import float_product_tables, sum_tables
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.elementwise import RealBinary, with_constant
from planner.frontend.onnx.model_file import Node
from planner.frontend.onnx.operands import aligned, constant, per_channel, plane, stored
from planner.frontend.onnx.values import (
    Activation,
    Draft,
    FileQuant,
    OperatorSink,
    QuantisedConstant,
    Stored,
    Value,
    dims_text,
    plane_places,
)


def add(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    if not (isinstance(first, Activation) and isinstance(second, Activation)):
        return _with_constant(assembly, node, np.add, first, second)
    a = stored(node, first)
    b = aligned(assembly, stored(node, second), a)
    if b is None:
        raise _refuse_shapes(node, first, second, "give both the same shape; broadcasting is not supported")
    shape, names = assembly.shape(a), (a.tensor, b.tensor)

    def emit(target: OperatorSink, name: str, quant: FileQuant, clamp: Clamp) -> None:
        target.add(Add(target.unique_name(node.name), names, name, clamp=clamp), shape, quant)

    return Draft(assembly.places(a), shape, emit)


def multiply(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    if not (isinstance(first, Activation) and isinstance(second, Activation)):
        return _with_constant(assembly, node, np.multiply, first, second)
    a, b = (stored(node, value) for value in (first, second))
    if a.places.size < b.places.size:
        a, b = b, a
    if a.dims == b.dims:
        factor = aligned(assembly, b, a)
    else:
        a, shape = plane(assembly, node, a)
        factor = b if assembly.plane(b) == Shape(1, 1, shape.channels) else None
    if factor is None:
        raise _refuse_shapes(node, first, second, "give both the same shape, or one a value for each channel")
    shape, names = assembly.shape(a), (a.tensor, factor.tensor)

    def emit(target: OperatorSink, name: str, quant: FileQuant, clamp: Clamp) -> None:
        target.add(Mul(target.unique_name(node.name), names, name, clamp=clamp), shape, quant)

    return Draft(assembly.places(a), shape, emit)


def _refuse_shapes(node: Node, first: Activation, second: Activation, remedy: str) -> ModelError:
    return node.refuse(f"its operands ({dims_text(first.dims)} and {dims_text(second.dims)}) do not fit", remedy)


def _with_constant(assembly: Assembly, node: Node, function: RealBinary, first: Value, second: Value) -> Value:
    """A sum or product with a constant. ONNX Runtime has a quantised kernel for it where the constant is quantised."""
    value, other = (first, second) if isinstance(first, Activation) else (second, first)
    if not isinstance(value, Stored) or not isinstance(other, QuantisedConstant) or other.scale.ndim:
        return with_constant(assembly, node, function, first, second)
    source = stored(node, value)
    offset = 128 if other.values.dtype == np.uint8 else 0
    constants = per_channel(assembly, source, other.values.astype(np.int16) - offset)
    if constants is None:
        raise node.refuse("its constant operand differs within a channel", "give one number, or one for each channel")
    levels, shape = constants.astype(np.int8), assembly.shape(source)
    quant = QuantParams(float(other.scale), int(other.zero_point) - offset)
    known = assembly.quant(source.tensor).params

    def emit_sum(target: OperatorSink, name: str, output: FileQuant, clamp: Clamp) -> None:
        pair = (known, quant) if value is first else (quant, known)
        rule = arithmetic.addition(*pair, output.params, Arithmetic.ONNXRUNTIME, output.unsigned)
        table = sum_tables(rule, levels, value is second, clamp)
        target.add(Lookup(target.unique_name(node.name), (source.tensor,), name, table), shape, output)

    def emit_product(target: OperatorSink, name: str, output: FileQuant, clamp: Clamp) -> None:
        table = float_product_tables(known, quant, output.params, output.unsigned, levels, clamp)
        target.add(Lookup(target.unique_name(node.name), (source.tensor,), name, table), shape, output)

    return Draft(assembly.places(source), shape, emit_sum if function is np.add else emit_product)


def concat(assembly: Assembly, node: Node, *values: Value) -> Value:
    """Along the channels in memory; whatever order the model asks for is then a view of that."""
    sources = [stored(node, value) for value in values]
    shapes = [assembly.shape(source) for source in sources]
    rank, axis = sources[0].places.ndim, int(node.attributes["axis"])
    if len({(shape.height, shape.width) for shape in shapes}) != 1:
        # With the joined axis outermost and channels innermost, the result is a plane again or moves to one.
        outermost, rest = axis % rank, (0, 2, 3, 1) if rank == 4 else range(rank)
        order = [outermost, *(other for other in rest if other != outermost)]
        sources = [assembly.flat(source, order) for source in sources]
        shapes = [assembly.shape(source) for source in sources]
    output = replace(shapes[0], channels=sum(shape.channels for shape in shapes))
    parts = []
    before = 0
    for source, shape in zip(sources, shapes, strict=True):
        pixel, channel = np.divmod(assembly.places(source), shape.channels)
        parts.append(pixel * output.channels + before + channel)
        before += shape.channels
    places = np.concatenate(parts, axis)
    names = tuple(source.tensor for source in sources)

    def emit(target: OperatorSink, name: str, quant: FileQuant, clamp: Clamp) -> None:
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
    source, shape = plane(assembly, node, stored(node, x))
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

    def emit(target: OperatorSink, name: str, quant: FileQuant, clamp: Clamp) -> None:
        def make(result: str) -> Pad:
            return Pad(target.unique_name(node.name), (source.tensor,), result, padding, level)

        target.add_requantised(make, output, inner, name, quant, clamp)

    return Draft(plane_places(output), output, emit)
