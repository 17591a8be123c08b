"""What a name of the ONNX graph stands for while it is read.

An activation keeps, for each element in the model's own order, the place of that element in the int8 tensor's memory
(HWC). Reshape, Flatten, Squeeze and Transpose are then numpy operations on that array of places, and no bytes move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from planner.data.graph import Clamp, HostStepKind, Operator, QuantParams, Shape
from planner.frontend.onnx.model_file import Array

Places = NDArray[np.int64]
RealFunction = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class FileQuant:
    """Quantisation of an activation as the file has it, moved to int8; `unsigned` if the file holds uint8."""

    params: QuantParams
    unsigned: bool


@dataclass(frozen=True, eq=False)
class QuantisedConstant:
    """Constant integers behind a DequantizeLinear. scale and zero_point: scalars, or vectors along `axis`."""

    values: Array
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int

    def real(self) -> NDArray[np.float64]:
        """scale * (values - zero point) in float64."""
        return (self.values.astype(np.float64) - self._along_axis(self.zero_point)) * self._along_axis(self.scale)

    def _along_axis(self, vector: Array) -> Array:
        if vector.ndim == 0:
            return vector
        shape = [1] * self.values.ndim
        shape[self.axis] = -1
        return vector.reshape(shape)


@dataclass(frozen=True, eq=False)
class Activation:
    """Base of what varies with the input. places: int64, of the model's own dimensions."""

    places: Places

    @property
    def dims(self) -> tuple[int, ...]:
        return self.places.shape


@dataclass(frozen=True, eq=False)
class ModelInput(Activation):
    """A graph input before its quantisation is known; places are those of the user's array."""

    name: str
    dtype: str


@dataclass(frozen=True, eq=False)
class Stored(Activation):
    """The int8 tensor `tensor`: its integers, or (if `real`) what they dequantise to."""

    tensor: str
    real: bool


class OperatorSink(Protocol):
    """Where a draft puts its operators: the graph under construction."""

    def unique_name(self, name: str) -> str:
        """`name`, or with a number if an operator has it already."""

    def add(self, operator: Operator, shape: Shape, quant: FileQuant) -> None:
        """Append an operator and define its output."""

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


Emit = Callable[[OperatorSink, str, FileQuant, Clamp], None]


@dataclass(frozen=True, eq=False)
class Draft(Activation):
    """An operator that waits for the quantisation of its output; [lower, upper] are folded Relus and Clips.

    `emit` adds operators to the assembly so that the last one writes the named tensor of shape `shape`.
    `emitted` remembers what was emitted, so that two readers share it.
    """

    shape: Shape
    emit: Emit
    lower: float = -np.inf
    upper: float = np.inf
    emitted: dict[tuple[FileQuant, float, float], str] = field(default_factory=dict)

    def clipped(self, lower: float, upper: float) -> Draft:
        """This draft with its output clipped further."""
        low, high = (min(max(bound, lower), upper) for bound in (self.lower, self.upper))
        return Draft(self.places, self.shape, self.emit, low, high, self.emitted)


@dataclass(frozen=True, eq=False)
class Elementwise(Activation):
    """A real function of one stored tensor: becomes a Lookup."""

    tensor: str
    function: RealFunction


@dataclass(frozen=True, eq=False)
class HostResult(Activation):
    """What the host computes from the int8 tensor `tensor`; `quant` is that of a QUANTISE step, `group` that of an
    OutputEnd."""

    tensor: str
    steps: tuple[HostStepKind, ...]
    quant: FileQuant | None = None
    group: int = 0


Value = Array | QuantisedConstant | Activation


def plane_places(shape: Shape) -> Places:
    """Places of a tensor that the model sees as [1, channels, height, width]."""
    memory = np.arange(shape.elements).reshape(shape.as_tuple())
    return memory.transpose(2, 0, 1)[None]


def is_plane(places: Places, shape: Shape) -> bool:
    """Whether the model sees the tensor as [1, channels, height, width]."""
    return np.array_equal(places, plane_places(shape))


def dims_text(dims: Sequence[Any]) -> str:
    return "x".join(str(d) for d in dims)
