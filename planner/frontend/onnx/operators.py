"""The ONNX operators that can be read: handlers from operands to a value, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planner.frontend.onnx import elementwise, joining, layout, linear, pooling, slicing
from planner.frontend.onnx.values import Value

Handler = Callable[..., Value | tuple[Value, ...]]

HANDLERS: dict[str, Handler] = {
    "Conv": linear.conv,
    "Gemm": linear.gemm,
    "MatMul": linear.matmul,
    "Add": joining.add,
    "Sub": elementwise.subtract,
    "Mul": joining.multiply,
    "Div": elementwise.divide,
    "MaxPool": pooling.maximum_pool,
    "GlobalMaxPool": pooling.global_maximum_pool,
    "AveragePool": pooling.average_pool,
    "GlobalAveragePool": pooling.global_average_pool,
    "ReduceMean": pooling.reduce_mean,
    "Concat": joining.concat,
    "Pad": joining.pad,
    "Relu": elementwise.relu,
    "Clip": elementwise.clip,
    "Softmax": elementwise.softmax,
    "Identity": layout.identity,
    "Dropout": layout.identity,
    "Reshape": layout.reshape,
    "Flatten": layout.flatten,
    "Transpose": layout.transpose,
    "Squeeze": layout.squeeze,
    "Unsqueeze": layout.unsqueeze,
    "Shape": layout.shape_of,
    "Slice": slicing.slice_box,
    "Resize": slicing.resize,
    "DepthToSpace": layout.depth_to_space,
    "SpaceToDepth": layout.space_to_depth,
    "PRelu": elementwise.prelu,
    "Split": slicing.split,
    **dict.fromkeys(elementwise.UNARY, elementwise.unary),
}
"""Called with the assembly, the node and its operands (None where absent)."""

INTEGER_OPERATORS = frozenset({"MaxPool", "GlobalMaxPool", "Pad", "Concat"})
"""Operators that also work on integers, whose output has the quantisation of their input."""
PARTS = frozenset({"Slice", "Split", "Resize"})
"""Operators whose result is a part of a tensor, be it seen as integers or as reals."""


def supported() -> Sequence[str]:
    """Names of the operators that can be read, besides QuantizeLinear, DequantizeLinear and QOperator forms."""
    return sorted(HANDLERS)
