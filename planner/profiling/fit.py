"""Fitting the linear cost model to measured work, and saying how far off it is on shapes that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from planner.core.cost import Features
from planner.errors import InternalError

HELD_OUT_EVERY = 4
"""One case in so many is not fitted but predicted."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Measured work (instructions or cycles) of one step of kernel `key`."""

    key: str
    features: Features
    work: int


@dataclass(frozen=True, slots=True)
class KernelFit:
    """Work per feature of one kernel, and its relative errors on the held-out cases."""

    coefficients: Mapping[str, float]
    cases: int
    mean_error: float
    worst_error: float


def fit(observations: Sequence[Observation]) -> dict[str, KernelFit]:
    """Fit every kernel by itself: non-negative least squares of the relative error."""
    by_key: dict[str, list[Observation]] = {}
    for observation in observations:
        by_key.setdefault(observation.key, []).append(observation)
    return {key: _fit_kernel(key, cases) for key, cases in by_key.items()}


def _fit_kernel(key: str, cases: Sequence[Observation]) -> KernelFit:
    names = tuple(cases[0].features)
    if any(case.work <= 0 for case in cases):
        raise InternalError(f"a step of kernel {key} took no work")
    relative = np.array([[case.features[name] / case.work for name in names] for case in cases])
    held_out = np.arange(len(cases)) % HELD_OUT_EVERY == 0
    coefficients, _ = nnls(relative[~held_out], np.ones(np.count_nonzero(~held_out)))
    errors = np.abs(relative[held_out] @ coefficients - 1)
    return KernelFit(
        {name: float(f"{value:.6g}") for name, value in zip(names, coefficients, strict=True)},
        len(cases),
        float(errors.mean()),
        float(errors.max()),
    )
