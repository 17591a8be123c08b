"""The validator accepts every lowered plan and rejects every mutated one, for the reason that was put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.bounds import needed_rows
from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.simulate import simulate
from planner.core.validate import validate
from planner.data.graph import Arithmetic
from planner.data.plan import Plan
from tests.builders.cases import Case, random_case
from tests.builders.graphs import random_input
from tests.builders.interpreter import interpret
from tests.builders.mutations import BUFFER_MUTATIONS, STEP_MUTATIONS, Mutation, roomy, with_some_number_changed

SEEDS = range(60)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31))
def test_accepts_lowered_plans(seed: int) -> None:
    case = random_case(seed)
    plan = lower(case.graph, case.instance, case.split)
    assert validate(case.graph, case.instance, plan) == ()
    assert validate(case.graph, case.instance, roomy(plan)) == ()


@pytest.fixture(scope="module")
def plans() -> list[tuple[Case, Plan]]:
    """Plans of random problems in which every row is needed."""
    cases = [case for case in map(random_case, SEEDS) if all(rows.all() for rows in needed_rows(case.graph).values())]
    return [(case, lower(case.graph, case.instance, case.split)) for case in cases]


@pytest.mark.parametrize("mutation", BUFFER_MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_rejects_changed_buffers(mutation: Mutation, plans: list[tuple[Case, Plan]]) -> None:
    _all_rejected(mutation, plans, BUFFER_MUTATIONS)


@pytest.mark.parametrize("mutation", STEP_MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_rejects_changed_steps(mutation: Mutation, plans: list[tuple[Case, Plan]]) -> None:
    _all_rejected(mutation, [(case, roomy(plan)) for case, plan in plans], STEP_MUTATIONS)


def _all_rejected(mutation: Mutation, plans: list[tuple[Case, Plan]], rules: Mapping[Mutation, set[str]]) -> None:
    mutants = 0
    for seed, (case, plan) in enumerate(plans):
        mutant = mutation(plan, np.random.default_rng(seed))
        if mutant is None or mutant == plan:
            continue
        mutants += 1
        violations = validate(case.graph, case.instance, mutant)
        assert violations, f"{case.graph.name} survived"
        assert violations[0].rule in rules[mutation], violations[0]
    assert mutants >= 3


def test_holds_the_caps_to_the_byte() -> None:
    case = random_case(1)
    plan = lower(case.graph, case.instance, case.split)
    node = max(range(case.instance.host), key=lambda n: plan.programs[n].arena_bytes)
    device = case.instance.devices[node]
    ram_bytes = plan.programs[node].arena_bytes + device.profile.firmware.ram_bytes
    for spare_bytes, rules in ((0, []), (-1, ["RAM"])):
        devices = list(case.instance.devices)
        devices[node] = replace(device, ram_cap_bytes=ram_bytes + spare_bytes)
        violations = validate(case.graph, replace(case.instance, devices=tuple(devices)), plan)
        assert [violation.rule for violation in violations] == rules
    plan_bytes = device.flash_cap_bytes - device.profile.firmware.code_bytes
    assert validate(case.graph, case.instance, plan, {node: plan_bytes}) == ()
    (violation,) = validate(case.graph, case.instance, plan, {node: plan_bytes + 1})
    assert (violation.rule, violation.node) == ("flash", node)


def test_rejects_foreign_plans() -> None:
    case = random_case(1)
    plan = lower(case.graph, case.instance, case.split)
    other = next(arithmetic for arithmetic in Arithmetic if arithmetic is not plan.arithmetic)
    assert [v.rule for v in validate(case.graph, case.instance, replace(plan, arithmetic=other))] == ["arithmetic"]
    assert next(v.rule for v in validate(case.graph, case.instance, replace(plan, bus="other"))) == "bus"
    missing = replace(plan, programs=plan.programs[:-1])
    assert [v.rule for v in validate(case.graph, case.instance, missing)] == ["programs"]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 400), st.integers(0, 2**31))
def test_what_it_accepts_is_right(case_seed: int, seed: int) -> None:
    """Whatever number in a plan is changed: either the validator objects, or the plan still computes the same."""
    case = random_case(case_seed)
    plan = lower(case.graph, case.instance, case.split)
    mutant = with_some_number_changed(plan, np.random.default_rng(seed))
    if not validate(case.graph, case.instance, mutant):
        simulate(case.instance, mutant)
        inputs = random_input(case.graph, seed)
        expected = execute(case.graph, inputs)
        for name, values in interpret(case.graph, mutant, inputs).items():
            np.testing.assert_array_equal(values, expected[name])
