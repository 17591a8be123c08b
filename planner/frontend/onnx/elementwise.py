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
from planner.frontend.onnx.operands import constant, per_channel, stored
from planner.frontend.onnx.values import (
    Activation,
    Draft,
    Elementwise,
    HostResult,
    Places,
    RealFunction,
    Stored,
    Value,
    dims_text,
)

RealBinary = Callable[[Any, Any], Any]
RealOfNode = Callable[[Node, NDArray[np.float32]], NDArray[np.float32]]


def subtract(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    return with_constant(assembly, node, np.subtract, first, second)


def divide(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    return with_constant(assembly, node, np.divide, first, second)


def relu(assembly: Assembly, node: Node, x: Value) -> Value:
    return _clipped(node, x, 0.0, math.inf)


def clip(assembly: Assembly, node: Node, x: Value, lower: Value | None = None, upper: Value | None = None) -> Value:
    low, high = (
        default if bound is None else float(constant(node, bound).reshape(-1)[0])
        for bound, default in ((lower, -math.inf), (upper, math.inf))
    )
    return _clipped(node, x, low, high)


def prelu(assembly: Assembly, node: Node, x: Value, slope: Value) -> Value:
    return with_constant(assembly, node, lambda reals, slopes: np.where(reals < 0, reals * slopes, reals), x, slope)


def softmax(assembly: Assembly, node: Node, x: Value) -> Value:
    source = stored(node, x)
    places = assembly.places(source)
    axis = int(node.attributes.get("axis", -1))
    if axis in (-1, places.ndim - 1) and not _lies_together(places, -1):
        source = assembly.flat(source)
        places = source.places
    group = places.shape[axis]
    if not _lies_together(places, axis):
        raise node.refuse(
            f"it runs over axis {axis} of {dims_text(places.shape)}, which does not lie together in memory",
            "use it over the channels or the last axis",
        )
    return HostResult(places, source.tensor, (HostStepKind.DEQUANTISE, HostStepKind.SOFTMAX), group=group)


def _lies_together(places: Places, axis: int) -> bool:
    """Whether the elements along an axis are consecutive in memory, from a multiple of their number on."""
    rows = np.moveaxis(places, axis, -1).reshape(-1, places.shape[axis])
    first = rows[:, :1]
    return bool(np.all(first % rows.shape[1] == 0) and np.all(rows == first + np.arange(rows.shape[1])))


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


def with_constant(assembly: Assembly, node: Node, function: RealBinary, first: Value, second: Value) -> Elementwise:
    """A binary operation on an activation and a constant, one number or one for each channel, in float32."""
    if isinstance(first, Activation) and isinstance(second, Activation):
        raise node.refuse("it joins two activations, and ONNX Runtime does so in float", "only Add and Mul do that")
    value, other = (first, second) if isinstance(first, Activation) else (second, first)
    known = _elementwise(node, value, lambda reals: reals)
    numbers = per_channel(assembly, known, constant(node, other).astype(np.float32))
    if numbers is None:
        raise node.refuse("its constant operand differs within a channel", "give one number, or one for each channel")
    operand = numbers[0] if numbers.size == 1 else numbers[:, None]
    if value is first:
        return _elementwise(node, value, lambda reals: function(reals, operand))
    return _elementwise(node, value, lambda reals: function(operand, reals))


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
