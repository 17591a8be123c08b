"""Quantisation parameters, fused activations and weights of the file, moved to int8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.core.arithmetic import UNSIGNED_OFFSET
from planner.data.graph import INT8_MAX, INT8_MIN, Clamp, Float32Array, Int8Array, QuantParams
from planner.errors import ModelError
from planner.frontend.tflite.model_file import Activation, FileTensor, Node

_REMEDY = "convert it with full integer quantisation (int8 activations and a representative data set)"

_SCALES = (2.0**-60, 2.0**60)
"""Range of scales whose products and quotients stay finite in float32."""

_ACTIVATION_BOUNDS = {
    Activation.RELU: (0.0, np.inf),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}


@dataclass(frozen=True, eq=False)
class Weights:
    """int8 weights in the file's dimensions, one float32 scale per output channel, one zero point."""

    values: Int8Array
    scales: Float32Array
    zero_point: int


def activation_quant(tensor: FileTensor) -> QuantParams:
    """Parameters of an activation. Raises ModelError if it is not int8 or uint8 with one scale and zero point."""
    if tensor.dtype not in (np.int8, np.uint8) or tensor.scales.size != 1:
        raise ModelError(f"tensor {tensor.name} is {tensor.type_name} and not quantised to 8 bits; {_REMEDY}")
    scale = float(tensor.scales[0])
    zero_point = int(tensor.zero_points[0]) if tensor.zero_points.size else 0
    if not _SCALES[0] <= scale <= _SCALES[1]:
        raise ModelError(f"tensor {tensor.name} has the scale {scale}; {_REMEDY}")
    try:
        return QuantParams(scale, zero_point - _offset(tensor))
    except ValueError as error:
        raise ModelError(f"tensor {tensor.name}: {error}") from error


def weights_of(node: Node, tensor: FileTensor, values: NDArray[np.generic], channels: int, axis: int) -> Weights:
    """Weights from their integers `values`, with `channels` output channels along `axis`."""
    if tensor.dtype not in (np.int8, np.uint8) or not tensor.scales.size:
        raise node.refuse(f"its weights are {tensor.type_name}, not quantised to 8 bits", _REMEDY)
    if tensor.scales.size > 1 and (tensor.scales.size != channels or tensor.quantised_axis != axis):
        raise node.refuse(
            f"its weights have {tensor.scales.size} scales along axis {tensor.quantised_axis}",
            f"give one scale, or {channels} along axis {axis}",
        )
    if not ((tensor.scales >= 0) & (tensor.scales <= _SCALES[1])).all():
        raise node.refuse("a scale of its weights is negative or not finite", "convert the model again")
    zero_points = tensor.zero_points - _offset(tensor) if tensor.zero_points.size else np.zeros(1, np.int64)
    if zero_points.min() != zero_points.max() or not INT8_MIN <= zero_points[0] <= INT8_MAX:
        raise node.refuse("its weights have several zero points", "quantise weights symmetrically")
    if tensor.dtype == np.uint8:
        values = values.astype(np.int16) - UNSIGNED_OFFSET
    return Weights(
        values.astype(np.int8, copy=False),
        np.broadcast_to(tensor.scales, channels).astype(np.float32),
        int(zero_points[0]),
    )


def fused_clamp(node: Node, quant: QuantParams) -> Clamp:
    """The range that the node's fused activation leaves of its output."""
    try:
        activation = Activation(int(node.options["FusedActivationFunction"]))
    except ValueError as error:
        raise node.refuse(f"{error}", "convert the model again") from error
    if activation is Activation.NONE:
        return Clamp()
    if activation not in _ACTIVATION_BOUNDS:
        raise node.refuse(f"the fused activation {activation.name} is not supported", "use a ReLU")
    lower, upper = (quantised_bound(bound, quant) for bound in _ACTIVATION_BOUNDS[activation])
    return Clamp(lower, upper)


def quantised_bound(bound: float, quant: QuantParams) -> int:
    """int8 level of a real bound: float32 quotient, half away from zero, saturated."""
    quotient = float(np.float32(bound) / np.float32(quant.scale))
    level = np.copysign(np.floor(abs(quotient) + 0.5), quotient) + quant.zero_point
    return int(np.clip(level, INT8_MIN, INT8_MAX))


def _offset(tensor: FileTensor) -> int:
    return UNSIGNED_OFFSET if tensor.dtype == np.uint8 else 0
