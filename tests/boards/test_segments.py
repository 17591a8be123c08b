"""A fused network on an emulated board: byte-exact, in exactly the arena that was planned."""

from __future__ import annotations

import pytest

from planner.data.run import Boards
from planner.files import shipped
from planner.files.instance_file import load_instance
from planner.workflow.model import read_model
from planner.workflow.run import count_mismatches, run_plan
from planner.workflow.solve import solve
from tests.builders.boards import needs_machines
from tests.builders.graphs import random_input

MOST_PREDICTION_ERROR = 0.03


@pytest.mark.slow
@needs_machines("mps2-an385", "mps2-an500")
@pytest.mark.parametrize("name", ["m3x1-48k", "m7x1-112k"])
def test_one_board_with_little_memory(name: str) -> None:
    instance = load_instance(shipped.path("instances") / f"{name}.yaml")
    graph = read_model(instance)
    solved = solve(graph, instance)
    assert solved.facts is not None and solved.result.split is not None and solved.result.split.segments
    assert solved.result.phase.gap is not None and solved.result.phase.gap <= 0.05
    inputs = random_input(graph, 0)
    result = run_plan(graph, instance, solved.facts.plan, inputs, Boards.EMULATED)
    assert count_mismatches(result, graph, inputs) == 0
    (device,) = result.devices
    assert device.ram_peak.arena_bytes == solved.facts.plan.programs[0].arena_bytes
    assert device.ram_peak.total_bytes <= device.ram_cap_bytes
    assert abs(result.latency_ns / result.predicted_latency_ns - 1) <= MOST_PREDICTION_ERROR
    assert result.latency_ns >= 0.97 * (solved.lower_bound_ns or 0)
