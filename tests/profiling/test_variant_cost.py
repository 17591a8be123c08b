"""Counts of blocks: what the exact ones say by hand, and that the inexact ones bound them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.cost import compute_features, kernel_of
from planner.core.regions import whole
from planner.core.variant_cost import VARIANT_FEATURES
from planner.core.variants import VARIANTS
from planner.data.graph import Arithmetic, Shape, Window
from tests.builders.graphs import GraphBuilder
from tests.builders.kernel_cases import KernelCases


def test_a_pointwise_convolution_by_hand():
    builder = GraphBuilder(np.random.default_rng(0), Shape(3, 3, 6))
    graph = builder.graph((builder.conv(builder.input, 5, Window((1, 1))),), Arithmetic.TFLM)
    (operator,) = graph.operators
    features = compute_features(graph, operator, whole(Shape(3, 3, 5)), "dsp")
    # 9 pixels are 3 tiles; 6 channels are 2 chunks, the second with 2 values; 5 channels are 2 pairs and a single one.
    expected = {"tiles": 3, "tile_chunks": 6, "ragged_tiles": 3, "ragged_values": 6, "runs": 6, "tile_groups": 9}
    assert {name: features[name] for name in expected} == expected


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(0, 2**31), st.sampled_from(sorted(VARIANTS)))
def test_the_parts_of_a_box_are_bounded_by_the_sum_of_their_shares(seed, cut, variant):
    """However rows and channels are shared out, the shares of all parts count no more than their exact counts."""
    graph = KernelCases(seed).graph(5, Arithmetic.TFLM, variant)
    for operator in graph.operators:
        box = whole(graph.output_tensor(operator).shape)
        row, channel = cut % box.rows, cut % box.channels
        parts = [box.with_rows(0, row), box.with_rows(row, box.rows), box.with_channels(0, channel)]
        for part in (part for part in parts if not part.empty):
            exact = compute_features(graph, operator, part, variant)
            rows = [part.with_rows(r, r + 1) for r in range(part.row_start, part.row_stop)]
            shares = [compute_features(graph, operator, one, variant, exact=False) for one in rows]
            assert set(exact) == set(VARIANT_FEATURES[variant][kernel_of(graph, operator)])
            for name in set(exact) - {"call"}:
                assert sum(share[name] for share in shares) <= exact[name] + 1e-9, (operator.name, name)
