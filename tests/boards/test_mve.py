"""Shapes at the limits of the MVE kernels' 16-bit offsets and 8-bit widths, on the emulated Cortex-M55."""

from __future__ import annotations

import numpy as np
import pytest

from planner.core.cost import implementation_of
from planner.data.graph import Arithmetic, Padding, Shape, Window
from planner.profiling.reference_boards import REFERENCE_BOARDS
from tests.builders.boards import needs_machines
from tests.builders.graphs import GraphBuilder
from tests.builders.kernel_runs import run

M55 = REFERENCE_BOARDS["m55"]
SAME = Padding(1, 1, 1, 1)
LIMITS = {
    "rows of a depthwise pair too far apart": (Shape(4, 130, 640), (3, 3), (1, 1), SAME, 640),
    "depthwise pixels too far apart": (Shape(4, 4, 8200), (3, 3), (1, 1), SAME, 8200),
    "strided depthwise pixels too far apart": (Shape(3, 5, 8200), (3, 3), (2, 2), SAME, 8200),
    "pointwise pixels too far apart": (Shape(2, 2, 1), (1, 1), (1, 1), Padding(), 65540),
    "a thousand columns": (Shape(3, 1000, 3), (3, 3), (1, 1), SAME, 3),
    "a thousand columns, strided": (Shape(3, 1000, 9), (3, 3), (2, 2), SAME, 9),
    "a single column": (Shape(9, 1, 20), (3, 3), (1, 1), SAME, 20),
    "convolution of a thousand columns": (Shape(3, 1000, 3), (3, 3), (2, 2), SAME, 5),
}


@pytest.mark.parametrize("rule", Arithmetic)
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "channels"), LIMITS.values(), ids=LIMITS)
@needs_machines(M55.machine)
def test_limits(shape, kernel, stride, padding, channels, rule):
    builder = GraphBuilder(np.random.default_rng(channels), shape)
    is_depthwise = kernel == (3, 3) and channels == shape.channels
    window = Window(kernel, stride, padding=padding)
    output = builder.conv(builder.input, channels, window, groups=channels if is_depthwise else 1)
    graph = builder.graph((output,), rule)
    inputs = {builder.input: np.random.default_rng(1).integers(-128, 128, shape.as_tuple()).astype(np.int8)}
    tally = run(M55, graph, inputs, seed=3)
    assert implementation_of(graph, graph.operators[0], M55.kernels).endswith("_mve")
    assert tally.values.total() == graph.output_tensor(graph.operators[0]).shape.elements
    assert tally.wrong.total() == tally.guards_broken == 0
