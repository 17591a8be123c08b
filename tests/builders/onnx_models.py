"""Writes a `Graph` as an ONNX model in QDQ or QOperator form, int8 or uint8: the reader's inverse, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from planner.data.graph import (
    Add,
    Clamp,
    Concat,
    Conv,
    Graph,
    Mul,
    Operator,
    Pad,
    Pool,
    PoolKind,
    QuantParams,
    Slice,
    Tensor,
    Window,
)


def run_onnxruntime(model: onnx.ModelProto, *arrays: np.ndarray) -> list[np.ndarray]:
    """What ONNX Runtime's integer kernels give."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return session.run(None, dict(zip(names, arrays, strict=True)))


def without_softmax(model: onnx.ModelProto, unsigned: bool = False) -> onnx.ModelProto:
    """The quantised model up to its integer logits, the input of its only Softmax."""
    softmax = next(node for node in model.graph.node if node.op_type in ("Softmax", "QLinearSoftmax"))
    logits = softmax.input[0]
    if softmax.op_type == "Softmax":
        logits = next(node for node in model.graph.node if logits in node.output).input[0]
    kind = TensorProto.UINT8 if unsigned else TensorProto.INT8
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(logits, kind, None))
    return onnx.utils.Extractor(model).extract_model([model.graph.input[0].name], [logits])


