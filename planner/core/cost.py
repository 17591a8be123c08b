"""What a shard costs on a device: loop counts of the kernels times the profile's measured coefficients.

Every kernel's time is linear in a few counts ("features") of its own loops, so the fit is almost exact and the
prediction holds for shards that were never measured. A window kernel runs, for an output box,

    for each row (row; and row_tap for each valid row of the window),
        for each column (pixel; and pixel_tap for each valid element of the window), for each output channel (output),
            for each valid row of the window (output_row_tap), for each valid column (output_tap),
                for each input channel (mac)

where a window's rows and columns are valid unless they fall into the padding. A Pad has a window of one element, valid
inside the input. Copies go by words of four bytes (odd_output and odd_tap: a byte that is left of a pixel). A
concatenation goes over the rows once for each input that the box meets (input). A Gather copies `runs` of consecutive
channels, or `singles`; a Lookup may read `tables` of channels. Coefficients are clock cycles per feature, per kernel
key. The kernels of variants count other loops: see `variant_cost`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from planner.core.gathering import runs
from planner.core.variant_cost import variant_features
from planner.core.variants import PORTABLE, VARIANTS, serves
from planner.data.graph import (
    Add,
    Arithmetic,
    Concat,
    Conv,
    Gather,
    Graph,
    Lookup,
    Mul,
    Operator,
    Pad,
    Padding,
    Pool,
    PoolKind,
    Shape,
    Slice,
    Window,
)
from planner.data.hardware import CostProfile
from planner.data.region import Region

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Features = Mapping[str, float]

ROUNDING_SLACK_NS = 1e-4
"""Times are rounded up, but not for the sake of floating-point noise: all sums of the same terms give one integer."""

WINDOW_FEATURES = (
    *("call", "rows", "row_taps", "pixels", "pixel_taps", "outputs", "output_row_taps", "output_taps", "macs"),
)
ELEMENT_FEATURES = ("call", "rows", "pixels", "outputs")
ELEMENTWISE_FEATURES = ("runs", "singles", "tables")
COPY_FEATURES = (*ELEMENT_FEATURES, "odd_outputs", "odd_taps", "inputs")
WORD_BYTES = 4
"""Copies move words of this many bytes, then what is left of a pixel byte by byte."""


def kernel_of(graph: Graph, operator: Operator) -> str:
    """Name of the kernel that computes `operator` whole or in part."""
    match operator:
        case Conv():
            return _convolution_kernel(operator, graph.output_tensor(operator).shape)
        case Pool():
            return {PoolKind.MAXIMUM: "maximum_pool", PoolKind.AVERAGE: "average_pool", PoolKind.MEAN: "mean"}[
                operator.kind
            ]
        case Add():
            return "add"
        case Mul():
            return "mul"
        case Concat():
            return "concat"
        case Pad():
            return "pad"
        case Slice():
            return "copy"
        case Lookup():
            return "lookup"
        case Gather():
            return "gather"
    raise TypeError(f"operator {operator.name} has the unknown class {type(operator).__name__}")


def _convolution_kernel(operator: Conv, output: Shape) -> str:
    """The special kernels assume symmetric weights and, but for depthwise, one group and no padding."""
    window = operator.window
    if operator.weight_zero_point != 0:
        return "convolution"
    if operator.groups > 1 and operator.group_input_channels == 1:
        return "depthwise"
    if operator.groups == 1 and window.padding == Padding():
        if output.height == output.width == 1:
            return "fully_connected"
        if window.kernel == window.stride == (1, 1):
            return "pointwise"
    return "convolution"


def implementation_of(graph: Graph, operator: Operator, variant: str) -> str:
    """What computes `operator` on a device of a variant: a kernel's name, with the variant's if it serves."""
    kernel = kernel_of(graph, operator)
    return variant_kernel(kernel, variant) if serves(graph, operator, kernel, variant) else kernel


def variant_of(graph: Graph, operator: Operator, variant: str) -> str:
    """`variant` if it serves an operator, else the portable one."""
    return variant if serves(graph, operator, kernel_of(graph, operator), variant) else PORTABLE


def variant_kernel(kernel: str, variant: str) -> str:
    """Name of a variant's kernel."""
    return f"{kernel}_{variant}"


