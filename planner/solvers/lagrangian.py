"""Flash caps by Lagrange multipliers: a price on every flash byte turns the constrained path into a shortest path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.core.cost import FloatArray
from planner.solvers.clock import Clock
from planner.solvers.interface import PathOutcome
from planner.solvers.layout_set import IntArray
from planner.solvers.path import LayoutGraph, Path


@dataclass(frozen=True)
class LagrangianOutcome:
    """Best dual bound, the prices that give it, the best path that keeps the caps, and whether none can exist."""

    lower_bound_ns: int
    prices: FloatArray
    path: Path | None
    infeasible: bool = False


class LagrangianSolver:
    """Subgradient ascent on the flash prices; every path on the way that keeps the caps is a candidate."""

    def __init__(self, name: str, iterations: int = 60) -> None:
        self.name = name
        self._iterations = iterations
        self._prices: FloatArray | None = None

    def solve(self, graph: LayoutGraph, incumbent: Path | None, clock: Clock, limit_s: float) -> PathOutcome:
        outcome = ascend(graph, incumbent, clock, limit_s, self._iterations, self._prices)
        self._prices = outcome.prices
        if outcome.infeasible:
            return PathOutcome(None, None, infeasible=True)
        return PathOutcome(outcome.path, outcome.lower_bound_ns)


def ascend(
    graph: LayoutGraph,
    incumbent: Path | None,
    clock: Clock,
    limit_s: float,
    iterations: int,
    start: FloatArray | None = None,
) -> LagrangianOutcome:
    """Maximise the dual bound; prices are in ns per byte. `start` are prices of a similar graph."""
    cap = graph.problem.flash_cap_bytes
    prices = np.zeros(graph.problem.nodes)
    free = graph.shortest_path()
    if free is None:
        return LagrangianOutcome(0, prices, None, infeasible=True)
    if (free.flash_bytes <= cap).all():
        return LagrangianOutcome(free.time_ns, prices, free)
    end_s = clock.elapsed_s + limit_s
    best_prices, best_bound = prices, free.time_ns
    best = None
    target = incumbent.time_ns if incumbent is not None else None
    excess = free.flash_bytes - cap
    agility = 1.0
    if start is not None and start.any():
        prices = start
    else:
        prices = _step(prices, excess, _goal(target, best_bound) - best_bound, agility)
    stalled = 0
    for _ in range(iterations):
        if clock.left_s == 0 or clock.elapsed_s > end_s:
            break
        path = graph.shortest_path(prices)
        if path is None:
            break
        value = path.value_ns - float(prices @ cap)
        if value > best_bound:
            best_prices, best_bound, stalled = prices, int(np.floor(value)), 0
        else:
            stalled += 1
            if stalled == 4:
                agility, stalled = agility / 2, 0
        excess = path.flash_bytes - cap
        if (excess <= 0).all() and (best is None or path.time_ns < best.time_ns):
            best = path
            target = path.time_ns if target is None else min(target, path.time_ns)
        gap = _goal(target, best_bound) - value
        following = _step(prices, excess, gap, agility)
        if np.array_equal(following, prices):
            break
        prices = following
    return LagrangianOutcome(best_bound, best_prices, best)


def _goal(target: int | None, bound_ns: float) -> float:
    """The value that a Polyak step aims at: the incumbent's or, without one, somewhat above the bound."""
    return bound_ns * 1.05 + 1000 if target is None else max(float(target), bound_ns)


def _step(prices: FloatArray, excess: IntArray, gap_ns: float, agility: float) -> FloatArray:
    moving = np.where((excess > 0) | (prices > 0), excess, 0).astype(float)
    length = float(moving @ moving)
    if length == 0:
        return prices
    return np.asarray(np.maximum(0.0, prices + agility * max(gap_ns, 1.0) / length * moving))
