"""Parts of activations, as Slices."""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np

from planner.data.graph import Shape, Slice
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Node
from planner.frontend.onnx.operands import constant
from planner.frontend.onnx.values import Places, Stored, Value


def slice_box(
    assembly: Assembly,
    node: Node,
    x: Value,
    starts: Value,
    ends: Value,
    axes: Value | None = None,
    steps: Value | None = None,
) -> Stored:
    source = _integers_or_reals(node, x)
    places = assembly.places(source)
    first, last = (constant(node, bound).tolist() for bound in (starts, ends))
    chosen = range(len(first)) if axes is None else constant(node, axes).tolist()
    step = [1] * len(first) if steps is None else constant(node, steps).tolist()
    if set(step) != {1}:
        raise node.refuse(f"its steps are {step}", "use steps of 1")
    parts = [slice(None)] * places.ndim
    for axis, start, stop in zip(chosen, first, last, strict=True):
        parts[axis] = slice(start, stop)
    return _part(assembly, node, source, places[tuple(parts)], node.outputs[0])


def split(assembly: Assembly, node: Node, x: Value, sizes: Value | None = None) -> tuple[Stored, ...]:
    source = _integers_or_reals(node, x)
    places = assembly.places(source)
    axis, count = int(node.attributes.get("axis", 0)), len(node.outputs)
    length = places.shape[axis]
    if sizes is None:
        each = -(-length // count)
        given = [min(each, length - part * each) for part in range(count)]
    else:
        given = constant(node, sizes).tolist()
    if len(given) != count or sum(given) != length or min(given) < 1:
        raise node.refuse(f"{length} along axis {axis} has no {count} parts of {given}", "correct the model")
    bounds = pairwise(accumulate(given, initial=0))
    return tuple(
        _part(assembly, node, source, places.take(range(start, stop), axis), output)
        for output, (start, stop) in zip(node.outputs, bounds, strict=True)
    )


def _integers_or_reals(node: Node, value: Value) -> Stored:
    if isinstance(value, Stored):
        return value
    raise node.refuse("its operand is not quantised", "put QuantizeLinear and DequantizeLinear before it")


def _part(assembly: Assembly, node: Node, source: Stored, places: Places, name: str) -> Stored:
    """The part of a tensor at `places`, which must be a box in memory, as the new tensor `name`."""
    shape = assembly.shape(source).as_tuple()
    axes = range(len(shape))
    if places.size == 0:
        raise node.refuse("its result is empty", "correct the model")
    indices = np.unravel_index(places, shape)
    start = (int(indices[0].min()), int(indices[1].min()), int(indices[2].min()))
    sizes = tuple(int(indices[axis].max()) - start[axis] + 1 for axis in axes)
    if places.size != np.prod(sizes):
        raise node.refuse("its result is no box of rows, columns and channels", "slice before reshaping")
    inner = np.ravel_multi_index(tuple(indices[axis] - start[axis] for axis in axes), sizes)
    operator = Slice(assembly.unique_name(f"{node.name}/{name}"), (source.tensor,), name, start)
    assembly.add(operator, Shape(*sizes), assembly.quant(source.tensor))
    return Stored(inner, name, source.real)