KERNELS = (
    *("convolution", "pointwise", "depthwise", "fully_connected", "maximum_pool", "average_pool", "mean", "add"),
    *("concat", "pad", "lookup", "partial_sums", "requantise", "accumulate", "copy", "mul", "gather"),
)
ROUNDING_KERNELS = frozenset(KERNELS) - {
    *("maximum_pool", "concat", "pad", "lookup", "partial_sums", "accumulate", "copy", "gather")
}
"""Kernels that requantise: their cost depends on the rounding rule."""
VARIANT_KERNELS: Mapping[str, tuple[str, str]] = {
    variant_kernel(kernel, variant): (kernel, variant) for variant, kernels in VARIANTS.items() for kernel in kernels
}
"""The portable kernel that each kernel of a variant stands for, and the variant. They all requantise."""


def portable_cycles(cycles: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    """The coefficients of a profile without those of variants."""
    return {key: table for key, table in cycles.items() if key.partition(".")[0] not in VARIANT_KERNELS}


def cost_key(kernel: str, arithmetic: Arithmetic) -> str:
    """Key of a profile's coefficient table: `add.tflm`, `copy`."""
    rounds = kernel in ROUNDING_KERNELS or kernel in VARIANT_KERNELS
    return f"{kernel}.{arithmetic.value}" if rounds else kernel


def valid_taps(
    start: int, stop: int, kernel: int, stride: int, dilation: int, pad: int, size: int
) -> NDArray[np.int64]:
    """For each output position in [start, stop): how many of the kernel's taps fall inside [0, size)."""
    positions = np.arange(start, stop, dtype=np.int64)[:, None] * stride - pad
    taps = positions + np.arange(kernel, dtype=np.int64)[None, :] * dilation
    return np.asarray(((taps >= 0) & (taps < size)).sum(axis=1), dtype=np.int64)


def operator_features(graph: Graph, operator: Operator, output: Region, input_channels: int | None = None) -> Features:
    """Features of computing `output` of `operator`, over `input_channels` of its input (all, if None)."""
    features = dict(element_features(output))
    if isinstance(operator, Concat):
        inputs = int(_Joints.of(graph, operator).met(output.channel_start, output.channel_stop))
        features |= {"inputs": inputs, "rows": inputs * output.rows, "pixels": inputs * features["pixels"]}
    window = _window(operator)
    features |= {name: features["outputs"] * count for name, count in _per_output(operator).items()}
    if window is not None:
        shape = graph.tensors[operator.inputs[0]].shape
        row_taps = _tap_count(window, 0, output.row_start, output.row_stop, shape.height)
        column_taps = _tap_count(window, 1, output.column_start, output.column_stop, shape.width)
        output_taps = row_taps * column_taps * output.channels
        features |= {
            "row_taps": row_taps,
            "pixel_taps": row_taps * column_taps,
            "output_row_taps": row_taps * output.columns * output.channels,
            "output_taps": output_taps,
        }
        if isinstance(operator, Conv):
            depth = operator.group_input_channels if input_channels is None else input_channels
            features["macs"] = output_taps * depth
        if isinstance(operator, Pad):
            features["odd_taps"] = row_taps * column_taps * (output.channels % WORD_BYTES)
            features["inputs"] = int(row_taps * column_taps > 0)
    if isinstance(operator, Pad | Slice):
        features |= _odd_outputs(output)
    return features


def compute_features(graph: Graph, operator: Operator, output: Region, variant: str, exact: bool = True) -> Features:
    """Features of computing `output` on a device of a variant.

    If not `exact`, a lower bound of the counts that is additive in rows and channels.
    """
    implementation = implementation_of(graph, operator, variant)
    if implementation not in VARIANT_KERNELS:
        features = operator_features(graph, operator, output)
        return features if exact else _shared(operator, output, features)
    box = (output.row_start, output.row_stop, output.columns, output.channels)
    counts = variant_features(graph, operator, *VARIANT_KERNELS[implementation], *box, exact=exact)
    return {name: float(count) for name, count in counts.items()}


def _shared(operator: Operator, output: Region, features: Features) -> Features:
    """A lower bound of a portable kernel's counts that is additive in rows and channels."""
    bound = {**features, **dict.fromkeys(("odd_outputs", "odd_taps", "inputs"), 0)}
    if isinstance(operator, Concat):
        bound |= {"rows": output.rows, "pixels": output.rows * output.columns}
    return bound


def element_features(region: Region) -> Features:
    """Features of an elementwise step (accumulate, requantise) over `region`."""
    pixels = region.rows * region.columns
    return {"call": 1, "rows": region.rows, "pixels": pixels, "outputs": pixels * region.channels}


def copy_features(region: Region) -> Features:
    """Features of copying `region`."""
    return {**element_features(region), **_odd_outputs(region)}


def _odd_outputs(region: Region) -> Features:
    return {"odd_outputs": region.rows * region.columns * (region.channels % WORD_BYTES)}


def duration_ns(profile: CostProfile, key: str, features: Features) -> int:
    """Predicted time in nanoseconds, rounded up. Raises KeyError if the profile has no such kernel."""
    table = profile.cycles[key]
    cycles = sum(table.get(name, 0.0) * count for name, count in features.items())
    return max(0, math.ceil(cycles * 1e9 / profile.clock_hz - ROUNDING_SLACK_NS))


class ShardCosts:
    """Cost of every row range and channel count of one operator on one profile, vectorised.

    cost(rows [a, b), n channels of i inputs) = call + i * per_input + sum over its rows of
    (i * fixed[r] + n * per_channel[r] + n % 4 * per_odd[r]), in nanoseconds; i is 1 but for concatenations.
    """

    def __init__(self, graph: Graph, operator: Operator, profile: CostProfile, arithmetic: Arithmetic) -> None:
        implementation = implementation_of(graph, operator, profile.kernels)
        table = profile.cycles[cost_key(implementation, arithmetic)]
        ns = 1e9 / profile.clock_hz
        shape = graph.output_tensor(operator).shape
        self._variant_ns: Callable[[IntArray, IntArray, IntArray], FloatArray] | None = None
        if implementation in VARIANT_KERNELS:
            kernel, variant = VARIANT_KERNELS[implementation]

            def variant_ns(start: IntArray, stop: IntArray, channels: IntArray) -> FloatArray:
                features = variant_features(graph, operator, kernel, variant, start, stop, shape.width, channels)
                return sum((table.get(name, 0.0) * ns * count for name, count in features.items()), np.zeros(()))

            self._variant_ns = variant_ns
        self.channels = shape.channels
        self.call_ns = table.get("call", 0.0) * ns
        self._joints = _Joints.of(graph, operator) if isinstance(operator, Concat) else None
        fixed = np.full(shape.height, table.get("rows", 0.0) + table.get("pixels", 0.0) * shape.width)
        per_output = table.get("outputs", 0.0)
        per_output += sum(table.get(name, 0.0) * count for name, count in _per_output(operator).items())
        per_channel = np.full(shape.height, per_output * shape.width)
        per_odd = np.full(shape.height, table.get("odd_outputs", 0.0) * shape.width)
        window = _window(operator)
        taps: IntArray = np.ones(shape.height, np.int64)
        if window is not None:
            source = graph.tensors[operator.inputs[0]].shape
            row_taps = _axis_taps(window, 0, 0, shape.height, source.height)
            column_taps = int(_axis_taps(window, 1, 0, shape.width, source.width).sum())
            depth = operator.group_input_channels if isinstance(operator, Conv) else 0
            per_tap = table.get("output_taps", 0.0) + table.get("macs", 0.0) * depth
            fixed += (table.get("row_taps", 0.0) + table.get("pixel_taps", 0.0) * column_taps) * row_taps
            per_channel += (table.get("output_row_taps", 0.0) * shape.width + per_tap * column_taps) * row_taps
            per_odd += table.get("odd_taps", 0.0) * column_taps * row_taps
            taps = row_taps * column_taps
        self._fixed: FloatArray = np.concatenate([[0.0], np.cumsum(fixed * ns)])
        self._per_channel: FloatArray = np.concatenate([[0.0], np.cumsum(per_channel * ns)])
        is_copied = isinstance(operator, Pad | Slice)
        self._per_odd: FloatArray = np.concatenate([[0.0], np.cumsum(per_odd * ns * is_copied)])
        self._per_input_ns = table.get("inputs", 0.0) * ns * isinstance(operator, Pad | Concat)
        self._taps: IntArray = np.concatenate([[0], np.cumsum(taps)])

    def box_ns(self, start: IntArray, stop: IntArray, channels: IntArray, first_channel: IntArray) -> IntArray:
        """Cost of `channels` channels, from `first_channel` on, of the rows [start, stop), broadcast; 0 where empty."""
        if self._variant_ns is None:
            inputs = 1 if self._joints is None else self._joints.met(first_channel, first_channel + channels)
            total = self.call_ns + inputs * (self._fixed[stop] - self._fixed[start])
            total = total + inputs * self._per_input_ns * (self._taps[stop] > self._taps[start])
            total = total + channels * (self._per_channel[stop] - self._per_channel[start])
            total = total + channels % WORD_BYTES * (self._per_odd[stop] - self._per_odd[start])
        else:
            total = self._variant_ns(start, stop, channels)
        busy = (stop > start) & (channels > 0)
        return np.where(busy, np.maximum(np.ceil(total - ROUNDING_SLACK_NS), 0), 0).astype(np.int64)

    def rows_ns(self, start: NDArray[np.int64], stop: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cost of the row ranges [start, stop), elementwise, with all channels; 0 where empty."""
        return self.box_ns(start, stop, np.asarray(self.channels), np.asarray(0))

    def channels_ns(self, count: NDArray[np.int64]) -> NDArray[np.int64]:
        """Least cost of `count` channels, elementwise, with all rows; 0 where none."""
        firsts = np.zeros(1, np.int64) if self._joints is None else self._joints.starts
        rows = (np.asarray(0), np.asarray(len(self._fixed) - 1))
        costs = [self.box_ns(*rows, count, np.minimum(first, self.channels - count)) for first in firsts]
        return np.asarray(np.min(costs, axis=0), np.int64)


@dataclass(frozen=True, eq=False)
class _Joints:
    """Where the inputs of a concatenation lie in the channels of its output: [starts, stops), int64 [inputs]."""

    starts: IntArray
    stops: IntArray

    @staticmethod
    def of(graph: Graph, operator: Concat) -> _Joints:
        counts = np.array([graph.tensors[name].shape.channels for name in operator.inputs], np.int64)
        stops = np.cumsum(counts)
        return _Joints(stops - counts, stops)

    def met(self, start: IntArray | int, stop: IntArray | int) -> IntArray:
        """How many inputs have channels in [start, stop), elementwise."""
        return np.asarray(np.searchsorted(self.starts, stop) - np.searchsorted(self.stops, start, side="right"))


@lru_cache(maxsize=1024)
def _per_output(operator: Operator) -> Features:
    """Counts for every output element that depend on the operator alone, averaged over its channels."""
    match operator:
        case Gather():
            lengths = np.array([length for _, length in runs(operator.channels.astype(np.int64))])
            channels = len(operator.channels)
            return {"runs": (lengths > 1).sum() / channels, "singles": (lengths == 1).sum() / channels}
        case Lookup():
            return {"tables": float(operator.table.ndim == 2)}
    return {}


def _window(operator: Operator) -> Window | None:
    match operator:
        case Conv() | Pool():
            return operator.window
        case Pad():
            return Window((1, 1), padding=operator.padding)
    return None


def _axis_taps(window: Window, axis: int, start: int, stop: int, size: int) -> NDArray[np.int64]:
    pad = window.padding.top if axis == 0 else window.padding.left
    return valid_taps(start, stop, window.kernel[axis], window.stride[axis], window.dilation[axis], pad, size)


@lru_cache(maxsize=1 << 16)
def _tap_count(window: Window, axis: int, start: int, stop: int, size: int) -> int:
    """Valid taps of all output positions together; rolling segments ask for the same ones again and again."""
    return int(_axis_taps(window, axis, start, stop, size).sum())
