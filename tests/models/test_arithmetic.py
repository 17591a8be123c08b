"""The rounding rules against exact rational arithmetic, and by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.arithmetic import (
    FixedAverage,
    FixedRequantisation,
    FloatAddition,
    FloatRequantisation,
    concat_tables,
    fixed_multiplier,
    fixed_product,
    mean_requantisation,
    quantise,
    requantisation_table,
    with_rule,
)
from planner.data.graph import Arithmetic, Clamp, Padding, PoolKind, QuantParams, Shape, Window
from tests.builders.graphs import GraphBuilder

INT32 = st.integers(-(2**31), 2**31 - 1)


def _round_half_away(value: Fraction) -> int:
    magnitude = int(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def _round_half_up(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


def _round_half_even(value: Fraction) -> int:
    return round(value)


@settings(deadline=None, max_examples=300)
@given(value=INT32, multiplier=st.integers(2**30, 2**31 - 1), shift=st.integers(-31, 6))
def test_fixed_product_is_two_roundings(value: int, multiplier: int, shift: int) -> None:
    raised = min(max(value * 2 ** max(shift, 0), -(2**31)), 2**31 - 1)
    high = _round_half_up(Fraction(raised * multiplier, 2**31))
    expected = _round_half_away(Fraction(high, 2 ** max(-shift, 0)))
    assert fixed_product(np.array([value]), multiplier, shift)[0] == expected


def test_double_rounding_by_hand() -> None:
    # 5 * 0.5 = 2.5 -> 3 in the high product, then 3 / 2 = 1.5 -> 2; one rounding of 1.25 would give 1.
    assert fixed_product(np.array([5]), 2**30, -1)[0] == 2
    # -5 * 0.5 = -2.5 -> -2 (half up), then -2 / 2 = -1.
    assert fixed_product(np.array([-5]), 2**30, -1)[0] == -1
    # -3 * 0.5 = -1.5 -> -1, then -1 / 2 = -0.5 -> -1 (half away from zero).
    assert fixed_product(np.array([-3]), 2**30, -1)[0] == -1


@settings(deadline=None, max_examples=300)
@given(real=st.floats(2.0**-31, 2.0**29))
def test_fixed_multiplier_is_near(real: float) -> None:
    multiplier, shift = fixed_multiplier(real)
    assert 2**30 <= multiplier < 2**31
    assert abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) - Fraction(real)) <= Fraction(real) / 2**30


def test_fixed_multiplier_at_its_ends() -> None:
    assert fixed_multiplier(1.0) == (2**30, 1)
    assert fixed_multiplier(1 - 2.0**-40) == (2**30, 1)
    assert fixed_multiplier(2.0**-40) == (0, 0)
    assert fixed_multiplier(2.0**40) == (2**31 - 1, 30)


@settings(deadline=None, max_examples=300)
@given(value=INT32, scale=st.floats(2.0**-24, 2.0, width=32), zero_point=st.integers(-128, 127))
def test_float_requantisation_rounds_three_times(value: int, scale: float, zero_point: int) -> None:
    product = np.float32(np.float32(value) * np.float32(scale))
    expected = min(max(_round_half_even(Fraction(float(product))) + zero_point, -128), 127)
    rule = FloatRequantisation(np.array([scale], np.float32))
    assert rule.apply(np.array([[value]], np.int32), zero_point, Clamp())[0, 0] == expected


def test_ties_go_to_even_or_away() -> None:
    sums = np.array([[1], [3], [5], [-1], [-3]], np.int32)
    even = FloatRequantisation(np.array([0.5], np.float32)).apply(sums, 0, Clamp())
    away = FixedRequantisation(np.array([2**30], np.int32), np.array([0], np.int32)).apply(sums, 0, Clamp())
    assert even.ravel().tolist() == [0, 2, 2, 0, -2]
    assert away.ravel().tolist() == [1, 2, 3, 0, -1]


def test_clamp_bounds_the_result() -> None:
    sums = np.array([[-1000], [0], [1000]], np.int32)
    rule = FloatRequantisation(np.array([1.0], np.float32))
    assert rule.apply(sums, 3, Clamp(-5, 100)).ravel().tolist() == [-5, 3, 100]


def _fused(a: int, ratio: float, addend: float) -> float:
    """float32 fused multiply-add by exact rationals."""
    exact = Fraction(a) * Fraction(ratio) + Fraction(addend)
    near = np.float32(float(exact))
    candidates = (np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf)))
    errors = [abs(Fraction(float(c)) - exact) for c in candidates]
    best = [float(c) for c, error in zip(candidates, errors, strict=True) if error == min(errors)]
    return best[0] if len(best) == 1 else next(b for b in best if np.float32(b).view(np.uint32) % 2 == 0)


@settings(deadline=None, max_examples=300)
@given(
    first=st.integers(-128, 127),
    second=st.integers(-128, 127),
    ratios=st.tuples(*[st.floats(2.0**-8, 4.0, width=32)] * 2),
    bias=st.floats(-600, 600, width=32),
    unsigned=st.booleans(),
)
def test_float_addition_is_two_fused_products(
    first: int, second: int, ratios: tuple[float, float], bias: float, unsigned: bool
) -> None:
    offset = 128 if unsigned else 0
    inner = _fused(second + offset, ratios[1], bias)
    expected = round(Fraction(_fused(first + offset, ratios[0], inner))) - offset
    rule = FloatAddition(ratios[0], ratios[1], bias, unsigned)
    result = rule.apply(np.array([first], np.int8), np.array([second], np.int8), Clamp())
    assert result[0] == min(max(expected, -128), 127)


def test_integer_average_rounds_half_away_from_zero() -> None:
    rule = FixedAverage(input_zero_point=5, multiplier=2**30, shift=1, output_zero_point=5)
    sums = np.array([3, 1, -1, -3, 4])
    assert rule.apply(sums, np.int32(2), Clamp()).tolist() == [2, 1, -1, -2, 2]


def test_folded_mean_by_hand() -> None:
    builder = GraphBuilder(np.random.default_rng(0), Shape(2, 3, 1))
    mean = builder.pool(builder.input, PoolKind.MEAN, Window((2, 3)))
    builder.tensors[mean] = type(builder.tensors[mean])(mean, Shape(1, 1, 1), builder.tensors[builder.input].quant)
    graph = builder.graph((mean,), Arithmetic.TFLM)
    rule = mean_requantisation(graph, graph.operators[0])
    # Scale 1 is (2^30, 1); 6 elements: floor(log2 6) = 2, floor(2^32 / 6) = 715827882, shift 1 - 2 = -1.
    assert isinstance(rule, FixedRequantisation)
    assert (rule.multipliers.tolist(), rule.shifts.tolist()) == ([715827882], [-1])


def test_tables_map_through_real_values() -> None:
    source, target = QuantParams(0.5, 10), QuantParams(1.0, -3)
    table = requantisation_table(source, target, Arithmetic.ONNXRUNTIME)
    # 13 is 1.5 -> 2 (even) - 3; 11 is 0.5 -> 0 - 3; 127 is 58.5 -> 58 - 3.
    assert [table[q + 128] for q in (13, 11, 10, 127)] == [-1, -3, -3, 55]
    fixed = requantisation_table(source, target, Arithmetic.TFLM)
    assert [fixed[q + 128] for q in (13, 11, 10, 127)] == [-1, -2, -3, 56]


def test_concat_copies_where_quantisation_agrees() -> None:
    builder = GraphBuilder(np.random.default_rng(1), Shape(2, 2, 3))
    other = builder.conv(builder.input, 2, Window((1, 1)))
    graph = builder.graph((builder.concat((builder.input, other)),), Arithmetic.ONNXRUNTIME)
    concat = graph.operators[-1]
    same = [graph.tensors[name].quant == graph.output_tensor(concat).quant for name in concat.inputs]
    assert [table is None for table in concat_tables(graph, concat)] == same
    assert sorted(same) == [False, True]


@pytest.mark.parametrize("value, level", [(1e30, 127), (-1e30, -128), (0.25, 0), (0.75, 2), (np.inf, 127)])
def test_quantise_saturates_and_rounds_to_even(value: float, level: int) -> None:
    assert quantise(np.array([value], np.float32), QuantParams(0.5, 0))[0] == level


def test_global_average_becomes_a_mean_under_tflm() -> None:
    builder = GraphBuilder(np.random.default_rng(2), Shape(4, 4, 2))
    whole = builder.pool(builder.input, PoolKind.AVERAGE, Window((4, 4)))
    part = builder.pool(builder.input, PoolKind.AVERAGE, Window((3, 3), padding=Padding(1, 1, 1, 1)))
    graph = builder.graph((whole, part), Arithmetic.ONNXRUNTIME)
    kinds = [operator.kind for operator in with_rule(graph, Arithmetic.TFLM).operators]
    assert kinds == [PoolKind.MEAN, PoolKind.AVERAGE]
    assert with_rule(graph, Arithmetic.ONNXRUNTIME) is graph
