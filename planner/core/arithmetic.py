"""The rounding rules: derived constants, and how int32 sums become int8 values. Normative text: docs/ARITHMETIC.md.

The constants are what the plan carries to the boards; the executor applies them here, so both have one source.
Every function is elementwise in its array arguments and broadcasts over the last axis (channels).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.data.graph import (
    INT8_MAX,
    INT8_MIN,
    Add,
    Arithmetic,
    Clamp,
    Concat,
    Conv,
    Float32Array,
    Graph,
    Int8Array,
    Int32Array,
    Mul,
    Operator,
    Padding,
    Pool,
    PoolKind,
    QuantParams,
)

INT8_VALUES: Int8Array = np.arange(INT8_MIN, INT8_MAX + 1).astype(np.int8)
"""All int8 values in order: the table of the identity."""
IntArray = NDArray[np.int32] | NDArray[np.int64]

ADD_LEFT_SHIFT = 20
"""Bits by which the TFLM addition scales its inputs up before it rounds them."""
FACTOR_BITS = 24
"""Bits of a float32 significand."""
FLOAT_SHIFT_MAX = 60
"""A product of 55 bits shifted by more rounds to zero, as it does when shifted by this."""
UNSIGNED_OFFSET = 128
"""What is added to an int8 value to get back the uint8 value of the model file."""


@dataclass(frozen=True, eq=False)
class FloatRequantisation:
    """ONNXRUNTIME: round half to even of float32(acc) * scale. scales: float32 [channels], or [1] for all channels."""

    scales: Float32Array

    def channels(self, start: int, stop: int) -> FloatRequantisation:
        return FloatRequantisation(self.scales[start:stop])

    def apply(self, sums: Int32Array, zero_point: int, clamp: Clamp) -> Int8Array:
        """int8 values of int32 `sums` [..., channels]."""
        scaled = sums.astype(np.float32) * self.scales
        return _to_int8(np.rint(scaled).astype(np.float64) + zero_point, clamp)


@dataclass(frozen=True, eq=False)
class FixedRequantisation:
    """TFLM: saturating doubling high product with `multiplier`, then rounding division by 2^-shift.

    multipliers: int32 [channels] or [1], in [0, 2^31). shifts: int32, in [-31, 30]; positive ones shift left, first.
    """

    multipliers: Int32Array
    shifts: Int32Array

    def channels(self, start: int, stop: int) -> FixedRequantisation:
        return FixedRequantisation(self.multipliers[start:stop], self.shifts[start:stop])

    def apply(self, sums: Int32Array, zero_point: int, clamp: Clamp) -> Int8Array:
        """int8 values of int32 `sums` [..., channels]."""
        return _to_int8(fixed_product(sums, self.multipliers, self.shifts) + zero_point, clamp)


Requantisation = FloatRequantisation | FixedRequantisation


@dataclass(frozen=True, slots=True)
class FloatAddition:
    """ONNXRUNTIME: with v1, v2 the stored values (int8, or uint8 if `unsigned`),

    t = float32(v2 * ratio2 + bias), out = round half to even of float32(v1 * ratio1 + t), each product and sum in
    float64. `bias` and the ratios are float32 values. If `unsigned`, 128 is subtracted from the rounded result.
    """

    ratio1: float
    ratio2: float
    bias: float
    unsigned: bool

    def apply(self, first: Int8Array, second: Int8Array, clamp: Clamp) -> Int8Array:
        offset = UNSIGNED_OFFSET if self.unsigned else 0
        inner = ((second.astype(np.float64) + offset) * self.ratio2 + self.bias).astype(np.float32)
        outer = ((first.astype(np.float64) + offset) * self.ratio1 + inner).astype(np.float32)
        return _to_int8(np.rint(outer).astype(np.float64) - offset, clamp)


@dataclass(frozen=True, slots=True)
class FixedAddition:
    """TFLM: inputs less their zero points, times 2^20, each rounded by its own multiplier; the sum by a third.

    If `subtract`, the second, rounded, is subtracted.
    """

    zero_point1: int
    zero_point2: int
    multiplier1: int
    shift1: int
    multiplier2: int
    shift2: int
    output_multiplier: int
    output_shift: int
    output_zero_point: int
    subtract: bool = False

    def apply(self, first: Int8Array, second: Int8Array, clamp: Clamp) -> Int8Array:
        raised1 = (first.astype(np.int64) - self.zero_point1) << ADD_LEFT_SHIFT
        raised2 = (second.astype(np.int64) - self.zero_point2) << ADD_LEFT_SHIFT
        sums = fixed_product(raised1, self.multiplier1, self.shift1)
        scaled2 = fixed_product(raised2, self.multiplier2, self.shift2)
        sums = sums - scaled2 if self.subtract else sums + scaled2
        rounded = fixed_product(sums, self.output_multiplier, self.output_shift)
        return _to_int8(rounded + self.output_zero_point, clamp)


Addition = FloatAddition | FixedAddition


@dataclass(frozen=True, slots=True)
class FloatAverage:
    """ONNXRUNTIME: float32 sum, in row-major order, of input_scale * (x - input_zero_point) over the valid elements,

    divided by the count, divided by output_scale, plus the stored zero point; then round half to even. If
    `unsigned`, the stored zero point is output_zero_point + 128, and 128 is subtracted from the rounded result.
    """

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    unsigned: bool

    def dequantise(self, values: Int8Array) -> Float32Array:
        shifted = (values.astype(np.int32) - self.input_zero_point).astype(np.float32)
        return shifted * np.float32(self.input_scale)

    def apply(self, sums: Float32Array, counts: Int32Array, clamp: Clamp) -> Int8Array:
        """int8 averages of float32 `sums` of dequantised values over `counts` elements."""
        offset = UNSIGNED_OFFSET if self.unsigned else 0
        mean = sums / counts.astype(np.float32) / np.float32(self.output_scale)
        stored = np.rint(mean + np.float32(self.output_zero_point + offset))
        return _to_int8(stored.astype(np.float64) - offset, clamp)


@dataclass(frozen=True, slots=True)
class FixedAverage:
    """TFLM: integer average of the input's values, half away from zero; then requantised (exact where scales agree).

    `multiplier` and `shift` turn (average - input_zero_point) into the output's quanta.
    """

    input_zero_point: int
    multiplier: int
    shift: int
    output_zero_point: int

    def apply(self, sums: IntArray, counts: Int32Array, clamp: Clamp) -> Int8Array:
        """int8 averages of integer `sums` of raw values over `counts` elements."""
        magnitude = (np.abs(sums) + counts // 2) // counts
        average = np.where(sums > 0, magnitude, -magnitude)
        rounded = fixed_product(average - self.input_zero_point, self.multiplier, self.shift)
        return _to_int8(rounded + self.output_zero_point, clamp)


Average = FloatAverage | FixedAverage


def with_rule(graph: Graph, rule: Arithmetic) -> Graph:
    """The network under a rounding rule, which need not be that of its origin.

    What ONNX calls an average pool over the whole plane is a MEAN in TFLite, and rounded so under TFLM.
    """
    if rule is graph.arithmetic:
        return graph
    operators = graph.operators
    if rule is Arithmetic.TFLM:
        operators = tuple(_global_mean(graph, operator) for operator in operators)
    return replace(graph, operators=operators, arithmetic=rule)


def fixed_multiplier(real: float) -> tuple[int, int]:
    """Multiplier, shift: real ~ multiplier * 2^(shift - 31), by TFLite's rule; (0, 0) for a `real` below 2^-32."""
    mantissa, shift = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return 2**31 - 1, 30
    return multiplier, shift


