"""Views, paddings and concatenations, and the integer operators that compute shapes while the model is read."""

from __future__ import annotations

import numpy as np

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
        return HostResult(value.tensor, tensor.dims, value.steps)
    assembly.require_same_quant(node, value)
    return Stored(value.tensor, tensor.dims)


def pad(assembly: Assembly, node: Node) -> Stored:
    """PAD with the zero point, PADV2 with a constant; rows and columns only."""
    source = assembly.activation(node)
    shape = assembly.plane(node, source)
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
    """CONCATENATION along the channels."""
    sources = [assembly.activation(node, place) for place in range(max(1, len(node.inputs)))]
    shapes = [assembly.plane(node, source) for source in sources]
    rank, axis = len(sources[0].dims), int(node.options["Axis"])
    if axis not in (rank - 1, -1) or len({(shape.height, shape.width) for shape in shapes}) > 1:
        raise node.refuse(
            f"it concatenates {' and '.join(str(list(source.dims)) for source in sources)} along axis {axis}",
            "concatenate tensors of one height and width along the channels",
        )
    if node.options["FusedActivationFunction"]:
        raise node.refuse("it has a fused activation", "convert the model again")
    for source in sources:
        assembly.require_same_quant(node, source)
    output = Shape(shapes[0].height, shapes[0].width, sum(shape.channels for shape in shapes))
    names = tuple(source.tensor for source in sources)
    return assembly.add(node, Concat(node.name, names, assembly.result(node).name), output)


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
