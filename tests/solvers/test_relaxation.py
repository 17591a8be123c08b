"""The bound against the optimum over all layouts of tiny problems."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.data.split import Axis, Layout
from planner.solvers.clock import Clock
from planner.solvers.costs import operator_arcs
from planner.solvers.layout_set import LayoutSet
from planner.solvers.path import LayoutGraph
from planner.solvers.problem import UNREACHABLE, Problem
from planner.solvers.relaxation.bound import Relaxation
from planner.solvers.relaxation.states import States
from planner.solvers.segments.fusions import Fusions
from tests.solvers.spaces import all_candidates, tiny_graph, tiny_instance


@settings(deadline=None, max_examples=120)
@given(
    seed=st.integers(0, 2**32 - 1), devices=st.integers(1, 3), alike=st.booleans(), exact=st.sampled_from([0, 4, 1000])
)
@pytest.mark.parametrize("fused", [False, True])
def test_the_bound_is_below_the_optimum(fused: bool, seed: int, devices: int, alike: bool, exact: int) -> None:
    graph = tiny_graph(seed, operators=4 if devices < 3 else 3)
    instance = tiny_instance(seed, devices, alike)
    problem = Problem(graph, instance)
    fusions = Fusions(problem)
    spans = fusions.spans if fused else ()
    optimum = LayoutGraph(problem, all_candidates(graph, instance), fusions=fusions, spans=spans).shortest_path()
    bound = Relaxation(problem, exact, fusions if fused else None).solve(Clock(60.0))
    assert bound is not None
    if optimum is not None:
        assert bound.value_ns <= optimum.time_ns
        pruned = Relaxation(problem, exact, fusions if fused else None).solve(Clock(60.0), optimum.time_ns)
        assert pruned is not None
        assert bound.value_ns <= pruned.value_ns + 1e-3 <= optimum.time_ns + 1e-2


def states_of(states: States, layout: Layout) -> list[int]:
    """The relaxed layouts that contain a layout."""
    units = np.array([stop - start for start, stop in layout.ranges])
    active = int((units > 0).sum())
    found = []
    for state in range(len(states)):
        if bool(states.rows[state]) != (layout.axis is Axis.ROWS):
            continue
        inside = (states.low[state] <= units).all() and (units <= states.high[state]).all()
        inside &= states.active_low[state] <= active <= states.active_high[state]
        for group in range(states.group.max() + 1):
            members = states.group == group
            level = states.level[state, members]
            inside &= bool((level == 0).all() or (units[members] >= level).any())
        if inside:
            found.append(state)
    return found


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1), devices=st.integers(1, 3), alike=st.booleans(), exact=st.sampled_from([0, 4, 1000])
)
def test_states_part_all_layouts_and_arcs_are_below_all_pairs(seed: int, devices: int, alike: bool, exact: int) -> None:
    graph = tiny_graph(seed, operators=3)
    instance = tiny_instance(seed, devices, alike)
    problem = Problem(graph, instance)
    candidates = all_candidates(graph, instance)
    for name in problem.inputs:
        height = problem.shape(name).height
        candidates[name] = (Layout.single(Axis.ROWS, height, instance.input_node, instance.nodes),)
    relaxation = Relaxation(problem, exact)
    sets = {name: LayoutSet.of(layouts) for name, layouts in candidates.items()}
    states = {}
    for name, layouts in candidates.items():
        whole = problem.shape(name)
        usable = (sets[name].elements(whole) <= problem.ram_cap_bytes).all(axis=1)
        if whole.height == 1 and name not in problem.inputs:
            usable &= ~sets[name].rows
        states[name] = [states_of(relaxation.states[name], layout) for layout in layouts]
        assert all(len(found) <= 1 for found in states[name])
        states[name] = [found if keep else [] for found, keep in zip(states[name], usable, strict=True)]
    for data in problem.operators:
        costs = relaxation.arc_bounds(data)
        counts = [len(candidates[name]) for name in data.inputs]
        for arcs in operator_arcs(problem, data, sets, np.full(instance.nodes, 2**40)):
            fits = (arcs.time_ns < UNREACHABLE) & (arcs.ram_bytes <= problem.ram_cap_bytes).all(axis=2)
            for a, b in zip(*np.nonzero(fits), strict=True):
                indices = np.unravel_index(a, counts)
                inputs = [(name, states[name][i]) for name, i in zip(data.inputs, indices, strict=True)]
                target = states[data.output][b]
                if data.shape.height == 1 and candidates[data.output][b].axis is Axis.ROWS:
                    continue
                if any(not source for _, source in inputs):
                    continue
                assert target, (data.operator, candidates[data.output][b], arcs.mode, arcs.chunks)
                bound = sum(costs[name][source[0], target[0]] for name, source in inputs)
                assert bound <= arcs.time_ns[a, b] + arcs.chunks, (
                    data.operator,
                    [candidates[name][i] for name, i in zip(data.inputs, indices, strict=True)],
                    candidates[data.output][b],
                    arcs.mode,
                    arcs.chunks,
                )
