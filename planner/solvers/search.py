"""The search: candidate layouts, shortest path, neighbours of the best plan, until the gap is closed or time is up."""

from __future__ import annotations

import numpy as np

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.result import OPTIMALITY_GAP, PhaseBounds, Shortage, SolveResult, SolveStatus
from planner.errors import ModelError
from planner.solvers.candidates import around_hints, families, merge, neighbourhood
from planner.solvers.interface import CancelCheck, Cancelled, Clock, Progress, ProgressCallback
from planner.solvers.path import STATE_LIMIT, ArcCache, Candidates, LayoutGraph, Path
from planner.solvers.problem import Problem
from planner.solvers.registry import path_solver
from planner.solvers.relaxation.bound import Relaxation

COVERS = (
    "every plan that runs the operators one by one in the model's order, each output cut into contiguous ranges of "
    "rows or of channels in the order of the devices (any subset of them, any integer boundaries), computed from "
    "fetched inputs or as partial sums of input channels, with 1, 2, 4 or 8 chunks where inputs are gathered; time of "
    "the phase model"
)
NEIGHBOURS = 14
"""Sampled neighbours of every layout in one round of refinement."""
EXACT_LIMITS = (120, 1100)
"""Row layouts of a tensor that the relaxation tells apart, first for a quick bound and then for a tight one."""
ROUND_SHARE = 0.15
"""Part of the time limit that one candidate set may take."""
PATIENCE = 4
"""Rounds without improvement after which refinement ends."""


def solve(
    graph: Graph,
    instance: Instance,
    solver: str = "auto",
    progress: ProgressCallback | None = None,
    cancelled: CancelCheck | None = None,
) -> SolveResult:
    """Find the split of least phase-model makespan within `instance.limits`.

    `progress` is called at every improvement; `cancelled` is asked often, and a KeyboardInterrupt counts as a yes: then
    the best split so far is returned with status CANCELLED. Raises ModelError if the graph is too wide, InputError if
    there is no such solver.
    """
    search = _Search(graph, instance, solver, progress, cancelled)
    try:
        search.run()
    except (Cancelled, KeyboardInterrupt):
        search.cancelled = True
    return search.result()


class _Search:
    def __init__(
        self,
        graph: Graph,
        instance: Instance,
        solver: str,
        progress: ProgressCallback | None,
        cancelled: CancelCheck | None,
    ) -> None:
        self.cancelled = False
        self._clock = Clock(instance.limits.time_limit_s, cancelled)
        self._progress = progress
        self._solver = path_solver(solver)
        self._rng = np.random.default_rng(instance.limits.seed)
        self._seed = instance.limits.seed
        self._problem = Problem(graph, instance)
        self._cache = ArcCache()
        self._best: Path | None = None
        self._bound_ns: int | None = None
        self._candidate_bound_ns: int | None = None
        self._shortages: tuple[Shortage, ...] = ()

    def run(self) -> None:
        start = families(self._problem)
        self._explore(start)
        for exact_limit in EXACT_LIMITS:
            if self._status() is SolveStatus.OPTIMAL:
                return
            hints = self._relax(exact_limit)
            self._explore(merge(self._problem, self._around_best(), hints, start))
            self._refine()

    def result(self) -> SolveResult:
        return SolveResult(
            self._status(),
            self._best.split if self._best else None,
            PhaseBounds(self._best.time_ns if self._best else None, self._bound_ns, self._candidate_bound_ns, COVERS),
            self._clock.elapsed_s,
            self._solver.name,
            self._seed,
            self._shortages,
        )

    def _status(self) -> SolveStatus:
        if self.cancelled:
            return SolveStatus.CANCELLED
        if self._shortages:
            return SolveStatus.INFEASIBLE
        if self._best is None:
            return SolveStatus.UNKNOWN
        gap = self._state().gap
        return SolveStatus.OPTIMAL if gap is not None and gap <= OPTIMALITY_GAP else SolveStatus.FEASIBLE

    def _state(self) -> Progress:
        return Progress(self._clock.elapsed_s, self._best.time_ns if self._best else None, self._bound_ns)

    def _explore(self, candidates: Candidates) -> bool:
        """Search a candidate set; returns whether the incumbent improved."""
        graph = LayoutGraph(self._problem, self._thinned(candidates), self._cache)
        self._cache.renew()
        limit_s = min(self._clock.left_s, self._clock.limit_s * ROUND_SHARE)
        outcome = self._solver.solve(graph, self._best, self._clock, limit_s)
        self._candidate_bound_ns = outcome.lower_bound_ns
        if outcome.path is None or (self._best is not None and outcome.path.time_ns >= self._best.time_ns):
            return False
        self._best = outcome.path
        self._report()
        return True

    def _relax(self, exact_limit: int) -> Candidates:
        """Improve the bound; returns candidates from the relaxed path."""
        relaxation = Relaxation(self._problem, exact_limit)
        bound = relaxation.solve(self._clock, self._best.time_ns if self._best else None)
        if bound is None:
            return {}
        if np.isfinite(bound.value_ns):
            self._bound_ns = max(self._bound_ns or 0, int(bound.value_ns) - len(self._problem.operators))
        self._report()
        return around_hints(self._problem, bound.path)

    def _around_best(self) -> Candidates:
        if self._best is None:
            return {}
        return neighbourhood(self._problem, self._best.split, self._rng, 0)

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self._state())

    def _refine(self) -> None:
        failures = 0
        while self._best is not None and failures < PATIENCE and self._clock.left_s > 0:
            around = neighbourhood(self._problem, self._best.split, self._rng, NEIGHBOURS)
            failures = 0 if self._explore(around) else failures + 1

    def _thinned(self, candidates: Candidates) -> Candidates:
        """At most so many candidates of every tensor that no operator has more than `STATE_LIMIT` arcs."""
        limit: dict[str, int] = {}
        for data in self._problem.operators:
            tensors = [name for name in (*self._problem.held(data.index), data.output) if name in candidates]
            most = int(STATE_LIMIT ** (1 / len(tensors)))
            if most < 2:
                raise ModelError(
                    f"operator {data.name}: {len(tensors)} tensors live at once, too wide a graph to search"
                )
            for name in tensors:
                limit[name] = min(limit.get(name, most), most)
        return {name: layouts[: limit[name]] for name, layouts in candidates.items()}
