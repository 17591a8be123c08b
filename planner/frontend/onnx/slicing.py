"""Parts of activations, and their enlargement by nearest neighbours: Slices and Gathers."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import numpy as np

from planner.data.graph import Shape, Slice
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Node
from planner.frontend.onnx.operands import constant
from planner.frontend.onnx.values import Places, Stored, Value, dims_text

MAXIMUM_ELEMENTS = 2**26
"""Elements of a resized activation: far more than a fleet of microcontrollers holds."""


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
    parts = [slice(None)] * places.ndim
    for axis, start, stop, stride in zip(chosen, first, last, step, strict=True):
        # The end of a reversed axis is given as a number far below 0.
        parts[axis] = slice(start, None if stride < 0 and stop < -places.shape[axis] else stop, stride)
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


def resize(
    assembly: Assembly,
    node: Node,
    x: Value,
    region: Value | None = None,
    scales: Value | None = None,
    sizes: Value | None = None,
) -> Stored:
    """Nearest neighbours, as ONNX Runtime rounds their coordinates."""
    source = _integers_or_reals(node, x)
    places = assembly.places(source)
    mode = _text(node, "mode", "nearest")
    if mode != "nearest":
        raise node.refuse(f"its mode is {mode}", "resize by nearest neighbours")
    given = [int(axis) for axis in node.attributes.get("axes", range(places.ndim))]
    factors, lengths = [1.0] * places.ndim, list(places.shape)
    if sizes is not None and constant(node, sizes).size:
        if _text(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
            raise node.refuse("it keeps an aspect ratio", "export it with explicit sizes")
        for axis, size in zip(given, constant(node, sizes).tolist(), strict=True):
            lengths[axis], factors[axis] = int(size), size / places.shape[axis]
    else:
        for axis, factor in zip(given, constant(node, scales).astype(np.float32).tolist(), strict=True):
            lengths[axis], factors[axis] = math.floor(places.shape[axis] * factor), factor
    if math.prod(lengths) > MAXIMUM_ELEMENTS:
        raise node.refuse(f"its result of {dims_text(lengths)} is too large", "use a smaller model")
    for axis, (length, factor) in enumerate(zip(lengths, factors, strict=True)):
        places = places.take(_nearest(node, places.shape[axis], length, np.float32(factor)), axis)
    return _part(assembly, node, source, places, node.outputs[0])


def _nearest(node: Node, size: int, length: int, scale: np.float32) -> Places:
    """For each of `length` positions the index of the input element, of `size`, that is nearest."""
    if length == size and scale == 1:
        return np.arange(size)
    one, half = np.float32(1), np.float32(0.5)
    x = np.arange(length).astype(np.float32)
    transformation = _text(node, "coordinate_transformation_mode", "half_pixel")
    match transformation:
        case "half_pixel":
            x = (x + half) / scale - half
        case "pytorch_half_pixel":
            x = (x + half) / scale - half if length > 1 else np.zeros_like(x)
        case "asymmetric":
            x = x / scale
        case "align_corners":
            x = x * np.float32(size - 1) / np.float32(length - 1) if length > 1 else np.zeros_like(x)
        case "tf_half_pixel_for_nn":
            x = (x + half) / scale
        case _:
            raise node.refuse(f"its coordinates are {transformation}", "use asymmetric or half_pixel")
    rounding = _text(node, "nearest_mode", "round_prefer_floor")
    match rounding:
        case "round_prefer_floor":
            x = np.ceil(x - half)
        case "round_prefer_ceil":
            x = np.floor(x + half)
        case "floor":
            x = np.floor(x)
        case "ceil":
            x = np.ceil(x)
        case _:
            raise node.refuse(f"its nearest_mode is {rounding}", "use floor")
    return np.clip(x, 0, one * (size - 1)).astype(np.int64)


def _text(node: Node, key: str, default: str) -> str:
    value = node.attributes.get(key, default)
    return value.decode() if isinstance(value, bytes) else str(value)


def _integers_or_reals(node: Node, value: Value) -> Stored:
    if isinstance(value, Stored):
        return value
    raise node.refuse("its operand is not quantised", "put QuantizeLinear and DequantizeLinear before it")


def _part(assembly: Assembly, node: Node, source: Stored, places: Places, name: str) -> Stored:
    """The elements of a tensor at `places`, in the model's dimensions, as the new tensor `name`: a Slice if they are a
    box in memory, else a Gather."""
    if places.size == 0:
        raise node.refuse("its result is empty", "correct the model")
    shape = assembly.shape(source).as_tuple()
    indices = np.unravel_index(places, shape)
    start = (int(indices[0].min()), int(indices[1].min()), int(indices[2].min()))
    sizes = tuple(int(indices[axis].max()) - start[axis] + 1 for axis in range(3))
    inner = np.ravel_multi_index(tuple(indices[axis] - start[axis] for axis in range(3)), sizes)
    if np.array_equal(np.sort(inner.ravel()), np.arange(math.prod(sizes))):
        operator = Slice(assembly.unique_name(f"{node.name}/{name}"), (source.tensor,), name, start)
        assembly.add(operator, Shape(*sizes), assembly.quant(source.tensor))
        return Stored(inner, name, source.real)
    moved = None
    if places.ndim == 4 and places.shape[0] == 1:
        moved = assembly.gathered(source, places[0].transpose(1, 2, 0), name)
    if moved is None:
        moved = assembly.gathered(source, places.reshape(1, 1, -1), name)
        assert moved is not None, "any elements are channels of one pixel"
        return Stored(np.arange(places.size).reshape(places.shape), moved.tensor, source.real)
    return moved
