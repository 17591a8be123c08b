from __future__ import annotations

import numpy as np
import pytest

from planner.core.cost import kernel_of
from planner.core.regions import required
from planner.core.variants import PORTABLE, VARIANTS
from planner.data.graph import Arithmetic
from planner.data.plan import Compute
from planner.files.profile_file import cost_keys
from planner.profiling.sweep import BUFFER_BYTES, FIRST_STEP, build_sweep


@pytest.fixture(scope="module", params=list(Arithmetic))
def sweep(request):
    return build_sweep(request.param, cases_per_kernel=40)


@pytest.mark.parametrize("variant", [PORTABLE, *VARIANTS])
def test_both_sweeps_together_measure_every_key(variant):
    sweeps = [build_sweep(arithmetic, 1, variant=variant) for arithmetic in Arithmetic]
    assert {case.key for sweep in sweeps for case in sweep.cases} == set(cost_keys(variant))


def test_each_case_is_the_step_that_it_says(sweep):
    steps = sweep.plan.programs[0].steps[FIRST_STEP:]
    assert [case.step for case in sweep.cases] == list(steps)


def test_computed_cases_run_the_kernel_of_their_key_on_exactly_what_it_needs(sweep):
    operators = {operator.name: operator for operator in sweep.graph.operators}
    computed = [case for case in sweep.cases if isinstance(case.step, Compute)]
    assert len(computed) == 13 * 40
    for case in computed:
        operator = operators[case.step.operator]
        assert case.key.split(".")[0] == kernel_of(sweep.graph, operator)
        for index, operand in enumerate(case.step.inputs):
            region = required(sweep.graph, operator, index, case.step.output.region)
            assert region.empty if operand is None else operand.region == region


def test_every_operand_lies_inside_its_buffer(sweep):
    for case in sweep.cases:
        for name in ("inputs", "input", "output", "source", "target"):
            operands = getattr(case.step, name, ())
            for operand in operands if isinstance(operands, tuple) else (operands,):
                if operand is not None:
                    (view,) = operand.pieces
                    assert view.rows * view.row_stride_bytes <= BUFFER_BYTES
                    assert view.row_stride_bytes == view.columns * view.channels * view.element_bytes


def test_the_features_of_each_kernel_vary_independently(sweep):
    """Otherwise the fit could not tell their coefficients apart."""
    for key in {case.key for case in sweep.cases}:
        features = np.array([list(case.features.values()) for case in sweep.cases if case.key == key])
        varying = features[:, features.std(axis=0) > 0]
        distinct = np.unique(varying, axis=1)
        normalised = distinct / np.linalg.norm(distinct, axis=0)
        assert np.linalg.matrix_rank(normalised, tol=1e-3) == distinct.shape[1], key
