"""What handlers demand of their operands, with the refusal if it is not so."""

from __future__ import annotations

import numpy as np

from planner.data.graph import Shape
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Array, Node
from planner.frontend.onnx.values import QuantisedConstant, Stored, Value, dims_text


def stored(node: Node, value: Value | None) -> Stored:
    """The operand as a dequantised tensor, or a refusal."""
    if isinstance(value, Stored) and value.real:
        return value
    raise node.refuse(
        "its operand is not quantised",
        "quantise the whole model (planner quantize, or onnxruntime's quantize_static)",
    )


def plane(assembly: Assembly, node: Node, value: Stored) -> Shape:
    """The operand's shape, which the model must see as [1, channels, height, width]."""
    shape = assembly.plane(value)
    if shape is None:
        raise node.refuse(
            f"its operand ({dims_text(value.dims)}) is a reshaped or transposed view that is not NCHW",
            "export the model channels first, without Reshape or Transpose before this node",
        )
    return shape


def constant(node: Node, value: Value | None) -> Array:
    """The operand's values, known while reading."""
    if isinstance(value, QuantisedConstant):
        return value.real()
    if isinstance(value, np.ndarray):
        return value
    raise node.refuse("one of its operands must be constant", "store it as an initialiser")
