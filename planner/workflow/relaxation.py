"""By how much all caps of an infeasible instance must grow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.result import SolveStatus
from planner.solvers.interface import CancelCheck
from planner.workflow.solve import solve
from planner.workflow.variants import with_cap_factor

FIRST_FACTOR = Fraction(5, 4)
LARGEST_FACTOR = Fraction(64)
PRECISION = Fraction(1, 100)
PROBE_SHARE = 8
"""Part (one in so many) of the time that one probe may take."""


@dataclass(frozen=True, slots=True)
class CapFactor:
    """Caps times `enough` have a plan (None if none was found in time), caps times `proven_short` provably have none.

    Factors in between are unknown. Without a proof `proven_short` is None.
    """

    enough: float | None
    proven_short: float | None


def smallest_cap_factor(
    graph: Graph,
    instance: Instance,
    limit_s: float,
    progress: Callable[[str], None] | None = None,
    cancelled: CancelCheck | None = None,
) -> CapFactor:
    """Search for the smallest factor on all RAM and flash caps with which a plan is found: doubling, then bisection."""
    end_s = time.monotonic() + limit_s
    limits = replace(instance.limits, time_limit_s=max(1.0, limit_s / PROBE_SHARE))
    short, proven, enough = Fraction(1), None, None
    factor = FIRST_FACTOR
    while time.monotonic() < end_s and not (cancelled and cancelled()):
        solved = solve(graph, replace(with_cap_factor(instance, factor), limits=limits), cancelled=cancelled)
        if progress is not None:
            progress(f"caps times {float(factor):.4g}: {solved.result.status.value}")
        if solved.facts is not None:
            enough = factor
        elif solved.result.status is SolveStatus.INFEASIBLE:
            short, proven = factor, max(factor, proven or factor)
        else:
            short = factor
        if enough is None:
            factor = 2 * factor
            if factor > LARGEST_FACTOR:
                break
        elif enough - short <= PRECISION * short:
            break
        else:
            factor = (short + enough) / 2
    return CapFactor(None if enough is None else float(enough), None if proven is None else float(proven))
