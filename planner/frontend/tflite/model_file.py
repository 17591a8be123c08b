"""A TFLite file as plain tensors and nodes, checked. Nothing after this module sees a flatbuffer.

The file is not trusted: a flatbuffer may point any number of tables at the same bytes, so every count is bounded before
anything is read as often as it says.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from planner.errors import ModelError

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite file."""

MAXIMUM_TENSORS = 20_000
MAXIMUM_OPERATORS = 10_000
MAXIMUM_OPERANDS = 256
MAXIMUM_RANK = 6
MAXIMUM_NAME_BYTES = 4096
MAXIMUM_ELEMENTS = 2**28
"""Elements of one tensor: far more than a fleet of microcontrollers holds."""

_MALFORMED = (struct.error, ValueError, TypeError, IndexError, OverflowError, KeyError)
"""What the flatbuffers library and numpy raise where offsets lead out of the file."""


def _names(numbers: type) -> Mapping[int, str]:
    """Names of the constants of a class of the schema."""
    return {value: name for name, value in vars(numbers).items() if isinstance(value, int)}


_OPERATOR_NAMES = _names(tflite.BuiltinOperator)
_TYPE_NAMES = _names(tflite.TensorType)
_DTYPES: Mapping[int, np.dtype[Any]] = {
    tflite.TensorType.INT8: np.dtype(np.int8),
    tflite.TensorType.UINT8: np.dtype(np.uint8),
    tflite.TensorType.INT32: np.dtype(np.int32),
    tflite.TensorType.INT64: np.dtype(np.int64),
    tflite.TensorType.FLOAT32: np.dtype(np.float32),
}


class Activation(Enum):
    """The function fused into an operator."""

    NONE = tflite.ActivationFunctionType.NONE
    RELU = tflite.ActivationFunctionType.RELU
    RELU_N1_TO_1 = tflite.ActivationFunctionType.RELU_N1_TO_1
    RELU6 = tflite.ActivationFunctionType.RELU6
    TANH = tflite.ActivationFunctionType.TANH
    SIGN_BIT = tflite.ActivationFunctionType.SIGN_BIT


SAME_PADDING = tflite.Padding.SAME

_WINDOW = ("Padding", "StrideH", "StrideW", "FusedActivationFunction")
_OPTIONS: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "CONV_2D": (tflite.Conv2DOptions, (*_WINDOW, "DilationHFactor", "DilationWFactor")),
    "DEPTHWISE_CONV_2D": (tflite.DepthwiseConv2DOptions, (*_WINDOW, "DilationHFactor", "DilationWFactor")),
    "FULLY_CONNECTED": (tflite.FullyConnectedOptions, ("FusedActivationFunction", "WeightsFormat")),
    "AVERAGE_POOL_2D": (tflite.Pool2DOptions, (*_WINDOW, "FilterHeight", "FilterWidth")),
    "MAX_POOL_2D": (tflite.Pool2DOptions, (*_WINDOW, "FilterHeight", "FilterWidth")),
    "ADD": (tflite.AddOptions, ("FusedActivationFunction",)),
    "SUB": (tflite.SubOptions, ("FusedActivationFunction",)),
    "RESIZE_NEAREST_NEIGHBOR": (tflite.ResizeNearestNeighborOptions, ("AlignCorners", "HalfPixelCenters")),
    "DEPTH_TO_SPACE": (tflite.DepthToSpaceOptions, ("BlockSize",)),
    "SPACE_TO_DEPTH": (tflite.SpaceToDepthOptions, ("BlockSize",)),
    "MUL": (tflite.MulOptions, ("FusedActivationFunction",)),
    "CONCATENATION": (tflite.ConcatenationOptions, ("Axis", "FusedActivationFunction")),
    "SOFTMAX": (tflite.SoftmaxOptions, ("Beta",)),
    "LEAKY_RELU": (tflite.LeakyReluOptions, ("Alpha",)),
    "PACK": (tflite.PackOptions, ("Axis",)),
    "STRIDED_SLICE": (
        tflite.StridedSliceOptions,
        ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask"),
    ),
}
"""For each operator with options that matter: the schema's table, and its fields."""


