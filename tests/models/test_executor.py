"""The executor against scalar loops written from docs/ARITHMETIC.md, and its parts against its whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core import arithmetic
from planner.core.executor import compute_region, execute, finish_sums, partial_sums
from planner.core.regions import whole
from planner.data.graph import (
    Add,
    Arithmetic,
    Concat,
    Conv,
    Gather,
    Graph,
    Int8Array,
    Lookup,
    Mul,
    Operator,
    Pad,
    Pool,
    PoolKind,
    Shape,
    Slice,
    Window,
)
from planner.data.region import Region
from tests.builders.graphs import GraphBuilder, graphs, random_input

F32 = np.float32


def _product(value: int, multiplier: int, shift: int) -> int:
    """TFLM's double rounding in plain integers."""
    raised = min(max(value << max(shift, 0), -(2**31)), 2**31 - 1)
    high = (raised * multiplier + 2**30) >> 31
    right = max(-shift, 0)
    if right == 0:
        return high
    magnitude = (abs(high) + (1 << (right - 1))) >> right
    return magnitude if high >= 0 else -magnitude


def _element(graph: Graph, operator: Operator, inputs: list[Int8Array], r: int, c: int, k: int) -> int:
    """One output element, by the text of docs/ARITHMETIC.md."""
    tensors = [graph.tensors[name] for name in operator.inputs]
    target = graph.output_tensor(operator).quant
    match operator:
        case Conv():
            return _conv(graph, operator, inputs[0], r, c, k)
        case Pool(kind=PoolKind.MAXIMUM):
            value = max(int(inputs[0][y, x, k]) for y, x in _window(operator.window, tensors[0].shape, r, c))
        case Pool(kind=PoolKind.MEAN):
            total = int(inputs[0][:, :, k].astype(int).sum()) - tensors[0].shape.height * tensors[0].shape.width * (
                tensors[0].quant.zero_point
            )
            value = _requantised(arithmetic.mean_requantisation(graph, operator), 0, total) + target.zero_point
        case Pool():
            value = _average(graph, operator, inputs[0], r, c, k)
        case Add():
            value = _add(graph, operator, int(inputs[0][r, c, k]), int(inputs[1][r, c, k]))
        case Mul():
            other = (
                inputs[1]
                if inputs[1].shape[0] * inputs[1].shape[1] > 1
                else np.broadcast_to(inputs[1], inputs[0].shape)
            )
            zeros = [tensor.quant.zero_point for tensor in tensors]
            product = (int(inputs[0][r, c, k]) - zeros[0]) * (int(other[r, c, k]) - zeros[1])
            value = _requantised(arithmetic.mul_requantisation(graph, operator), 0, product) + target.zero_point
        case Concat():
            place = k
            for index, array in enumerate(inputs):
                if place < array.shape[2]:
                    table = arithmetic.concat_tables(graph, operator)[index]
                    q = int(array[r, c, place])
                    return q if table is None else int(table[q + 128])
                place -= array.shape[2]
            raise AssertionError
        case Pad():
            y, x = r - operator.padding.top, c - operator.padding.left
            inside = 0 <= y < tensors[0].shape.height and 0 <= x < tensors[0].shape.width
            return int(inputs[0][y, x, k]) if inside else operator.value
        case Slice():
            y, x, z = operator.start
            return int(inputs[0][r + y, c + x, k + z])
        case Lookup():
            table = operator.table if operator.table.ndim == 1 else operator.table[k]
            return int(table[int(inputs[0][r, c, k]) + 128])
        case Gather():
            return int(inputs[0].ravel()[operator.rows[r] + operator.columns[c] + operator.channels[k]])
        case _:
            raise TypeError(type(operator).__name__)
    return min(max(value, operator.clamp.minimum), operator.clamp.maximum)


def _window(window: Window, shape: Shape, r: int, c: int) -> list[tuple[int, int]]:
    taps = []
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            y = r * window.stride[0] - window.padding.top + i * window.dilation[0]
            x = c * window.stride[1] - window.padding.left + j * window.dilation[1]
            if 0 <= y < shape.height and 0 <= x < shape.width:
                taps.append((y, x))
    return taps


def _conv(graph: Graph, conv: Conv, values: Int8Array, r: int, c: int, k: int) -> int:
    tensor = graph.tensors[conv.inputs[0]]
    first = k // conv.group_output_channels * conv.group_input_channels
    total = int(conv.bias[k])
    for i in range(conv.window.kernel[0]):
        for j in range(conv.window.kernel[1]):
            y = r * conv.window.stride[0] - conv.window.padding.top + i * conv.window.dilation[0]
            x = c * conv.window.stride[1] - conv.window.padding.left + j * conv.window.dilation[1]
            if 0 <= y < tensor.shape.height and 0 <= x < tensor.shape.width:
                for d in range(conv.group_input_channels):
                    weight = int(conv.weights[k, i, j, d]) - conv.weight_zero_point
                    total += (int(values[y, x, first + d]) - tensor.quant.zero_point) * weight
    value = _requantised(arithmetic.conv_requantisation(graph, conv), k, total)
    value += graph.output_tensor(conv).quant.zero_point
    return min(max(value, conv.clamp.minimum), conv.clamp.maximum)


def _requantised(rule: arithmetic.Requantisation, channel: int, total: int) -> int:
    if isinstance(rule, arithmetic.FixedRequantisation):
        return _product(total, int(rule.multipliers[channel]), int(rule.shifts[channel]))
    return round(float(F32(F32(total) * rule.scales[channel])))


