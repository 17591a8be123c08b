"""Sums in the form that fast kernels finish in few instructions, where that is proven to give the same bytes.

With a = a sum, the two rounding rules become

    TFLM          (((a2 * multiplier + 2^31) >> 32) - (a2 < 0) + addend) >> shift,  a2 = 2a,
                  addend = 2^(shift - 1) + zero_point * 2^shift
    ONNXRUNTIME   round half to even of float32(a) * factor, plus the zero point

saturated to int8 and clamped. Both equal `arithmetic`'s definition for every sum that the channel can reach, if
|a| < 2^29 and the shift lies in [1, 22], or the product fits an integer. Channels that can only have one value
(dead filters, whose biases and shifts may be extreme) are given zero weights and harmless numbers first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from planner.core import arithmetic
from planner.data.graph import INT8_MAX, INT8_MIN, Add, Clamp, Conv, Graph, Int8Array, Int32Array

Int64Array = NDArray[np.int64]

SUM_LIMIT = 2**29
"""The least that a variant's kernels want of the sums."""
SHIFTS = (1, 22)
PAIR_LIMIT = 2**23
FRACTION_BITS = 20
FIT_ATTEMPTS = 16
TIE_MARGIN = 2
"""Units by which a sum is put past a tie: the high product loses one."""
NORMAL_MINIMUM = 2.0**-126
CONSTANT_MULTIPLIER = 2**30
CONSTANT_SHIFT = 2
CONSTANT_BIAS = 2**CONSTANT_SHIFT * 2**31 // CONSTANT_MULTIPLIER
"""Bias per unit of output of a channel with one value, under TFLM."""


@dataclass(frozen=True, eq=False)
class FastSums:
    """A convolution in fast form: sums of x * w over all taps (padding = the input's zero point) plus bias.

    weights: int8 [output channels, taps], taps in the order kernel row, kernel column, input channel. bias: int64
    [output channels]. finish: int32 [output channels, 3]: multiplier, addend and shift, or the bits of the float32
    factor, the zero point and 0. `doubled` says that the finish takes 2a.
    """

    weights: Int8Array
    bias: Int64Array
    finish: Int32Array
    doubled: bool


@dataclass(frozen=True, eq=False)
class FastAddition:
    """An addition in fast form. terms: int32 [2, 256], the doubled term of each value as a byte; finish: int32 [3]."""

    terms: Int32Array
    finish: Int32Array


def reach(weights: Int8Array) -> tuple[Int64Array, Int64Array]:
    """Least and greatest sum of x * w over int8 x, by row of `weights` [channels, taps]."""
    wide = weights.astype(np.int64)
    low, high = wide * INT8_MIN, wide * INT8_MAX
    return np.minimum(low, high).sum(axis=1), np.maximum(low, high).sum(axis=1)


@lru_cache(maxsize=4096)
def fast_sums(graph: Graph, conv: Conv) -> FastSums | None:
    """The fast form of a convolution with symmetric weights; None where it is not proven."""
    zero_point = graph.output_tensor(conv).quant.zero_point
    requantisation = arithmetic.conv_requantisation(graph, conv)
    weights = conv.weights.reshape(conv.output_channels, -1).copy()
    input_zero_point = graph.tensors[conv.inputs[0]].quant.zero_point
    bias = conv.bias.astype(np.int64) - input_zero_point * weights.astype(np.int64).sum(axis=1)
    least, most = (end + bias for end in reach(weights))
    if max(-int(least.min()), int(most.max())) >= 2**31:
        return None
    ends = [requantisation.apply(sums.astype(np.int32), zero_point, conv.clamp) for sums in (least, most)]
    constant = ends[0] == ends[1]
    weights[constant] = 0
    if isinstance(requantisation, arithmetic.FixedRequantisation):
        finish = _fixed_finish(
            np.where(constant, CONSTANT_MULTIPLIER, requantisation.multipliers),
            np.where(constant, CONSTANT_SHIFT, -requantisation.shifts),
            zero_point,
        )
        value_bias, limit = CONSTANT_BIAS, np.full(len(bias), SUM_LIMIT)
    else:
        scales = np.where(constant, np.float32(1), requantisation.scales)
        finish = _float_finish(scales, zero_point)
        value_bias, limit = 1, SUM_LIMIT / np.maximum(scales.astype(np.float64), 1.0)
    bias = np.where(constant, (ends[0].astype(np.int64) - zero_point) * value_bias, bias)
    largest = np.where(constant, np.abs(bias), np.maximum(-least, most))
    if finish is None or not bool(np.all(largest < limit)):
        return None
    return FastSums(weights, bias, finish, isinstance(requantisation, arithmetic.FixedRequantisation))


