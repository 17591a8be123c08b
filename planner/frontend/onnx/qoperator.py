"""Rewrites QOperator nodes (QLinearConv, QGemm, ...) as DequantizeLinear, the float operator, QuantizeLinear.

One meaning, one path: everything after this sees QDQ only. The float operator is never computed in float.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.frontend.onnx.model_file import Array, Node


@dataclass(frozen=True, slots=True)
class _Form:
    """Where a QOperator node keeps its operands.

    `operands`: places of (values, scale, zero point). `result`: places of (scale, zero point). `bias`: place of the
    int32 bias, whose scale is the product of the operands' scales.
    """

    op: str
    operands: tuple[tuple[int, int, int], ...]
    result: tuple[int, int]
    bias: int | None = None


_UNARY = ((0, 1, 2),)
_BINARY = ((0, 1, 2), (3, 4, 5))
_FORMS = {
    "QLinearConv": _Form("Conv", _BINARY, (6, 7), bias=8),
    "QLinearMatMul": _Form("MatMul", _BINARY, (6, 7)),
    "QGemm": _Form("Gemm", _BINARY, (7, 8), bias=6),
    "QLinearAdd": _Form("Add", _BINARY, (6, 7)),
    "QLinearMul": _Form("Mul", _BINARY, (6, 7)),
    "QLinearAveragePool": _Form("AveragePool", _UNARY, (3, 4)),
    "QLinearGlobalAveragePool": _Form("GlobalAveragePool", _UNARY, (3, 4)),
    "QLinearReduceMean": _Form("ReduceMean", _UNARY, (3, 4)),
    "QLinearSigmoid": _Form("Sigmoid", _UNARY, (3, 4)),
    "QLinearLeakyRelu": _Form("LeakyRelu", _UNARY, (3, 4)),
    "QLinearSoftmax": _Form("Softmax", _UNARY, (3, 4)),
}


def forms() -> Sequence[str]:
    """Names of the QOperators that can be read."""
    return (*_FORMS, "QLinearConcat")


def expand(nodes: tuple[Node, ...], constants: Mapping[str, Array]) -> tuple[tuple[Node, ...], dict[str, Array]]:
    """The nodes with QOperators replaced, and the constants with the scales of their biases added.

    Raises ModelError for a node that lacks an input.
    """
    result: list[Node] = []
    known = dict(constants)
    for node in nodes:
        if node.op == "QLinearConcat":
            operands = tuple((place, place + 1, place + 2) for place in range(2, len(node.inputs) - 2, 3))
            result += _expand(node, _Form("Concat", operands, (0, 1)), known)
        elif node.op in _FORMS:
            result += _expand(node, _FORMS[node.op], known)
        else:
            result.append(node)
    return tuple(result), known


def _expand(node: Node, form: _Form, constants: dict[str, Array]) -> list[Node]:
    if node.attributes.get("channels_last", 0):
        raise node.refuse("channels_last=1 is not supported", "export the model before it is optimised")
    result = []
    inputs = []
    for number, (values, scale, zero_point) in enumerate(form.operands):
        # Only weights have a scale per channel: QLinearConv by output channel, a matrix [K, N] by column.
        axis = 0 if form.op == "Conv" or node.attributes.get("transB", 0) else -1
        result.append(_dequantize(node, number, [values, scale, zero_point], axis))
        inputs.append(result[-1].outputs[0])
    if form.bias is not None and _input(node, form.bias):
        scales = [constants.get(_input(node, operand[1])) for operand in form.operands]
        if scales[0] is None or scales[1] is None:
            raise node.refuse("a scale is not constant", "store scales as initialisers")
        name = f"{node.outputs[0]}/bias_scale"
        constants[name] = np.asarray(scales[0] * scales[1] * np.float32(node.attributes.get("alpha", 1)), np.float32)
        dequantized = f"{node.outputs[0]}/bias"
        result.append(
            Node(f"{node.name}/bias", "DequantizeLinear", (_input(node, form.bias), name), (dequantized,), {"axis": 0})
        )
        inputs.append(dequantized)
    result_scale, result_zero_point = (_input(node, place) for place in form.result)
    if not result_scale:
        raise node.refuse("its output is float", "quantise its output")
    real = f"{node.outputs[0]}/real"
    attributes = {key: value for key, value in node.attributes.items() if key != "channels_last"}
    result.append(Node(node.name, form.op, tuple(inputs), (real,), attributes))
    result.append(
        Node(f"{node.name}/quantize", "QuantizeLinear", (real, result_scale, result_zero_point), node.outputs[:1])
    )
    return result


def _dequantize(node: Node, number: int, places: list[int], axis: int) -> Node:
    inputs = tuple(_input(node, place) for place in places)
    output = f"{node.outputs[0]}/operand{number}"
    return Node(f"{node.name}/operand{number}", "DequantizeLinear", inputs, (output,), {"axis": axis})


def _input(node: Node, place: int) -> str:
    return node.inputs[place] if place < len(node.inputs) else ""
