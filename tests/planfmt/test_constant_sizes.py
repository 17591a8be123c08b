"""What the planner takes constants to need of flash is what the encoder stores."""

from __future__ import annotations

import numpy as np
import pytest

from planner.core.constant_sizes import constant_size
from planner.core.lowering import lower
from planner.core.variants import PORTABLE, VARIANTS
from planner.data.graph import Arithmetic
from planner.data.hardware import LinkCost, Network
from planner.planfmt import layout
from planner.planfmt.decode import decode
from planner.planfmt.encode import encode
from tests.builders.fleets import instance, profile
from tests.builders.kernel_cases import KernelCases
from tests.builders.kernel_runs import one_by_one
from tests.builders.splits import on_first_board

SLACK_BYTES = layout.SECTION_ALIGNMENT.value * 4
"""Alignment of every array, and the factors of kernels that have one for all channels."""


@pytest.mark.parametrize("rule", Arithmetic)
@pytest.mark.parametrize("variant", [PORTABLE, *VARIANTS])
def test_constants_take_what_is_expected(variant: str, rule: Arithmetic) -> None:
    graph = KernelCases(1).every_kernel(2, rule)
    fleet = instance(Network.switch(1, LinkCost(1, 1)), (profile(kernels=variant),))
    ratios = []
    for alone in one_by_one(graph):
        stored = len(decode(encode(lower(alone, fleet, on_first_board(alone, fleet)), alone, 0)).constants)
        (operator,) = alone.operators
        expected = constant_size(alone, operator, variant).of_channels(alone.output_tensor(operator).shape.channels)
        assert stored >= expected - SLACK_BYTES, operator.name
        ratios.append((stored, expected))
    stored, expected = np.array(ratios).sum(axis=0)
    assert stored <= 1.25 * expected
