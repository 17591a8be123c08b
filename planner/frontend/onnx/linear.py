"""Convolutions and matrix products: weights, biases and layouts brought to `Conv`'s form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.data.graph import INT8_MAX, INT8_MIN, Clamp, Conv, Int8Array, Int32Array, Shape, Window
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Array, Node
from planner.frontend.onnx.operands import plane, stored
from planner.frontend.onnx.values import (
    Draft,
    FileQuant,
    OperatorSink,
    Places,
    QuantisedConstant,
    Stored,
    Value,
    dims_text,
    plane_places,
)
from planner.frontend.onnx.windows import window_of

_BIAS_SCALE_TOLERANCE = 1e-4
"""Relative difference up to which a bias' own scale counts as input scale x weight scale."""


@dataclass(frozen=True, eq=False)
class _Weights:
    """int8 weights, output channels first, the rest in the order of the file; one zero point."""

    values: Int8Array
    zero_point: int
    scales: NDArray[np.float32]


def conv(assembly: Assembly, node: Node, x: Value, w: Value, bias: Value | None = None) -> Draft:
    source = stored(node, x)
    weights = _weights(node, w, 0)
    if weights.values.ndim != 4:
        raise node.refuse(
            f"its weights have {weights.values.ndim} dimensions; only two-dimensional convolutions are supported",
            "give a one-dimensional convolution a height of 1",
        )
    if weights.values.shape[2:] == (1, 1) and source.dims[2:] == (1, 1) and node.attributes.get("group", 1) == 1:
        places = np.arange(len(weights.values)).reshape(1, -1, 1, 1)
        return _fully_connected(assembly, node, source, weights, bias, places)
    source, shape = plane(assembly, node, source)
    groups = int(node.attributes.get("group", 1))
    outputs, depth = weights.values.shape[:2]
    if groups < 1 or depth * groups != shape.channels or outputs % groups:
        raise node.refuse(
            f"{outputs}x{depth} weights do not fit {shape.channels} channels in {groups} groups", "correct the model"
        )
    window = window_of(node, weights.values.shape[2:], (shape.height, shape.width))
    arranged = weights.values.transpose(0, 2, 3, 1)
    return _draft(assembly, node, source, weights, arranged, bias, window, groups)


def gemm(assembly: Assembly, node: Node, x: Value, w: Value, bias: Value | None = None) -> Draft:
    attributes = node.attributes
    if attributes.get("transA", 0) or attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0:
        raise node.refuse(
            "transA, alpha and beta other than 0, 1 and 1 are not supported", "fold them into the weights"
        )
    source = stored(node, x)
    weights = _weights(node, w, 0 if attributes.get("transB", 0) else 1)
    places = np.arange(len(weights.values)).reshape(1, -1)
    return _fully_connected(assembly, node, source, weights, bias, places)


def matmul(assembly: Assembly, node: Node, x: Value, w: Value) -> Draft:
    if not isinstance(w, QuantisedConstant):
        raise node.refuse("its second operand is no quantised constant", "only products with weights are supported")
    source = stored(node, x)
    weights = _weights(node, w, w.values.ndim - 1)
    outputs = len(weights.values)
    rows = int(np.prod(source.dims[:-1]))
    if rows == 1:
        places = np.arange(outputs).reshape(*source.dims[:-1], outputs)
        return _fully_connected(assembly, node, source, weights, None, places)
    shape = assembly.shape(source)
    pixels = np.arange(shape.elements).reshape(-1, shape.channels)
    if not np.array_equal(assembly.places(source).reshape(rows, -1), pixels):
        raise node.refuse(
            f"its rows are not the pixels of a plane (operand {dims_text(source.dims)})", "use Conv or Gemm instead"
        )
    arranged = weights.values.reshape(outputs, 1, 1, -1)
    draft = _draft(assembly, node, source, weights, arranged, None, Window((1, 1)), 1)
    places = np.arange(draft.shape.elements).reshape(*source.dims[:-1], outputs)
    return Draft(places, draft.shape, draft.emit)


