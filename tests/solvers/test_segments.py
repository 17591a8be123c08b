"""Fused plans: found where no unfused plan fits, within the cap, and never below their bound."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.columns import ColumnRolling
from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.phase import evaluate
from planner.core.segments import leaving_early
from planner.core.simulate import simulate
from planner.core.validate import validate
from planner.core.variants import PORTABLE
from planner.data.graph import Arithmetic, Graph, Padding, Shape, Window
from planner.data.instance import Instance
from planner.data.result import SolveStatus
from planner.data.split import Axis, Layout, OperatorSplit, Overlap, Segment, Split, Stage
from planner.errors import NoPlanError
from planner.solvers import solve
from planner.solvers.candidates import families
from planner.solvers.layout_set import LayoutSet
from planner.solvers.offsets import pack_exactly
from planner.solvers.path import LayoutGraph
from planner.solvers.problem import UNREACHABLE, Problem
from planner.solvers.relaxation.bound import Relaxation
from planner.solvers.segments.arcs import fused_arcs
from planner.solvers.segments.bands import RolledSegment
from planner.solvers.segments.bound import fused_lower_bound_ns
from planner.solvers.segments.fusions import Fusions
from planner.solvers.segments.stages import StageTables
from tests.builders.fleets import random_instance
from tests.builders.graphs import GraphBuilder, random_graph, random_input
from tests.builders.interpreter import interpret
from tests.solvers.test_costs import random_instance as any_instance
from tests.solvers.test_costs import random_layout

SAME = Window((3, 3), padding=Padding(1, 1, 1, 1))
WIDEST_BYTES = 24 * 24 * (4 + 24)
"""Input and output of the first expansion."""


def blocks() -> Graph:
    """Two inverted residual blocks over 24x24x4, expanded to 24 channels."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(24, 24, 4))
    current = builder.input
    for _ in range(2):
        expanded = builder.conv(current, 24, Window((1, 1)))
        depthwise = builder.conv(expanded, 24, SAME, groups=24)
        current = builder.add(builder.conv(depthwise, 4, Window((1, 1))), current)
    return builder.graph((current,), Arithmetic.TFLM)


def one_device(arena_bytes: int) -> Instance:
    """A device without scratch memory, which would hide what the buffers take."""
    fleet = random_instance(4, devices=1)
    (device,) = fleet.devices
    profile = replace(device.profile, kernels=PORTABLE)
    cap_bytes = arena_bytes + profile.firmware.ram_bytes
    limits = replace(fleet.limits, time_limit_s=10.0)
    return replace(
        fleet,
        devices=(replace(device, profile=profile, ram_cap_bytes=cap_bytes),),
        input_node=1,
        output_node=1,
        limits=limits,
    )


@pytest.mark.parametrize("arena_bytes", [6500, 9000])
def test_fuses_where_no_unfused_plan_fits(arena_bytes: int) -> None:
    assert arena_bytes < WIDEST_BYTES
    graph, instance = blocks(), one_device(arena_bytes)
    result = solve(graph, instance)
    assert result.status is SolveStatus.FEASIBLE and result.split is not None and result.split.segments
    plan = lower(graph, instance, result.split, pack=pack_exactly)
    assert validate(graph, instance, plan) == ()
    assert simulate(instance, plan).makespan_ns >= (result.phase.lower_bound_ns or 0) > 0
    inputs = random_input(graph, 1)
    (values,) = interpret(graph, plan, inputs).values()
    np.testing.assert_array_equal(values, execute(graph, inputs)[graph.outputs[0].tensor])


def test_less_memory_takes_more_time() -> None:
    times = [solve(blocks(), one_device(arena_bytes)).phase.makespan_ns or 0 for arena_bytes in (6500, 7000, 7500)]
    assert times[0] > times[1] > times[2] > 0


def test_nothing_is_proven_where_the_output_fits_but_no_segment_does() -> None:
    result = solve(blocks(), one_device(24 * 24 * 4 + 600))
    assert (result.status, result.split, result.shortages) == (SolveStatus.UNKNOWN, None, ())


