from __future__ import annotations

import pytest

from planner.data.graph import Arithmetic
from planner.errors import InternalError
from planner.profiling.fit import Observation, fit
from planner.profiling.sweep import build_sweep


def observations(work_of):
    cases = [case for case in build_sweep(Arithmetic.TFLM, 60).cases if case.key == "convolution.tflm"]
    return [Observation(case.key, case.features, work_of(case.features)) for case in cases]


def test_a_linear_cost_is_recovered():
    found = fit(observations(lambda f: round(1000 * f["call"] + 70 * f["rows"] + 30 * f["outputs"] + 5 * f["macs"])))
    kernel = found["convolution.tflm"]
    assert kernel.coefficients["macs"] == pytest.approx(5, rel=0.01)
    assert kernel.coefficients["outputs"] == pytest.approx(30, rel=0.05)
    assert kernel.worst_error < 0.01


def test_a_cost_that_is_not_linear_shows_in_the_error():
    kernel = fit(observations(lambda f: round(100 + f["macs"] ** 1.5)))["convolution.tflm"]
    assert kernel.worst_error > 0.1
    assert all(value >= 0 for value in kernel.coefficients.values())


def test_a_step_without_work_is_a_fault_of_the_measurement():
    with pytest.raises(InternalError, match=r"convolution\.tflm took no work"):
        fit(observations(lambda f: 0))
