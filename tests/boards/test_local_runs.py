"""Plans on local processes: the C runtime computes what the unsplit network computes, at the simulator's times."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.boards.fleet import Fleet
from planner.boards.session import Session
from planner.boards.setup import BoardSetup
from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.simulate import simulate
from planner.data.hardware import NetworkKind
from planner.data.run import Boards
from planner.errors import InputError
from planner.planfmt.encode import encode
from planner.workflow.run import count_mismatches, run_plan
from tests.builders.boards import needs_local
from tests.builders.cases import Case, random_case
from tests.builders.graphs import random_input

pytestmark = needs_local()


def _check(case: Case, seed: int) -> None:
    plan = lower(case.graph, case.instance, case.split)
    inputs = random_input(case.graph, seed)
    result = run_plan(case.graph, case.instance, plan, inputs, Boards.LOCAL, timeout_s=20)
    assert result.outputs.keys() == {end.tensor for end in case.graph.outputs}
    assert count_mismatches(result, case.graph, inputs) == 0
    simulation = simulate(case.instance, plan)
    assert result.latency_ns == result.predicted_latency_ns == simulation.makespan_ns
    for node, device in enumerate(result.devices):
        assert tuple(step.end_ns for step in device.steps) == simulation.step_end_ns[node]
        times = simulation.nodes[node]
        assert (device.compute_ns, device.sent_bytes, device.received_bytes) == (
            times.compute_ns,
            times.sent_bytes,
            times.received_bytes,
        )
        assert device.ram_peak.total_bytes == device.predicted_ram_peak_bytes <= device.ram_cap_bytes


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_split_equals_unsplit_at_the_simulated_time(seed: int) -> None:
    _check(random_case(seed), seed)


@pytest.mark.parametrize("kind", NetworkKind)
def test_every_kind_of_network(kind: NetworkKind) -> None:
    _check(random_case(7, kind=kind), 7)


def test_a_board_runs_as_often_as_it_is_started() -> None:
    case = random_case(3)
    plan = lower(case.graph, case.instance, case.split)
    setups = [
        BoardSetup(device.name, None, encode(plan, case.graph, node), device.arena_cap_bytes, Fraction(1), flags=0)
        for node, device in enumerate(case.instance.devices)
    ]
    with Fleet(setups, plan, paint=0) as fleet:
        session = Session(fleet, plan, timeout_s=20)
        session.greet()
        for seed in range(3):
            inputs = random_input(case.graph, seed)
            expected = execute(case.graph, inputs)
            outputs = session.run(inputs).outputs
            assert all(np.array_equal(values, expected[name]) for name, values in outputs.items())
        session.stop()


def test_an_input_of_the_wrong_shape_is_refused() -> None:
    case = random_case(1)
    plan = lower(case.graph, case.instance, case.split)
    inputs = {name: value[:-1] for name, value in random_input(case.graph, 1).items()}
    with pytest.raises(InputError, match="must be an int8 array of shape"):
        run_plan(case.graph, case.instance, plan, inputs, Boards.LOCAL)