class OnnxWriter:
    """Collects nodes and initialisers. `unsigned` writes activations as uint8, `unsigned_weights` weights too."""

    def __init__(self, unsigned: bool = False, unsigned_weights: bool = False) -> None:
        self.unsigned = unsigned
        self.unsigned_weights = unsigned_weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    @property
    def element_type(self) -> int:
        return TensorProto.UINT8 if self.unsigned else TensorProto.INT8

    def constant(self, name: str, value: Any) -> str:
        if all(known.name != name for known in self.constants):
            self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}_node", domain=domain, **attributes))
        return output

    def level(self, value: int) -> np.ndarray:
        """An int8 level as the file stores it."""
        return np.uint8(value + 128) if self.unsigned else np.int8(value)

    def quantisation(self, tensor: Tensor) -> tuple[str, str]:
        """Names of scale and zero point."""
        scale = self.constant(f"{tensor.name}.scale", np.float32(tensor.quant.scale))
        return scale, self.constant(f"{tensor.name}.zero", self.level(tensor.quant.zero_point))

    def quantize(self, source: str, tensor: Tensor, output: str) -> str:
        return self.node("QuantizeLinear", [source, *self.quantisation(tensor)], output)

    def dequantize(self, source: str, tensor: Tensor, output: str) -> str:
        return self.node("DequantizeLinear", [source, *self.quantisation(tensor)], output)

    def weights(self, conv: Conv, arranged: np.ndarray) -> tuple[str, str, str]:
        """Names of weights, scales and zero points, per output channel, output channels first."""
        offset, kind = (128, np.uint8) if self.unsigned_weights else (0, np.int8)
        zero_points = np.full(conv.output_channels, conv.weight_zero_point + offset, kind)
        return (
            self.constant(f"{conv.name}.w", (arranged.astype(np.int16) + offset).astype(kind)),
            self.constant(f"{conv.name}.w_scale", conv.weight_scales),
            self.constant(f"{conv.name}.w_zero", zero_points),
        )

    def model(self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "test", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def write_qdq(graph: Graph, unsigned: bool = False, unsigned_weights: bool = False) -> onnx.ModelProto:
    """The graph between DequantizeLinear and QuantizeLinear nodes; float input and output, NCHW."""
    writer = OnnxWriter(unsigned, unsigned_weights)
    for end in graph.inputs:
        tensor = graph.tensors[end.tensor]
        writer.dequantize(writer.quantize(f"{tensor.name}.float", tensor, tensor.name), tensor, f"{tensor.name}.real")
    for operator in graph.operators:
        tensor = graph.output_tensor(operator)
        inputs = [f"{name}.real" for name in operator.inputs]
        clamp = getattr(operator, "clamp", Clamp())
        first = tensor.name if clamp == Clamp() else f"{tensor.name}.unclamped"
        writer.quantize(_float_operator(writer, graph, operator, inputs, f"{tensor.name}.raw"), tensor, first)
        _clamp(writer, tensor, clamp, first)
        writer.dequantize(tensor.name, tensor, f"{tensor.name}.real")
    return writer.model(
        [_value(graph, end.tensor, ".float", TensorProto.FLOAT) for end in graph.inputs],
        [_value(graph, end.tensor, ".real", TensorProto.FLOAT) for end in graph.outputs],
    )


def write_qoperator(graph: Graph, unsigned: bool = False, unsigned_weights: bool = False) -> onnx.ModelProto:
    """The graph as QLinearConv, QGemm and so on; integer input and output, NCHW."""
    writer = OnnxWriter(unsigned, unsigned_weights)
    for operator in graph.operators:
        tensor = graph.output_tensor(operator)
        clamp = getattr(operator, "clamp", Clamp())
        first = tensor.name if clamp == Clamp() else f"{tensor.name}.unclamped"
        _integer_operator(writer, graph, operator, first)
        _clamp(writer, tensor, clamp, first)
    return writer.model(
        [_value(graph, end.tensor, "", writer.element_type) for end in graph.inputs],
        [_value(graph, end.tensor, "", writer.element_type) for end in graph.outputs],
    )


def is_fully_connected(graph: Graph, conv: Conv) -> bool:
    shape = graph.tensors[conv.inputs[0]].shape
    return conv.groups == 1 and conv.window == Window((shape.height, shape.width))


def _value(graph: Graph, tensor: str, suffix: str, element_type: int) -> onnx.ValueInfoProto:
    shape = graph.tensors[tensor].shape
    return helper.make_tensor_value_info(
        f"{tensor}{suffix}", element_type, (1, shape.channels, shape.height, shape.width)
    )


def _clamp(writer: OnnxWriter, tensor: Tensor, clamp: Clamp, source: str) -> None:
    """Clip between a DequantizeLinear and a QuantizeLinear of the same quantisation."""
    if clamp == Clamp():
        return
    quant: QuantParams = tensor.quant
    bounds = [
        np.float32(quant.scale) * np.float32(level - quant.zero_point) for level in (clamp.minimum, clamp.maximum)
    ]
    names = [writer.constant(f"{tensor.name}.{end}", bound) for end, bound in zip(("low", "high"), bounds, strict=True)]
    real = writer.dequantize(source, tensor, f"{source}.real")
    writer.quantize(writer.node("Clip", [real, *names], f"{source}.clipped"), tensor, tensor.name)


def _float_operator(writer: OnnxWriter, graph: Graph, operator: Operator, inputs: list[str], output: str) -> str:
    match operator:
        case Conv():
            scale = graph.tensors[operator.inputs[0]].quant.scale
            bias_scale = writer.constant(f"{operator.name}.b_scale", np.float32(scale) * operator.weight_scales)
            bias = writer.constant(f"{operator.name}.b", operator.bias)
            real_bias = writer.node("DequantizeLinear", [bias, bias_scale], f"{output}.b", axis=0)
            arranged = operator.weights.transpose(0, 3, 1, 2)
            if not is_fully_connected(graph, operator):
                real = writer.node("DequantizeLinear", writer.weights(operator, arranged), f"{output}.w", axis=0)
                return writer.node("Conv", [*inputs, real, real_bias], output, **_conv_attributes(operator))
            matrix = writer.weights(operator, arranged.reshape(operator.output_channels, -1))
            real = writer.node("DequantizeLinear", matrix, f"{output}.w", axis=0)
            tensor = graph.tensors[operator.inputs[0]]
            # Between Flatten and Gemm stands a pair of its own, as quantize_static leaves it.
            flat = writer.node("Flatten", inputs, f"{output}.flat")
            flat = writer.dequantize(writer.quantize(flat, tensor, f"{output}.flat_q"), tensor, f"{output}.flat_real")
            product = writer.node("Gemm", [flat, real, real_bias], f"{output}.flat_product", transB=1)
            target = graph.output_tensor(operator)
            product = writer.quantize(product, target, f"{output}.product_q")
            product = writer.dequantize(product, target, f"{output}.product_real")
            return _unflattened(writer, product, output)
        case Add():
            return writer.node("Add", inputs, output)
        case Mul():
            return writer.node("Mul", inputs, output)
        case Pool():
            return writer.node(_pool_name(operator), inputs, output, **_pool_attributes(operator))
        case Concat():
            return writer.node("Concat", inputs, output, axis=1)
        case Pad():
            quant = graph.tensors[operator.inputs[0]].quant
            value = np.float32(quant.scale) * np.float32(operator.value - quant.zero_point)
            fill = writer.constant(f"{operator.name}.value", value)
            return writer.node("Pad", [*inputs, _pads(writer, operator), fill], output)
        case Slice():
            return writer.node("Slice", [*inputs, *_bounds(writer, graph, operator)], output)
    raise TypeError(type(operator).__name__)


def _integer_operator(writer: OnnxWriter, graph: Graph, operator: Operator, output: str) -> None:
    target = writer.quantisation(graph.output_tensor(operator))
    tensors = [graph.tensors[name] for name in operator.inputs]
    operands = [part for tensor in tensors for part in (tensor.name, *writer.quantisation(tensor))]
    match operator:
        case Conv():
            bias = writer.constant(f"{operator.name}.b", operator.bias)
            arranged = operator.weights.transpose(0, 3, 1, 2)
            if not is_fully_connected(graph, operator):
                inputs = [*operands, *writer.weights(operator, arranged), *target, bias]
                writer.node("QLinearConv", inputs, output, **_conv_attributes(operator))
                return
            matrix = writer.weights(operator, arranged.reshape(operator.output_channels, -1))
            operands[0] = writer.node("Flatten", operands[:1], f"{output}.flat")
            inputs = [*operands, *matrix, bias, *target]
            _unflattened(writer, writer.node("QGemm", inputs, f"{output}.row", "com.microsoft", transB=1), output)
        case Add():
            writer.node("QLinearAdd", [*operands, *target], output, "com.microsoft")
        case Mul():
            writer.node("QLinearMul", [*operands, *target], output, "com.microsoft")
        case Pool(kind=PoolKind.MAXIMUM):
            writer.node("MaxPool", operands[:1], output, **_pool_attributes(operator))
        case Pool():
            name = f"QLinear{_pool_name(operator)}"
            writer.node(name, [*operands, *target], output, "com.microsoft", **_pool_attributes(operator))
        case Concat():
            writer.node("QLinearConcat", [*target, *operands], output, "com.microsoft", axis=1)
        case Pad():
            fill = writer.constant(f"{operator.name}.value", writer.level(operator.value))
            writer.node("Pad", [*operands[:1], _pads(writer, operator), fill], output)
        case Slice():
            writer.node("Slice", [*operands[:1], *_bounds(writer, graph, operator)], output)
        case _:
            raise TypeError(type(operator).__name__)


def _unflattened(writer: OnnxWriter, source: str, output: str) -> str:
    dims = writer.constant("as_plane", np.array([0, -1, 1, 1], np.int64))
    return writer.node("Reshape", [source, dims], output)


def _pads(writer: OnnxWriter, pad: Pad) -> str:
    p = pad.padding
    return writer.constant(f"{pad.name}.pads", np.array([0, 0, p.top, p.left, 0, 0, p.bottom, p.right], np.int64))


def _bounds(writer: OnnxWriter, graph: Graph, operator: Slice) -> list[str]:
    """Names of starts, ends and axes."""
    starts = np.array(operator.start, np.int64)
    ends = starts + graph.output_tensor(operator).shape.as_tuple()
    parts = {"starts": starts, "ends": ends, "axes": np.array([2, 3, 1], np.int64)}
    return [writer.constant(f"{operator.name}.{name}", values) for name, values in parts.items()]


def _window_attributes(window: Window) -> dict[str, Any]:
    p = window.padding
    return {"kernel_shape": window.kernel, "strides": window.stride, "pads": (p.top, p.left, p.bottom, p.right)}


def _conv_attributes(conv: Conv) -> dict[str, Any]:
    return {"group": conv.groups, "dilations": conv.window.dilation, **_window_attributes(conv.window)}


def _pool_name(pool: Pool) -> str:
    names = {PoolKind.MAXIMUM: "MaxPool", PoolKind.AVERAGE: "AveragePool", PoolKind.MEAN: "GlobalAveragePool"}
    return names[pool.kind]


def _pool_attributes(pool: Pool) -> dict[str, Any]:
    match pool.kind:
        case PoolKind.MEAN:
            return {}
        case PoolKind.AVERAGE:
            return {"count_include_pad": int(pool.count_padding), **_window_attributes(pool.window)}
        case PoolKind.MAXIMUM:
            return {"dilations": pool.window.dilation, **_window_attributes(pool.window)}
