"""The search: candidate layouts, shortest path, neighbours of the best plan, until the gap is closed or time is up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.result import OPTIMALITY_GAP, PhaseBounds, Shortage, SolveResult, SolveStatus
from planner.solvers.candidates import around_hints, families, merge, neighbourhood, split_layouts
from planner.solvers.clock import CancelCheck, Cancelled, Clock, OutOfTime
from planner.solvers.interface import Progress, ProgressCallback
from planner.solvers.path import ArcCache, Candidates, LayoutGraph, Path, candidate_limits, input_layouts
from planner.solvers.problem import Problem
from planner.solvers.registry import path_solver
from planner.solvers.relaxation.bound import Bound, Relaxation
from planner.solvers.segments.bound import fused_lower_bound_ns
from planner.solvers.segments.fusions import INPUT_ROWS, LONGEST_SEGMENT, ROLLED_COLUMNS, WHOLE_ROWS, Fusions, Span
from planner.solvers.segments.polish import faster
from planner.solvers.shortage import flash_shortages, ram_shortages


def _either(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} or {numbers[-1]}"


COVERS = (
    "every plan that runs the operators in the model's order, each output cut into contiguous ranges of rows or of "
    "channels in the order of the devices (any subset of them, any integer boundaries), computed from fetched inputs "
    "or as partial sums of input channels, with 1, 2, 4 or 8 chunks where inputs are gathered, or, by rows, in fused "
    f"segments of at most {LONGEST_SEGMENT} operators between narrow tensors, each block of three rolling over "
    f"{_either(ROLLED_COLUMNS)} columns or its operators over whole rows, {_either(WHOLE_ROWS[::-1])} rows at a time, "
    f"the model's input in messages of {_either(INPUT_ROWS[::-1])} rows; time of the phase model"
)
FIRST = 12
"""Layouts of a tensor for a first plan, which is to come soon for any number of devices."""
NEIGHBOURS = 14
"""Sampled neighbours of every layout in one round of refinement."""
COARSE, FINE = 120, (400, 1100)
"""Row layouts of a tensor that the relaxation tells apart, first for a quick bound and then for tighter ones."""
FINE_GAP = 0.03
"""Gap up to which tighter bounds are worth their time; above it, RAM or the mix of devices keeps the gap open."""
RELAX_SHARE = 0.6
"""Part of the time left that one relaxation may take."""
ROUND_SHARE = 0.15
"""Part of the time limit that one candidate set may take."""
SHORT_PATIENCE, LONG_PATIENCE = 4, 12
"""Rounds without improvement after which refinement ends, before and after the fine relaxation."""


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
        self._limits = candidate_limits(self._problem)
        self._cache = ArcCache()
        self._best: Path | None = None
        self._bound_ns: int | None = None
        self._candidate_bound_ns: int | None = None
        self._shortages: tuple[Shortage, ...] = ()
        self._fusions = Fusions(self._problem)
        self._spans = self._fusions.spans

    def run(self) -> None:
        """Bound and refine, first with a coarse relaxation, then with ever finer ones."""
        self._shortages = flash_shortages(self._problem)
        if self._shortages:
            return
        start = families(self._problem)
        if not self._explore({name: layouts[:FIRST] for name, layouts in start.items()}):
            self._explore(start)
        self._polish()
        self._improve(COARSE, start, SHORT_PATIENCE)
        if self._shortages or self._gap_at_most(OPTIMALITY_GAP):
            return
        if not self._gap_at_most(FINE_GAP):
            self._refine(LONG_PATIENCE)
            self._polish()
            return
        for exact_limit in FINE:
            if not self._gap_at_most(OPTIMALITY_GAP):
                self._improve(exact_limit, start, LONG_PATIENCE)
                self._polish()

    def _improve(self, exact_limit: int, start: Candidates, patience: int) -> None:
        """Relax, search around the relaxed path, refine."""
        bound = self._relax(exact_limit)
        if bound is not None and bound.first_infeasible is not None:
            self._shortages = ram_shortages(self._problem, bound, self._fusions, self._clock)
            return
        if self._gap_at_most(OPTIMALITY_GAP):
            return
        hints = around_hints(self._problem, bound.path) if bound is not None else {}
        self._explore(merge(self._problem, self._around_best(), hints, start))
        self._refine(patience)

    def _polish(self) -> None:
        """Roll the best plan's segments faster."""
        if self._best is None:
            return
        layouts = split_layouts(self._problem, self._best.split) | input_layouts(self._problem)
        better = [
            faster(self._problem, self._fusions, segment, layouts, self._clock) for segment in self._best.split.segments
        ]
        for span, rolled in filter(None, better):
            self._fusions.add(span, rolled)
        if any(better):
            self._explore(
                {name: (layout,) for name, layout in layouts.items() if name not in self._problem.inputs},
                [self._fusions.span(segment) for segment in self._best.split.segments],
            )

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
        return SolveStatus.OPTIMAL if self._gap_at_most(OPTIMALITY_GAP) else SolveStatus.FEASIBLE

    def _gap_at_most(self, most: float) -> bool:
        gap = self._state().gap
        return gap is not None and gap <= most

    def _state(self) -> Progress:
        return Progress(self._clock.elapsed_s, self._best.time_ns if self._best else None, self._bound_ns)

    def _explore(self, candidates: Candidates, spans: Sequence[Span] | None = None) -> bool:
        """Search a candidate set; returns whether the incumbent improved. The first plan may exceed the time limit.

        `spans` are those that may be fused, by default all.
        """
        spans = self._spans if spans is None else spans
        try:
            clock = self._clock if self._best else None
            graph = LayoutGraph(self._problem, self._thinned(candidates), self._cache, clock, self._fusions, spans)
        except OutOfTime:
            return False
        self._cache.renew()
        limit_s = min(self._clock.left_s, self._clock.limit_s * ROUND_SHARE)
        outcome = self._solver.solve(graph, self._best, self._clock, limit_s)
        self._candidate_bound_ns = outcome.lower_bound_ns
        if outcome.path is None or (self._best is not None and outcome.path.time_ns >= self._best.time_ns):
            return False
        self._best = outcome.path
        self._report()
        return True

    def _relax(self, exact_limit: int) -> Bound | None:
        """Improve the bound; None if there was too little time for more than a simple one."""
        relaxation = Relaxation(self._problem, exact_limit, self._fusions)
        incumbent_ns = self._best.time_ns if self._best else None
        bound = relaxation.solve(self._clock, incumbent_ns, self._clock.left_s * RELAX_SHARE)
        if bound is None:
            simple_ns = fused_lower_bound_ns(self._problem.graph, self._problem.instance)
            self._bound_ns = max(self._bound_ns or 0, simple_ns)
        elif bound.first_infeasible is None:
            # Chunks of a computation are rounded one by one, the relaxation rounds their sum: at most 1 ns apart.
            self._bound_ns = max(self._bound_ns or 0, int(bound.value_ns) - len(self._problem.operators))
            self._report()
        return bound

    def _around_best(self) -> Candidates:
        if self._best is None:
            return {}
        return neighbourhood(self._problem, self._best.split, self._rng, 0)

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(self._state())

    def _refine(self, patience: int) -> None:
        """Search the neighbourhood of the best plan until it has not helped `patience` times in a row.

        What is fused remains.
        """
        failures = 0
        while self._best is not None and failures < patience and self._clock.left_s > 0:
            if self._gap_at_most(OPTIMALITY_GAP):
                return
            around = neighbourhood(self._problem, self._best.split, self._rng, NEIGHBOURS)
            spans = [self._fusions.span(segment) for segment in self._best.split.segments]
            failures = 0 if self._explore(around, spans) else failures + 1

    def _thinned(self, candidates: Candidates) -> Candidates:
        return {name: layouts[: self._limits[name]] for name, layouts in candidates.items()}
