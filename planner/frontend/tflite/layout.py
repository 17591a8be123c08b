"""Views, paddings and concatenations, and the integer operators that compute shapes while the model is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.data.graph import Concat, Pad, Padding, Shape
from planner.frontend.tflite.assembly import Assembly, Folded, HostResult, Stored
from planner.frontend.tflite.model_file import Node


def reshape(assembly: Assembly, node: Node) -> Stored | HostResult:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the same elements in the same order, in the dimensions that the file says."""
    value, tensor = assembly.value(node, 0), assembly.result(node)
    if not isinstance(value, Stored | HostResult):
        value = assembly.activation(node)
    if int(np.prod(value.dims)) != tensor.elements:
        raise node.refuse(f"{list(value.dims)} cannot become {list(tensor.dims)}", "convert the model again")
    if isinstance(value, HostResult):
        return replace(value, dims=tensor.dims)
    assembly.require_same_quant(node, value)
    return Stored(value.tensor, tensor.dims)


def pad(assembly: Assembly, node: Node) -> Stored:
    """PAD with the zero point, PADV2 with a constant; rows and columns only."""
    source = assembly.activation(node)
    source, shape = assembly.plane(node, source)
    assembly.require_same_quant(node, source)
    widths = assembly.integers(node, 1)
    if widths.shape != (len(source.dims), 2) or widths.min() < 0 or widths.max() > np.iinfo(np.int16).max:
        raise node.refuse(f"its paddings {widths.tolist()} are malformed", "convert the model again")
    (batch, rows, columns, channels) = [(0, 0)] * (4 - len(widths)) + [tuple(map(int, pair)) for pair in widths]
    if any((*batch, *channels)):
        raise node.refuse("it pads the batch or the channels", "pad rows and columns only")
    value = assembly.quant(source).zero_point
    if node.op == "PADV2":
        constant = assembly.constant(node, 2)
        if constant.size != 1 or constant.dtype != np.int8:
            raise node.refuse("its padding value is not one int8", "convert the model again")
        value = int(constant.ravel()[0])
    padding = Padding(rows[0], columns[0], rows[1], columns[1])
    output = Shape(shape.height + sum(rows), shape.width + sum(columns), shape.channels)
    return assembly.add(node, Pad(node.name, (source.tensor,), assembly.result(node).name, padding, value), output)


def concatenation(assembly: Assembly, node: Node) -> Stored:
    """CONCATENATION along the channels; along other axes, of tensors of one pixel each, whose channels are joined."""
    sources = [assembly.activation(node, place) for place in range(max(1, len(node.inputs)))]
    if node.options["FusedActivationFunction"]:
        raise node.refuse("it has a fused activation", "convert the model again")
    for source in sources:
        assembly.require_same_quant(node, source)
    rank, axis = len(sources[0].dims), int(node.options["Axis"])
    if axis % rank != rank - 1:
        return _joined(assembly, node, sources, axis % rank)
    operands = [assembly.plane(node, source) for source in sources]
    sources, shapes = [source for source, _ in operands], [shape for _, shape in operands]
    if len({(shape.height, shape.width) for shape in shapes}) > 1:
        raise node.refuse(
            f"it concatenates {' and '.join(str(list(source.dims)) for source in sources)} along axis {axis}",
            "concatenate tensors that agree in all other dimensions",
        )
    output = Shape(shapes[0].height, shapes[0].width, sum(shape.channels for shape in shapes))
    names = tuple(source.tensor for source in sources)
    return assembly.add(node, Concat(node.name, names, assembly.result(node).name), output)


