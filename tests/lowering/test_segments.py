"""Fused segments compute what the unsplit network computes, in the memory and the order that they claim."""

from __future__ import annotations

from collections.abc import Iterator
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
from planner.data.plan import Compute, Copy, Loop, Program
from planner.data.split import Axis, Layout, OperatorSplit, Overlap, Split
from tests.builders.cases import random_case, rolled_block
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
def test_one_device_takes_the_time_of_its_steps(seed: int) -> None:
    case = random_case(seed, segments=True)
    alone = replace(random_instance(seed, devices=1), input_node=1, output_node=1)
    whole = split_of_one_device(case.graph, alone, case.split)
    evaluation = evaluate(case.graph, alone, whole)
    steps_ns = sum(step.predicted_ns for step in plain_steps(lower(case.graph, alone, whole).programs[0]))
    assert sum(phase.computation_ns for phase in evaluation.phases) == steps_ns


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31))
def test_one_device_computes_nothing_twice(seed: int) -> None:
    """Whatever is saved and rolled: every element of every tensor at most once, unless rows are recomputed."""
    case = random_case(seed, segments=True)
    alone = replace(random_instance(seed, devices=1), input_node=1, output_node=1)
    split = split_of_one_device(case.graph, alone, case.split)
    saved = tuple(replace(s, stages=tuple(replace(t, overlap=Overlap.SAVED) for t in s.stages)) for s in split.segments)
    computed = {name: np.zeros(tensor.shape.as_tuple(), int) for name, tensor in case.graph.tensors.items()}
    for step in plain_steps(lower(case.graph, alone, replace(split, segments=saved)).programs[0]):
        if isinstance(step, Compute):
            region = step.output.region
            rows, columns = slice(region.row_start, region.row_stop), slice(region.column_start, region.column_stop)
            computed[step.output.tensor][rows, columns] += 1
    assert max(count.max() for count in computed.values()) == 1


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31))
def test_blocks_roll_over_columns(seed: int) -> None:
    """Wide blocks, cut into bands: looped, accepted, and equal to the unsplit network."""
    case = rolled_block(seed)
    plan = lower(case.graph, case.instance, case.split)
    assert any(isinstance(step, Loop) for program in plan.programs for step in program.steps)
    assert validate(case.graph, case.instance, plan) == ()
    inputs = random_input(case.graph, seed)
    expected = execute(case.graph, inputs)
    for name, values in interpret(case.graph, plan, inputs).items():
        np.testing.assert_array_equal(values, expected[name])


def test_the_validator_follows_loops() -> None:
    """A loop that ends early, runs on, or whose views or regions move otherwise is found out."""
    case = rolled_block(0)
    plan = lower(case.graph, case.instance, case.split)
    rejected = dict.fromkeys(("shorter", "longer", "still", "elsewhere"), 0)
    for program in plan.programs:
        for index, step in enumerate(program.steps):
            for name, mutant in loop_mutants(step).items() if isinstance(step, Loop) else ():
                steps = (*program.steps[:index], mutant, *program.steps[index + 1 :])
                programs = tuple(replace(p, steps=steps) if p is program else p for p in plan.programs)
                assert validate(case.graph, case.instance, replace(plan, programs=programs)), name
                rejected[name] += 1
    assert min(rejected.values()) > 0


def loop_mutants(loop: Loop) -> dict[str, Loop]:
    place = max(index for index, step in enumerate(loop.body) if isinstance(step, Compute))
    last = loop.body[place]
    assert isinstance(last, Compute)
    still = replace(last.output, pieces=tuple(replace(p, advance_columns=0) for p in last.output.pieces))
    elsewhere = replace(last.output, advance_columns=last.output.advance_columns + 1)
    return {
        "shorter": replace(loop, iterations=loop.iterations - 1),
        "longer": replace(loop, iterations=loop.iterations + 100),
        "still": replace(loop, body=(*loop.body[:place], replace(last, output=still), *loop.body[place + 1 :])),
        "elsewhere": replace(loop, body=(*loop.body[:place], replace(last, output=elsewhere), *loop.body[place + 1 :])),
    }


def plain_steps(program: Program) -> Iterator[Compute | Copy]:
    """The CPU steps of a program without partial sums, its loops unrolled."""
    for step in program.steps:
        if isinstance(step, Loop):
            yield from step.unrolled()
        elif isinstance(step, Compute | Copy):
            yield step


def split_of_one_device(graph: Graph, instance: Instance, split: Split) -> Split:
    """The split's segments and single operators, all on device 0."""

    def layout(name: str) -> Layout:
        operator = next(operator for operator in graph.operators if operator.name == name)
        return Layout.single(Axis.ROWS, graph.output_tensor(operator).shape.height, 0, instance.nodes)

    return Split(
        {name: OperatorSplit(layout(name)) for name in split.operators},
        tuple(replace(segment, layout=layout(segment.operators[-1])) for segment in split.segments),
    )
