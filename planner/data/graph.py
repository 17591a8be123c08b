"""The quantised network: a DAG of operators over int8 tensors, NHWC, batch 1.

Every activation is int8. A uint8 model is read by shifting values and zero points by -128, which is exact;
`InputEnd.dtype` and `OutputEnd.dtype` remember what the outside sees. A fully connected layer is a `Conv`
whose kernel covers its whole input, so flattening is free. Any unary elementwise function of one int8 tensor
(requantisation, a clip that does not fold, sigmoid, hard swish) is a `Lookup` with 256 entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Int8Array = NDArray[np.int8]
Int32Array = NDArray[np.int32]
Float32Array = NDArray[np.float32]

INT8_MIN = -128
INT8_MAX = 127


class Arithmetic(Enum):
    """The rule by which int32 accumulators become int8 values; see docs/ARITHMETIC.md."""

    ONNXRUNTIME = "onnxruntime"
    """float32 product, round half to even."""
    TFLM = "tflm"
    """Fixed-point multiplier and shift with double rounding, as TensorFlow Lite Micro."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Height, width and channels of a tensor of batch 1."""

    height: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.channels) < 1:
            raise ValueError(f"shape {self.height}x{self.width}x{self.channels} has an empty dimension")

    @property
    def elements(self) -> int:
        return self.height * self.width * self.channels

    def as_tuple(self) -> tuple[int, int, int]:
        return (self.height, self.width, self.channels)


@dataclass(frozen=True, slots=True)
class QuantParams:
    """Affine quantisation: real = scale * (q - zero_point), with q int8 and `scale` a float32 value."""

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if not (self.scale > 0 and np.isfinite(self.scale)):
            raise ValueError(f"scale {self.scale} is not a positive finite number")
        if not INT8_MIN <= self.zero_point <= INT8_MAX:
            raise ValueError(f"zero point {self.zero_point} is outside int8")


@dataclass(frozen=True, slots=True)
class Tensor:
    """An int8 activation. `unsigned` says that the model file holds it as uint8; rules that round in float32 care."""

    name: str
    shape: Shape
    quant: QuantParams
    unsigned: bool = False


@dataclass(frozen=True, slots=True)
class Clamp:
    """Inclusive int8 range of an operator's output: a folded ReLU, ReLU6 or clip."""

    minimum: int = INT8_MIN
    maximum: int = INT8_MAX

    def __post_init__(self) -> None:
        if not INT8_MIN <= self.minimum <= self.maximum <= INT8_MAX:
            raise ValueError(f"clamp [{self.minimum}, {self.maximum}] is not a range within int8")


@dataclass(frozen=True, slots=True)
class Padding:
    """Rows and columns of zero point that surround an input, never stored."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Kernel, stride, dilation and padding of a convolution or a pool, as (rows, columns)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = field(default_factory=Padding)

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns from the first tap to the last."""
        return (self.kernel[0] - 1) * self.dilation[0] + 1, (self.kernel[1] - 1) * self.dilation[1] + 1

    @property
    def padding_holds_window(self) -> bool:
        """Whether outputs may depend on padding alone; a shard of those would read nothing of the input."""
        rows, columns = self.extent
        pads = self.padding
        return max(pads.top, pads.bottom) >= rows or max(pads.left, pads.right) >= columns

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns that the window yields on an input of `height` x `width`."""
        extent_rows, extent_columns = self.extent
        rows = (height + self.padding.top + self.padding.bottom - extent_rows) // self.stride[0] + 1
        columns = (width + self.padding.left + self.padding.right - extent_columns) // self.stride[1] + 1
        return rows, columns


@dataclass(frozen=True, eq=False)
class Operator:
    """Base of all operators: reads `inputs`, writes `output` (names of tensors)."""

    name: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, eq=False)
class Conv(Operator):
    """Convolution with groups; depthwise if groups = input channels; fully connected if the kernel is the input.

    acc[o] = bias[o] + sum over the window and the group's channels of (x - x_zero_point) * (w - weight_zero_point);
    padding contributes nothing. The output is requantised by input scale * weight_scales[o] / output scale and
    clamped.

    weights: int8 [output channels, kernel rows, kernel columns, input channels / groups].
    bias: int32 [output channels]. weight_scales: float32 [output channels].
    """

    window: Window
    groups: int
    weights: Int8Array
    bias: Int32Array
    weight_scales: Float32Array
    weight_zero_point: int = 0
    clamp: Clamp = Clamp()

    @property
    def output_channels(self) -> int:
        return int(self.weights.shape[0])

    @property
    def group_input_channels(self) -> int:
        return int(self.weights.shape[3])

    @property
    def group_output_channels(self) -> int:
        return self.output_channels // self.groups


@dataclass(frozen=True, eq=False)
class Add(Operator):
    """Sum of two tensors of one shape, or their difference if `subtract`, requantised and clamped."""

    clamp: Clamp = Clamp()
    subtract: bool = False


@dataclass(frozen=True, eq=False)
class Mul(Operator):
    """Product of two tensors of one shape, requantised and clamped; the second may be one pixel that scales all."""

    clamp: Clamp = Clamp()


class PoolKind(Enum):
    """What a pool computes over its window."""

    MAXIMUM = "maximum"
    AVERAGE = "average"
    """Average of the window's valid elements (or of all, padding included, with `count_padding`)."""
    MEAN = "mean"
    """Mean over the whole height and width (ReduceMean, MEAN), which rounds by a rule of its own."""


