"""What handlers demand of their operands, with the refusal if it is not so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.data.graph import Shape
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Array, Node
from planner.frontend.onnx.values import Elementwise, QuantisedConstant, Stored, Value, dims_text


def stored(node: Node, value: Value | None) -> Stored:
    """The operand as a dequantised tensor, or a refusal."""
    if isinstance(value, Stored) and value.real:
        return value
    raise node.refuse(
        "its operand is not quantised",
        "quantise the whole model (planner quantize, or onnxruntime's quantize_static)",
    )


def plane(assembly: Assembly, node: Node, value: Stored) -> tuple[Stored, Shape]:
    """The operand and its shape, laid out in memory as the plane that the model sees: [1, channels, height, width]."""
    shape = assembly.plane(value)
    if shape is not None:
        return value, shape
    places = assembly.places(value)
    moved = None
    if places.ndim == 4 and places.shape[0] == 1:
        moved = assembly.gathered(value, places[0].transpose(1, 2, 0), assembly.unique_tensor(value.tensor))
    if moved is None:
        raise node.refuse(
            f"its operand ({dims_text(value.dims)}) is a view that cannot be laid out as [1, channels, height, width]",
            "export the model channels first, without Reshape or Transpose before this node",
        )
    return moved, assembly.shape(moved)


def aligned(assembly: Assembly, value: Stored, like: Stored) -> Stored | None:
    """The value laid out in memory as `like` is; None if their shapes in the model differ, or no Gather does it."""
    places, wanted = assembly.places(value), assembly.places(like)
    shape = assembly.shape(like)
    if places.shape != wanted.shape:
        return None
    if shape == assembly.shape(value) and np.array_equal(places, wanted):
        return value
    by_memory = np.empty(shape.elements, np.int64)
    by_memory[wanted.ravel()] = places.ravel()
    moved = assembly.gathered(value, by_memory.reshape(shape.as_tuple()), assembly.unique_tensor(value.tensor))
    return None if moved is None else replace(moved, places=wanted)


def per_channel(assembly: Assembly, value: Stored | Elementwise, constant: Array) -> Array | None:
    """The constant [1] if it is one number, or [channels] in memory; None if it differs within a channel.

    Raises ValueError if it cannot be broadcast to the value's dimensions.
    """
    if constant.size == 1:
        return constant.reshape(1)
    places = assembly.places(value)
    shape = assembly.tensors[value.tensor].shape
    memory = np.empty(shape.elements, constant.dtype)
    memory[places.ravel()] = np.broadcast_to(constant, places.shape).ravel()
    pixels = memory.reshape(-1, shape.channels)
    return pixels[0] if np.all(pixels == pixels[0]) else None


def constant(node: Node, value: Value | None) -> Array:
    """The operand's values, known while reading."""
    if isinstance(value, QuantisedConstant):
        return value.real()
    if isinstance(value, np.ndarray):
        return value
    raise node.refuse("one of its operands must be constant", "store it as an initialiser")