def test_a_board_that_cannot_hold_the_output_has_no_plan() -> None:
    result = solve(blocks(), one_device(24 * 24 * 4 - 600))
    assert (result.status, result.split) == (SolveStatus.INFEASIBLE, None)
    (shortage,) = result.shortages
    assert shortage.resource == "ram" and 600 < shortage.missing_bytes < 800


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_no_fused_plan_beats_the_bound(seed: int) -> None:
    graph, instance = random_graph(seed, 6), random_instance(seed, devices=1 + seed % 3)
    problem = Problem(graph, instance)
    fusions = Fusions(problem)
    path = LayoutGraph(problem, families(problem), fusions=fusions, spans=fusions.spans).shortest_path()
    assert path is not None
    assert path.time_ns == evaluate(graph, instance, path.split).makespan_ns
    assert path.time_ns >= fused_lower_bound_ns(graph, instance)


def random_stages(rng: np.random.Generator, graph: Graph, names: list[str]) -> tuple[Stage, ...]:
    """Any way to divide operators into stages."""
    stages: list[Stage] = []
    while names:
        stage = Stage((names[0],), int(rng.integers(1, 4)))
        overlap = list(Overlap)[int(rng.integers(2))]
        if len(names) >= 3 and rng.integers(4):
            rolled = Stage(tuple(names[:3]), stage.rows, int(rng.integers(1, 5)), overlap)
            with contextlib.suppress(ValueError):
                stage = ColumnRolling(graph, rolled).stage
        stages.append(stage)
        names = names[len(stage.operators) :]
    return tuple(stages)


def random_blocks(rng: np.random.Generator) -> Graph:
    """Blocks that can roll over columns, with windows of all kinds."""
    builder = GraphBuilder(rng, Shape(int(rng.integers(12, 25)), int(rng.integers(12, 25)), 3))
    current = builder.input
    for _ in range(2):
        kernel, hidden = int(rng.choice([1, 2, 3, 5])), int(rng.integers(1, 7))
        pad = (kernel - 1) // 2
        stride = int(rng.integers(1, min(kernel, 2) + 1))
        window = Window((kernel, kernel), (stride, stride), padding=Padding(pad, pad, int(rng.integers(pad + 1)), pad))
        expanded = builder.conv(current, hidden, Window((1, 1)) if rng.integers(3) else SAME)
        current = builder.conv(builder.conv(expanded, hidden, window, groups=hidden), 4, Window((1, 1)))
    return builder.graph((current,), Arithmetic.TFLM)