def _joined(assembly: Assembly, node: Node, sources: list[Stored], axis: int) -> Stored:
    """Tensors along any axis: all elements one tensor after the other, then in order if they are not yet."""
    sizes = [int(np.prod(source.dims)) for source in sources]
    starts = np.cumsum([0, *sizes[:-1]])
    parts = [
        np.arange(size).reshape(source.dims) + start for size, source, start in zip(sizes, sources, starts, strict=True)
    ]
    places = np.concatenate(parts, axis)
    flat = [assembly.reshaped(source, Shape(1, 1, size)) for source, size in zip(sources, sizes, strict=True)]
    tensor, total = assembly.result(node), Shape(1, 1, places.size)
    names = tuple(source.tensor for source in flat)
    if np.array_equal(places.ravel(), np.arange(places.size)) and places.shape == tensor.dims:
        return assembly.add_as(node, Concat(node.name, names, tensor.name), total)
    joined = assembly.add_inner(node, Concat(f"{node.name}/joined", names, f"{tensor.name}/joined"), total)
    return assembly.gathered(node, joined, places)


def transpose(assembly: Assembly, node: Node) -> Stored:
    """TRANSPOSE by constant axes."""
    source = assembly.activation(node)
    axes = assembly.integers(node, 1).tolist()
    return assembly.gathered(node, source, _places(source).transpose(axes))


def resize_nearest(assembly: Assembly, node: Node) -> Stored:
    """RESIZE_NEAREST_NEIGHBOR."""
    source = assembly.activation(node)
    _, rows, columns, _ = source.dims
    height, width = assembly.integers(node, 1).tolist()
    if (1, height, width, source.dims[3]) != assembly.result(node).dims:
        raise node.refuse(f"its size {height}x{width} is not that of its output", "convert the model again")
    places = _places(source).take(_nearest(node, rows, height), 1).take(_nearest(node, columns, width), 2)
    return assembly.gathered(node, source, places)


def _nearest(node: Node, size: int, length: int) -> NDArray[np.int64]:
    """For each of `length` positions the nearest input element, as TFLite Micro finds it, in float32."""
    corners, centres = bool(node.options["AlignCorners"]), bool(node.options["HalfPixelCenters"])
    spans = (size - 1, length - 1) if corners and length > 1 else (size, length)
    scale = np.float32(spans[0]) / np.float32(spans[1])
    places = (np.arange(length).astype(np.float32) + np.float32(0.5 if centres else 0)) * scale
    indices = np.floor(places + np.float32(0.5)) if corners else np.floor(places)
    return np.asarray(np.minimum(indices, size - 1), np.int64)


def depth_to_space(assembly: Assembly, node: Node) -> Stored:
    """DEPTH_TO_SPACE."""
    source, size = assembly.activation(node), int(node.options["BlockSize"])
    batch, rows, columns, channels = source.dims
    parts = _places(source).reshape(batch, rows, columns, size, size, -1).transpose(0, 1, 3, 2, 4, 5)
    return assembly.gathered(node, source, parts.reshape(batch, rows * size, columns * size, channels // size**2))


def space_to_depth(assembly: Assembly, node: Node) -> Stored:
    """SPACE_TO_DEPTH."""
    source, size = assembly.activation(node), int(node.options["BlockSize"])
    batch, rows, columns, channels = source.dims
    parts = _places(source).reshape(batch, rows // size, size, columns // size, size, channels)
    parts = parts.transpose(0, 1, 3, 2, 4, 5)
    return assembly.gathered(node, source, parts.reshape(batch, rows // size, columns // size, channels * size**2))


def _places(source: Stored) -> NDArray[np.int64]:
    return np.arange(int(np.prod(source.dims))).reshape(source.dims)


def shape_of(assembly: Assembly, node: Node) -> Folded:
    """SHAPE: known while reading."""
    tensor = assembly.operand(node, 0)
    if tensor is None:
        raise node.refuse("it has no operand", "convert the model again")
    value = assembly.value(node, 0)
    return Folded(np.array(getattr(value, "dims", tensor.dims), np.int64))


def pack(assembly: Assembly, node: Node) -> Folded:
    """PACK of folded scalars."""
    parts = [assembly.integers(node, place) for place in range(len(node.inputs))]
    if not parts or any(part.size != 1 for part in parts):
        raise node.refuse("it does not pack the dimensions of a shape", "only shapes are supported")
    return Folded(np.array([int(part.ravel()[0]) for part in parts], np.int64))
