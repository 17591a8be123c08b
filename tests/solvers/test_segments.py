"""Fused plans for one device: found where no unfused plan fits, within the cap, and never below their bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.phase import evaluate
from planner.core.simulate import simulate
from planner.core.validate import validate
from planner.core.variants import PORTABLE
from planner.data.graph import Arithmetic, Graph, Padding, Shape, Window
from planner.data.instance import Instance
from planner.data.result import SolveStatus
from planner.solvers.clock import Clock
from planner.solvers.offsets import pack_exactly
from planner.solvers.segments import solve
from planner.solvers.segments.bound import fused_lower_bound_ns
from planner.solvers.segments.one_device import fuse_on_one_device
from tests.builders.fleets import random_instance
from tests.builders.graphs import GraphBuilder, random_graph, random_input
from tests.builders.interpreter import interpret

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


def test_nothing_is_proven_where_no_fused_plan_is_found() -> None:
    result = solve(blocks(), one_device(2000))
    assert (result.status, result.split, result.shortages) == (SolveStatus.UNKNOWN, None, ())


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_no_fused_plan_beats_the_bound(seed: int) -> None:
    graph = random_graph(seed, 6)
    instance = one_device(1 << 20)
    result = fuse_on_one_device(graph, instance, Clock(30))
    assert result is not None and result.split is not None
    makespan_ns = evaluate(graph, instance, result.split).makespan_ns
    assert result.phase.makespan_ns == makespan_ns >= fused_lower_bound_ns(graph, instance)