def _fully_connected(
    assembly: Assembly, node: Node, source: Stored, weights: _Weights, bias: Value | None, places: Places
) -> Draft:
    flat = assembly.places(source).ravel()
    matrix = weights.values.reshape(len(weights.values), -1)
    if matrix.shape[1] != flat.size:
        raise node.refuse(f"weights for {matrix.shape[1]} inputs do not fit {flat.size}", "correct the model")
    shape = assembly.shape(source)
    in_memory_order = np.empty_like(matrix)
    in_memory_order[:, flat] = matrix
    arranged = in_memory_order.reshape(len(matrix), *shape.as_tuple())
    draft = _draft(assembly, node, source, weights, arranged, bias, Window((shape.height, shape.width)), 1)
    return Draft(places, draft.shape, draft.emit)


def _draft(
    assembly: Assembly,
    node: Node,
    source: Stored,
    weights: _Weights,
    arranged: Int8Array,
    bias: Value | None,
    window: Window,
    groups: int,
) -> Draft:
    """The draft of a `Conv` with `arranged` weights [output channels, rows, columns, depth]."""
    shape = assembly.shape(source)
    outputs = len(arranged)
    scales = np.broadcast_to(weights.scales, outputs)
    sum_scales = np.float64(assembly.quant(source.tensor).params.scale) * scales
    integers = _bias(node, bias, sum_scales)

    def emit(target: OperatorSink, name: str, quant: FileQuant, clamp: Clamp) -> None:
        operator = Conv(
            name=target.unique_name(node.name),
            inputs=(source.tensor,),
            output=name,
            window=window,
            groups=groups,
            weights=np.ascontiguousarray(arranged),
            bias=integers,
            weight_scales=np.array(scales, np.float32),
            weight_zero_point=weights.zero_point,
            clamp=clamp,
        )
        target.add(operator, output, quant)

    output = Shape(*window.output_size(shape.height, shape.width), outputs)
    return Draft(plane_places(output), output, emit)


def _weights(node: Node, value: Value | None, output_axis: int) -> _Weights:
    if not isinstance(value, QuantisedConstant):
        raise node.refuse(
            "its weights are not quantised constants",
            "quantise the model (planner quantize, or onnxruntime's quantize_static)",
        )
    if value.values.dtype not in (np.int8, np.uint8):
        raise node.refuse(f"its weights are {value.values.dtype}", "quantise weights to int8 or uint8")
    if value.scale.size > 1 and value.axis % value.values.ndim != output_axis:
        raise node.refuse("its weights are quantised along another axis than the output channels", "use that axis")
    zero_points = value.zero_point.ravel()
    values = value.values.astype(np.int16)
    if value.values.dtype == np.uint8:
        values, zero_points = values - 128, zero_points - 128
    values = np.moveaxis(values, output_axis, 0)
    if np.ptp(zero_points):
        values = values - zero_points.reshape(-1, *[1] * (values.ndim - 1))
        zero_points = np.zeros(1, np.int64)
        if values.min() < INT8_MIN or values.max() > INT8_MAX:
            raise node.refuse("its weights have several zero points", "quantise weights symmetrically")
    return _Weights(values.astype(np.int8), int(zero_points[0]), value.scale.ravel())


def _bias(node: Node, bias: Value | None, sum_scales: NDArray[np.float64]) -> Int32Array:
    """The bias in quanta of the int32 sums."""
    if bias is None:
        return np.zeros(len(sum_scales), np.int32)
    if isinstance(bias, QuantisedConstant):
        own = np.broadcast_to(bias.scale, sum_scales.shape) if bias.scale.size in (1, len(sum_scales)) else sum_scales
        if np.allclose(own, sum_scales, rtol=_BIAS_SCALE_TOLERANCE, atol=0) and bias.values.dtype == np.int32:
            quanta: Array = bias.values.astype(np.float64) - bias.zero_point
        else:
            quanta = bias.real() / sum_scales
    elif isinstance(bias, np.ndarray):
        quanta = bias.astype(np.float64) / sum_scales
    else:
        raise node.refuse("its bias is not constant", "store the bias as an initialiser")
    quanta = np.rint(quanta).ravel()
    if quanta.size == 1:
        quanta = np.repeat(quanta, len(sum_scales))
    if quanta.size != len(sum_scales):
        raise node.refuse(f"{quanta.size} biases do not fit {len(sum_scales)} output channels", "correct the model")
    if np.abs(quanta).max() >= 2**31:
        raise node.refuse("its bias does not fit int32", "quantise the bias with input scale x weight scale")
    return quanta.astype(np.int32)
