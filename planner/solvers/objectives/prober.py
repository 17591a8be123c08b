"""Questions to the search for latency: the fastest plan of a space, or whether a space has any plan at all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.result import PhaseBounds, SolveResult, SolveStatus
from planner.data.split import Split
from planner.errors import NoPlanError
from planner.solvers.clock import Cancelled, Clock
from planner.solvers.interface import Progress, ProgressCallback
from planner.solvers.objectives.space import Fleet, Space, lifted, restricted
from planner.solvers.search import solve as search

LEAST_PROBE_S = 0.5
"""What a search for a small fleet needs to get anywhere."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The best plan of a space, as a split over all nodes; `lower_bound_ns` is 0 if nothing is proven.

    `impossible` says that the space provably has no plan. `result` is the search's own, of the fleet of the plan or,
    without one, of the last fleet.
    """

    split: Split | None
    makespan_ns: int
    lower_bound_ns: int
    impossible: bool
    result: SolveResult


class Prober:
    """Asks within one time limit. Every question may raise Cancelled; `interrupted` is then what the search came to."""

    def __init__(self, graph: Graph, instance: Instance, solver: str, progress: ProgressCallback | None, clock: Clock):
        self.graph = graph
        self.instance = instance
        self.clock = clock
        self.interrupted: SolveResult | None = None
        self._solver = solver
        self._progress = progress

    def fastest(self, space: Space, limit_s: float) -> Finding:
        """The fastest plan that is found in the time, which the fleets share."""
        return self._over_fleets(space, limit_s, first=False)

    def any_plan(self, space: Space, limit_s: float) -> Finding:
        """The first plan that is found, if there is one."""
        return self._over_fleets(space, limit_s, first=True)

    def _over_fleets(self, space: Space, limit_s: float, first: bool) -> Finding:
        end_s = self.clock.elapsed_s + limit_s
        best: Finding | None = None
        for index, fleet in enumerate(space.fleets):
            if best is not None and self.clock.elapsed_s >= end_s:
                return replace(best, lower_bound_ns=0, impossible=False)
            share_s = (end_s - self.clock.elapsed_s) / (len(space.fleets) - index)
            found = self._in_fleet(fleet, space, max(LEAST_PROBE_S, min(share_s, self.clock.left_s)), first)
            best = found if best is None else _better(best, found)
            if first and best.split is not None:
                break
        assert best is not None
        return best

    def _in_fleet(self, fleet: Fleet, space: Space, limit_s: float, first: bool) -> Finding:
        instance = restricted(self.instance, fleet, space.ram_bytes)
        instance = replace(instance, limits=replace(instance.limits, time_limit_s=limit_s))
        enough = False

        def watch(progress: Progress) -> None:
            nonlocal enough
            plan_ns, bound_ns = progress.incumbent_ns, progress.bound_ns or 0
            enough = bound_ns > space.makespan_ns or (first and plan_ns is not None and plan_ns <= space.makespan_ns)
            if self._progress is not None and not first:
                self._progress(progress)

        try:
            result = search(self.graph, instance, self._solver, watch, lambda: enough or self.clock.cancelled)
        except NoPlanError:  # without other devices, nodes that must talk cannot
            return Finding(None, 0, 0, False, nothing_found(SolveStatus.UNKNOWN, self.instance))
        makespan_ns, bound_ns = result.phase.makespan_ns, result.phase.lower_bound_ns or 0
        split = lifted(result.split, fleet, self.instance.nodes) if result.split is not None else None
        if result.status is SolveStatus.CANCELLED and not enough:
            self.interrupted = replace(result, split=split)
            raise Cancelled
        if makespan_ns is not None and makespan_ns > space.makespan_ns:
            split = None
        impossible = result.status is SolveStatus.INFEASIBLE or bound_ns > space.makespan_ns
        return Finding(split, makespan_ns or 0, bound_ns, impossible, replace(result, split=split))


def nothing_found(status: SolveStatus, instance: Instance) -> SolveResult:
    """The result of a search that has neither a plan nor a proof."""
    return SolveResult(status, None, PhaseBounds(None, None, None, "nothing"), 0.0, "none", instance.limits.seed)


def _better(one: Finding, other: Finding) -> Finding:
    """Of two findings the one with the faster plan, with what is proven of both spaces together."""
    with_plan = [finding for finding in (one, other) if finding.split is not None]
    chosen = min(with_plan, key=lambda finding: finding.makespan_ns, default=other)
    possible = [finding.lower_bound_ns for finding in (one, other) if not finding.impossible]
    return replace(chosen, lower_bound_ns=min(possible, default=0), impossible=not possible)
