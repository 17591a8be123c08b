"""Why there is no plan: what the devices lack, and at which operator."""

from __future__ import annotations

import numpy as np

from planner.data.result import Shortage
from planner.solvers.clock import Clock
from planner.solvers.problem import Problem
from planner.solvers.relaxation.bound import Bound, Relaxation
from planner.solvers.segments.fusions import Fusions

FIRST_STEP_BYTES = 1024
PRECISION_BYTES = 64


def flash_shortages(problem: Problem) -> tuple[Shortage, ...]:
    """Proof that the weights do not fit into the flash of all devices together, or nothing.

    Every weight lies on at least one device; tables may be shared by operators and are not counted. The missing bytes
    are shared out evenly over the devices.
    """
    needs = [int(data.constant_bytes[:-1, 0].min()) * data.shape.channels for data in problem.operators]
    missing = sum(needs) - int(problem.flash_cap_bytes[:-1].sum())
    if missing <= 0:
        return ()
    largest = problem.operators[int(np.argmax(needs))].name
    share = -(-missing // problem.devices)
    return tuple(Shortage(device.name, largest, "flash", share) for device in problem.instance.devices)


def ram_shortages(problem: Problem, bound: Bound, fusions: Fusions, clock: Clock) -> tuple[Shortage, ...]:
    """What every device's RAM lacks at least, if all get the same, until the relaxation has a path.

    `bound` is infeasible. The operator is the one that still fails just below that amount.
    """
    operator = bound.first_infeasible
    assert operator is not None
    enough = FIRST_STEP_BYTES
    short = 0
    while (failing := _fails_at(problem, enough, fusions, clock)) is not None:
        operator, short, enough = failing, enough, 2 * enough
    while enough - short > PRECISION_BYTES and clock.left_s > 0:
        middle = (short + enough) // 2
        failing = _fails_at(problem, middle, fusions, clock)
        if failing is None:
            enough = middle
        else:
            operator, short = failing, middle
    return tuple(Shortage(device.name, operator, "ram", short + 1) for device in problem.instance.devices)


def _fails_at(problem: Problem, extra_bytes: int, fusions: Fusions, clock: Clock) -> str | None:
    """The operator at which the relaxation ends if every device has so much more RAM; None if it does not."""
    bound = Relaxation(problem.with_extra_ram(extra_bytes), exact_limit=0, fusions=fusions).solve(clock)
    return None if bound is None else bound.first_infeasible
