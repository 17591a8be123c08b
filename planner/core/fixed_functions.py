"""TensorFlow Lite Micro's fixed-point functions of int8 values: sigmoid, tanh, hard swish, leaky ReLUs, softmax.

Unary functions are given as tables (int8 [256], index q + 128), softmax is computed on the host. A "raw" value is the
int64 numerator of a fixed-point number; Qm.n has m integer and n fraction bits, one more bit holds the sign. Products
keep the sum of the integer bits of their factors. Normative text: docs/ARITHMETIC.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planner.core.arithmetic import fixed_multiplier, fixed_product
from planner.data.graph import INT8_MAX, INT8_MIN, Int8Array, QuantParams

Raw = NDArray[np.int64]

UNIT_QUANT = QuantParams(1 / 256, INT8_MIN)
"""Quantisation of the outputs of sigmoid and softmax: [0, 1) over int8."""
TANH_QUANT = QuantParams(1 / 128, 0)
"""Quantisation of the output of tanh: [-1, 1) over int8."""

_INT16_MAX = 2**15 - 1
_ONE = 2**31 - 1
"""The largest Q0.31, which stands for 1."""
_SOFTMAX_INTEGER_BITS = 5
_SUM_INTEGER_BITS = 12
_INTEGER_BITS = 4
"""Of the inputs of sigmoid and tanh."""
_EXP_MULTIPLIERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-2^k) as Q0.31 for k = -2 ... 4."""
_EXP_ONE_EIGHTH = 1895147668
"""exp(-1/8) as Q0.31."""
_ONE_THIRD = 715827883
_48_OVER_17 = 1515870810
"""As Q2.29; so is the next."""
_MINUS_32_OVER_17 = -1010580540
_HIGH_RESOLUTION_BITS = 7
_HARD_SWISH_KNEE = 3.0


def leaky_relu_table(source: QuantParams, target: QuantParams, negative_slope: float) -> Int8Array:
    """Requantisation from `source` to `target`, values below zero times `negative_slope`."""
    values = _levels() - source.zero_point
    scale = np.float32(source.scale)
    positive = fixed_multiplier(float(scale / np.float32(target.scale)))
    negative = fixed_multiplier(float(scale * np.float32(negative_slope) / np.float32(target.scale)))
    scaled = np.where(values >= 0, fixed_product(values, *positive), fixed_product(values, *negative))
    return _saturated(scaled + target.zero_point)


def prelu_table(source: QuantParams, target: QuantParams, slope: int, slope_scale: float) -> Int8Array:
    """Requantisation from `source` to `target`, values below zero times `slope` quanta of `slope_scale`."""
    values = _levels() - source.zero_point
    positive = fixed_multiplier(source.scale / target.scale)
    negative = fixed_multiplier(source.scale * slope_scale / target.scale)
    scaled = np.where(values >= 0, fixed_product(values, *positive), fixed_product(values * slope, *negative))
    return _saturated(scaled + target.zero_point)


def logistic_table(source: QuantParams) -> Int8Array:
    """The sigmoid of values of `source`, in `UNIT_QUANT`."""

    def sigmoid(raw: Raw) -> Raw:
        twice = _twice_reciprocal_of_one_plus(_exp_of_negative(-np.abs(raw), _INTEGER_BITS))
        positive = np.minimum(twice << 1, _ONE)
        result = np.where(raw > 0, positive, np.where(raw < 0, _ONE - positive, 1 << 30))
        return _divide_by_power(result, 23) + INT8_MIN

    return _saturating_table(source, sigmoid)


def tanh_table(source: QuantParams) -> Int8Array:
    """The hyperbolic tangent of values of `source`, in `TANH_QUANT`."""

    def tanh(raw: Raw) -> Raw:
        # tanh(x) = 2 / (1 + exp(-2x)) - 1, and -2x has the digits of -x with one more integer bit.
        twice = _twice_reciprocal_of_one_plus(_exp_of_negative(-np.abs(raw), _INTEGER_BITS + 1))
        positive = np.minimum((twice - (1 << 29)) << 2, _ONE)
        return _divide_by_power(np.sign(raw) * positive, 24)

    return _saturating_table(source, tanh)


def hard_swish_table(source: QuantParams, target: QuantParams) -> Int8Array:
    """x * clip(x + 3, 0, 6) / 6, in 16-bit fixed point. Raises ValueError if the output's scale is too small for it."""
    high_scale = np.float32(source.scale) / np.float32(2**_HIGH_RESOLUTION_BITS)
    output_multiplier, output_shift = _int16_multiplier(high_scale / np.float32(target.scale))
    gate_multiplier, gate_shift = _int16_multiplier(high_scale / (np.float32(_HARD_SWISH_KNEE) / np.float32(2**15)))
    if output_shift > 0:
        raise ValueError(f"the output's scale {target.scale} is below 1/128 of the input's {source.scale}")
    values = (_levels() - source.zero_point) << _HIGH_RESOLUTION_BITS
    scaled = _high_product(values, output_multiplier, 15)
    gate = _saturated_int16(values << max(gate_shift - 1, 0))
    gate = _high_product(gate, gate_multiplier, 15)
    gate = _saturated_int16(gate << 1) if gate_shift > 0 else _divide_by_power(gate, -gate_shift)
    gate = (gate + 2**15) >> 1
    product = gate * scaled
    swish = np.sign(product) * (np.abs(product) >> 15)
    return _saturated(_divide_by_power(swish, -output_shift) + target.zero_point)


