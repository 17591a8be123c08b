"""Optima of tiny problems: brute force, the layout path, every solver, and the whole search agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.phase import evaluate
from planner.data.graph import Graph
from planner.data.instance import Instance, SolverLimits
from planner.data.result import SolveStatus
from planner.solvers import solve
from planner.solvers.clock import Clock
from planner.solvers.path import LayoutGraph, Path
from planner.solvers.problem import PLAN_BYTES, Problem
from planner.solvers.registry import SOLVERS, path_solver
from planner.solvers.segments.fusions import Fusions
from tests.solvers.spaces import all_candidates, every_split, record_bytes, tiny_graph, tiny_instance

EXACT_SOLVERS = ("milp-highs", "milp-cbc", "cpsat")


def best_by_force(graph: Graph, instance: Instance) -> int | None:
    """Least makespan of all splits that keep all caps, by the slow evaluator."""
    problem = Problem(graph, instance)
    best = None
    for split in every_split(graph, instance):
        evaluation = evaluate(graph, instance, split)
        flash = np.array(evaluation.flash_bytes) + record_bytes(problem, split)
        fits = (np.array(evaluation.peak_footprint_bytes) <= problem.ram_cap_bytes).all()
        if fits and (flash <= problem.flash_cap_bytes).all() and (best is None or evaluation.makespan_ns < best):
            best = evaluation.makespan_ns
    return best


def with_flash(instance: Instance, plan_bytes: np.ndarray) -> Instance:
    """The same fleet with flash for weights and estimated records of so many bytes."""
    devices = tuple(
        replace(device, flash_cap_bytes=device.profile.firmware.code_bytes + PLAN_BYTES + int(size))
        for device, size in zip(instance.devices, plan_bytes, strict=True)
    )
    return replace(instance, devices=devices)


def shortest(graph: Graph, instance: Instance, fused: bool = False) -> Path | None:
    """Over all layouts, and if `fused` over all runs of operators that may be a segment."""
    problem = Problem(graph, instance)
    fusions = Fusions(problem)
    spans = fusions.spans if fused else ()
    return LayoutGraph(problem, all_candidates(graph, instance), fusions=fusions, spans=spans).shortest_path()


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), tight=st.booleans())
def test_all_solvers_find_what_brute_force_finds(seed: int, tight: bool) -> None:
    graph = tiny_graph(seed, operators=2, largest=3)
    instance = tiny_instance(seed)
    free = shortest(graph, instance)
    if free is not None and tight:
        instance = with_flash(instance, np.maximum(free.flash_bytes[:-1] * 3 // 4, free.flash_bytes[:-1].min()))
    expected = best_by_force(graph, instance)
    candidates = LayoutGraph(Problem(graph, instance), all_candidates(graph, instance))
    for name in EXACT_SOLVERS:
        outcome = path_solver(name).solve(candidates, None, Clock(60.0), 60.0)
        assert (outcome.path.time_ns if outcome.path else None) == expected, name
        if expected is not None:
            assert outcome.lower_bound_ns is not None
            assert outcome.lower_bound_ns <= expected
    priced = path_solver("path").solve(candidates, None, Clock(60.0), 60.0)
    if priced.path is not None:
        assert expected is not None
        assert priced.lower_bound_ns <= expected <= priced.path.time_ns


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), devices=st.integers(1, 3), alike=st.booleans())
def test_the_search_is_honest(seed: int, devices: int, alike: bool) -> None:
    graph = tiny_graph(seed, operators=4 if devices < 3 else 3)
    instance = replace(tiny_instance(seed, devices, alike), limits=SolverLimits(60.0))
    optimum = shortest(graph, instance, fused=True)
    result = solve(graph, instance)
    if result.status is SolveStatus.INFEASIBLE:
        assert optimum is None
        assert result.shortages
        return
    if result.split is None:
        assert result.status is SolveStatus.UNKNOWN
        return
    assert optimum is not None
    assert result.phase.makespan_ns == evaluate(graph, instance, result.split).makespan_ns
    assert result.phase.lower_bound_ns <= min(optimum.time_ns, result.phase.makespan_ns)
    assert result.split.segments or optimum.time_ns <= result.phase.makespan_ns
    if result.status is SolveStatus.OPTIMAL:
        assert result.phase.makespan_ns <= optimum.time_ns * 1.0002 + 1
    peak = np.array(evaluate(graph, instance, result.split).peak_footprint_bytes)
    assert (peak <= Problem(graph, instance).ram_cap_bytes).all()


@pytest.mark.parametrize("name", SOLVERS)
def test_flash_binds(name: str) -> None:
    """Two boards, each with flash for little more than half of the weights: no solver may put all on one."""
    graph = tiny_graph(3, operators=3)
    instance = replace(tiny_instance(3, 2, True), limits=SolverLimits(60.0))
    free = shortest(graph, instance)
    assert free is not None
    total = int(free.flash_bytes[:-1].max())
    tight = with_flash(instance, np.array([total - 1, total - 1]))
    result = solve(graph, tight, solver=name)
    if result.split is not None:
        problem = Problem(graph, tight)
        flash = np.array(evaluate(graph, tight, result.split).flash_bytes) + record_bytes(problem, result.split)
        assert (flash <= problem.flash_cap_bytes).all()
        assert result.split.segments or result.phase.makespan_ns >= free.time_ns