def float_factor(scale: float) -> tuple[int, int]:
    """A float32 scale as multiplier * 2^-shift with a multiplier of FACTOR_BITS bits.

    Scales whose every product saturates, or rounds to zero, are replaced by the nearest that can be stored.
    """
    mantissa, exponent = np.frexp(np.float64(scale))
    shift = FACTOR_BITS - int(exponent)
    return int(mantissa * 2**FACTOR_BITS), min(max(shift, 1), FLOAT_SHIFT_MAX)


def fixed_product(values: IntArray, multiplier: int | Int32Array, shift: int | Int32Array) -> NDArray[np.int64]:
    """values * multiplier * 2^(shift - 31) with TFLM's double rounding, int64.

    The left-shifted value saturates at int32; the high product rounds half up; the division by a power of two rounds
    half away from zero.
    """
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    raised = np.clip(values.astype(np.int64) << left, -(2**31), 2**31 - 1)
    high = (raised * np.asarray(multiplier, np.int64) + 2**30) >> 31
    mask = (1 << right) - 1
    threshold = (mask >> 1) + (high < 0)
    return np.asarray((high >> right) + ((high & mask) > threshold), np.int64)


def conv_requantisation(graph: Graph, conv: Conv) -> Requantisation:
    """How the convolution's int32 sums, bias included, become int8: one entry per output channel."""
    source, target = _quants(graph, conv)
    if graph.arithmetic is Arithmetic.ONNXRUNTIME:
        scales = np.float32(source.scale) * conv.weight_scales.astype(np.float32) / np.float32(target.scale)
        return FloatRequantisation(scales)
    return _fixed(source.scale * conv.weight_scales.astype(np.float64) / target.scale)


