"""Grows the `Graph` while the operators of the file are read: what every tensor of the file stands for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.core.arithmetic import UNSIGNED_OFFSET
from planner.core.gathering import separated
from planner.data.graph import (
    Arithmetic,
    Gather,
    Graph,
    HostStepKind,
    InputEnd,
    Int8Array,
    Operator,
    OutputEnd,
    QuantParams,
    Shape,
    Tensor,
)
from planner.errors import ModelError
from planner.frontend.tflite.model_file import FileTensor, ModelFile, Node
from planner.frontend.tflite.quantisation import activation_quant

MAXIMUM_CONSTANT_BYTES = 2**28
"""Bytes of all constants that operators read; a small file may claim much more by naming one buffer many times."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The int8 tensor `tensor` of the graph, seen with the dimensions `dims` (same order of elements)."""

    tensor: str
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RealInput:
    """A float32 input of the model, before QUANTIZE."""

    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HostResult:
    """What the host makes of the int8 tensor `tensor`; `group` is that of an OutputEnd."""

    tensor: str
    dims: tuple[int, ...]
    steps: tuple[HostStepKind, ...]
    group: int = 0


@dataclass(frozen=True, eq=False)
class Folded:
    """Integers known while reading: a shape, or what was computed from one."""

    values: NDArray[np.int64]


Value = Stored | RealInput | HostResult | Folded


