from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.data.graph import Arithmetic
from planner.data.hardware import LinkCost, Network
from planner.data.instance import SolverLimits
from planner.data.result import OPTIMALITY_GAP, PhaseBounds, SolveStatus
from planner.errors import InputError
from planner.workflow import solve as workflow
from tests.builders.fleets import instance
from tests.builders.graphs import random_graph

LINK = LinkCost(100, 1000)


@pytest.fixture
def problem():
    graph = random_graph(np.random.default_rng(3), 6, Arithmetic.ONNXRUNTIME)
    fleet = instance(Network.switch(2, LINK))
    return graph, replace(fleet, limits=SolverLimits(time_limit_s=2.0))


def arenas(solved):
    return [solved.facts.plan.programs[node].arena_bytes for node in range(len(solved.instance.devices))]


def with_arena_caps(fleet, caps):
    devices = tuple(
        replace(device, ram_cap_bytes=cap + device.profile.firmware.ram_bytes)
        for device, cap in zip(fleet.devices, caps, strict=True)
    )
    return replace(fleet, devices=devices)


def test_a_solved_plan_keeps_the_caps_and_the_bound(problem):
    graph, fleet = problem
    solved = workflow.solve(graph, fleet)
    assert solved.result.status in (SolveStatus.OPTIMAL, SolveStatus.FEASIBLE)
    assert solved.lower_bound_ns <= solved.facts.simulation.makespan_ns
    assert solved.facts.flash_bytes == tuple(map(len, solved.binaries))
    assert all(used <= device.arena_cap_bytes for used, device in zip(arenas(solved), fleet.devices, strict=True))


def test_a_plan_that_turns_out_too_big_is_searched_again_with_a_reserve(problem, monkeypatch):
    """The first search is made to believe in caps that are larger than they are, as an underestimate would."""
    graph, fleet = problem
    tight = with_arena_caps(fleet, [used - 8 for used in arenas(workflow.solve(graph, fleet))])
    asked = []

    def underestimating(graph, asked_instance, *rest):
        asked.append([device.arena_cap_bytes for device in asked_instance.devices])
        believed = fleet if len(asked) == 1 else asked_instance
        return search(graph, replace(believed, limits=asked_instance.limits), *rest)

    search = workflow.search
    monkeypatch.setattr(workflow, "search", underestimating)
    solved = workflow.solve(graph, tight)
    assert asked[0] == [device.arena_cap_bytes for device in tight.devices]
    assert all(second < first for first, second in zip(asked[0], asked[1], strict=True))
    if solved.facts is None:
        assert solved.result.status is SolveStatus.UNKNOWN
    else:
        assert all(used <= device.arena_cap_bytes for used, device in zip(arenas(solved), tight.devices, strict=True))


def test_a_search_that_never_fits_ends_without_a_plan_and_keeps_the_first_bound(problem, monkeypatch):
    graph, fleet = problem
    free = workflow.solve(graph, fleet)
    proven = replace(free.result, phase=PhaseBounds(1000, 900, None, "all"))
    monkeypatch.setattr(workflow, "search", lambda *_: proven)
    solved = workflow.solve(graph, with_arena_caps(fleet, [1, 1]))
    assert solved.facts is None
    assert solved.binaries == ()
    assert solved.result.status is SolveStatus.UNKNOWN
    assert solved.result.split is None
    assert solved.result.phase == PhaseBounds(None, 900, None, "all")
    assert solved.result.solve_s == pytest.approx(workflow.MOST_SEARCHES * free.result.solve_s)


def test_a_cancelled_search_without_a_plan_says_so(problem):
    graph, fleet = problem
    solved = workflow.solve(graph, fleet, cancelled=lambda: True)
    assert solved.result.status is SolveStatus.CANCELLED
    assert (solved.facts is None) == (solved.result.split is None)


def test_optimal_means_a_phase_gap_of_nearly_nothing(problem):
    graph, fleet = problem
    result = workflow.solve(graph, fleet).result
    assert (result.status is SolveStatus.OPTIMAL) == (
        result.phase.gap is not None and result.phase.gap <= OPTIMALITY_GAP
    )


def test_an_unknown_solver_is_refused(problem):
    with pytest.raises(InputError, match="no solver 'magic'"):
        workflow.solve(*problem, solver="magic")


def test_without_a_plan_the_portable_kernels_are_tried(problem, monkeypatch):
    """The fast kernels' scratch memory is made to fit nowhere."""
    graph, fleet = problem
    devices = tuple(replace(d, profile=replace(d.profile, kernels="dsp")) for d in fleet.devices)

    def without_room_for_scratch(graph, asked, *rest):
        if any(device.profile.kernels == "dsp" for device in asked.devices):
            nothing = PhaseBounds(None, None, None, "no plan")
            return replace(search(graph, asked, *rest), status=SolveStatus.UNKNOWN, split=None, phase=nothing)
        return search(graph, asked, *rest)

    search = workflow.search
    monkeypatch.setattr(workflow, "search", without_room_for_scratch)
    solved = workflow.solve(graph, replace(fleet, devices=devices))
    assert solved.facts is not None
    assert {device.profile.kernels for device in solved.instance.devices} == {"portable"}
    assert solved.result.phase.covers.startswith("with portable kernels")
