"""Parts of tensors: of activations as Slices, of shapes while the model is read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from planner.data.graph import Shape, Slice
from planner.frontend.tflite.assembly import Assembly, Folded, Stored
from planner.frontend.tflite.model_file import Node

_MAXIMUM_FOLDED = 64
"""Integers in a folded value: shapes are short."""

_Indices = NDArray[np.int64]
_Span = tuple[int, int]


def split(assembly: Assembly, node: Node) -> tuple[Stored, ...]:
    """SPLIT into equal parts along one axis."""
    source = assembly.activation(node, 1)
    axis, parts = int(assembly.integers(node, 0).item()), len(node.outputs)
    if source.dims[axis] % parts:
        raise node.refuse(f"{parts} parts of {list(source.dims)} are not equal", "convert the model again")
    return _parts(assembly, node, source, axis, [source.dims[axis] // parts] * parts)


def split_by_sizes(assembly: Assembly, node: Node) -> tuple[Stored, ...]:
    """SPLIT_V into parts of given sizes along one axis; one of them may be -1, the rest."""
    source = assembly.activation(node, 0)
    axis = int(assembly.integers(node, 2).item())
    sizes = [int(size) for size in assembly.integers(node, 1)]
    rest = source.dims[axis] - sum(size for size in sizes if size >= 0)
    sizes = [rest if size < 0 else size for size in sizes]
    if sum(sizes) != source.dims[axis] or min(sizes) < 1:
        raise node.refuse(f"{list(source.dims)} has no parts of {sizes}", "convert the model again")
    return _parts(assembly, node, source, axis, sizes)


def slice_box(assembly: Assembly, node: Node) -> Stored:
    """SLICE: a box by its first indices and its sizes; a size of -1 reaches to the end."""
    source = assembly.activation(node)
    begin, size = (assembly.integers(node, place).tolist() for place in (1, 2))
    spans = [
        (first, length if count == -1 else first + count)
        for first, count, length in zip(begin, size, source.dims, strict=True)
    ]
    return _box(assembly, node, source, spans)


def strided_slice(assembly: Assembly, node: Node) -> Stored | Folded:
    """STRIDED_SLICE: of a shape, or with strides of 1 of an activation."""
    for mask in ("EllipsisMask", "NewAxisMask"):
        if node.options[mask]:
            raise node.refuse("ellipsis and new axes are not supported", "convert the model again")
    begin, end, stride = (assembly.integers(node, place) for place in (1, 2, 3))
    if not isinstance(assembly.value(node, 0), Stored):
        return _folded_slice(assembly, node, begin, end, stride)
    source = assembly.activation(node)
    begin_mask, end_mask = (int(node.options[name]) for name in ("BeginMask", "EndMask"))
    if node.options["ShrinkAxisMask"] or np.any(stride != 1):
        return _strided(assembly, node, source, begin.tolist(), end.tolist(), stride.tolist())
    spans = []
    for axis, (first, last, length) in enumerate(zip(begin.tolist(), end.tolist(), source.dims, strict=True)):
        chosen = slice(None if begin_mask >> axis & 1 else first, None if end_mask >> axis & 1 else last)
        spans.append(chosen.indices(length)[:2])
    return _box(assembly, node, source, spans)


def _strided(
    assembly: Assembly, node: Node, source: Stored, begin: list[int], end: list[int], stride: list[int]
) -> Stored:
    """With steps, also backwards, and with axes of which one index is taken."""
    masks = [int(node.options[name]) for name in ("BeginMask", "EndMask", "ShrinkAxisMask")]
    indices: list[int | slice] = []
    for axis, (first, last, step) in enumerate(zip(begin, end, stride, strict=True)):
        no_first, no_last, shrinks = (mask >> axis & 1 for mask in masks)
        part = slice(None if no_first else first, None if no_last else last, step)
        indices.append(first if shrinks else part)
    places = np.arange(int(np.prod(source.dims))).reshape(source.dims)[tuple(indices)]
    return assembly.gathered(node, source, places.reshape(assembly.result(node).dims))


def _folded_slice(assembly: Assembly, node: Node, begin: _Indices, end: _Indices, stride: _Indices) -> Folded:
    values = assembly.integers(node, 0)
    if values.ndim != 1 or values.size > _MAXIMUM_FOLDED or {begin.size, end.size, stride.size} != {1} or not stride[0]:
        raise node.refuse("it slices neither a shape nor an activation", "convert the model again")
    first = None if node.options["BeginMask"] else int(begin[0])
    if node.options["ShrinkAxisMask"]:
        if first is None or not -values.size <= first < values.size:
            raise node.refuse(f"index {first} lies outside of {values.size} values", "convert the model again")
        return Folded(values[first])
    last = None if node.options["EndMask"] else int(end[0])
    return Folded(values[first : last : int(stride[0])])


def _parts(assembly: Assembly, node: Node, source: Stored, axis: int, sizes: Sequence[int]) -> tuple[Stored, ...]:
    """One Slice for each output."""
    if len(sizes) != len(node.outputs):
        raise node.refuse(f"it has {len(node.outputs)} outputs, but {len(sizes)} parts", "convert the model again")
    results = []
    for place, span in enumerate(pairwise(accumulate(sizes, initial=0))):
        spans: list[_Span] = [(0, length) for length in source.dims]
        spans[axis] = span
        results.append(_box(assembly, node, source, spans, place))
    return tuple(results)


def _box(assembly: Assembly, node: Node, source: Stored, spans: Sequence[_Span], place: int = 0) -> Stored:
    """The Slice from `source` to output `place`, with the indices [first, last) of each of its dimensions."""
    source, shape = assembly.plane(node, source)
    assembly.require_same_quant(node, source, place)
    planes = [(0, 1)] * (4 - len(spans)) + list(spans)
    for (first, last), length in zip(planes, (1, *shape.as_tuple()), strict=True):
        if not 0 <= first < last <= length:
            raise node.refuse(f"its part {spans} of {list(source.dims)} is empty or outside", "convert the model again")
    _, rows, columns, channels = planes
    start = (rows[0], columns[0], channels[0])
    output = Shape(rows[1] - rows[0], columns[1] - columns[0], channels[1] - channels[0])
    name = f"{node.name}_{place}" if place else node.name
    return assembly.add(node, Slice(name, (source.tensor,), assembly.result(node, place).name, start), output, place)