def mean_requantisation(graph: Graph, pool: Pool) -> Requantisation:
    """How the sum over the whole plane of (x - zero point) becomes the int8 mean: one entry for all channels."""
    source, target = _quants(graph, pool)
    count = pool.window.kernel[0] * pool.window.kernel[1]
    if graph.arithmetic is Arithmetic.ONNXRUNTIME:
        scale = np.float32(source.scale) / (np.float32(target.scale) * np.float32(count))
        return FloatRequantisation(np.array([scale], np.float32))
    multiplier, shift = fixed_multiplier(source.scale / target.scale)
    fold = min(count.bit_length() - 1, 32, 31 + shift)
    folded = (multiplier << fold) // count
    return FixedRequantisation(np.array([folded], np.int32), np.array([shift - fold], np.int32))


def mul_requantisation(graph: Graph, mul: Mul) -> Requantisation:
    """How the product of both inputs, less their zero points, becomes int8: one entry for all channels."""
    first, second = (tensor.quant.scale for tensor in graph.input_tensors(mul))
    target = graph.output_tensor(mul).quant.scale
    if graph.arithmetic is Arithmetic.ONNXRUNTIME:
        scale = np.float32(first) * np.float32(second) / np.float32(target)
        return FloatRequantisation(np.array([scale], np.float32))
    return _fixed(np.array([first * second / target]))


def average_parameters(graph: Graph, pool: Pool) -> Average:
    """Constants of an average over a window."""
    if pool.kind is not PoolKind.AVERAGE:
        raise ValueError(f"{pool.name} is no average pool")
    source, target = _quants(graph, pool)
    if graph.arithmetic is Arithmetic.ONNXRUNTIME:
        unsigned = graph.output_tensor(pool).unsigned
        return FloatAverage(source.scale, source.zero_point, target.scale, target.zero_point, unsigned)
    multiplier, shift = fixed_multiplier(source.scale / target.scale)
    return FixedAverage(source.zero_point, multiplier, shift, target.zero_point)


def add_parameters(graph: Graph, add: Add) -> Addition:
    """Constants of an addition."""
    first, second = (graph.tensors[name].quant for name in add.inputs)
    output = graph.output_tensor(add)
    return addition(first, second, output.quant, graph.arithmetic, output.unsigned, add.subtract)


def addition(
    first: QuantParams,
    second: QuantParams,
    target: QuantParams,
    rule: Arithmetic,
    unsigned: bool = False,
    subtract: bool = False,
) -> Addition:
    """Constants of first + second, or of first - second if `subtract`; `unsigned` is the output tensor's."""
    if rule is Arithmetic.ONNXRUNTIME:
        return _float_addition(first, second, target, unsigned, -1.0 if subtract else 1.0)
    twice_maximum = 2 * max(first.scale, second.scale)
    multiplier1, shift1 = fixed_multiplier(first.scale / twice_maximum)
    multiplier2, shift2 = fixed_multiplier(second.scale / twice_maximum)
    output_multiplier, output_shift = fixed_multiplier(twice_maximum / (2**ADD_LEFT_SHIFT * target.scale))
    return FixedAddition(
        zero_point1=first.zero_point,
        zero_point2=second.zero_point,
        multiplier1=multiplier1,
        shift1=shift1,
        multiplier2=multiplier2,
        shift2=shift2,
        output_multiplier=output_multiplier,
        output_shift=output_shift,
        output_zero_point=target.zero_point,
        subtract=subtract,
    )