@dataclass(frozen=True, eq=False)
class FileTensor:
    """A tensor of the file. scales: float32, zero_points: int64, both empty if it is not quantised, or one for each
    slice along `quantised_axis`. `data`: the file's bytes, uint8 and read-only, None for what is computed. `dtype` is
    None for a type that planner cannot use; `type_name` is the schema's."""

    name: str
    dims: tuple[int, ...]
    type_name: str
    dtype: np.dtype[Any] | None
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    quantised_axis: int
    data: NDArray[np.uint8] | None

    @property
    def elements(self) -> int:
        return int(np.prod(self.dims, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Node:
    """One operator: numbers of the tensors that it reads (-1 for an absent optional one) and writes."""

    index: int
    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_name: str
    options: Mapping[str, float]

    @property
    def name(self) -> str:
        return f"{self.op.lower()}_{self.index}"

    def refuse(self, what: str, remedy: str) -> ModelError:
        """The error that says that this operator cannot be read, and what would do."""
        return ModelError(f"operator {self.index} ({self.op}, output {self.output_name}): {what}; {remedy}")


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What the file holds: its first subgraph, operators in the order of execution."""

    name: str
    tensors: tuple[FileTensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def load(path: Path) -> ModelFile:
    """Read and check a TFLite file. Raises ModelError if it cannot be read, is damaged, or is no TFLite model."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if content[4:8] != IDENTIFIER:
        raise ModelError(f"{path} is no TFLite model: bytes 4 to 8 are not {IDENTIFIER.decode()}")
    try:
        return _Parser(content).model(path.stem)
    except _MALFORMED as error:
        raise ModelError(f"{path} is damaged: a table or a vector of it lies outside of the file ({error})") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


class _Parser:
    """Reads one flatbuffer."""

    def __init__(self, content: bytes) -> None:
        self.model_table = tflite.Model.GetRootAsModel(content, 0)
        self.names: set[str] = set()

    def model(self, name: str) -> ModelFile:
        if self.model_table.SubgraphsLength() < 1:
            raise ModelError("it has no subgraph")
        graph = self.model_table.Subgraphs(0)
        count = _bounded(graph.TensorsLength(), MAXIMUM_TENSORS, "tensors")
        tensors = tuple(self._tensor(index, graph.Tensors(index)) for index in range(count))
        count = _bounded(graph.OperatorsLength(), MAXIMUM_OPERATORS, "operators")
        nodes = tuple(self._node(index, graph.Operators(index), tensors) for index in range(count))
        inputs, outputs = (_operands(vector, tensors) for vector in (graph.InputsAsNumpy(), graph.OutputsAsNumpy()))
        if not inputs or not outputs or -1 in (*inputs, *outputs):
            raise ModelError("it has no inputs or no outputs")
        return ModelFile(name, tensors, nodes, inputs, outputs)

    def _tensor(self, index: int, table: Any) -> FileTensor:
        name = self._unique_name(index, table)
        if table.ShapeLength() > MAXIMUM_RANK:
            raise ModelError(f"tensor {name} has {table.ShapeLength()} dimensions, more than {MAXIMUM_RANK}")
        dims = tuple(table.Shape(i) for i in range(table.ShapeLength()))
        if min(dims, default=1) < 1 or np.prod(dims, dtype=float) > MAXIMUM_ELEMENTS:
            raise ModelError(
                f"tensor {name} has the shape {list(dims)}; dimensions must be positive, known and bounded"
            )
        if table.Sparsity() is not None:
            raise ModelError(f"tensor {name} is sparse; store it dense")
        quantisation = table.Quantization()
        type_name = _TYPE_NAMES.get(table.Type(), f"type {table.Type()}")
        return FileTensor(
            name=name,
            dims=dims,
            type_name=type_name,
            dtype=_DTYPES.get(table.Type()),
            scales=_vector(quantisation and quantisation.ScaleAsNumpy(), np.float32),
            zero_points=_vector(quantisation and quantisation.ZeroPointAsNumpy(), np.int64),
            quantised_axis=quantisation.QuantizedDimension() if quantisation else 0,
            data=self._data(table.Buffer(), name),
        )

    def _unique_name(self, index: int, table: Any) -> str:
        """The tensor's name, its length checked before it is copied; with its number if another has that name."""
        field = table._tab.Offset(10)
        name = ""
        if field:
            _bounded(table._tab.VectorLen(field), MAXIMUM_NAME_BYTES, "bytes of a tensor's name")
            name = table.Name().decode(errors="replace")
        if not name or name in self.names:
            name = f"{name}#{index}"
        self.names.add(name)
        return name

    def _data(self, number: int, name: str) -> NDArray[np.uint8] | None:
        """Buffer `number`; None if it is empty, as every computed tensor's is."""
        if number >= self.model_table.BuffersLength():
            raise ModelError(f"tensor {name} names buffer {number}, which does not exist")
        buffer = self.model_table.Buffers(number)
        if buffer.Offset() > 1:
            raise ModelError(f"the data of tensor {name} lies outside of the flatbuffer; convert a model below 2 GB")
        data = _vector(buffer.DataAsNumpy(), np.uint8)
        return data if data.size else None

    def _node(self, index: int, table: Any, tensors: tuple[FileTensor, ...]) -> Node:
        if table.OpcodeIndex() >= self.model_table.OperatorCodesLength():
            raise ModelError(f"operator {index} names operator code {table.OpcodeIndex()}, which does not exist")
        code = self.model_table.OperatorCodes(table.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        op = _OPERATOR_NAMES.get(number, f"operator code {number}")
        inputs, outputs = (_operands(vector, tensors) for vector in (table.InputsAsNumpy(), table.OutputsAsNumpy()))
        if not outputs or -1 in outputs:
            raise ModelError(f"operator {index} ({op}) has no output")
        return Node(index, op, inputs, outputs, tensors[outputs[0]].name, _options(table, op))


def _options(table: Any, op: str) -> Mapping[str, float]:
    if op not in _OPTIONS:
        return {}
    kind, fields = _OPTIONS[op]
    union = table.BuiltinOptions()
    if union is None or table.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, kind.__name__):
        raise ModelError(f"an operator {op} has no {kind.__name__}")
    options = kind()
    options.Init(union.Bytes, union.Pos)
    return {field: getattr(options, field)() for field in fields}


def _operands(vector: Any, tensors: tuple[FileTensor, ...]) -> tuple[int, ...]:
    numbers = _vector(vector, np.int32)
    _bounded(numbers.size, MAXIMUM_OPERANDS, "operands of an operator")
    if numbers.size and not -1 <= numbers.min() <= numbers.max() < len(tensors):
        raise ModelError(f"an operator names a tensor that does not exist ({numbers.min()} to {numbers.max()})")
    return tuple(int(number) for number in numbers)


def _bounded(count: int, limit: int, what: str) -> int:
    if count > limit:
        raise ModelError(f"it has {count} {what}, more than {limit}")
    return count


def _vector(vector: Any, dtype: Any) -> NDArray[Any]:
    """A flatbuffer vector without a copy; the library gives 0 for an absent one."""
    return vector if isinstance(vector, np.ndarray) else np.empty(0, dtype)
