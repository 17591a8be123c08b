"""Convolutions, fully connected layers and pools."""

from __future__ import annotations

import numpy as np

from planner.data.graph import Conv, Int32Array, Padding, Pool, PoolKind, Shape, Window
from planner.frontend.tflite.assembly import Assembly, Stored
from planner.frontend.tflite.model_file import SAME_PADDING, Node
from planner.frontend.tflite.quantisation import Weights, activation_quant, fused_clamp, weights_of

_DEFAULT_WEIGHTS_FORMAT = 0


def conv(assembly: Assembly, node: Node) -> Stored:
    """CONV_2D: weights [output channels, rows, columns, input channels / groups]."""
    source = assembly.activation(node)
    source, shape = assembly.plane(node, source)
    weights = _weights(assembly, node, axis=0, rank=4)
    outputs, *_, depth = weights.values.shape
    if shape.channels % depth or outputs % (shape.channels // depth):
        raise node.refuse(f"{outputs}x{depth} weights do not fit {shape.channels} channels", "convert the model again")
    window = _window(node, weights.values.shape[1:3], shape)
    return _add_conv(assembly, node, source, weights, window, groups=shape.channels // depth)


def depthwise_conv(assembly: Assembly, node: Node) -> Stored:
    """DEPTHWISE_CONV_2D: weights [1, rows, columns, input channels * multiplier]."""
    source = assembly.activation(node)
    source, shape = assembly.plane(node, source)
    weights = _weights(assembly, node, axis=3, rank=4)
    one, *kernel, outputs = weights.values.shape
    if one != 1 or outputs % shape.channels:
        raise node.refuse(f"{one}x{outputs} weights do not fit {shape.channels} channels", "convert the model again")
    window = _window(node, tuple(kernel), shape)
    arranged = np.ascontiguousarray(weights.values.transpose(3, 1, 2, 0))
    weights = Weights(arranged, weights.scales, weights.zero_point)
    return _add_conv(assembly, node, source, weights, window, groups=shape.channels)


def fully_connected(assembly: Assembly, node: Node) -> Stored:
    """FULLY_CONNECTED: weights [outputs, inputs]; a 1x1 convolution where the operand has several rows of inputs."""
    if node.options["WeightsFormat"] != _DEFAULT_WEIGHTS_FORMAT:
        raise node.refuse("its weights are shuffled", "convert the model again")
    source = assembly.activation(node)
    weights = _weights(assembly, node, axis=0, rank=2)
    outputs, inputs = weights.values.shape
    shape = assembly.tensors[source.tensor].shape
    if inputs != shape.elements:
        source, shape = assembly.plane(node, source)
        if inputs != shape.channels:
            raise node.refuse(f"{outputs}x{inputs} weights do not fit {list(source.dims)}", "convert the model again")
        window = Window((1, 1))
    else:
        window = Window((shape.height, shape.width))
    arranged = weights.values.reshape(outputs, *window.kernel, -1)
    weights = Weights(arranged, weights.scales, weights.zero_point)
    return _add_conv(assembly, node, source, weights, window, groups=1)


def average_pool(assembly: Assembly, node: Node) -> Stored:
    """AVERAGE_POOL_2D over the valid elements."""
    source, shape, window = _pool_operands(assembly, node)
    padding = window.padding
    whole_windows = padding == Padding() and window.kernel[0] * window.kernel[1] % 2
    if assembly.reads_unsigned(node) and not whole_windows:
        raise node.refuse(
            "an average of uint8 values over an even number of elements rounds ties otherwise than of int8 values",
            "convert the model to int8",
        )
    return _add_pool(assembly, node, PoolKind.AVERAGE, source, shape, window)


def max_pool(assembly: Assembly, node: Node) -> Stored:
    """MAX_POOL_2D."""
    return _add_pool(assembly, node, PoolKind.MAXIMUM, *_pool_operands(assembly, node))


def mean(assembly: Assembly, node: Node) -> Stored:
    """MEAN over height and width."""
    source = assembly.activation(node)
    rank = len(source.dims)
    axes = {int(axis) % rank for axis in assembly.integers(node, 1).ravel() if -rank <= axis < rank}
    if rank != 4 or axes != {1, 2}:
        raise node.refuse(
            f"a mean over axes {sorted(axes)} of {list(source.dims)} is not supported", "use axes 1 and 2"
        )
    source, shape = assembly.plane(node, source)
    window = Window((shape.height, shape.width))
    operator = Pool(node.name, (source.tensor,), assembly.result(node).name, PoolKind.MEAN, window)
    return assembly.add(node, operator, Shape(1, 1, shape.channels))


def _weights(assembly: Assembly, node: Node, axis: int, rank: int) -> Weights:
    """The constant operand 1, with the output channels along `axis`."""
    values = assembly.constant(node, 1)
    tensor = assembly.operand(node, 1)
    assert tensor is not None
    if values.ndim != rank:
        raise node.refuse(f"its weights have {values.ndim} dimensions instead of {rank}", "convert the model again")
    return weights_of(node, tensor, values, values.shape[axis], axis)


def _bias(assembly: Assembly, node: Node, channels: int) -> Int32Array:
    """The optional constant operand 2."""
    if assembly.operand(node, 2) is None:
        return np.zeros(channels, np.int32)
    bias = assembly.constant(node, 2)
    if bias.dtype != np.int32 or bias.size != channels:
        raise node.refuse(f"its bias is {bias.dtype} {list(bias.shape)}", f"use int32 with {channels} values")
    return bias.reshape(channels)


def _add_conv(
    assembly: Assembly,
    node: Node,
    source: Stored,
    weights: Weights,
    window: Window,
    groups: int,
) -> Stored:
    """Append a `Conv` with weights [output channels, rows, columns, depth]."""
    tensor = assembly.result(node)
    if weights.zero_point and not assembly.reads_unsigned(node) and node.op != "FULLY_CONNECTED":
        raise node.refuse("its weights have a zero point other than 0", "quantise weights symmetrically")
    shape = assembly.tensors[source.tensor].shape
    outputs = len(weights.values)
    operator = Conv(
        name=node.name,
        inputs=(source.tensor,),
        output=tensor.name,
        window=window,
        groups=groups,
        weights=weights.values,
        bias=_bias(assembly, node, outputs),
        weight_scales=weights.scales,
        weight_zero_point=weights.zero_point,
        clamp=fused_clamp(node, activation_quant(tensor)),
    )
    return assembly.add(node, operator, Shape(*window.output_size(shape.height, shape.width), outputs))


def _pool_operands(assembly: Assembly, node: Node) -> tuple[Stored, Shape, Window]:
    source = assembly.activation(node)
    source, shape = assembly.plane(node, source)
    assembly.require_same_quant(node, source)
    kernel = (int(node.options["FilterHeight"]), int(node.options["FilterWidth"]))
    return source, shape, _window(node, kernel, shape)


def _add_pool(assembly: Assembly, node: Node, kind: PoolKind, source: Stored, shape: Shape, window: Window) -> Stored:
    clamp = fused_clamp(node, assembly.quant(source))
    operator = Pool(node.name, (source.tensor,), assembly.result(node).name, kind, window, clamp=clamp)
    return assembly.add(node, operator, Shape(*window.output_size(shape.height, shape.width), shape.channels))


def _window(node: Node, kernel: tuple[int, ...], shape: Shape) -> Window:
    """The window from the options; SAME padding puts the odd element below and to the right."""
    stride = (int(node.options["StrideH"]), int(node.options["StrideW"]))
    dilation = (int(node.options.get("DilationHFactor", 1)), int(node.options.get("DilationWFactor", 1)))
    if min(*kernel, *stride, *dilation) < 1:
        raise node.refuse("kernel, stride and dilation must be positive", "convert the model again")
    padding = Padding()
    if node.options["Padding"] == SAME_PADDING:
        top, bottom = _same_padding(shape.height, kernel[0], stride[0], dilation[0])
        left, right = _same_padding(shape.width, kernel[1], stride[1], dilation[1])
        padding = Padding(top, left, bottom, right)
    window = Window((kernel[0], kernel[1]), stride, dilation, padding)
    if min(window.output_size(shape.height, shape.width)) < 1:
        raise node.refuse(f"its window is larger than its input of {shape.height}x{shape.width}", "correct the model")
    return window


def _same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Padding before and after, so that the window yields size / stride positions, rounded up."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2
