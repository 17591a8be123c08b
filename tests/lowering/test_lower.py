"""A lowered split computes what the unsplit network computes, whatever the network, the fleet and the split."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.executor import execute
from planner.core.lowering import lower
from tests.builders.cases import random_case
from tests.builders.graphs import random_input
from tests.builders.interpreter import interpret


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31))
def test_split_equals_unsplit(seed: int) -> None:
    case = random_case(seed)
    plan = lower(case.graph, case.instance, case.split)
    inputs = random_input(case.graph, seed)
    expected = execute(case.graph, inputs)
    outputs = interpret(case.graph, plan, inputs)
    assert outputs.keys() == {end.tensor for end in case.graph.outputs}
    for name, values in outputs.items():
        np.testing.assert_array_equal(values, expected[name])
