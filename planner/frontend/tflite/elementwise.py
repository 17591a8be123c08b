"""Additions, unary functions, quantisation, and the softmax that the host computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from planner.core import fixed_functions
from planner.core.arithmetic import INT8_VALUES, requantisation_table
from planner.data.graph import Add, Arithmetic, HostStepKind, Int8Array, Lookup, Mul, QuantParams, Shape
from planner.frontend.tflite.assembly import Assembly, HostResult, RealInput, Stored
from planner.frontend.tflite.model_file import Node
from planner.frontend.tflite.quantisation import activation_quant, fused_clamp, quantised_bound

_FULL_INTEGER = "convert the model with full integer quantisation"
_CLIPS: Mapping[str, tuple[float, float]] = {
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}
"""Range that each clip leaves."""


def add(assembly: Assembly, node: Node) -> Stored:
    """ADD of two tensors of one shape."""
    first, second = (assembly.activation(node, place) for place in (0, 1))
    if first.dims != second.dims:
        raise node.refuse(
            f"it adds {list(first.dims)} and {list(second.dims)}; broadcasting is not supported",
            "add tensors of one shape",
        )
    shape = assembly.plane(node, first)
    assembly.plane(node, second)
    tensor = assembly.result(node)
    clamp = fused_clamp(node, activation_quant(tensor))
    return assembly.add(node, Add(node.name, (first.tensor, second.tensor), tensor.name, clamp=clamp), shape)


def mul(assembly: Assembly, node: Node) -> Stored:
    """MUL of two tensors of one shape, or of one with a pixel that scales all."""
    sources = [assembly.activation(node, place) for place in (0, 1)]
    shapes = [assembly.plane(node, source) for source in sources]
    if shapes[0].height * shapes[0].width < shapes[1].height * shapes[1].width:
        sources.reverse()
        shapes.reverse()
    if shapes[1] not in (shapes[0], Shape(1, 1, shapes[0].channels)):
        raise node.refuse(
            f"it multiplies {' and '.join(str(list(source.dims)) for source in sources)}",
            "multiply tensors of one shape, or one with a value for each channel",
        )
    tensor = assembly.result(node)
    clamp = fused_clamp(node, activation_quant(tensor))
    names = tuple(source.tensor for source in sources)
    return assembly.add(node, Mul(node.name, names, tensor.name, clamp=clamp), shapes[0])


def relu(assembly: Assembly, node: Node) -> Stored:
    """RELU: requantises and clips at zero."""
    source = assembly.activation(node)
    target = activation_quant(assembly.result(node))
    table = fixed_functions.leaky_relu_table(assembly.quant(source), target, negative_slope=1.0)
    return _lookup(assembly, node, np.maximum(table, np.int8(target.zero_point)))


def leaky_relu(assembly: Assembly, node: Node) -> Stored:
    """LEAKY_RELU: requantises, with a slope of its own below zero."""
    source = assembly.activation(node)
    slope = node.options["Alpha"]
    if not np.isfinite(slope):
        raise node.refuse(f"its slope is {slope}", "correct the model")
    target = activation_quant(assembly.result(node))
    return _lookup(assembly, node, fixed_functions.leaky_relu_table(assembly.quant(source), target, slope))


def clip(assembly: Assembly, node: Node) -> Stored:
    """RELU6, RELU_N1_TO_1, RELU_0_TO_1: clip, without requantisation."""
    source = assembly.activation(node)
    assembly.require_same_quant(node, source)
    low, high = (quantised_bound(bound, assembly.quant(source)) for bound in _CLIPS[node.op])
    return _lookup(assembly, node, np.clip(INT8_VALUES, low, high))


def prelu(assembly: Assembly, node: Node) -> Stored:
    """PRELU with one slope for all channels."""
    source = assembly.activation(node)
    slopes, tensor = assembly.constant(node, 1), assembly.operand(node, 1)
    assert tensor is not None
    if slopes.dtype != np.int8 or np.unique(slopes).size != 1:
        raise node.refuse(
            f"its slopes are {slopes.size} values of {slopes.dtype}", "use one int8 slope for all channels"
        )
    slope = activation_quant(tensor)
    target = activation_quant(assembly.result(node))
    level = int(slopes.ravel()[0]) - slope.zero_point
    table = fixed_functions.prelu_table(assembly.quant(source), target, level, slope.scale)
    return _lookup(assembly, node, table)


def logistic(assembly: Assembly, node: Node) -> Stored:
    """LOGISTIC."""
    return _fixed_function(assembly, node, fixed_functions.UNIT_QUANT, fixed_functions.logistic_table)


def tanh(assembly: Assembly, node: Node) -> Stored:
    """TANH."""
    return _fixed_function(assembly, node, fixed_functions.TANH_QUANT, fixed_functions.tanh_table)


def hard_swish(assembly: Assembly, node: Node) -> Stored:
    """HARD_SWISH."""
    source = assembly.activation(node)
    target = activation_quant(assembly.result(node))
    try:
        table = fixed_functions.hard_swish_table(assembly.quant(source), target)
    except ValueError as error:
        raise node.refuse(f"{error}", "convert the model again") from error
    return _lookup(assembly, node, table)


def quantize(assembly: Assembly, node: Node) -> Stored | HostResult:
    """QUANTIZE: a float input becomes int8 on the host; an int8 tensor gets other parameters, by a table."""
    value, tensor = assembly.value(node, 0), assembly.result(node)
    quant = activation_quant(tensor)
    match value:
        case RealInput():
            source = assembly.operand(node, 0)
            assert source is not None
            if len([reader for reader in assembly.file.nodes if node.inputs[0] in reader.inputs]) > 1:
                raise node.refuse("the float input has another reader", "quantise the input once")
            return assembly.define_input(source, tensor)
        case HostResult(steps=(*_, HostStepKind.FIXED_SOFTMAX)) if quant == fixed_functions.UNIT_QUANT:
            return value
        case Stored() if assembly.quant(value) == quant:
            return value
        case Stored():
            return _lookup(assembly, node, requantisation_table(assembly.quant(value), quant, Arithmetic.TFLM))
    raise node.refuse("it quantises what the network has computed in float", _FULL_INTEGER)


def dequantize(assembly: Assembly, node: Node) -> HostResult:
    """DEQUANTIZE, at the end of the network."""
    match assembly.value(node, 0):
        case HostResult(steps=(*_, HostStepKind.FIXED_SOFTMAX)) as value:
            return HostResult(value.tensor, value.dims, (*value.steps, HostStepKind.DEQUANTISE))
        case Stored() as value:
            return HostResult(value.tensor, value.dims, (HostStepKind.DEQUANTISE,))
    raise node.refuse("it dequantises a constant, or what is float already", _FULL_INTEGER)


def softmax(assembly: Assembly, node: Node) -> HostResult:
    """SOFTMAX, at the end of the network: of int8 values in fixed point, or of floats."""
    if node.options["Beta"] != 1.0:
        raise node.refuse(f"beta is {node.options['Beta']}", "fold beta into the layer before")
    value = assembly.value(node, 0)
    if not isinstance(value, Stored | HostResult) or value.dims[-1] != assembly.tensors[value.tensor].shape.channels:
        raise node.refuse("it is not over the channels of a tensor", "softmax is supported at the end of a network")
    match value:
        case HostResult(steps=(HostStepKind.DEQUANTISE,)):
            return HostResult(value.tensor, value.dims, (*value.steps, HostStepKind.SOFTMAX))
        case Stored():
            _require_output(node, activation_quant(assembly.result(node)), fixed_functions.UNIT_QUANT)
            return HostResult(value.tensor, value.dims, (HostStepKind.FIXED_SOFTMAX,))
    raise node.refuse("it reads what the host has computed already", "softmax is supported once, at the end")


def _fixed_function(
    assembly: Assembly, node: Node, target: QuantParams, table: Callable[[QuantParams], Int8Array]
) -> Stored:
    """A function of int8 values whose output must have the quantisation `target`."""
    if assembly.reads_unsigned(node):
        raise node.refuse("on uint8 values it follows another rule", "convert the model to int8")
    source = assembly.activation(node)
    _require_output(node, activation_quant(assembly.result(node)), target)
    return _lookup(assembly, node, table(assembly.quant(source)))


def _lookup(assembly: Assembly, node: Node, table: Int8Array) -> Stored:
    source = assembly.activation(node)
    shape = assembly.plane(node, source)
    return assembly.add(node, Lookup(node.name, (source.tensor,), assembly.result(node).name, table), shape)


def _require_output(node: Node, quant: QuantParams, wanted: QuantParams) -> None:
    if quant != wanted:
        raise node.refuse(
            f"its output has scale {quant.scale} and zero point {quant.zero_point}",
            f"it must have {wanted.scale} and {wanted.zero_point}",
        )
