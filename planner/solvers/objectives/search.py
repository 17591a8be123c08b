"""Objectives one after another: each is minimised in the space of plans that are best by those before it."""

from __future__ import annotations

from dataclasses import replace

from planner.core.phase import evaluate
from planner.data.graph import Graph
from planner.data.instance import Instance, Objective
from planner.data.result import OPTIMALITY_GAP, ObjectiveResult, PhaseBounds, SolveResult, SolveStatus
from planner.data.split import Split
from planner.solvers.clock import CancelCheck, Cancelled, Clock
from planner.solvers.interface import ProgressCallback
from planner.solvers.objectives.goals import GOALS, NS_PER_US, Goal
from planner.solvers.objectives.prober import Prober, nothing_found
from planner.solvers.objectives.space import whole_space


def solve(
    graph: Graph,
    instance: Instance,
    solver: str = "auto",
    progress: ProgressCallback | None = None,
    cancelled: CancelCheck | None = None,
) -> SolveResult:
    """Find the best split by `instance.objectives`, and of those that are equal by all of them the fastest.

    Arguments and errors are those of the search for latency; InputError also if an objective needs what devices lack.
    """
    search = _Search(graph, instance, solver, progress, cancelled)
    try:
        search.run()
    except (Cancelled, KeyboardInterrupt):
        return search.interrupted()
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
        self._graph = graph
        self._instance = instance
        self._clock = Clock(instance.limits.time_limit_s, cancelled)
        self._prober = Prober(graph, instance, solver, progress, self._clock)
        objectives = dict.fromkeys((*instance.objectives, Objective.LATENCY))
        self._goals: dict[Objective, Goal] = {objective: GOALS[objective](self._prober) for objective in objectives}
        self._attained: dict[Objective, ObjectiveResult] = {}
        self._latest: SolveResult | None = None
        self._phase: PhaseBounds | None = None

    def run(self) -> None:
        """Minimise the objectives in their order; without a plan for the first, end."""
        space = whole_space(self._instance)
        for number, (objective, goal) in enumerate(self._goals.items()):
            attained = goal.minimise(space, self._clock.left_s / (len(self._goals) - number))
            if objective is Objective.LATENCY:
                self._phase = attained.finding.result.phase
            self._latest = self._latest or attained.finding.result
            split = self._better(goal, self._latest.split, attained.split)
            self._latest = replace(self._latest, split=split)
            if split is None:
                return
            value = goal.value(split)
            self._attained[objective] = ObjectiveResult(objective, value, min(attained.bound, value))
            space = attained.space

    def result(self) -> SolveResult:
        """What was found, with the status that the gaps of all objectives give."""
        assert self._latest is not None
        if self._latest.split is None:
            return replace(self._latest, solve_s=self._clock.elapsed_s)
        proven = all(attained.gap <= OPTIMALITY_GAP for attained in self._attained.values())
        return self._finished(SolveStatus.OPTIMAL if proven else SolveStatus.FEASIBLE)

    def interrupted(self) -> SolveResult:
        """The best plan so far."""
        self._latest = self._latest or self._prober.interrupted
        return self._finished(SolveStatus.CANCELLED)

    def _finished(self, status: SolveStatus) -> SolveResult:
        latest = self._latest or nothing_found(status, self._instance)
        return replace(
            latest,
            status=status,
            phase=self._phase_of(latest),
            solve_s=self._clock.elapsed_s,
            objectives=tuple(self._attained.values()) or self._interrupted_latency(latest),
        )

    def _phase_of(self, latest: SolveResult) -> PhaseBounds:
        """The split's own makespan beside what the search for latency proved, in the space that was left to it."""
        phase = self._phase or latest.phase
        if latest.split is None:
            return phase
        makespan_ns = evaluate(self._graph, self._instance, latest.split).makespan_ns
        first, *_ = self._goals
        if first is Objective.LATENCY:
            return replace(phase, makespan_ns=makespan_ns)
        before = " and ".join(objective.value for objective in self._goals if objective is not Objective.LATENCY)
        covers = f"of the plans that are as good by {before} {phase.covers}"
        return PhaseBounds(makespan_ns, phase.lower_bound_ns if self._phase else None, None, covers)

    def _interrupted_latency(self, latest: SolveResult) -> tuple[ObjectiveResult, ...]:
        """What a search for latency alone came to when it was interrupted."""
        first, *_ = self._goals
        if latest.split is None or first is not Objective.LATENCY:
            return ()
        value = self._goals[first].value(latest.split)
        return (ObjectiveResult(first, value, (latest.phase.lower_bound_ns or 0) / NS_PER_US),)

    def _better(self, goal: Goal, one: Split | None, other: Split | None) -> Split | None:
        """Of two splits the better one that is as good by the objectives before as what was attained."""
        kept = [
            split
            for split in (one, other)
            if split is not None
            and all(self._goals[o].value(split) <= attained.value for o, attained in self._attained.items())
        ]
        return min(kept, key=goal.value, default=None)
