"""What a node's part of a segment costs its CPU."""

from __future__ import annotations

from planner.core.segments import Advance, Band, ColumnAdvance
from planner.core.step_costs import StepCosts


def band_ns(costs: StepCosts, node: int, band: Band) -> int:
    """CPU time of a node in a segment, copies into rings included."""
    total = 0
    for work in band.rounds:
        total += sum(_advance_ns(costs, node, band, advance) for advance in work.computed)
        if work.streamed:
            copied = band.owned(work.streamed.tensor).intersect(band.region(work.streamed))
            total += 0 if copied.empty else costs.copy_ns(node, copied)
    return total


def shared_scratch_bytes(costs: StepCosts, node: int, band: Band) -> int:
    """Scratch memory that the steps of a node's part of a segment use in turn."""
    return max((costs.scratch_bytes(node, operator) for operator in band.computed), default=0)


def _advance_ns(costs: StepCosts, node: int, band: Band, advance: Advance | ColumnAdvance) -> int:
    if isinstance(advance, Advance):
        return costs.compute_ns(node, advance.operator, band.region(advance.writes))
    rolling, total = advance.rolling, 0
    for iteration in rolling.iterations(advance.hidden, advance.writes.start, advance.writes.stop):
        total += sum(costs.copy_ns(node, copied) for copied in (iteration.moved, iteration.saved) if copied)
        total += costs.compute_ns(node, rolling.first, iteration.first) if iteration.first else 0
        total += costs.compute_ns(node, rolling.second, iteration.second)
        total += costs.compute_ns(node, rolling.last, iteration.last)
    return total
