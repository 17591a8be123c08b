"""Solve an instance: search for a split, make the plan of it, prove that the plan keeps every rule and cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from planner.core.bounds import schedule_lower_bound
from planner.core.simulate import simulate
from planner.core.validate import validate
from planner.core.variants import PORTABLE
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.result import OPTIMALITY_GAP, SolveResult, SolveStatus
from planner.errors import InternalError
from planner.report.solve_report import PlanFacts
from planner.solvers.interface import CancelCheck, ProgressCallback
from planner.solvers.objectives import solve as search
from planner.workflow.making import Excess, excess, make_plan

MOST_SEARCHES = 4
"""How often the search is repeated because its estimate of a plan's memory fell short."""
SHOWN_VIOLATIONS = 5


@dataclass(frozen=True, eq=False)
class Solved:
    """Outcome of a solve. Without a plan, `facts` and the bound are None; else `binaries[d]` is device d's."""

    instance: Instance
    graph: Graph
    result: SolveResult
    lower_bound_ns: int | None
    facts: PlanFacts | None
    binaries: tuple[bytes, ...]


def solve(
    graph: Graph,
    instance: Instance,
    solver: str = "auto",
    progress: ProgressCallback | None = None,
    cancelled: CancelCheck | None = None,
) -> Solved:
    """Search, lower, encode, and search again with a reserve if the plan exceeds a cap by its packing or records.

    If no plan is found, the devices' portable kernels are tried, which are slow but need no scratch memory.
    Raises ModelError, InputError and NoPlanError as the search and the lowering do, InternalError if the plan breaks a
    rule.
    """
    fast = _solve(graph, instance, solver, progress, cancelled)
    frugal = _with_portable_kernels(instance, fast.result.solve_s)
    lacks_flash = any(shortage.resource == "flash" for shortage in fast.result.shortages)
    settled = fast.facts is not None or fast.result.status is SolveStatus.CANCELLED
    if settled or lacks_flash or frugal.devices == instance.devices:
        return fast
    slow = _solve(graph, frugal, solver, progress, cancelled)
    phase = replace(slow.result.phase, covers=f"with portable kernels, {slow.result.phase.covers}")
    result = replace(slow.result, phase=phase, solve_s=fast.result.solve_s + slow.result.solve_s)
    return replace(slow, result=result)


def _with_portable_kernels(instance: Instance, spent_s: float) -> Instance:
    """The instance in the time that is left, on devices without other kernels."""
    devices = tuple(replace(d, profile=replace(d.profile, kernels=PORTABLE)) for d in instance.devices)
    limits = replace(instance.limits, time_limit_s=max(1.0, instance.limits.time_limit_s - spent_s))
    return replace(instance, devices=devices, limits=limits)


def _solve(
    graph: Graph,
    instance: Instance,
    solver: str,
    progress: ProgressCallback | None,
    cancelled: CancelCheck | None,
) -> Solved:
    reserve = Excess.none(instance)
    results: list[SolveResult] = []
    for _ in range(MOST_SEARCHES):
        left_s = instance.limits.time_limit_s - sum(result.solve_s for result in results)
        limits = replace(instance.limits, time_limit_s=max(1.0, left_s))
        results.append(search(graph, replace(reserve.reserved(instance), limits=limits), solver, progress, cancelled))
        split = results[-1].split
        if split is None:
            break
        plan, binaries = make_plan(graph, instance, split)
        beyond = excess(instance, plan, binaries)
        if not beyond:
            return _solved(graph, instance, _joined(results, fits=True), plan, binaries)
        reserve = reserve + beyond
    return Solved(instance, graph, _joined(results, fits=False), None, None, ())


def _solved(graph: Graph, instance: Instance, result: SolveResult, plan: Plan, binaries: tuple[bytes, ...]) -> Solved:
    violations = validate(graph, instance, plan, dict(enumerate(map(len, binaries))))
    if violations:
        shown = "\n".join(
            f"{instance.node_name(v.node)}, step {v.step}: {v.rule}: {v.message}" for v in violations[:SHOWN_VIOLATIONS]
        )
        raise InternalError(f"the plan breaks {len(violations)} rules:\n{shown}")
    facts = PlanFacts(plan, simulate(instance, plan), tuple(map(len, binaries)))
    return Solved(instance, graph, result, schedule_lower_bound(graph, instance), facts, binaries)


def _joined(results: Sequence[SolveResult], fits: bool) -> SolveResult:
    """One result of several searches: what the last found, if it `fits`, and what the first, with all caps, proved."""
    first, last = results[0], results[-1]
    phase = replace(first.phase, makespan_ns=last.phase.makespan_ns if fits else None)
    objectives = tuple(
        replace(attained, bound=min(attained.value, proven.bound))
        for attained, proven in zip(last.objectives if fits else (), first.objectives, strict=False)
    )
    if (len(results) == 1 and fits == (last.split is not None)) or last.status is SolveStatus.CANCELLED:
        status = last.status
    elif fits:
        proven_best = all(attained.gap <= OPTIMALITY_GAP for attained in objectives)
        status = SolveStatus.OPTIMAL if proven_best else SolveStatus.FEASIBLE
    else:
        status = SolveStatus.UNKNOWN
    split = last.split if fits else None
    solve_s = sum(result.solve_s for result in results)
    return replace(last, status=status, split=split, phase=phase, solve_s=solve_s, objectives=objectives)
