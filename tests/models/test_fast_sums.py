"""Fast forms against the rounding rules that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core import arithmetic
from planner.core.fast_sums import PAIR_LIMIT, fast_addition, fast_sums, fixed_values, pair_groups, reach
from planner.data.graph import Arithmetic, Clamp, Conv, Graph
from tests.builders.kernel_cases import KernelCases


def clamped(values: np.ndarray, clamp: Clamp) -> np.ndarray:
    return np.clip(values, clamp.minimum, clamp.maximum)


def sums_to_try(rng: np.random.Generator, least: int, most: int) -> np.ndarray:
    """Ends of a range, the neighbourhood of zero, and values in between."""
    near = np.arange(-40, 41)
    spread = rng.integers(least, most + 1, 2000)
    return np.unique(np.clip(np.concatenate([[least, most], near, spread]), least, most))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_every_channel_finishes_as_the_rule_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = KernelCases(seed).graph(5, Arithmetic.TFLM, "dsp")
    for conv in (operator for operator in graph.operators if isinstance(operator, Conv)):
        fast = fast_sums(graph, conv)
        if fast is None:
            continue
        rule = arithmetic.conv_requantisation(graph, conv)
        zero_point = graph.output_tensor(conv).quant.zero_point
        source = graph.tensors[conv.inputs[0]].quant.zero_point
        weights = conv.weights.reshape(conv.output_channels, -1)
        offset = conv.bias.astype(np.int64) - source * weights.astype(np.int64).sum(axis=1)
        for channel, (least, most) in enumerate(zip(*reach(weights), strict=True)):
            products = sums_to_try(rng, int(least), int(most))
            original = (products + offset[channel]).astype(np.int32)[:, None]
            wanted = rule.channels(channel, channel + 1).apply(original, zero_point, conv.clamp)[:, 0]
            if fast.weights[channel].any():
                doubled = 2 * (products + fast.bias[channel])
            else:
                doubled = np.full(len(products), 2 * fast.bias[channel])
            got = clamped(fixed_values(doubled, fast.finish[channel]), conv.clamp)
            assert np.array_equal(got, wanted)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31), st.sampled_from(Arithmetic))
def test_additions_agree_on_all_pairs(seed: int, rule: Arithmetic) -> None:
    graph: Graph = KernelCases(seed).graph(5, rule, "dsp")
    (add,) = (operator for operator in graph.operators if not isinstance(operator, Conv))
    fast = fast_addition(graph, add)
    assert fast is not None
    values = np.arange(256).astype(np.uint8).view(np.int8)
    got = clamped(fixed_values(fast.terms[0].astype(np.int64)[:, None] + fast.terms[1], fast.finish), add.clamp)
    wanted = arithmetic.add_parameters(graph, add).apply(values[:, None], values[None, :], add.clamp)
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize(
    ("weights", "groups"),
    [
        ([[1], [2], [3]], [(0, 2), (2, 1)]),
        ([[-1], [-128], [5]], [(0, 1), (1, 2)]),  # -1 + 256 * -128 does not fit 16 bits
        ([[0], [-128]], [(0, 2)]),
        ([[1] * 520, [127] * 520], [(0, 1), (1, 1)]),  # 520 * 127 * 128 > 2^23
    ],
)
def test_channels_are_paired_where_a_word_can_hold_both(weights, groups):
    assert pair_groups(np.array(weights, np.int8)) == groups
    assert PAIR_LIMIT < 520 * 127 * 128