class Assembly:
    """A graph under construction. `values`: by number of the file's tensor, what has been computed so far."""

    def __init__(self, file: ModelFile) -> None:
        self.file = file
        self.values: dict[int, Value] = {}
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self._inputs: dict[str, InputEnd] = {}
        self._constant_bytes = 0
        for number in file.inputs:
            tensor = file.tensors[number]
            if tensor.dtype == np.float32:
                self.values[number] = RealInput(tensor.dims)
            else:
                self.values[number] = self.define_input(tensor, tensor)

    def define_input(self, source: FileTensor, tensor: FileTensor) -> Stored:
        """The int8 tensor that the input `source` of the model becomes, with the quantisation of `tensor`."""
        self._define(tensor, plane_of(tensor.dims) or Shape(1, 1, tensor.elements))
        assert source.dtype is not None
        self._inputs[tensor.name] = InputEnd(
            tensor.name, source.dims, source.dtype.name, channels_first=False, rounding=Arithmetic.TFLM
        )
        return Stored(tensor.name, tensor.dims)

    def result(self, node: Node, place: int = 0) -> FileTensor:
        """The tensor that `node` writes at `place`."""
        return self.file.tensors[node.outputs[place]]

    def operand(self, node: Node, place: int) -> FileTensor | None:
        """The file's tensor that `node` reads at `place`; None for an optional one that is absent."""
        number = node.inputs[place] if place < len(node.inputs) else -1
        return self.file.tensors[number] if number >= 0 else None

    def reads_unsigned(self, node: Node) -> bool:
        """Whether the file holds operand 0 as uint8."""
        operand = self.operand(node, 0)
        return operand is not None and operand.dtype == np.uint8

    def value(self, node: Node, place: int) -> Value | None:
        """What was computed for an operand; None if it is absent or a constant of the file."""
        return self.values.get(node.inputs[place]) if place < len(node.inputs) else None

    def activation(self, node: Node, place: int = 0) -> Stored:
        """An operand that lies on the boards. Raises ModelError for any other."""
        value = self.value(node, place)
        if isinstance(value, Stored):
            return value
        if isinstance(value, HostResult):
            raise node.refuse(
                f"it reads what the host computes ({', '.join(step.value for step in value.steps)})",
                "softmax and dequantisation are supported only at the end of the network",
            )
        what = "float" if isinstance(value, RealInput) else "constant or absent"
        raise node.refuse(f"its operand {place} is {what}", "convert the model with full integer quantisation")

    def constant(self, node: Node, place: int) -> NDArray[Any]:
        """A constant operand, in the file's dimensions, read-only. Raises ModelError if it is none."""
        tensor = self.operand(node, place)
        if tensor is None or tensor.data is None or node.inputs[place] in self.values:
            raise node.refuse(f"its operand {place} is no constant", "store it in the model")
        if tensor.dtype is None or tensor.data.size != tensor.elements * tensor.dtype.itemsize:
            raise node.refuse(
                f"its constant {tensor.name} of {tensor.type_name} {list(tensor.dims)} has {tensor.data.size} bytes",
                "convert the model again",
            )
        self._constant_bytes += tensor.data.size
        if self._constant_bytes > MAXIMUM_CONSTANT_BYTES:
            raise node.refuse(f"constants exceed {MAXIMUM_CONSTANT_BYTES} bytes", "use a smaller model")
        return tensor.data.view(tensor.dtype.newbyteorder("<")).reshape(tensor.dims)

    def constant_place(self, node: Node) -> int | None:
        """Which of the first two operands is a constant; None if neither is."""
        return next((place for place in (0, 1) if self.value(node, place) is None), None)

    def channel_constants(self, node: Node, place: int, source: Stored) -> tuple[Int8Array, QuantParams]:
        """A constant operand as int8 [1], or one value for each channel of `source`, and its quantisation."""
        values, tensor = self.constant(node, place), self.operand(node, place)
        assert tensor is not None
        quant = activation_quant(tensor)
        levels = (values.astype(np.int16) - (UNSIGNED_OFFSET if values.dtype == np.uint8 else 0)).astype(np.int8)
        if np.unique(levels).size == 1:
            return levels.reshape(-1)[:1], quant
        if levels.size != source.dims[-1] or levels.shape[-1] != levels.size:
            raise node.refuse(
                f"its constant operand {list(levels.shape)} is not one number, nor one for each channel",
                "use such a constant",
            )
        return levels.reshape(-1), quant

    def integers(self, node: Node, place: int) -> NDArray[np.int64]:
        """An operand of integers, constant or folded."""
        value = self.value(node, place)
        if isinstance(value, Folded):
            return value.values
        constant = self.constant(node, place)
        if constant.dtype.kind != "i":
            raise node.refuse(f"its operand {place} is {constant.dtype}, not integer", "convert the model again")
        return constant.astype(np.int64)

    def plane(self, node: Node, value: Stored) -> tuple[Stored, Shape]:
        """An operand as a plane [1, height, width, channels], or fewer dimensions, that lies so in memory, and its
        shape. A graph input that nothing has read yet takes the shape asked for; other tensors are moved."""
        wanted, known = plane_of(value.dims), self.tensors[value.tensor]
        if wanted is None:
            raise node.refuse(f"its operand has the shape {list(value.dims)}", "fix the batch to 1, use 4 dimensions")
        if wanted != known.shape:
            if value.tensor not in self._inputs or any(value.tensor in reader.inputs for reader in self.operators):
                return self.reshaped(value, wanted), wanted
            self.tensors[value.tensor] = replace(known, shape=wanted)
        return value, wanted

    def reshaped(self, value: Stored, shape: Shape) -> Stored:
        """A copy whose elements, in the same order, form a tensor of `shape`; two readers share it."""
        name = f"{value.tensor}/{'x'.join(map(str, shape.as_tuple()))}"
        if name not in self.tensors:
            offsets = separated(np.arange(shape.elements).reshape(shape.as_tuple()))
            assert offsets is not None, "elements in order are a sum of offsets"
            self.tensors[name] = replace(self.tensors[value.tensor], name=name, shape=shape)
            self.operators.append(Gather(f"{name}/gather", (value.tensor,), name, *offsets))
        return replace(value, tensor=name)

    def gathered(self, node: Node, value: Stored, places: NDArray[np.int64]) -> Stored:
        """The output of `node` as the elements of `value` at `places`, int64 of the output's own dimensions.

        Raises ModelError if the output has other dimensions or another quantisation.
        """
        tensor = self.result(node)
        self.require_same_quant(node, value)
        if places.shape != tensor.dims:
            raise node.refuse(
                f"it yields {list(places.shape)}, but the file says {list(tensor.dims)}", "convert the model again"
            )
        # The last shape is one of a single pixel, whose channels may be in any order.
        candidates = ((shape, separated(places.reshape(shape.as_tuple()))) for shape in _planes(tensor.dims))
        shape, offsets = next((shape, offsets) for shape, offsets in candidates if offsets is not None)
        self._define(tensor, shape)
        self.operators.append(Gather(node.name, (value.tensor,), tensor.name, *offsets))
        return Stored(tensor.name, tensor.dims)

    def quant(self, value: Stored) -> QuantParams:
        """Quantisation of a tensor."""
        return self.tensors[value.tensor].quant

    def require_same_quant(self, node: Node, value: Stored, place: int = 0) -> None:
        """Raises ModelError unless the node's output has the quantisation of `value`, as the operator assumes."""
        if activation_quant(self.result(node, place)) != self.quant(value):
            raise node.refuse(
                "the quantisation of its input and output differs, which TensorFlow Lite Micro ignores",
                "convert the model again, or put QUANTIZE before it",
            )

    def add(self, node: Node, operator: Operator, shape: Shape, place: int = 0) -> Stored:
        """Append the operator that computes output `place` of `node`, of `shape`, which must be what the file says."""
        tensor = self.result(node, place)
        if plane_of(tensor.dims) != shape:
            raise node.refuse(
                f"it yields {shape.as_tuple()}, but the file says {list(tensor.dims)}", "convert the model again"
            )
        self._define(tensor, shape)
        self.operators.append(operator)
        return Stored(tensor.name, tensor.dims)

    def add_as(self, node: Node, operator: Operator, shape: Shape) -> Stored:
        """Append the operator that computes the output of `node`, which the file sees with other dimensions."""
        tensor = self.result(node)
        self._define(tensor, shape)
        self.operators.append(operator)
        return Stored(tensor.name, tensor.dims)

    def add_inner(self, node: Node, operator: Operator, shape: Shape) -> Stored:
        """Append an operator of a tensor that the file does not have, quantised as the output of `node`."""
        tensor = self.result(node)
        unsigned = tensor.dtype == np.uint8
        self.tensors[operator.output] = Tensor(operator.output, shape, activation_quant(tensor), unsigned)
        self.operators.append(operator)
        return Stored(operator.output, shape.as_tuple())

    def graph(self) -> Graph:
        """The finished graph."""
        outputs = tuple(self._output_end(number) for number in self.file.outputs)
        inputs = tuple(self._inputs.values())
        return Graph(self.file.name, self.tensors, tuple(self.operators), inputs, outputs, Arithmetic.TFLM)

    def _define(self, tensor: FileTensor, shape: Shape) -> None:
        if tensor.name in self.tensors:
            raise ModelError(f"tensor {tensor.name} is written twice")
        quant = activation_quant(tensor)
        self.tensors[tensor.name] = Tensor(tensor.name, shape, quant, unsigned=tensor.dtype == np.uint8)

    def _output_end(self, number: int) -> OutputEnd:
        tensor, value = self.file.tensors[number], self.values.get(number)
        if not isinstance(value, Stored | HostResult) or tensor.dtype is None:
            raise ModelError(f"output {tensor.name} is not computed from the input by quantised operators")
        steps = value.steps if isinstance(value, HostResult) else ()
        group = value.group if isinstance(value, HostResult) else 0
        return OutputEnd(value.tensor, value.dims, tensor.dtype.name, channels_first=False, steps=steps, group=group)


def _planes(dims: tuple[int, ...]) -> Iterator[Shape]:
    """Shapes that tensors of such dimensions may have in memory, those of a plane [1, height, width, ...] first."""
    splits = [(first, second) for second in reversed(range(len(dims) + 1)) for first in reversed(range(second + 1))]
    for first, second in sorted(splits, key=lambda split: split != (2, 3)):
        yield Shape(math.prod(dims[:first]), math.prod(dims[first:second]), math.prod(dims[second:]))


def plane_of(dims: tuple[int, ...]) -> Shape | None:
    """Dimensions as height, width and channels, missing ones (in front) being 1; None if the batch is not 1."""
    padded = (1,) * (4 - len(dims)) + dims
    if len(padded) != 4 or padded[0] != 1:
        return None
    return Shape(*padded[1:])
