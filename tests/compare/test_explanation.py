"""What binds a plan: the critical path has no slack, the peak is the largest sum of live buffers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.critical_path import MessageLink, critical_path
from planner.core.lowering import lower
from planner.core.memory import Lifespan, peak_footprint_bytes
from planner.core.occupancy import live_buffers, live_bytes, peak_step
from planner.core.simulate import simulate
from planner.data.hardware import LinkCost, Network
from planner.data.instance import SolverLimits
from planner.data.plan import Await, Ready, Transfer
from planner.report.explanation import explain_plan, explanation_text
from planner.workflow.relaxation import smallest_cap_factor
from planner.workflow.solve import solve
from tests.builders.cases import random_case
from tests.builders.fleets import FIRMWARE, instance
from tests.builders.graphs import random_graph


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_the_critical_path_fills_the_makespan(seed: int) -> None:
    case = random_case(seed)
    plan = lower(case.graph, case.instance, case.split)
    simulation = simulate(case.instance, plan)
    links = critical_path(case.instance, plan, simulation)
    ends = [0, *(link.end_ns for link in links)]
    assert [link.start_ns for link in links] == ends[:-1]
    assert ends[-1] == simulation.makespan_ns


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_a_link_follows_what_it_waited_for(seed: int) -> None:
    """Messages that wait for a port share it with the message before; all others start at an end's Ready."""
    case = random_case(seed)
    plan = lower(case.graph, case.instance, case.split)
    links = critical_path(case.instance, plan, simulate(case.instance, plan))
    for before, link in pairwise(links):
        if isinstance(link, MessageLink) and link.behind_port:
            assert isinstance(before, MessageLink)
            ports = [set(plan.messages[one.message].ports) for one in (before, link)]
            assert ports[0] & ports[1]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_the_peak_is_the_largest_sum_of_live_buffers(seed: int) -> None:
    case = random_case(seed)
    for program in lower(case.graph, case.instance, case.split).programs:
        step = peak_step(program)
        if step is None:
            continue
        lifespans = [Lifespan(b.size_bytes, b.first_step, b.end_step) for b in program.buffers]
        assert live_bytes(program)[step] == peak_footprint_bytes(lifespans) <= program.arena_bytes + 8
        assert all(buffer.first_step <= step < buffer.end_step for buffer in live_buffers(program, step))


def test_an_explanation_shares_out_the_makespan_and_names_the_peak() -> None:
    case = random_case(7)
    plan = lower(case.graph, case.instance, case.split)
    explanation = explain_plan(case.instance, plan, simulate(case.instance, plan))
    assert explanation.computing_us + explanation.sending_us == pytest.approx(explanation.makespan_us)
    for device, program in zip(explanation.devices, plan.programs, strict=False):
        work = [step for step in program.steps if not isinstance(step, Ready | Transfer | Await)]
        assert device.busy_share == pytest.approx(sum(s.predicted_ns for s in work) / explanation.makespan_us / 1000)
        assert f"{device.name} is fullest during {device.during}" in explanation_text(explanation)


def test_the_smallest_cap_factor_has_a_plan_and_a_smaller_one_has_none() -> None:
    graph = random_graph(3, 4)
    ample = instance(Network.switch(2, LinkCost(100, 1000)))
    arena_bytes = max(p.arena_bytes for p in solve(graph, ample).facts.plan.programs[:-1])
    tight = replace(
        ample,
        devices=tuple(replace(d, ram_cap_bytes=FIRMWARE.ram_bytes + arena_bytes // 8) for d in ample.devices),
        limits=SolverLimits(time_limit_s=2.0),
    )
    assert solve(graph, tight).facts is None
    factor = smallest_cap_factor(graph, tight, 8.0)
    assert factor.enough is not None
    assert factor.enough > 1
    assert factor.proven_short is None or factor.proven_short < factor.enough
