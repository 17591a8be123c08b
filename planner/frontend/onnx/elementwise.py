"""Clips, unary functions, arithmetic with a constant number, softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.data.graph import HostStepKind
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Node
from planner.frontend.onnx.operands import constant, stored
from planner.frontend.onnx.values import (
    Activation,
    Draft,
    Elementwise,
    HostResult,
    RealFunction,
    Stored,
    Value,
    dims_text,
)

RealOfNode = Callable[[Node, NDArray[np.float32]], NDArray[np.float32]]


def subtract(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    return with_scalar(node, np.subtract, first, second)


def divide(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    return with_scalar(node, np.divide, first, second)


def relu(assembly: Assembly, node: Node, x: Value) -> Value:
    return _clipped(node, x, 0.0, math.inf)


def clip(assembly: Assembly, node: Node, x: Value, lower: Value | None = None, upper: Value | None = None) -> Value:
    low, high = (
        default if bound is None else float(constant(node, bound).reshape(-1)[0])
        for bound, default in ((lower, -math.inf), (upper, math.inf))
    )
    return _clipped(node, x, low, high)


def softmax(assembly: Assembly, node: Node, x: Value) -> Value:
    source = stored(node, x)
    places = assembly.places(source)
    channels = assembly.shape(source).channels
    axis = int(node.attributes.get("axis", -1))
    rows = np.moveaxis(places, axis, -1).reshape(-1, places.shape[axis])
    if rows.shape[1] != channels or np.any(rows % channels != np.arange(channels)):
        raise node.refuse(f"it runs over axis {axis} of {dims_text(places.shape)}", "use it over the channels")
    return HostResult(places, source.tensor, (HostStepKind.DEQUANTISE, HostStepKind.SOFTMAX))


def unary(assembly: Assembly, node: Node, x: Value) -> Value:
    function = UNARY[node.op]
    return _elementwise(node, x, lambda reals: function(node, reals))


def _sigmoid(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _hard_sigmoid(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    alpha, beta = (np.float32(node.attributes.get(key, value)) for key, value in (("alpha", 0.2), ("beta", 0.5)))
    return np.asarray(np.clip(alpha * x + beta, np.float32(0), np.float32(1)))


def _hard_swish(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(x * np.clip(x * np.float32(1 / 6) + np.float32(0.5), np.float32(0), np.float32(1)))


def _leaky_relu(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(x >= 0, x, x * np.float32(node.attributes.get("alpha", 0.01)))


def _elu(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(x >= 0, x, np.float32(node.attributes.get("alpha", 1.0)) * np.expm1(x))


def _clipped(node: Node, x: Value, lower: float, upper: float) -> Value:
    if isinstance(x, Draft):
        return x.clipped(lower, upper)
    return _elementwise(node, x, lambda reals: np.clip(reals, np.float32(lower), np.float32(upper)))


def _elementwise(node: Node, x: Value, function: RealFunction) -> Elementwise:
    match x:
        case Stored(real=True):
            return Elementwise(x.places, x.tensor, function)
        case Elementwise():
            inner = x.function
            return Elementwise(x.places, x.tensor, lambda reals: function(inner(reals)))
    raise node.refuse(
        "its operand is not quantised", "put QuantizeLinear and DequantizeLinear between it and the operator before"
    )


def with_scalar(node: Node, function: Callable[[Any, Any], Any], first: Value, second: Value) -> Value:
    """A binary operation on an activation and a constant number: an elementwise function of the activation."""
    if isinstance(first, Activation) and isinstance(second, Activation):
        raise node.refuse("it joins two activations", "only Add and Mul do that")
    value, other = (first, second) if isinstance(first, Activation) else (second, first)
    number = constant(node, other)
    if number.size != 1:
        raise node.refuse(
            f"its constant operand has {number.size} values",
            "fold it into the convolution or Gemm before it (only scalars are supported)",
        )
    scalar = np.float32(number.reshape(-1)[0])
    if value is first:
        return _elementwise(node, value, lambda reals: function(reals, scalar))
    return _elementwise(node, value, lambda reals: function(scalar, reals))


UNARY: dict[str, RealOfNode] = {
    "Sigmoid": _sigmoid,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "LeakyRelu": _leaky_relu,
    "Elu": _elu,
    "Tanh": lambda node, x: np.tanh(x),
    "Neg": lambda node, x: -x,
    "Abs": lambda node, x: np.abs(x),
}
"""Functions of one real number, by operator name; the node gives their constants."""
