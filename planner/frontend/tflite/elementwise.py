"""Additions, unary functions, quantisation, and the softmax that the host computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from planner.core import fixed_functions
from planner.core.arithmetic import INT8_VALUES, addition, requantisation_table
from planner.data.graph import Add, Arithmetic, HostStepKind, Int8Array, Lookup, Mul, QuantParams, Shape
from planner.frontend.constant_operands import scaling, sum_tables
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
    """ADD or SUB of two tensors of one shape, or of one and a constant, one number or one for each channel."""
    place = assembly.constant_place(node)
    if place is not None:
        return _add_constant(assembly, node, place)
    first, second = (assembly.activation(node, place) for place in (0, 1))
    if first.dims != second.dims:
        raise node.refuse(
            f"it joins {list(first.dims)} and {list(second.dims)}; broadcasting is not supported",
            "join tensors of one shape",
        )
    (first, shape), (second, _) = (assembly.plane(node, value) for value in (first, second))
    tensor = assembly.result(node)
    clamp = fused_clamp(node, activation_quant(tensor))
    names = (first.tensor, second.tensor)
    return assembly.add(node, Add(node.name, names, tensor.name, clamp, subtract=node.op == "SUB"), shape)


def _add_constant(assembly: Assembly, node: Node, place: int) -> Stored:
    source, shape = assembly.plane(node, assembly.activation(node, 1 - place))
    constants, constant_quant = assembly.channel_constants(node, place, source)
    target, known = activation_quant(assembly.result(node)), assembly.quant(source)
    first, second = (constant_quant, known) if place == 0 else (known, constant_quant)
    rule = addition(first, second, target, Arithmetic.TFLM, subtract=node.op == "SUB")
    table = sum_tables(rule, constants, place == 0, fused_clamp(node, target))
    return assembly.add(node, Lookup(node.name, (source.tensor,), assembly.result(node).name, table), shape)


def mul(assembly: Assembly, node: Node) -> Stored:
    """MUL of two tensors of one shape, of one with a pixel that scales all, or of one and a constant."""
    place = assembly.constant_place(node)
    if place is not None:
        return _mul_constant(assembly, node, place)
    operands = [assembly.plane(node, assembly.activation(node, place)) for place in (0, 1)]
    sources, shapes = [source for source, _ in operands], [shape for _, shape in operands]
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


def _mul_constant(assembly: Assembly, node: Node, place: int) -> Stored:
    source, shape = assembly.plane(node, assembly.activation(node, 1 - place))
    constants, quant = assembly.channel_constants(node, place, source)
    factors = np.broadcast_to(constants, shape.channels)
    tensor = assembly.result(node)
    clamp = fused_clamp(node, activation_quant(tensor))
    return assembly.add(node, scaling(node.name, source.tensor, tensor.name, factors, quant, clamp), shape)


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
    """PRELU with one slope for all channels, or one for each."""
    source = assembly.activation(node)
    slopes, slope = assembly.channel_constants(node, 1, source)
    target = activation_quant(assembly.result(node))
    tables = [
        fixed_functions.prelu_table(assembly.quant(source), target, int(level) - slope.zero_point, slope.scale)
        for level in slopes
    ]
    return _lookup(assembly, node, tables[0] if len(tables) == 1 else np.stack(tables))


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
            return replace(value, steps=(*value.steps, HostStepKind.DEQUANTISE))
        case Stored() as value:
            return HostResult(value.tensor, value.dims, (HostStepKind.DEQUANTISE,))
    raise node.refuse("it dequantises a constant, or what is float already", _FULL_INTEGER)


def softmax(assembly: Assembly, node: Node) -> HostResult:
    """SOFTMAX, at the end of the network: of int8 values in fixed point, or of floats."""
    if node.options["Beta"] != 1.0:
        raise node.refuse(f"beta is {node.options['Beta']}", "fold beta into the layer before")
    value = assembly.value(node, 0)
    match value:
        case HostResult(steps=(HostStepKind.DEQUANTISE,)):
            return HostResult(value.tensor, value.dims, (*value.steps, HostStepKind.SOFTMAX), value.dims[-1])
        case Stored():
            _require_output(node, activation_quant(assembly.result(node)), fixed_functions.UNIT_QUANT)
            return HostResult(value.tensor, value.dims, (HostStepKind.FIXED_SOFTMAX,), value.dims[-1])
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
    source, shape = assembly.plane(node, assembly.activation(node))
    return assembly.add(node, Lookup(node.name, (source.tensor,), assembly.result(node).name, table), shape)


def _require_output(node: Node, quant: QuantParams, wanted: QuantParams) -> None:
    if quant != wanted:
        raise node.refuse(
            f"its output has scale {quant.scale} and zero point {quant.zero_point}",
            f"it must have {wanted.scale} and {wanted.zero_point}",
        )