def softmax(values: Int8Array, scale: float) -> Int8Array:
    """Softmax over the last axis of int8 `values` of quantisation `scale`, in `UNIT_QUANT`."""
    real = min(scale * 2.0 ** (31 - _SOFTMAX_INTEGER_BITS), 2.0**31 - 1)
    multiplier, shift = fixed_multiplier(real)
    integers = values.astype(np.int64)
    differences = integers - integers.max(axis=-1, keepdims=True)
    counted = differences >= -_input_radius(_SOFTMAX_INTEGER_BITS, shift)
    raw = fixed_product(np.where(counted, differences, 0), multiplier, shift)
    powers = np.where(counted, _exp_of_negative(raw, _SOFTMAX_INTEGER_BITS), 0)
    sums = _divide_by_power(powers, _SUM_INTEGER_BITS).sum(axis=-1, keepdims=True)
    headroom = np.array([32 - int(total).bit_length() for total in sums.ravel()], np.int64).reshape(sums.shape)
    reciprocal = np.minimum(_twice_reciprocal_of_one_plus((sums << headroom) - 2**31) << 1, _ONE)
    probabilities = _divide_by_power(_high_product(reciprocal, powers, 31), _SUM_INTEGER_BITS - headroom + 23)
    return np.where(counted, _saturated(probabilities + INT8_MIN), INT8_MIN).astype(np.int8)


def _saturating_table(source: QuantParams, function: Callable[[Raw], Raw]) -> Int8Array:
    """A function of values of `source` as fixed-point numbers; the ends of int8 where they do not fit into those."""
    multiplier, shift = fixed_multiplier(source.scale * 2.0 ** (31 - _INTEGER_BITS))
    values = _levels() - source.zero_point
    radius = _input_radius(_INTEGER_BITS, shift)
    inside = np.abs(values) < radius
    result = function(fixed_product(np.where(inside, values, 0), multiplier, shift))
    outside = np.where(values <= -radius, INT8_MIN, INT8_MAX)
    return np.where(inside, _saturated(result), outside).astype(np.int8)


def _levels() -> Raw:
    return np.arange(INT8_MIN, INT8_MAX + 1, dtype=np.int64)


def _saturated(values: Raw) -> Int8Array:
    return np.clip(values, INT8_MIN, INT8_MAX).astype(np.int8)


def _saturated_int16(values: Raw) -> Raw:
    return np.asarray(np.clip(values, -_INT16_MAX - 1, _INT16_MAX), np.int64)


def _input_radius(integer_bits: int, shift: int) -> int:
    """Largest magnitude that `shift` does not push out of a fixed-point number with `integer_bits`."""
    return math.floor(((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits - shift))


def _int16_multiplier(real: np.float32) -> tuple[int, int]:
    """Multiplier below 2^15 and shift: real ~ multiplier * 2^(shift - 15)."""
    multiplier, shift = fixed_multiplier(float(real))
    return min((multiplier + 2**15) >> 16, _INT16_MAX), shift


def _high_product(first: Raw, second: Raw | int, bits: int) -> Raw:
    """first * second / 2^bits, half up."""
    return np.asarray((first * second + (1 << (bits - 1))) >> bits, np.int64)


def _divide_by_power(values: Raw, exponent: int | Raw) -> Raw:
    """values / 2^exponent, half away from zero."""
    half = (np.int64(1) << exponent) >> 1
    return np.asarray(np.sign(values) * ((np.abs(values) + half) >> exponent), np.int64)


def _exp_of_negative(raw: Raw, integer_bits: int) -> Raw:
    """exp(x) as Q0.31 of x <= 0 with `integer_bits`: a Taylor series within a quarter, then one factor for each bit."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    within = (raw & (quarter - 1)) - quarter
    x = (within << integer_bits) + (1 << 28)
    square = _high_product(x, x, 31)
    cube = _high_product(square, x, 31)
    fourth = _divide_by_power(_high_product(square, square, 31), 2)
    series = _divide_by_power(_high_product(fourth + cube, _ONE_THIRD, 31) + square, 1)
    result = _EXP_ONE_EIGHTH + _high_product(x + series, _EXP_ONE_EIGHTH, 31)
    remainder = within - raw
    for exponent, multiplier in zip(range(-2, integer_bits), _EXP_MULTIPLIERS, strict=False):
        bit = remainder & (1 << (fraction_bits + exponent))
        result = np.where(bit != 0, _high_product(result, multiplier, 31), result)
    return np.asarray(np.where(raw == 0, _ONE, result), np.int64)


def _twice_reciprocal_of_one_plus(raw: Raw) -> Raw:
    """2 / (1 + x) as Q2.29, so 1 / (1 + x) as Q1.30, of x in [0, 1) as Q0.31: three steps of Newton's method."""
    half_denominator = (raw + _ONE + 1) >> 1
    x = _48_OVER_17 + _high_product(half_denominator, _MINUS_32_OVER_17, 31)
    for _ in range(3):
        error = (1 << 29) - _high_product(half_denominator, x, 31)
        x = x + (_high_product(x, error, 31) << 2)
    return np.asarray(x, np.int64)