def _average(graph: Graph, pool: Pool, values: Int8Array, r: int, c: int, k: int) -> int:
    shape = graph.tensors[pool.inputs[0]].shape
    taps = _window(pool.window, shape, r, c)
    count = math.prod(pool.window.kernel) if pool.count_padding else len(taps)
    rule = arithmetic.average_parameters(graph, pool)
    if isinstance(rule, arithmetic.FixedAverage):
        total = sum(int(values[y, x, k]) for y, x in taps) + (count - len(taps)) * rule.input_zero_point
        average = (total + count // 2) // count if total > 0 else -((-total + count // 2) // count)
        return _product(average - rule.input_zero_point, rule.multiplier, rule.shift) + rule.output_zero_point
    real = F32(0)
    for y, x in taps:
        real = F32(real + F32(F32(rule.input_scale) * F32(int(values[y, x, k]) - rule.input_zero_point)))
    real = F32(F32(F32(real / F32(count)) / F32(rule.output_scale)) + F32(rule.output_zero_point))
    return round(float(real))


def _add(graph: Graph, add: Add, first: int, second: int) -> int:
    rule = arithmetic.add_parameters(graph, add)
    if isinstance(rule, arithmetic.FixedAddition):
        total = _product((first - rule.zero_point1) << 20, rule.multiplier1, rule.shift1)
        sign = -1 if add.subtract else 1
        total += sign * _product((second - rule.zero_point2) << 20, rule.multiplier2, rule.shift2)
        return _product(total, rule.output_multiplier, rule.output_shift) + rule.output_zero_point
    inner = F32(second * rule.ratio2 + rule.bias)
    return round(float(F32(first * rule.ratio1 + float(inner))))


@settings(deadline=None, max_examples=40)
@given(graph=graphs(5), seed=st.integers(0, 1000))
def test_every_element_follows_the_text(graph: Graph, seed: int) -> None:
    tensors = execute(graph, random_input(graph, seed))
    rng = np.random.default_rng(seed)
    for operator in graph.operators:
        result = tensors[operator.output]
        inputs = [tensors[name] for name in operator.inputs]
        for _ in range(6):
            r, c, k = (int(rng.integers(size)) for size in result.shape)
            assert result[r, c, k] == _element(graph, operator, inputs, r, c, k), operator.name


@settings(deadline=None, max_examples=60)
@given(graph=graphs(6), seed=st.integers(0, 1000))
def test_a_region_is_a_part_of_the_whole(graph: Graph, seed: int) -> None:
    tensors = execute(graph, random_input(graph, seed))
    rng = np.random.default_rng(seed)
    for operator in graph.operators:
        result = tensors[operator.output]
        starts = [int(rng.integers(size)) for size in result.shape]
        stops = [int(rng.integers(start, size)) + 1 for start, size in zip(starts, result.shape, strict=True)]
        region = Region(starts[0], stops[0], starts[1], stops[1], starts[2], stops[2])
        part = compute_region(graph, operator, [tensors[name] for name in operator.inputs], region)
        expected = result[starts[0] : stops[0], starts[1] : stops[1], starts[2] : stops[2]]
        np.testing.assert_array_equal(part, expected, operator.name)


@pytest.mark.parametrize("rule", Arithmetic, ids=lambda rule: rule.value)
@pytest.mark.parametrize("whole_input", [False, True], ids=["pointwise", "fully_connected"])
def test_partial_sums_add_up(rule: Arithmetic, whole_input: bool) -> None:
    builder = GraphBuilder(np.random.default_rng(3), Shape(4, 3, 10))
    output = (
        builder.fully_connected(builder.input, 7) if whole_input else builder.conv(builder.input, 7, Window((1, 1)))
    )
    graph = builder.graph((output,), rule)
    conv = graph.operators[0]
    assert isinstance(conv, Conv)
    values = random_input(graph, 5)[builder.input]
    region = whole(graph.output_tensor(conv).shape)
    parts = [partial_sums(graph, conv, values, region, channels) for channels in (range(4), range(4, 5), range(5, 10))]
    np.testing.assert_array_equal(sum(parts), partial_sums(graph, conv, values, region))
    expected = execute(graph, {builder.input: values})[output]
    np.testing.assert_array_equal(finish_sums(graph, conv, sum(parts), region), expected)


def test_partial_sums_refuse_groups() -> None:
    builder = GraphBuilder(np.random.default_rng(3), Shape(4, 3, 4))
    graph = builder.graph((builder.conv(builder.input, 4, Window((1, 1)), groups=2),), Arithmetic.TFLM)
    values = random_input(graph, 5)[builder.input]
    with pytest.raises(ValueError, match="groups"):
        partial_sums(graph, graph.operators[0], values, whole(Shape(4, 3, 4)), range(2))


@pytest.mark.parametrize("array", [np.zeros((3, 4, 4), np.int8), np.zeros((4, 3, 4), np.int32), None])
def test_execute_checks_its_inputs(array: Int8Array | None) -> None:
    builder = GraphBuilder(np.random.default_rng(3), Shape(4, 3, 4))
    graph = builder.graph((builder.conv(builder.input, 4, Window((1, 1))),), Arithmetic.TFLM)
    with pytest.raises(ValueError, match="input must be an int8 array"):
        execute(graph, {} if array is None else {"input": array})


def test_sums_wrap_as_on_the_boards() -> None:
    builder = GraphBuilder(np.random.default_rng(4), Shape(1, 1, 1))
    graph = builder.graph((builder.conv(builder.input, 1, Window((1, 1))),), Arithmetic.TFLM)
    conv = graph.operators[0]
    assert isinstance(conv, Conv)
    conv.bias[0] = 2**31 - 1
    region = whole(Shape(1, 1, 1))
    over = finish_sums(graph, conv, np.array([[[1]]], np.int32), region)
    conv.bias[0] = -(2**31)
    np.testing.assert_array_equal(over, finish_sums(graph, conv, np.array([[[0]]], np.int32), region))
