"""The seed's own RAM figures for one to eight boards, and slices by hand."""

from __future__ import annotations

import numpy as np

from planner.core.seed_ram import seed_ram_bytes
from planner.data.graph import Arithmetic, Padding, Shape, Window
from planner.workflow.model import read_named_model
from tests.builders.graphs import GraphBuilder

PUBLISHED_KIB = [1492, 785, 588, 490, 457, 454, 452, 451]


def test_the_curve_of_mobilenet() -> None:
    graph = read_named_model("zoo:mobilenet_v2_1.0_224")
    kib = [seed_ram_bytes(graph, boards) / 1024 for boards in range(1, 9)]
    assert all(abs(counted - published) < 0.6 for counted, published in zip(kib, PUBLISHED_KIB, strict=True)), kib


def test_a_slice_that_ends_inside_a_kernel() -> None:
    """3x3 kernels over a padded 4x4x2 input give 4x4x2 outputs, of which the first of two boards takes 16 + 1.

    It needs the whole padded input (6x6x2), holds 17 outputs, and touches both kernels (2 x 18 weights). The other has
    one output less.
    """
    builder = GraphBuilder(np.random.default_rng(0), Shape(4, 4, 2))
    graph = builder.graph(
        (builder.conv(builder.input, 2, Window((3, 3), padding=Padding(1, 1, 1, 1))),), Arithmetic.TFLM
    )
    assert seed_ram_bytes(graph, 2) == 72 + 17 + 36


def test_depthwise_slices_read_their_own_channels_alone() -> None:
    """4 channels over 3 boards: 6 + 1 outputs of 4 each, so channel 0 whole and three rows' worth of channel 1."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(4, 1, 4))
    graph = builder.graph((builder.conv(builder.input, 4, Window((1, 1)), groups=4),), Arithmetic.TFLM)
    assert seed_ram_bytes(graph, 3) == 7 + 7 + 2
