"""Which operators may be fused, and in which ways each run of them may roll."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from planner.core.columns import ColumnRolling
from planner.core.segments import leaving_early
from planner.data.graph import Graph
from planner.data.split import Axis, Overlap, Segment, Stage
from planner.solvers.layout_set import IntArray, LayoutSet, layout_of_shares
from planner.solvers.problem import Problem
from planner.solvers.segments.bands import RolledSegment
from planner.solvers.segments.kernels import stage_times
from planner.solvers.segments.stages import StageTables

LONGEST_SEGMENT = 27
"""Operators that one segment may have."""
ROLLED_COLUMNS = (2, 4, 8)
WHOLE_ROWS = (4, 2, 1)
"""Rows at a time of a stage that does not roll over columns; kernels work on blocks of pixels, which few rows waste."""
CHUNK_ROWS = (1, 2, 4)
"""Rows at a time of a block that computes its overlap again, which is the dearer the fewer they are."""
INPUT_ROWS = (16, 8, 4, 2, 1)
"""Rows of the model's input in one message."""
STREAMED_ROWS = 4
"""Rows in one message of a tensor that devices hold."""
MOST_ROLLINGS = 12
"""Ways to roll one run of operators that are tried, from the fastest to the leanest."""

Span = tuple[int, int]
"""First and last operator of a segment."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """Stages of one block, or of the whole segment, and rows of input in a message."""

    stages: tuple[Stage, ...]
    input_rows: int


@dataclass(frozen=True, slots=True)
class _Point:
    time_ns: float
    ram_bytes: int
    index: int


def cuts(graph: Graph, held: Sequence[tuple[str, ...]]) -> tuple[int, ...]:
    """Operators before which a segment may begin: those before which one tensor is held, no neighbour being smaller.

    `held[i]` are the tensors that are live while operator i runs. The number of operators, the end, is one of them.
    """
    return (0, *(i for i in range(1, len(held)) if len(held[i]) == 1 and not _swells(graph, i)), len(held))


def _swells(graph: Graph, index: int) -> bool:
    """Whether the tensor before operator `index` is larger than the one before or behind it."""
    before, behind = graph.operators[index - 1], graph.operators[index]
    sizes = [graph.tensors[name].shape.elements for name in (*before.inputs, behind.output)]
    return graph.output_tensor(before).shape.elements > min(sizes)


class Fusions:
    """The spans of a problem that may be fused, and their rollings."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._tables = StageTables(problem)
        self._rollings: dict[Span, tuple[RolledSegment, ...]] = {}
        self._better: dict[Span, list[RolledSegment]] = {}
        self._fastest: dict[Span, RolledSegment] = {}
        self._least_ns: dict[tuple[str, ...], IntArray] = {}
        graph = problem.graph
        places = cuts(graph, [problem.held(index) for index in range(len(graph.operators))])
        self.spans: tuple[Span, ...] = tuple(
            (first, stop - 1)
            for first in places
            for stop in places
            if 1 < stop - first <= LONGEST_SEGMENT
            and len(problem.held(first)) == 1
            and problem.last_use[problem.held(first)[0]] < stop
            and not leaving_early(graph, first, stop)
            and problem.shape(graph.operators[stop - 1].output).height > 1
        )

    def fastest(self, span: Span) -> RolledSegment:
        """Whole rows everywhere."""
        if span not in self._fastest:
            blocks = list(self._blocks(span))
            self._fastest[span] = self._rolled(span, blocks, [0] * len(blocks))
        return self._fastest[span]

    def rollings(self, span: Span) -> tuple[RolledSegment, ...]:
        """From the fastest to the one of least memory; each takes less memory than the one before it."""
        if span not in self._rollings:
            self._rollings[span] = tuple(self._chain(span))
        return self._rollings[span]

    def input_rows(self, span: Span) -> tuple[int, ...]:
        """Rows of the input in one message, by choice."""
        return tuple(choice.input_rows for choice in next(self._blocks(span)))

    def least_times(self, span: Span) -> Iterator[tuple[str, IntArray]]:
        """The output of every block, and the least CPU time of its rows [a, b): [devices, a, b].

        The least is over all ways in which the block may roll, whatever memory they take.
        """
        for options in self._blocks(span):
            names = tuple(name for stage in options[0].stages for name in stage.operators)
            if not names:
                continue
            if names not in self._least_ns:
                times = [self._block_ns(option.stages) for option in options]
                self._least_ns[names] = np.minimum.reduce(times)[self._tables.kind_of]
            yield self._problem.operator(names[-1]).output, self._least_ns[names]

    def _block_ns(self, stages: Sequence[Stage]) -> IntArray:
        """CPU time of a block for the rows [a, b) of its output: [kind, a, b]."""
        rows = np.arange(self._problem.shape(self._problem.operator(stages[-1].operators[-1]).output).height + 1)
        starts, stops = np.meshgrid(rows, rows, indexing="ij")
        empty = stops <= starts
        total = np.zeros((1, 1, 1), np.int64)
        for stage in reversed(stages):
            table = self._tables.table(stage)
            total = total + stage_times(table.cost_ns, table.rows)[:, starts, stops]
            (*_, reach) = table.reads
            starts, stops = reach.row_first[starts], reach.row_stop[stops]
        return np.where(empty, 0, total)

    def span(self, segment: Segment) -> Span:
        """The operators of a segment."""
        names = segment.operators
        return self._problem.operator(names[0]).index, self._problem.operator(names[-1]).index

    def rolled(self, segment: Segment) -> RolledSegment:
        """A segment without its layout."""
        return RolledSegment(self._problem, self._tables, segment.stages, segment.input_rows)

    def add(self, span: Span, rolled: RolledSegment) -> None:
        """Let a rolling be tried from now on, before those of less memory."""
        self._better.setdefault(span, []).append(rolled)

    def better(self, span: Span) -> tuple[RolledSegment, ...]:
        """What was added."""
        return tuple(self._better.get(span, ()))

    def neighbours(self, rolled: RolledSegment, span: Span) -> Iterator[RolledSegment]:
        """The rollings that differ in one block."""
        for options in self._blocks(span):
            for option in options:
                names = [name for stage in option.stages for name in stage.operators]
                kept = [stage for stage in rolled.stages if stage.operators[0] not in names]
                changed = sorted((*kept, *option.stages), key=lambda s: self._problem.operator(s.operators[0]).index)
                input_rows = rolled.input_rows if names else option.input_rows
                yield RolledSegment(self._problem, self._tables, tuple(changed), input_rows)

    def _chain(self, span: Span) -> Iterator[RolledSegment]:
        """Start with whole rows; then, block by block, give up the least time for memory."""
        blocks = list(self._blocks(span))
        current = [0] * len(blocks)
        steps: list[tuple[float, int, int]] = []
        for number, options in enumerate(blocks):
            points: list[_Point] = []
            for index in range(len(options)):
                changed = [*current[:number], index, *current[number + 1 :]]
                points.append(_Point(*self._measure(span, blocks, changed), index))
            hull = _lower_hull(points)
            for before, after in pairwise(hull):
                slope = (after.time_ns - before.time_ns) / max(1, before.ram_bytes - after.ram_bytes)
                steps.append((slope, number, after.index))
        chain = [tuple(current)]
        for _, number, index in sorted(steps):
            current[number] = index
            chain.append(tuple(current))
        kept = sorted({round(i) for i in np.linspace(0, len(chain) - 1, MOST_ROLLINGS)})
        for position in kept:
            yield self._rolled(span, blocks, chain[position])

    def _rolled(self, span: Span, blocks: Sequence[Sequence[_Choice]], chosen: Sequence[int]) -> RolledSegment:
        choices = [options[index] for options, index in zip(blocks, chosen, strict=True)]
        stages = tuple(stage for choice in choices for stage in choice.stages)
        return RolledSegment(self._problem, self._tables, stages, choices[0].input_rows)

    def _measure(self, span: Span, blocks: Sequence[Sequence[_Choice]], chosen: Sequence[int]) -> tuple[float, int]:
        """Time and memory of the band of a device with an equal share."""
        rolled = self._rolled(span, blocks, chosen)
        shape, source = self._problem.shape(rolled.output), self._problem.shape(rolled.input)
        devices = min(self._problem.devices, shape.height)
        layout = layout_of_shares(Axis.ROWS, shape.height, [1.0] * devices + [0.0] * (self._problem.devices - devices))
        bands = rolled.bands(LayoutSet.of([layout]))
        node = devices // 2
        rows = int(bands.stop_row[0, node] - bands.first_row[0, node])
        streamed = rolled.input in self._problem.inputs
        messages = -(-rows // rolled.input_rows) * devices if streamed else 0
        ring = int(bands.input_ring[0, node]) * source.width * source.channels if streamed else 0
        message_ns = int(self._problem.routes.message_ns.max())
        return float(bands.cpu_ns[0, node] + messages * message_ns), int(bands.buffers[0, node]) + ring

    def _blocks(self, span: Span) -> Iterator[list[_Choice]]:
        """The rows of input in a message, then every three operators that can roll over columns, all others alone."""
        operators = self._problem.graph.operators[span[0] : span[1] + 1]
        names = [operator.name for operator in operators]
        from_outside = operators[0].inputs[0] in self._problem.inputs
        yield [_Choice((), rows) for rows in (INPUT_ROWS if from_outside else (STREAMED_ROWS,))]
        while names:
            rolled = [stage for stage in _rolled_stages(tuple(names[:3])) if self._can_roll(stage)]
            taken = 3 if rolled else 1
            options = [_Choice(tuple(Stage((name,), rows) for name in names[:taken]), 1) for rows in WHOLE_ROWS]
            options += [_Choice((stage,), 1) for stage in rolled]
            yield options
            names = names[taken:]

    def _can_roll(self, stage: Stage) -> bool:
        try:
            ColumnRolling(self._problem.graph, stage)
        except ValueError:
            return False
        return True


def _rolled_stages(names: tuple[str, ...]) -> Iterator[Stage]:
    if len(names) == 3:
        for columns in ROLLED_COLUMNS:
            yield Stage(names, 1, columns, Overlap.SAVED)
            for rows in CHUNK_ROWS:
                yield Stage(names, rows, columns, Overlap.RECOMPUTED)


def _lower_hull(points: Sequence[_Point]) -> list[_Point]:
    """The points, from the fastest on, each of which saves more memory for its time than any later one."""
    hull: list[_Point] = []
    for point in sorted(points, key=lambda p: (p.time_ns, p.ram_bytes)):
        if hull and point.ram_bytes >= hull[-1].ram_bytes:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-2], point):
            hull.pop()
        hull.append(point)
    return hull


def _slope(before: _Point, after: _Point) -> float:
    """Time for memory."""
    return (after.time_ns - before.time_ns) / max(1, before.ram_bytes - after.ram_bytes)
