"""Reads an ONNX model of int8 or uint8 activations, in QDQ or QOperator form, into a `Graph`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from planner.data.graph import Graph, OutputEnd, QuantParams
from planner.errors import ModelError
from planner.frontend.onnx import qoperator
from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Array, FileTensor, ModelFile, Node, load
from planner.frontend.onnx.operators import HANDLERS, INTEGER_OPERATORS, PARTS, supported
from planner.frontend.onnx.values import Activation, FileQuant, ModelInput, QuantisedConstant, Stored, Value
from planner.frontend.simplify import simplify

_ACTIVATION_TYPES = ("float32", "int8", "uint8")
_MALFORMED = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, ZeroDivisionError)
"""What a handler meets in a model that the ONNX checker lets pass but that makes no sense."""


def read_onnx(path: str | Path) -> Graph:
    """The network of an ONNX file, its batch fixed to 1; rounding rule ONNXRUNTIME.

    Raises ModelError, naming the node, the operator and what would do, if the file is damaged or uses what planner does
    not support.
    """
    model = load(Path(path))
    nodes, constants = qoperator.expand(model.nodes, model.constants)
    return simplify(_Reading(model, nodes, constants).run())


class _Reading:
    """The walk over the nodes. `values` holds what every name stands for so far."""

    def __init__(self, model: ModelFile, nodes: tuple[Node, ...], constants: dict[str, Array]) -> None:
        self.model = model
        self.nodes = nodes
        self.assembly = Assembly()
        self.values: dict[str, Value] = {**constants}
        self.input_dims: dict[str, tuple[int, ...]] = {}
        for tensor in model.inputs:
            self._define(tensor)

    def run(self) -> Graph:
        for node in self.nodes:
            try:
                result = self._value(node)
                results = result if isinstance(result, tuple) else (result,)
                self.values |= zip(node.outputs, results, strict=False)
            except _MALFORMED as error:
                raise node.refuse(f"it is malformed ({error})", "correct the model") from error
        ends = tuple(self._output(tensor) for tensor in self.model.outputs)
        return self.assembly.graph(self.model.name, ends)

    def _output(self, tensor: FileTensor) -> OutputEnd:
        value = self.values.get(tensor.name)
        if not isinstance(value, Activation):
            raise ModelError(f"output {tensor.name} does not depend on the input; remove it")
        return self.assembly.output_end(value, tensor.name)

    def _define(self, tensor: FileTensor) -> None:
        batch, *rest = tensor.dims or (None,)
        if batch not in (None, 1):
            raise ModelError(f"input {tensor.name} has a batch of {batch}; export the model with a batch of 1")
        if None in rest:
            raise ModelError(f"input {tensor.name} has dynamic dimensions besides the batch; fix them")
        if tensor.dtype.name not in _ACTIVATION_TYPES:
            raise ModelError(f"input {tensor.name} is {tensor.dtype.name}; use one of {', '.join(_ACTIVATION_TYPES)}")
        dims = (1, *(d for d in rest if d is not None))
        self.input_dims[tensor.name] = dims
        places = np.arange(int(np.prod(dims))).reshape(dims)
        self.values[tensor.name] = ModelInput(places, tensor.name, tensor.dtype.name)

    def _value(self, node: Node) -> Value | tuple[Value, ...]:
        missing = [name for name in node.inputs if name and name not in self.values]
        if missing:
            raise node.refuse(
                f"its input {missing[0]} is not computed before it",
                "order the nodes; only Split may have several outputs",
            )
        operands = [self.values[name] if name else None for name in node.inputs]
        if node.op == "QuantizeLinear":
            return self._quantize(node, operands)
        if node.op == "DequantizeLinear":
            return self._dequantize(node, operands)
        if node.proto is not None and operands and all(isinstance(v, np.ndarray) for v in operands if v is not None):
            return self._folded(node)
        handler = HANDLERS.get(node.op)
        if handler is None:
            kinds = ", ".join(self._unsupported())
            raise node.refuse(
                f"this operator is not supported (of this model, not supported are {kinds})",
                f"use only {', '.join(supported())}",
            )
        if node.op in INTEGER_OPERATORS | PARTS:
            operands = [self._raw_integers(value) for value in operands]
        integers = [value for value in operands if isinstance(value, Stored) and not value.real]
        if node.op in INTEGER_OPERATORS and integers:
            return self._on_integers(node, operands, integers)
        return handler(self.assembly, node, *operands)

    def _unsupported(self) -> list[str]:
        """All kinds of operators that get activations and cannot be read: how far the model is from fitting."""
        reached = {tensor.name for tensor in self.model.inputs}
        kinds: list[str] = []
        for node in self.nodes:
            # What is computed from a shape is constant.
            if reached.isdisjoint(node.inputs) or node.op == "Shape":
                continue
            reached.update(node.outputs)
            if node.op not in HANDLERS and node.op not in ("QuantizeLinear", "DequantizeLinear"):
                kinds.append(node.op)
        return list(dict.fromkeys(kinds))

    def _folded(self, node: Node) -> Value:
        """The value of a node whose operands are all constant."""
        try:
            feeds = {name: self.values[name] for name in node.inputs if name}
            results: Any = ReferenceEvaluator(node.proto).run(None, feeds)
            return np.asarray(results[0])
        except (RuntimeError, NotImplementedError) as error:
            raise node.refuse(f"its constant cannot be computed ({error})", "fold constants at export") from error

    def _raw_integers(self, value: Value | None) -> Value | None:
        """An integer input that an operator reads has the quantisation with which its result is dequantised later."""
        if not isinstance(value, ModelInput) or value.dtype == "float32":
            return value
        reached = {value.name}
        for node in self.nodes:
            if reached.isdisjoint(node.inputs):
                continue
            if node.op == "DequantizeLinear":
                operands = [self.values.get(name) for name in node.inputs]
                scale, zero_point, dtype = self._quantisation(node, operands, np.dtype(value.dtype))
                quant = self._activation_quant(node, scale, zero_point, dtype)
                return self.assembly.define_input(value, self.input_dims[value.name], value.name, quant)
            reached.update(node.outputs)
        # Nothing ever asks what the integers mean, so any meaning will do.
        meaningless = FileQuant(QuantParams(1.0, 0), value.dtype == "uint8")
        return self.assembly.define_input(value, self.input_dims[value.name], value.name, meaningless)

    def _on_integers(self, node: Node, operands: list[Value | None], integers: list[Stored]) -> Value:
        """An operator on int8 tensors themselves: the same on their real values, quantised as its input is."""
        quant = self.assembly.quant(integers[0].tensor)
        if any(self.assembly.quant(value.tensor) != quant for value in integers[1:]):
            raise node.refuse("it joins integers of several quantisations", "dequantise its operands")
        real: list[Value | None] = []
        for operand in operands:
            match operand:
                case Stored():
                    real.append(Stored(operand.places, operand.tensor, real=True))
                case np.ndarray() if operand.dtype in (np.int8, np.uint8):
                    level = operand.astype(np.int64) - (128 if quant.unsigned else 0) - quant.params.zero_point
                    real.append(np.asarray(level * quant.params.scale))
                case _:
                    real.append(operand)
        draft = HANDLERS[node.op](self.assembly, node, *real)
        assert isinstance(draft, Activation)
        result = self.assembly.quantised(draft, node.outputs[0], quant)
        assert result is not None
        return result

    def _quantize(self, node: Node, operands: list[Value | None]) -> Value:
        value = operands[0]
        declared = onnx.helper.tensor_dtype_to_np_dtype(node.attributes.get("output_dtype", 0) or TensorProto.UINT8)
        scale, zero_point, dtype = self._quantisation(node, operands, declared)
        if isinstance(value, QuantisedConstant):
            value = value.real()
        if isinstance(value, np.ndarray):
            return _quantised_constant(node, value, scale, zero_point, dtype)
        quant = self._activation_quant(node, scale, zero_point, dtype)
        if isinstance(value, ModelInput):
            if value.dtype != "float32":
                raise node.refuse("it quantises an integer input", "start with DequantizeLinear")
            return self.assembly.define_input(value, self.input_dims[value.name], node.outputs[0], quant)
        result = self.assembly.quantised(value, node.outputs[0], quant) if isinstance(value, Activation) else None
        if result is None:
            raise node.refuse("its operand is quantised already", "remove one QuantizeLinear")
        return result

    def _dequantize(self, node: Node, operands: list[Value | None]) -> Value:
        value = operands[0]
        if isinstance(value, np.ndarray):
            scale, zero_point, _ = self._quantisation(node, operands, value.dtype)
            return QuantisedConstant(value, scale, zero_point, int(node.attributes.get("axis", 1)))
        kind = self._integer_type(value)
        scale, zero_point, dtype = self._quantisation(node, operands, np.dtype(kind))
        quant = self._activation_quant(node, scale, zero_point, dtype)
        if isinstance(value, ModelInput):
            if value.dtype == "float32":
                raise node.refuse("it dequantises a float input", "remove it, or make the input int8 or uint8")
            value = self.assembly.define_input(value, self.input_dims[value.name], value.name, quant)
        result = self.assembly.dequantised(value, node.outputs[0], quant) if isinstance(value, Activation) else None
        if result is None:
            raise node.refuse("its operand is not quantised", "put QuantizeLinear before it")
        return result

    def _integer_type(self, value: Value | None) -> str:
        if isinstance(value, ModelInput):
            return value.dtype
        if isinstance(value, Stored):
            return "uint8" if self.assembly.quant(value.tensor).unsigned else "int8"
        return "int8"

    def _quantisation(
        self, node: Node, operands: list[Value | None], default: np.dtype[Any]
    ) -> tuple[Array, Array, np.dtype[Any]]:
        """Scale (float32), zero point (int64) and integer type of a QuantizeLinear or DequantizeLinear."""
        if node.attributes.get("block_size", 0):
            raise node.refuse("block quantisation is not supported", "quantise per tensor or per channel")
        scale = operands[1]
        zero_point = operands[2] if len(operands) > 2 and operands[2] is not None else np.zeros((), default)
        if not isinstance(scale, np.ndarray) or not isinstance(zero_point, np.ndarray):
            raise node.refuse("its scale or zero point is not constant", "use static quantisation")
        if scale.dtype != np.float32 or not np.all(np.isfinite(scale) & (scale > 0)):
            raise node.refuse("its scale is not a positive float32", "quantise the model again")
        return np.squeeze(scale), np.squeeze(zero_point).astype(np.int64), zero_point.dtype

    def _activation_quant(self, node: Node, scale: Array, zero_point: Array, dtype: np.dtype[Any]) -> FileQuant:
        if scale.size != 1:
            raise node.refuse("activations quantised per channel are not supported", "quantise them per tensor")
        if dtype not in (np.int8, np.uint8):
            raise node.refuse(f"activations of {dtype} are not supported", "quantise them to int8 or uint8")
        unsigned = dtype == np.uint8
        return FileQuant(QuantParams(float(scale), int(zero_point) - (128 if unsigned else 0)), unsigned)


def _quantised_constant(node: Node, reals: Array, scale: Array, zero_point: Array, dtype: np.dtype[Any]) -> Array:
    shape = [1] * reals.ndim
    if scale.ndim:
        shape[int(node.attributes.get("axis", 1))] = -1
    levels = np.rint(reals.astype(np.float32) / scale.reshape(shape)) + zero_point.reshape(
        shape if zero_point.ndim else ()
    )
    limits = np.iinfo(dtype)
    return np.asarray(np.clip(levels, limits.min, limits.max), dtype)
