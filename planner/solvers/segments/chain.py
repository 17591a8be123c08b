"""Where a graph can be cut into pieces for one device, and what each piece needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from planner.core.columns import ColumnRolling
from planner.core.phase import last_uses
from planner.core.rolling_costs import band_ns, shared_scratch_bytes
from planner.core.segments import Band, leaving_early
from planner.core.step_costs import StepCosts
from planner.core.storage import footprint_bytes
from planner.data.graph import Graph, Operator
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, OperatorSplit, Segment, Split, Stage

ROLLED_COLUMNS = (0, 2, 4, 8)
"""Columns by which a block may roll; 0 is whole rows."""
INPUT_ROWS = 4
"""Rows of the model's input in one message."""
LONGEST_SEGMENT = 24
"""Operators that one segment may have."""
DEVICE = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Operators [first, last] on the device: one segment, or one operator by itself (`segment` is None)."""

    first: int
    last: int
    segment: Segment | None
    footprint_bytes: int
    time_ns: int


class Chain:
    """The pieces of a graph on the device of an instance that has one."""

    def __init__(self, graph: Graph, instance: Instance) -> None:
        self._graph = graph
        self._nodes = instance.nodes
        self._costs = StepCosts(graph, instance)
        self._stage_ns: dict[Stage, int] = {}
        self._layouts = {o.output: self._whole(o.output, DEVICE) for o in graph.operators}
        self._layouts |= {end.tensor: self._whole(end.tensor, instance.input_node) for end in graph.inputs}
        uses = last_uses(graph)
        self._held = [
            [name for name, last in uses.items() if graph.producers.get(name, -1) < index <= last]
            for index in range(len(graph.operators))
        ]

    @property
    def cuts(self) -> tuple[int, ...]:
        """The first operator; those before which one tensor is held, and no neighbour is smaller; and the end."""
        inside = [i for i, held in enumerate(self._held) if i > 0 and len(held) == 1 and not self._swells(i)]
        return (0, *inside, len(self._graph.operators))

    def pieces(self, first: int, last: int) -> Iterator[Piece]:
        """All pieces that consist of these operators."""
        if first == last:
            yield self._single(first)
        fusible = last - first < LONGEST_SEGMENT and not leaving_early(self._graph, first, last + 1)
        tried: set[tuple[Stage, ...]] = set()
        for columns in ROLLED_COLUMNS:
            stages = self._stages(first, last, columns)
            if fusible and stages not in tried:
                tried.add(stages)
                yield self.rolled(first, last, stages)

    def rolled(self, first: int, last: int, stages: tuple[Stage, ...]) -> Piece:
        """The segment that consists of the stages."""
        output = self._graph.operators[last].output
        segment = Segment(stages, self._layouts[output], INPUT_ROWS)
        band = Band(self._graph, segment, self._layouts, DEVICE)
        sizes = [*band.buffer_sizes, shared_scratch_bytes(self._costs, DEVICE, band), *self._resident(first)]
        sizes.append(self._graph.tensors[output].shape.elements)
        time_ns = sum(self._time_ns(stage) for stage in stages)
        return Piece(first, last, segment, sum(footprint_bytes(size) for size in sizes if size), time_ns)

    def widened(self, piece: Piece) -> Iterator[Piece]:
        """The piece with one stage that rolls over more columns, or over none."""
        stages = piece.segment.stages if piece.segment else ()
        for index, stage in enumerate(stages):
            for columns in ROLLED_COLUMNS if stage.columns else ():
                if columns > stage.columns:
                    wider: tuple[Stage, ...] = (replace(stage, columns=columns),)
                elif columns == 0:
                    wider = tuple(Stage((name,), stage.rows) for name in stage.operators)
                else:
                    continue
                yield self.rolled(piece.first, piece.last, (*stages[:index], *wider, *stages[index + 1 :]))

    def split(self, pieces: Sequence[Piece]) -> Split:
        """The split that consists of the pieces."""
        single = [self._graph.operators[piece.first] for piece in pieces if piece.segment is None]
        segments = tuple(piece.segment for piece in pieces if piece.segment)
        return Split({operator.name: OperatorSplit(self._layouts[operator.output]) for operator in single}, segments)

    def _single(self, index: int) -> Piece:
        operator = self._graph.operators[index]
        sizes = [self._graph.tensors[name].shape.elements for name in (*self._held[index], operator.output)]
        sizes.append(self._costs.scratch_bytes(DEVICE, operator))
        footprint = sum(footprint_bytes(size) for size in sizes if size)
        return Piece(index, index, None, footprint, self._time_ns(Stage((operator.name,), self._height(operator))))

    def _stages(self, first: int, last: int, columns: int) -> tuple[Stage, ...]:
        """Every three operators that can roll over `columns` columns together, all others alone."""
        names = [operator.name for operator in self._graph.operators[first : last + 1]]
        stages: list[Stage] = []
        while names:
            rolled = self._rolled_stage(tuple(names[:3]), columns)
            stages.append(rolled or Stage(tuple(names[:1])))
            names = names[len(stages[-1].operators) :]
        return tuple(stages)

    def _rolled_stage(self, names: tuple[str, ...], columns: int) -> Stage | None:
        if columns == 0 or len(names) < 3:
            return None
        stage = Stage(names, columns=columns)
        try:
            ColumnRolling(self._graph, stage)
        except ValueError:
            return None
        return stage

    def _time_ns(self, stage: Stage) -> int:
        if stage not in self._stage_ns:
            output = next(o.output for o in self._graph.operators if o.name == stage.operators[-1])
            band = Band(self._graph, Segment((stage,), self._layouts[output]), self._layouts, DEVICE)
            self._stage_ns[stage] = band_ns(self._costs, DEVICE, band)
        return self._stage_ns[stage]

    def _resident(self, first: int) -> tuple[int, ...]:
        """Bytes of what the device holds before operator `first`."""
        held = [name for name in self._held[first] if DEVICE in self._layouts[name].active]
        return tuple(self._graph.tensors[name].shape.elements for name in held)

    def _swells(self, index: int) -> bool:
        """Whether the tensor before operator `index` is larger than the one before or behind it."""
        sizes = [self._graph.tensors[name].shape.elements for name in self._graph.operators[index - 1].inputs]
        sizes.append(self._graph.output_tensor(self._graph.operators[index]).shape.elements)
        return self._graph.output_tensor(self._graph.operators[index - 1]).shape.elements > min(sizes)

    def _height(self, operator: Operator) -> int:
        return self._graph.output_tensor(operator).shape.height

    def _whole(self, tensor: str, node: int) -> Layout:
        return Layout.single(Axis.ROWS, self._graph.tensors[tensor].shape.height, node, self._nodes)
