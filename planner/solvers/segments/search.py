"""The search over all plans: unfused ones first, fused ones where none of those fits."""

from __future__ import annotations

from dataclasses import replace

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.result import SolveResult, SolveStatus
from planner.solvers.clock import CancelCheck, Cancelled, Clock, OutOfTime
from planner.solvers.interface import ProgressCallback
from planner.solvers.search import solve as solve_unfused
from planner.solvers.segments.one_device import fuse_on_one_device


def solve(
    graph: Graph,
    instance: Instance,
    solver: str = "auto",
    progress: ProgressCallback | None = None,
    cancelled: CancelCheck | None = None,
) -> SolveResult:
    """Find the split of least phase-model makespan; arguments and errors are those of the unfused search.

    Operators are fused only on an instance with one device, and only if it holds no unfused plan. If it holds none of
    the fused plans that were tried either, nothing is proven: the status is UNKNOWN.
    """
    result = solve_unfused(graph, instance, solver, progress, cancelled)
    settled = result.split is not None or result.status is SolveStatus.CANCELLED
    lacks_flash = any(shortage.resource == "flash" for shortage in result.shortages)
    if settled or lacks_flash or len(instance.devices) > 1:
        return result
    try:
        fused = fuse_on_one_device(graph, instance, Clock(instance.limits.time_limit_s - result.solve_s, cancelled))
    except OutOfTime:
        fused = None
    except (Cancelled, KeyboardInterrupt):
        return replace(result, status=SolveStatus.CANCELLED)
    if fused is None:
        return replace(result, status=SolveStatus.UNKNOWN, shortages=())
    return replace(fused, solve_s=result.solve_s + fused.solve_s)
