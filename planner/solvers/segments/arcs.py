"""Exact time, RAM and flash of a rolled segment between all pairs of candidate layouts of its input and output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.data.split import Layout, Segment, Stage
from planner.solvers.layout_set import IntArray, LayoutSet
from planner.solvers.problem import UNREACHABLE, Problem
from planner.solvers.segments.bands import RolledSegment
from planner.solvers.segments.kernels import stream_pairs

ADVANCE_BYTES = 192
"""Estimate of the plan's records for one advance of one stage."""


@dataclass(frozen=True)
class FusedArcs:
    """One way to run the operators [first, last] as a segment; arrays as of `costs.Arcs`."""

    first: int
    last: int
    stages: tuple[Stage, ...]
    input_rows: int
    time_ns: IntArray
    ram_bytes: NDArray[np.int32]
    flash_bytes: IntArray

    def segment(self, layout: Layout) -> Segment:
        """The segment with a layout of its output."""
        return Segment(self.stages, layout, self.input_rows)


def fused_arcs(
    problem: Problem, span: tuple[int, int], rolled: RolledSegment, source: LayoutSet, output: LayoutSet
) -> FusedArcs:
    """Arcs between all pairs; `UNREACHABLE` where the output is cut by channels."""
    by_rows = np.flatnonzero(output.rows)
    cut = LayoutSet(output.rows[by_rows], output.starts[by_rows], output.stops[by_rows])
    bands = rolled.bands(cut)
    shape, input_shape = problem.shape(rolled.output), problem.shape(rolled.input)
    routes = problem.routes
    time = np.full((len(source), len(output)), UNREACHABLE)
    ram = np.zeros((len(source), len(output), problem.nodes), np.int64)
    time[:, by_rows], ram[:, by_rows] = stream_pairs(
        source.rows,
        source.starts,
        source.stops,
        source.footprints(input_shape),
        input_shape.width * input_shape.channels,
        input_shape.width,
        input_shape.channels,
        bands.first_row,
        bands.stop_row,
        bands.input_ring,
        bands.buffers + cut.footprints(shape),
        bands.cpu_ns,
        rolled.input_rows,
        routes.hops,
        routes.message_ns,
        routes.byte_ps,
        routes.ports,
        routes.via,
        routes.port_count,
        problem.copy_cost.table,
    )
    first, last = span
    operators = problem.operators[first : last + 1]
    weights = sum(
        (data.constant_bytes @ (data.shape.channels, 1) for data in operators), np.zeros(problem.nodes, np.int64)
    )
    flash = np.zeros((len(output), problem.nodes), np.int64)
    flash[by_rows] = (cut.units > 0) * weights + bands.advances * ADVANCE_BYTES
    return FusedArcs(first, last, rolled.stages, rolled.input_rows, time, ram.astype(np.int32), flash[None])
