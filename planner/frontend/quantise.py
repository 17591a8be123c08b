"""Float ONNX models to int8 QDQ models, by ONNX Runtime's static quantisation."""

from __future__ import annotations

import logging
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import Error as ProtobufError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnxruntime import InferenceSession, set_default_logger_severity
from onnxruntime.capi import onnxruntime_pybind11_state as foreign
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from planner.errors import ModelError

Samples = Mapping[str, NDArray[np.float32]]
"""For each input of a model: float32 [samples, *its dimensions without the batch]."""
Sample = Mapping[str, NDArray[np.float32]]
"""For each input: float32 of its dimensions, batch 1 included."""

QUANTISED_SUFFIX = "_QuantizeLinear_Output"
"""What ONNX Runtime appends to the name of a float tensor to name its integers."""

MAXIMUM_ELEMENTS = 2**26
"""Elements of one activation: far more than a fleet of microcontrollers holds, and calibration computes them all."""

_MINIMUM_OPSET = 13
_WARNING, _FATAL = 2, 4
"""ONNX Runtime's log levels; the first is its default."""
_QUANTISED_OPERATORS = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul"}
_FOREIGN_ERRORS = (
    *(foreign.Fail, foreign.InvalidArgument, foreign.InvalidGraph, foreign.InvalidProtobuf, foreign.NotImplemented),
    *(foreign.RuntimeException, onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ProtobufError),
    *(OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError),
)
"""What onnx and ONNX Runtime raise for models that they cannot handle."""


@dataclass(frozen=True, eq=False)
class FloatModel:
    """A float model ready to be quantised: batch 1, BatchNorms and paddings folded, every node named.

    `inputs` gives the dimensions of every input, batch included.
    """

    proto: onnx.ModelProto
    inputs: Mapping[str, tuple[int, ...]]

    @property
    def final_softmaxes(self) -> tuple[str, ...]:
        """Names of the Softmax nodes that compute outputs: the host computes them better in float."""
        outputs = {value.name for value in self.proto.graph.output}
        return tuple(n.name for n in self.proto.graph.node if n.op_type == "Softmax" and n.output[0] in outputs)

    def evaluator(self, tensors: Sequence[str]) -> Callable[[Sample], list[NDArray[Any]]]:
        """A function that computes the named tensors of one sample, by ONNX Runtime."""
        proto = onnx.ModelProto()
        proto.CopyFrom(self.proto)
        known = {value.name for value in proto.graph.output}
        proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in known)
        session = InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        return lambda sample: list(session.run(list(tensors), dict(sample)))


def load_float(path: Path) -> FloatModel:
    """Read a float model, fix its batch to 1, and fold what folds.

    Raises ModelError if it cannot be read, is quantised already, or has dimensions that are not known.
    """
    try:
        proto = onnx.load(str(path))
        onnx.checker.check_model(proto)
        if any(node.op_type in _QUANTISED_OPERATORS for node in proto.graph.node):
            raise ModelError(f"{path} is quantised already; planner reads it as it is")
        opset = max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)
        if opset < _MINIMUM_OPSET:
            proto = onnx.version_converter.convert_version(proto, _MINIMUM_OPSET)
        _fix_batch(proto, path)
        folded = _folded(proto)
        _require_bounded(folded, path)
    except _FOREIGN_ERRORS as error:
        raise ModelError(f"{path} is no float ONNX model that can be quantised: {_first_line(error)}") from error
    inputs = {value.name: _dims(value) for value in _true_inputs(folded)}
    return FloatModel(folded, inputs)


def quantise(model: onnx.ModelProto, samples: Samples, keep_float: Sequence[str] = ()) -> bytes:
    """The model as int8 QDQ: int8 activations over the ranges that `samples` show, int8 weights per output channel.

    `keep_float` names nodes that are left in float. The same bytes for the same arguments on one machine.
    Raises ModelError if ONNX Runtime cannot quantise it.
    """
    try:
        with tempfile.TemporaryDirectory() as directory, _quiet():
            source, target = Path(directory) / "float.onnx", Path(directory) / "int8.onnx"
            onnx.save(model, source)
            quantize_static(
                source,
                target,
                _Reader(samples),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=list(keep_float),
            )
            return target.read_bytes()
    except _FOREIGN_ERRORS as error:
        raise ModelError(f"ONNX Runtime cannot quantise the model: {_first_line(error)}") from error


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Gives the samples one by one."""

    def __init__(self, samples: Samples) -> None:
        self._rest = sample_batches(samples)

    def get_next(self) -> Sample | None:
        return next(self._rest, None)


def sample_batches(samples: Samples) -> Iterator[Sample]:
    """Sample by sample."""
    count = min(len(values) for values in samples.values())
    return ({name: values[index : index + 1] for name, values in samples.items()} for index in range(count))


def _true_inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    constants = {tensor.name for tensor in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in constants]


def _fix_batch(proto: onnx.ModelProto, path: Path) -> None:
    """Set the first dimension of inputs and outputs to 1; all others must be known."""
    for value in (*_true_inputs(proto), *proto.graph.output):
        dims = value.type.tensor_type.shape.dim
        if dims:
            dims[0].Clear()
            dims[0].dim_value = 1
    for value in _true_inputs(proto):
        if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT or min(_dims(value), default=0) < 1:
            raise ModelError(f"{path}: input {value.name} must be float32 of known dimensions; export it so")


def _dims(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(int(dim.dim_value) for dim in value.type.tensor_type.shape.dim)


def _folded(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Constants, BatchNorms and paddings folded by ONNX Runtime's basic optimisations; nodes named."""
    with tempfile.TemporaryDirectory() as directory, _quiet():
        source, target = Path(directory) / "float.onnx", Path(directory) / "folded.onnx"
        onnx.save(proto, source)
        quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
        folded = onnx.load(str(target))
    for index, node in enumerate(folded.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    return folded


def _require_bounded(proto: onnx.ModelProto, path: Path) -> None:
    """Refuse a model that would take calibration forever, by the shapes that can be inferred."""
    graph = onnx.shape_inference.infer_shapes(proto).graph
    for value in (*graph.input, *graph.value_info, *graph.output):
        elements = math.prod(max(size, 1) for size in _dims(value))
        if elements > MAXIMUM_ELEMENTS:
            raise ModelError(f"{path}: tensor {value.name} has {elements} elements, more than {MAXIMUM_ELEMENTS}")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without ONNX Runtime's advice, warnings and logged tracebacks: what matters comes as an exception."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.CRITICAL)
    set_default_logger_severity(_FATAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
        set_default_logger_severity(_WARNING)