def concat_tables(graph: Graph, concat: Concat) -> tuple[Int8Array | None, ...]:
    """For each input the table (256 entries, index q + 128) into the output's quantisation; None = copied as is."""
    target = graph.output_tensor(concat).quant
    return tuple(
        None if tensor.quant == target else requantisation_table(tensor.quant, target, graph.arithmetic)
        for tensor in graph.input_tensors(concat)
    )


def requantisation_table(source: QuantParams, target: QuantParams, arithmetic: Arithmetic) -> Int8Array:
    """int8 [256]: entry q + 128 is q of quantisation `source` expressed in `target`."""
    values = INT8_VALUES.astype(np.int32) - source.zero_point
    if arithmetic is Arithmetic.ONNXRUNTIME:
        return quantise(values.astype(np.float32) * np.float32(source.scale), target)
    multiplier, shift = fixed_multiplier(source.scale / target.scale)
    return _to_int8(fixed_product(values, multiplier, shift) + target.zero_point, Clamp())


def quantise(real: Float32Array, quant: QuantParams, rule: Arithmetic = Arithmetic.ONNXRUNTIME) -> Int8Array:
    """int8 values nearest to float32 `real`: real / scale rounded, plus the zero point, saturated.

    Ties go to even under ONNXRUNTIME, away from zero under TFLM.
    """
    quanta = (real / np.float32(quant.scale)).astype(np.float64)
    levels = np.rint(quanta) if rule is Arithmetic.ONNXRUNTIME else np.trunc(quanta + np.copysign(0.5, quanta))
    return _to_int8(levels + quant.zero_point, Clamp())


def dequantise(values: Int8Array, quant: QuantParams) -> Float32Array:
    """float32 scale * (values - zero point)."""
    return (values.astype(np.int32) - quant.zero_point).astype(np.float32) * np.float32(quant.scale)


def _global_mean(graph: Graph, operator: Operator) -> Operator:
    if not isinstance(operator, Pool) or operator.kind is not PoolKind.AVERAGE:
        return operator
    shape = graph.tensors[operator.inputs[0]].shape
    if operator.window.kernel != (shape.height, shape.width) or operator.window.padding != Padding():
        return operator
    return replace(operator, kind=PoolKind.MEAN)


def _float_addition(
    first: QuantParams, second: QuantParams, target: QuantParams, unsigned: bool, sign: float
) -> FloatAddition:
    """Constants of first + sign * second."""
    offset = UNSIGNED_OFFSET if unsigned else 0
    ratio1 = np.float32(first.scale) / np.float32(target.scale)
    ratio2 = np.float32(sign * second.scale) / np.float32(target.scale)
    zero1, zero2, zero = (np.float32(q.zero_point + offset) for q in (first, second, target))
    inner = np.float32(float(ratio1) * float(zero1) + float(ratio2 * zero2))
    bias = zero - inner
    return FloatAddition(float(ratio1), float(ratio2), float(bias), unsigned)


def _fixed(reals: NDArray[np.float64]) -> FixedRequantisation:
    pairs = [fixed_multiplier(float(real)) for real in reals]
    multipliers, shifts = zip(*pairs, strict=True)
    return FixedRequantisation(np.array(multipliers, np.int32), np.array(shifts, np.int32))


def _quants(graph: Graph, operator: Conv | Pool) -> tuple[QuantParams, QuantParams]:
    return graph.tensors[operator.inputs[0]].quant, graph.output_tensor(operator).quant


def _to_int8(values: NDArray[np.float64] | NDArray[np.int64], clamp: Clamp) -> Int8Array:
    return np.clip(values, clamp.minimum, clamp.maximum).astype(np.int8)