def pair_groups(weights: Int8Array) -> list[tuple[int, int]]:
    """Output channels by pairs, wherever an int16 can hold w + 256 w' and 24 bits the second's sum; else one by one.

    weights: [channels, taps]. Returns the first channel and the number of channels of each group.
    """
    least, most = reach(weights)
    fits = np.maximum(-least, most) < PAIR_LIMIT
    wide = weights.astype(np.int32)
    fits[1:] &= np.all(wide[:-1] + 256 * wide[1:] >= np.iinfo(np.int16).min, axis=1)
    groups: list[tuple[int, int]] = []
    channel = 0
    while channel < len(weights):
        count = 2 if channel + 1 < len(weights) and fits[channel + 1] else 1
        groups.append((channel, count))
        channel += count
    return groups


@lru_cache(maxsize=1024)
def fast_addition(graph: Graph, add: Add) -> FastAddition | None:
    """The fast form of an addition; None where it is not proven."""
    if add.subtract:
        return None
    addition = arithmetic.add_parameters(graph, add)
    values = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)
    if isinstance(addition, arithmetic.FloatAddition):
        return _fitted_addition(addition, graph.output_tensor(add).quant.zero_point, values)
    terms = np.stack(
        [
            arithmetic.fixed_product((values - zero) << arithmetic.ADD_LEFT_SHIFT, multiplier, shift)
            for zero, multiplier, shift in (
                (addition.zero_point1, addition.multiplier1, addition.shift1),
                (addition.zero_point2, addition.multiplier2, addition.shift2),
            )
        ]
    )
    finish = _fixed_finish(
        np.array([addition.output_multiplier]), np.array([-addition.output_shift]), addition.output_zero_point
    )
    if finish is None or int(np.abs(terms).max(axis=1).sum()) >= SUM_LIMIT:
        return None
    return FastAddition((2 * terms).astype(np.int32), finish[0])


def fixed_values(doubled: Int64Array, finish: Int32Array) -> Int64Array:
    """int8 values of doubled sums by a fixed finish: multiplier, addend, shift. What the kernels compute."""
    multiplier, addend, shift = (int(word) for word in finish)
    high = (doubled * multiplier + 2**31) >> 32
    return np.asarray(np.clip((high + addend - (doubled < 0)) >> shift, INT8_MIN, INT8_MAX), np.int64)


def _fitted_addition(addition: arithmetic.FloatAddition, zero_point: int, values: Int64Array) -> FastAddition | None:
    """Fixed-point terms that give what the float rule gives for every one of the 65536 pairs of values.

    They are the float terms to the nearest 2^-FRACTION_BITS; where a pair rounds to the wrong side, one of its terms is
    moved past the tie, which is too small a step to trouble most other pairs.
    """
    offset = arithmetic.UNSIGNED_OFFSET if addition.unsigned else 0
    wanted = addition.apply(values.astype(np.int8)[:, None], values.astype(np.int8)[None, :], Clamp()).astype(np.int64)
    one = 2**FRACTION_BITS
    firsts = np.rint((values + offset) * addition.ratio1 * one)
    seconds = np.rint(((values + offset) * addition.ratio2 + addition.bias - offset - zero_point) * one)
    finish = _fixed_finish(np.array([2**30]), np.array([FRACTION_BITS - 1]), zero_point)
    assert finish is not None
    terms = [firsts, seconds]
    for attempt in range(FIT_ATTEMPTS):
        if np.abs(terms[0]).max() + np.abs(terms[1]).max() >= SUM_LIMIT:
            return None
        sums = (terms[0][:, None] + terms[1][None, :]).astype(np.int64)
        got = fixed_values(2 * sums, finish[0])
        wrong = np.argwhere(got != wanted)
        if len(wrong) == 0:
            return FastAddition(2 * np.stack(terms).astype(np.int32), finish[0])
        side = attempt % 2
        for pair in map(tuple, wrong):
            above = max(got[pair], wanted[pair]) - zero_point
            tie = (2 * above - 1) * one // 2
            goal = tie + TIE_MARGIN if wanted[pair] > got[pair] else tie - TIE_MARGIN
            terms[side][pair[side]] += goal - sums[pair]
    return None


def _fixed_finish(multipliers: NDArray[np.int64], shifts: NDArray[np.int64], zero_point: int) -> Int32Array | None:
    if not bool(np.all((shifts >= SHIFTS[0]) & (shifts <= SHIFTS[1]))):
        return None
    addends = (1 << (shifts.astype(np.int64) - 1)) + zero_point * (1 << shifts.astype(np.int64))
    return np.stack([multipliers, addends, shifts], axis=1).astype(np.int32)


def _float_finish(scales: NDArray[np.float32], zero_point: int) -> Int32Array | None:
    if not bool(np.all(scales >= NORMAL_MINIMUM)):
        return None
    bits = scales.astype(np.float32).view(np.int32)
    return np.stack([bits, np.full_like(bits, zero_point), np.zeros_like(bits)], axis=1)