@settings(deadline=None, max_examples=120)
@given(st.integers(0, 2**31))
def test_fused_arcs_cost_what_the_evaluator_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_blocks(rng) if seed % 2 else random_graph(seed, operators=6)
    instance = any_instance(rng)
    problem = Problem(graph, instance)
    first = 0 if seed % 4 == 1 else int(rng.integers(len(graph.operators)))
    last = int(rng.integers(first, len(graph.operators)))
    if leaving_early(graph, first, last + 1):
        return
    stages = random_stages(rng, graph, [operator.name for operator in graph.operators[first : last + 1]])
    try:
        rolled = RolledSegment(problem, StageTables(problem), stages, int(rng.integers(1, 5)))
    except ValueError:  # it reads more than one tensor from outside
        return
    layouts = {data.output: random_layout(rng, graph, data.output, instance.nodes) for data in problem.operators}
    layouts |= {
        n: Layout.single(Axis.ROWS, problem.shape(n).height, instance.input_node, instance.nodes)
        for n in problem.inputs
    }
    height = problem.shape(rolled.output).height
    cuts = sorted(int(cut) for cut in rng.integers(0, height + 1, instance.nodes - 2))
    layouts[rolled.output] = Layout.from_bounds(Axis.ROWS, (0, *cuts, height, height))
    segment = Segment(stages, layouts[rolled.output], rolled.input_rows)
    outside = [data for data in problem.operators if not first <= data.index <= last]
    split = Split({data.name: OperatorSplit(layouts[data.output]) for data in outside}, (segment,))
    sets = {name: LayoutSet.of([layout]) for name, layout in layouts.items()}
    arcs = fused_arcs(problem, (first, last), rolled, sets[rolled.input], sets[rolled.output])
    try:
        phases = evaluate(graph, instance, split).phases
    except NoPlanError:
        return
    (phase,) = (phase for phase in phases if phase.operator == segment.operators[-1])
    assert arcs.time_ns[0, 0] == phase.communication_ns + phase.computation_ns
    others = [name for name in problem.held(first) if name != rolled.input]
    held = sum((sets[n].footprints(problem.shape(n))[0] for n in others), np.zeros(instance.nodes, int))
    assert tuple(arcs.ram_bytes[0, 0] + held) == phase.footprint_bytes


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_no_rolling_beats_the_bound_of_its_segment(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_blocks(rng) if seed % 2 else random_graph(seed, operators=6)
    problem = Problem(graph, any_instance(rng))
    fusions = Fusions(problem)
    relaxation = Relaxation(problem, 40, fusions)
    for number in rng.permutation(len(fusions.spans))[:3]:
        span = fusions.spans[number]
        fastest = fusions.fastest(span)
        source, output = relaxation.states[fastest.input].layouts, relaxation.states[fastest.output].layouts
        bound_ns = relaxation.fused_costs(span)[: len(source), : len(output)]
        changed = list(fusions.neighbours(fastest, span))
        for rolled in (*fusions.rollings(span), *(changed[i] for i in rng.permutation(len(changed))[:5])):
            arcs = fused_arcs(problem, span, rolled, source, output)
            fits = (arcs.time_ns < UNREACHABLE) & (arcs.ram_bytes <= problem.ram_cap_bytes).all(axis=2)
            assert (bound_ns <= arcs.time_ns)[fits].all()


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**31))
def test_where_memory_suffices_some_rolling_reaches_the_bound(seed: int) -> None:
    """Blocks roll independently, so changing one at a time finds the best."""
    rng = np.random.default_rng(seed)
    graph = random_blocks(rng)
    fleet = random_instance(seed, devices=1 + seed % 3)
    roomy = tuple(replace(device, ram_cap_bytes=2**24) for device in fleet.devices)
    problem = Problem(graph, replace(fleet, devices=roomy))
    fusions = Fusions(problem)
    span = (0, len(graph.operators) - 1)
    relaxation = Relaxation(problem, 40, fusions)
    best = fusions.fastest(span)
    source, layouts = relaxation.states[best.input].layouts, relaxation.states[best.output].layouts
    number = int(rng.integers(len(layouts)))
    output = LayoutSet(*(part[number : number + 1] for part in (layouts.rows, layouts.starts, layouts.stops)))

    def time_ns(rolled: RolledSegment) -> int:
        return int(fused_arcs(problem, span, rolled, source, output).time_ns[0, 0])

    while (found := min(fusions.neighbours(best, span), key=time_ns)) and time_ns(found) < time_ns(best):
        best = found
    assert relaxation.fused_costs(span)[0, number] == time_ns(best)


def test_several_small_devices_hold_what_none_of_them_does() -> None:
    """Three devices, each with less memory than a third of the widest pair of tensors."""
    graph = blocks()
    fleet = random_instance(4, devices=3)
    instance = replace(
        fleet,
        devices=tuple(
            replace(d, profile=replace(d.profile, kernels=PORTABLE), ram_cap_bytes=4200 + d.profile.firmware.ram_bytes)
            for d in fleet.devices
        ),
        limits=replace(fleet.limits, time_limit_s=10.0),
    )
    assert WIDEST_BYTES > 3 * 4200
    result = solve(graph, instance)
    assert result.split is not None and result.split.segments
    plan = lower(graph, instance, result.split, pack=pack_exactly)
    assert validate(graph, instance, plan) == ()
    inputs = random_input(graph, 1)
    (values,) = interpret(graph, plan, inputs).values()
    np.testing.assert_array_equal(values, execute(graph, inputs)[graph.outputs[0].tensor])
