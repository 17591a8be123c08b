"""Fused segments compute what the unsplit network computes, in the memory and the order that they claim."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.memory import Lifespan, peak_footprint_bytes
from planner.core.phase import evaluate
from planner.core.validate import validate
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.plan import Compute, Copy
from planner.data.split import Axis, Layout, OperatorSplit, Split
from tests.builders.cases import random_case
from tests.builders.fleets import random_instance
from tests.builders.graphs import random_input
from tests.builders.interpreter import interpret


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**31))
def test_segments_equal_the_unsplit_network(seed: int) -> None:
    case = random_case(seed, segments=True)
    plan = lower(case.graph, case.instance, case.split)
    assert validate(case.graph, case.instance, plan) == ()
    inputs = random_input(case.graph, seed)
    expected = execute(case.graph, inputs)
    for name, values in interpret(case.graph, plan, inputs).items():
        np.testing.assert_array_equal(values, expected[name])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31))
def test_plans_need_no_more_memory_than_claimed(seed: int) -> None:
    case = random_case(seed, segments=True)
    evaluation = evaluate(case.graph, case.instance, case.split)
    for program in lower(case.graph, case.instance, case.split).programs:
        spans = [Lifespan(b.size_bytes, b.first_step, b.end_step) for b in program.buffers[1:]]
        assert peak_footprint_bytes(spans) <= evaluation.peak_footprint_bytes[program.node]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31))
def test_computation_is_what_the_busiest_node_does(seed: int) -> None:
    """With all layouts on one device, the phase model's computation is the sum of the steps' predicted times."""
    case = random_case(seed, segments=True)
    alone = replace(random_instance(seed, devices=1), input_node=1, output_node=1)
    whole = split_of_one_device(case.graph, alone, case.split)
    evaluation = evaluate(case.graph, alone, whole)
    (program, _) = lower(case.graph, alone, whole).programs
    steps = sum(step.predicted_ns for step in program.steps if isinstance(step, Compute | Copy))
    assert sum(phase.computation_ns for phase in evaluation.phases) == steps


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_no_row_is_computed_twice_on_one_device(seed: int) -> None:
    case = random_case(seed, segments=True)
    alone = replace(random_instance(seed, devices=1), input_node=1, output_node=1)
    rows: dict[str, list[int]] = {}
    for step in lower(case.graph, alone, split_of_one_device(case.graph, alone, case.split)).programs[0].steps:
        if isinstance(step, Compute):
            rows.setdefault(step.operator, []).extend(range(step.output.region.row_start, step.output.region.row_stop))
    assert all(len(computed) == len(set(computed)) for computed in rows.values())


def split_of_one_device(graph: Graph, instance: Instance, split: Split) -> Split:
    """The split's segments and single operators, all on device 0."""

    def layout(name: str) -> Layout:
        operator = next(operator for operator in graph.operators if operator.name == name)
        return Layout.single(Axis.ROWS, graph.output_tensor(operator).shape.height, 0, instance.nodes)

    return Split(
        {name: OperatorSplit(layout(name)) for name in split.operators},
        tuple(replace(segment, layout=layout(segment.operators[-1])) for segment in split.segments),
    )