@dataclass(frozen=True, eq=False)
class Pool(Operator):
    """Maximum, average or mean over a window, channel by channel."""

    kind: PoolKind
    window: Window
    count_padding: bool = False
    clamp: Clamp = Clamp()


@dataclass(frozen=True, eq=False)
class Concat(Operator):
    """Concatenation along the channels; inputs whose quantisation differs from the output's are requantised."""


@dataclass(frozen=True, eq=False)
class Pad(Operator):
    """Rows and columns of the constant `value` (int8) around the input, where they cannot fold into a window."""

    padding: Padding
    value: int


@dataclass(frozen=True, eq=False)
class Slice(Operator):
    """The box of its input that begins at (row, column, channel) `start` and has the output's shape, copied."""

    start: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Gather(Operator):
    """A rearrangement: output[r, c, k] is element rows[r] + columns[c] + channels[k] of the input in memory order.

    Channel shuffles, nearest-neighbour resizing, strided slices, transpositions, reshapes and moves between depth and
    space are all of this form. rows: int32 [output height], columns: int32 [width], channels: int32 [channels].
    """

    rows: Int32Array
    columns: Int32Array
    channels: Int32Array


@dataclass(frozen=True, eq=False)
class Lookup(Operator):
    """Elementwise table: output = table[q + 128] for each int8 input q.

    table: int8 [256], or [channels, 256] if every channel has its own.
    """

    table: Int8Array


class HostStepKind(Enum):
    """What the host does with what the boards give; in floating point unless it says otherwise."""

    DEQUANTISE = "dequantise"
    SOFTMAX = "softmax"
    QUANTISE = "quantise"
    FIXED_SOFTMAX = "fixed_softmax"
    """int8 to int8 of scale 1/256 and zero point -128, in TFLM's fixed point; a DEQUANTISE may follow."""


@dataclass(frozen=True, slots=True)
class InputEnd:
    """How the host turns the user's array into the int8 tensor `tensor`.

    `shape` and `dtype` ("float32", "int8" or "uint8") are the model file's own. `channels_first` says that the
    user's array is NCHW. A float is quantised with the tensor's parameters; ties go to even (ONNXRUNTIME) or away from
    zero (TFLM), as `rounding` says: by the model's origin, whatever rule the boards follow.
    """

    tensor: str
    shape: tuple[int, ...]
    dtype: str
    channels_first: bool
    rounding: Arithmetic = Arithmetic.ONNXRUNTIME


@dataclass(frozen=True, slots=True)
class OutputEnd:
    """How the host turns the int8 tensor `tensor` into the model's own output array; fields as in `InputEnd`.

    `quant` belongs to a QUANTISE step and a DEQUANTISE after it, None if there is none. A softmax runs over `group`
    consecutive elements in memory, over the channels if that is 0.
    """

    tensor: str
    shape: tuple[int, ...]
    dtype: str
    channels_first: bool
    steps: tuple[HostStepKind, ...] = ()
    quant: QuantParams | None = None
    group: int = 0


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: tensors by name, operators in topological order, and its ends on the host.

    Raises ValueError if a tensor is undefined, defined twice, or used before it is computed.
    """

    name: str
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[InputEnd, ...]
    outputs: tuple[OutputEnd, ...]
    arithmetic: Arithmetic

    def __post_init__(self) -> None:
        known = {end.tensor for end in self.inputs}
        for operator in self.operators:
            missing = [name for name in operator.inputs if name not in known]
            if missing:
                raise ValueError(f"operator {operator.name} reads {missing[0]} before it is computed")
            if operator.output in known:
                raise ValueError(f"tensor {operator.output} is computed twice")
            known.add(operator.output)
        undefined = (known | {end.tensor for end in self.outputs}) - set(self.tensors)
        if undefined:
            raise ValueError(f"tensor {min(undefined)} is not defined")

    @cached_property
    def producers(self) -> Mapping[str, int]:
        """Index of the operator that computes each tensor (graph inputs have none)."""
        return {operator.output: index for index, operator in enumerate(self.operators)}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[int, ...]]:
        """Indices of the operators that read each tensor."""
        readers: dict[str, list[int]] = {name: [] for name in self.tensors}
        for index, operator in enumerate(self.operators):
            for name in dict.fromkeys(operator.inputs):
                readers[name].append(index)
        return {name: tuple(indices) for name, indices in readers.items()}

    def input_tensors(self, operator: Operator) -> Iterator[Tensor]:
        return (self.tensors[name] for name in operator.inputs)

    def output_tensor(self, operator: Operator) -> Tensor:
        return self.tensors[operator.output]
