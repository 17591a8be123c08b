"""Grows the `Graph` while the ONNX nodes are read: tensors, operators, quantisation of drafts, ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.core import arithmetic
from planner.core.gathering import separated
from planner.data.graph import (
    Arithmetic,
    Clamp,
    Gather,
    Graph,
    HostStepKind,
    InputEnd,
    Int8Array,
    Lookup,
    Operator,
    OutputEnd,
    QuantParams,
    Shape,
    Tensor,
)
from planner.errors import ModelError
from planner.frontend.onnx.values import (
    Activation,
    Draft,
    Elementwise,
    FileQuant,
    HostResult,
    ModelInput,
    Places,
    Stored,
    dims_text,
    is_plane,
    plane_places,
)


@dataclass(frozen=True, eq=False)
class _InputTensor:
    """A graph input. Its layout in memory stays open until an operator reads it: `memory` maps the places of the
    user's array to places in memory then."""

    source: ModelInput
    dims: tuple[int, ...]
    quant: FileQuant
    memory: Places | None = None
    channels_first: bool = False


class Assembly:
    """A graph under construction."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self._inputs: dict[str, _InputTensor] = {}
        self._gathered: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def define_input(self, value: ModelInput, dims: tuple[int, ...], name: str, quant: FileQuant) -> Stored:
        """The int8 tensor `name` that a graph input of model dimensions `dims` becomes."""
        for tensor, known in self._inputs.items():
            if known.source.name == value.name:
                if known.quant != quant:
                    raise ModelError(f"input {value.name} is quantised in two ways; use one for all its readers")
                return Stored(value.places, tensor, real=False)
        self._inputs[name] = _InputTensor(value, dims, quant)
        return Stored(value.places, name, real=False)

    def places(self, value: Stored | Elementwise | HostResult) -> Places:
        """Places in the memory of the value's tensor."""
        if value.tensor not in self._inputs:
            return value.places
        known = self._inputs[value.tensor]
        memory = self._settle(value.tensor, known, value.places) if known.memory is None else known.memory
        return np.asarray(memory[value.places])

    def shape(self, value: Stored) -> Shape:
        """Shape of the value's tensor in memory."""
        self.places(value)
        return self.tensors[value.tensor].shape

    def plane(self, value: Stored) -> Shape | None:
        """The tensor's shape if the model sees it as [1, channels, height, width], else None."""
        places = self.places(value)
        shape = self.tensors[value.tensor].shape
        return shape if is_plane(places, shape) else None

    def gathered(self, value: Stored, places: Places, name: str) -> Stored | None:
        """The new tensor `name` whose element in memory is that of `value`'s tensor at `places`; None if no Gather
        does that. places: int64 [height, width, channels]. The result's places are those of a plane."""
        offsets = separated(places)
        if offsets is None:
            return None
        key = (value.tensor, places.shape, places.tobytes())
        if key not in self._gathered:
            self._gathered[key] = name
            shape = Shape(*places.shape)
            operator = Gather(self.unique_name(f"{name}/gather"), (value.tensor,), name, *offsets)
            self.add(operator, shape, self.quant(value.tensor))
        known = self._gathered[key]
        return Stored(plane_places(self.tensors[known].shape), known, value.real)

    def flat(self, value: Stored, order: Sequence[int] | None = None) -> Stored:
        """The same value in a tensor of one pixel, its elements in the model's order, or with its axes in `order`."""
        axes = range(value.places.ndim) if order is None else order
        places = self.places(value).transpose(axes)
        moved = self.gathered(value, places.reshape(1, 1, -1), self.unique_tensor(value.tensor))
        assert moved is not None, "any order is one of channels"
        return replace(moved, places=np.arange(places.size).reshape(places.shape).transpose(np.argsort(axes)))

    def unique_tensor(self, name: str) -> str:
        """A name for a tensor that holds the elements of another in another order."""
        return f"{name}/moved{len(self.operators)}"

    def quant(self, tensor: str) -> FileQuant:
        """Quantisation of a tensor."""
        if tensor in self._inputs:
            return self._inputs[tensor].quant
        known = self.tensors[tensor]
        return FileQuant(known.quant, known.unsigned)

    def unique_name(self, name: str) -> str:
        """`name`, or with a number if an operator has it already."""
        taken = {operator.name for operator in self.operators}
        candidates = (name, *(f"{name}/{number}" for number in range(2, len(taken) + 3)))
        return next(candidate for candidate in candidates if candidate not in taken)

    def add(self, operator: Operator, shape: Shape, quant: FileQuant) -> None:
        """Append an operator and define its output."""
        self.tensors[operator.output] = Tensor(operator.output, shape, quant.params, quant.unsigned)
        self.operators.append(operator)

    def add_lookup(self, source: str, name: str, table: Int8Array, quant: FileQuant) -> None:
        """Append a Lookup from tensor `source` to the new tensor `name`."""
        self.add(Lookup(self.unique_name(f"{name}/lookup"), (source,), name, table), self.tensors[source].shape, quant)

    def add_requantised(
        self,
        make: Callable[[str], Operator],
        shape: Shape,
        inner: FileQuant,
        name: str,
        quant: FileQuant,
        clamp: Clamp,
    ) -> None:
        """Append the operator `make(output)`, whose output has the quantisation `inner` and no clamp of its own, and
        after it, if need be, the Lookup to `quant` and `clamp` that writes `name`."""
        if inner == quant and clamp == Clamp():
            self.add(make(name), shape, quant)
            return
        between = f"{name}/inner"
        self.add(make(between), shape, inner)
        table = arithmetic.requantisation_table(inner.params, quant.params, Arithmetic.ONNXRUNTIME)
        self.add_lookup(between, name, np.clip(table, clamp.minimum, clamp.maximum), quant)

    def quantised(self, value: Activation, name: str, quant: FileQuant) -> Activation | None:
        """What QuantizeLinear makes of a real `value`, in a tensor `name` if one is needed; None if it cannot."""
        match value:
            case Stored(real=True):
                return self._requantised(value, name, quant)
            case Elementwise():
                places = self.places(value)
                self.add_lookup(value.tensor, name, self._table(value, quant), quant)
                return Stored(places, name, real=False)
            case Draft():
                return Stored(value.places, self._emitted(value, name, quant), real=False)
            case HostResult() if value.steps[-1] is not HostStepKind.QUANTISE:
                return replace(value, steps=(*value.steps, HostStepKind.QUANTISE), quant=quant)
        return None

    def dequantised(self, value: Activation, name: str, quant: FileQuant) -> Activation | None:
        """What DequantizeLinear makes of an integer `value`; None if it cannot."""
        match value:
            case Stored(real=False):
                known = self.quant(value.tensor)
                if known == quant:
                    return replace(value, real=True)
                # The integers are read with other parameters than they were written with: same bytes, another tensor.
                places = self.places(value)
                self.add_lookup(value.tensor, name, arithmetic.INT8_VALUES, quant)
                return Stored(places, name, real=True)
            case HostResult(steps=(*_, HostStepKind.QUANTISE)) if value.quant == quant:
                return replace(value, steps=(*value.steps, HostStepKind.DEQUANTISE))
        return None

    def output_end(self, value: Activation, name: str) -> OutputEnd:
        """The graph output that `value` is. Raises ModelError if it cannot leave the boards as int8."""
        if isinstance(value, Stored) and self._channels_first(value) is None:
            value = self.flat(value)
        match value:
            case Stored():
                steps: tuple[HostStepKind, ...] = (HostStepKind.DEQUANTISE,) if value.real else ()
                integer = self.quant(value.tensor)
            case HostResult():
                steps, integer = value.steps, value.quant or self.quant(value.tensor)
            case _:
                raise ModelError(f"output {name} is not quantised; put QuantizeLinear and DequantizeLinear before it")
        dtype = "uint8" if integer.unsigned else "int8"
        if steps and steps[-1] is not HostStepKind.QUANTISE:
            dtype = "float32"
        channels_first = self._channels_first(value)
        if channels_first is None:
            raise ModelError(
                f"output {name} ({dims_text(value.dims)}) is ordered neither channels first nor channels last; "
                "remove the Transpose before it"
            )
        quant = value.quant.params if isinstance(value, HostResult) and value.quant else None
        group = value.group if isinstance(value, HostResult) else 0
        return OutputEnd(value.tensor, value.dims, dtype, channels_first, steps, quant, group)

    def graph(self, name: str, outputs: tuple[OutputEnd, ...]) -> Graph:
        """The finished graph, which may still have operators that no output needs."""
        ends = tuple(
            InputEnd(tensor, known.dims, known.source.dtype, known.channels_first)
            for tensor, known in self._inputs.items()
            if known.memory is not None
        )
        return Graph(name, self.tensors, tuple(self.operators), ends, outputs, Arithmetic.ONNXRUNTIME)

    def _channels_first(self, value: Stored | HostResult) -> bool | None:
        return _channels_first(self.places(value), self.tensors[value.tensor].shape)

    def _requantised(self, value: Stored, name: str, quant: FileQuant) -> Stored:
        known = self.quant(value.tensor)
        if known == quant:
            return replace(value, real=False)
        places = self.places(value)
        table = arithmetic.requantisation_table(known.params, quant.params, Arithmetic.ONNXRUNTIME)
        self.add_lookup(value.tensor, name, table, quant)
        return Stored(places, name, real=False)

    def _table(self, value: Elementwise, quant: FileQuant) -> Int8Array:
        reals = arithmetic.dequantise(arithmetic.INT8_VALUES, self.quant(value.tensor).params)
        with np.errstate(all="ignore"):
            result = value.function(reals).astype(np.float32)
        return arithmetic.quantise(np.nan_to_num(result), quant.params)

    def _emitted(self, draft: Draft, name: str, quant: FileQuant) -> str:
        key = (quant, draft.lower, draft.upper)
        if key not in draft.emitted:
            draft.emit(self, name, quant, clamp_of(draft.lower, draft.upper, quant.params))
            draft.emitted[key] = name
        return draft.emitted[key]

    def _settle(self, tensor: str, known: _InputTensor, places: Places) -> Places:
        """Lay the input out in memory so that its first reader, who sees `places`, finds a plane there if it can be.

        The user's own order is the last resort, and always possible.
        """
        own = np.arange(places.size).reshape(known.dims)
        for shape, order in (*_readings(places), *_readings(own)):
            memory = np.argsort(order.ravel())
            channels_first = _channels_first(memory, shape)
            if channels_first is not None:
                self.tensors[tensor] = Tensor(tensor, shape, known.quant.params, known.quant.unsigned)
                self._inputs[tensor] = replace(known, memory=memory, channels_first=channels_first)
                return memory
        raise AssertionError(f"no layout for input {tensor}")


def _readings(places: Places) -> Iterator[tuple[Shape, Places]]:
    """Shapes that an array of the model can stand for, each with the places in memory order."""
    if places.ndim == 4 and places.shape[0] == 1:
        _, first, second, third = places.shape
        yield Shape(second, third, first), places[0].transpose(1, 2, 0)
        yield Shape(first, second, third), places[0]
    else:
        yield Shape(1, 1, places.size), places


def _channels_first(places: Places, shape: Shape) -> bool | None:
    """Whether an end's array is ordered channels first (True), channels last (False) or in no such order (None)."""
    memory = np.arange(shape.elements)
    if np.array_equal(places.ravel(), memory):
        return False
    if np.array_equal(places.ravel(), plane_places(shape).ravel()):
        return True
    return None


def clamp_of(lower: float, upper: float, quant: QuantParams) -> Clamp:
    """The int8 range of a real interval, ends rounded as values are."""

    def level(bound: float) -> int:
        return int(arithmetic.quantise(np.array([bound], np.float32), quant)[0])

    return Clamp(level(lower), level(upper))
