"""Rolls the segments of a plan faster, block by block, as far as its memory allows."""

from __future__ import annotations

from collections.abc import Mapping

from planner.data.split import Layout, Segment
from planner.solvers.clock import Clock
from planner.solvers.layout_set import LayoutSet
from planner.solvers.problem import UNREACHABLE, Problem
from planner.solvers.segments.arcs import fused_arcs
from planner.solvers.segments.bands import RolledSegment
from planner.solvers.segments.fusions import Fusions, Span


def faster(
    problem: Problem, fusions: Fusions, segment: Segment, layouts: Mapping[str, Layout], clock: Clock
) -> tuple[Span, RolledSegment] | None:
    """The segment with better rollings, changed one at a time, the most useful first; None if there are none.

    `layouts` has the layout of what the segment reads.
    """
    span = fusions.span(segment)
    rolled = fusions.rolled(segment)
    source, output = LayoutSet.of([layouts[rolled.input]]), LayoutSet.of([segment.layout])

    def time_ns(candidate: RolledSegment) -> int:
        arcs = fused_arcs(problem, span, candidate, source, output)
        fits = (arcs.ram_bytes[0, 0] <= problem.ram_cap_bytes).all()
        return int(arcs.time_ns[0, 0]) if fits else int(UNREACHABLE)

    best_ns = start_ns = time_ns(rolled)
    improving = True
    while improving and clock.left_s > 0:
        priced = [(time_ns(candidate), candidate) for candidate in fusions.neighbours(rolled, span)]
        found_ns, found = min(priced, key=lambda pair: pair[0])
        improving = found_ns < best_ns
        if improving:
            best_ns, rolled = found_ns, found
    return (span, rolled) if best_ns < start_ns else None
