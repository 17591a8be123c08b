"""How a node works a segment off: the order of its stages, what it streams in, and the rings between them.

A stage that is to advance first pulls the rows that it lacks from the stages before it, each by its own number of rows;
the order is thereby a function of the segment and of the node's band alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from planner.core.columns import ColumnBuffers, ColumnRolling, HiddenRows
from planner.core.regions import owned, required, whole
from planner.core.storage import Storage, store
from planner.data.graph import Graph, Operator
from planner.data.region import Region
from planner.data.split import Layout, Segment, Split


@dataclass(frozen=True, slots=True)
class RowRange:
    """Rows [start, stop) of a tensor, whole in the other axes."""

    tensor: str
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start

    def join(self, other: RowRange) -> RowRange:
        """The least range that covers both."""
        return RowRange(self.tensor, min(self.start, other.start), max(self.stop, other.stop))


@dataclass(frozen=True, slots=True)
class Advance:
    """`operator` computes the rows `writes` of its output from the rows `reads` of its inputs."""

    operator: Operator
    reads: tuple[RowRange, ...]
    writes: RowRange


@dataclass(frozen=True, slots=True)
class ColumnAdvance:
    """Three operators compute the rows `writes` of the last one's output, rolling over columns."""

    rolling: ColumnRolling
    hidden: HiddenRows
    reads: tuple[RowRange, ...]
    writes: RowRange


@dataclass(frozen=True, slots=True)
class Streamed:
    """The rows `writes` of a tensor from outside arrive."""

    writes: RowRange
    reads: tuple[RowRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """What a node does between two exchanges: stream rows in, if any, then compute."""

    streamed: RowRange | None
    computed: tuple[Advance | ColumnAdvance, ...]


def parts(graph: Graph, split: Split) -> tuple[Operator | Segment, ...]:
    """Single operators and segments in order. Raises ValueError if a segment does not fit the graph."""
    starts = {segment.operators[0]: segment for segment in split.segments}
    result: list[Operator | Segment] = []
    position = 0
    while position < len(graph.operators):
        segment = starts.get(graph.operators[position].name)
        if segment is None:
            result.append(graph.operators[position])
            position += 1
            continue
        check_segment(graph, segment, position)
        result.append(segment)
        position += len(segment.operators)
    return tuple(result)


def check_segment(graph: Graph, segment: Segment, position: int) -> None:
    """Raises ValueError unless the segment is the graph's operators from `position` on, and nothing leaves it early."""
    operators = graph.operators[position : position + len(segment.operators)]
    if tuple(operator.name for operator in operators) != segment.operators:
        raise ValueError(f"the segment from {segment.operators[0]} is not a run of operators of the graph")
    leaving = leaving_early(graph, position, position + len(operators))
    if leaving:
        raise ValueError(f"{leaving[0]} is needed outside of the segment from {segment.operators[0]}, or nowhere")
    for stage in segment.stages:
        if stage.columns:
            ColumnRolling(graph, stage)


def leaving_early(graph: Graph, start: int, stop: int) -> tuple[str, ...]:
    """Tensors that keep the operators [start, stop) from being a segment: not the last, but not used up within."""
    outputs = {end.tensor for end in graph.outputs}
    inner = [operator.output for operator in graph.operators[start : stop - 1]]
    return tuple(n for n in inner if n in outputs or not graph.consumers[n] or graph.consumers[n][-1] >= stop)


def segment_output(graph: Graph, segment: Segment) -> str:
    """The tensor that a segment leaves behind."""
    return next(operator.output for operator in graph.operators if operator.name == segment.operators[-1])


class Band:
    """What one node does for a segment, given the layouts of the tensors around it."""

    def __init__(self, graph: Graph, segment: Segment, layouts: Mapping[str, Layout], node: int) -> None:
        self._graph = graph
        by_name = {operator.name: operator for operator in graph.operators}
        self._by_name = by_name
        self._stages = {by_name[stage.operators[-1]].output: stage for stage in segment.stages}
        self._operators = {output: by_name[stage.operators[-1]] for output, stage in self._stages.items()}
        self._rolling = {o: ColumnRolling(graph, stage) for o, stage in self._stages.items() if stage.columns}
        self._input_rows = segment.input_rows
        self.output = segment_output(graph, segment)
        self._layouts = layouts
        self._node = node

    @cached_property
    def needs(self) -> Mapping[str, RowRange]:
        """All rows of each tensor that the node computes or reads; tensors of which it needs nothing are absent."""
        own = owned(self._layouts[self.output], self._node, self._graph.tensors[self.output].shape)
        if own.empty:
            return {}
        needs = {self.output: RowRange(self.output, own.row_start, own.row_stop)}
        for output in reversed(self._stages):
            if output in needs:
                for read in self._all_reads(needs[output]):
                    needs[read.tensor] = read.join(needs.get(read.tensor, read))
        return needs

    @property
    def computed(self) -> tuple[Operator, ...]:
        """The operators of which the node computes anything."""
        stages = [stage for output, stage in self._stages.items() if output in self.needs]
        return tuple(self._by_name[name] for stage in stages for name in stage.operators)

    @cached_property
    def storages(self) -> Mapping[str, Storage]:
        """Where the node keeps each tensor from outside that it need not stream in.

        It is not streamed where the node owns rows that it needs: they are read in place, and the rows above and below
        are received before the segment begins.
        """
        result: dict[str, Storage] = {}
        for name, need in self.needs.items():
            if name not in self._stages:
                storage = store(self.owned(name), self.region(need))
                if storage.in_place is not None:
                    result[name] = storage
        return result

    @cached_property
    def rounds(self) -> tuple[Round, ...]:
        """All that the node does; the first round streams nothing."""
        streamed: RowRange | None = None
        computed: list[Advance | ColumnAdvance] = []
        rounds: list[Round] = []
        for advance in self._advances:
            if isinstance(advance, Streamed):
                rounds.append(Round(streamed, tuple(computed)))
                streamed, computed = advance.writes, []
            else:
                computed.append(advance)
        return (*rounds, Round(streamed, tuple(computed)))

    @cached_property
    def rings(self) -> Mapping[str, int]:
        """Rows of the ring of each tensor between the stages, and of each that is streamed in."""
        oldest: dict[str, int] = {}
        capacity: dict[str, int] = {}
        for advance in reversed(self._advances):
            for read in advance.reads:
                oldest[read.tensor] = min(read.start, oldest.get(read.tensor, read.start))
            written = advance.writes
            if written.tensor != self.output:
                kept = written.stop - min(oldest.get(written.tensor, written.start), written.start)
                capacity[written.tensor] = max(capacity.get(written.tensor, 0), kept)
        return capacity

    @cached_property
    def column_buffers(self) -> Mapping[ColumnRolling, ColumnBuffers]:
        """Rows of the buffers of each stage that rolls over columns."""
        result: dict[ColumnRolling, ColumnBuffers] = {}
        for advance in self._advances:
            if isinstance(advance, ColumnAdvance):
                known = result.get(advance.rolling, ColumnBuffers(0, 0, 0))
                hidden = advance.hidden
                result[advance.rolling] = ColumnBuffers(
                    max(known.patch_rows, hidden.stop - hidden.fresh),
                    max(known.strip_rows, hidden.stop - hidden.kept),
                    max(known.tile_rows, advance.writes.rows),
                )
        return result

    @cached_property
    def buffer_sizes(self) -> tuple[int, ...]:
        """Bytes of the buffers that the node holds throughout a segment: rings, rows around its own, rolled columns."""
        rings = [self.region(RowRange(tensor, 0, rows)).elements for tensor, rows in self.rings.items()]
        halos = [region.elements for storage in self.storages.values() for region in storage.received]
        rolled = [size for rolling, rows in self.column_buffers.items() for size in rolling.buffer_sizes(rows)]
        return (*rings, *halos, *rolled)

    def region(self, rows: RowRange) -> Region:
        """The part of the tensor that a range of rows is."""
        return whole(self._graph.tensors[rows.tensor].shape).with_rows(rows.start, rows.stop)

    @cached_property
    def _advances(self) -> Sequence[Advance | ColumnAdvance | Streamed]:
        if not self.needs:
            return ()
        return tuple(self._pull({}, self.output, self.needs[self.output].stop))

    def _pull(self, done: dict[str, int], tensor: str, stop: int) -> Iterator[Advance | ColumnAdvance | Streamed]:
        """Make the rows of a tensor up to `stop` present; `done` is what each tensor has already."""
        if tensor in self.storages:
            return
        need = self.needs[tensor]
        rows = self._stages[tensor].rows if tensor in self._stages else self._input_rows
        while done.setdefault(tensor, need.start) < stop:
            start = done[tensor]
            advance = self._advance(RowRange(tensor, start, min(start + rows, need.stop)))
            for read in advance.reads:
                yield from self._pull(done, read.tensor, read.stop)
            yield advance
            done[tensor] = advance.writes.stop

    def _advance(self, writes: RowRange) -> Advance | ColumnAdvance | Streamed:
        rolling = self._rolling.get(writes.tensor)
        if rolling:
            need = self.needs[writes.tensor]
            hidden = rolling.hidden_rows(writes.start, writes.stop, need.start, need.stop)
            fresh = RowRange(rolling.first.output, hidden.fresh, hidden.stop)
            return ColumnAdvance(rolling, hidden, self._reads(rolling.first, fresh), writes)
        operator = self._operators.get(writes.tensor)
        return Advance(operator, self._reads(operator, writes), writes) if operator else Streamed(writes)

    def _all_reads(self, writes: RowRange) -> tuple[RowRange, ...]:
        """Rows that a stage reads of its inputs, if it has computed nothing before."""
        rolling = self._rolling.get(writes.tensor)
        if rolling is None:
            return self._reads(self._operators[writes.tensor], writes)
        hidden = rolling.hidden_rows(writes.start, writes.stop, writes.start, writes.stop)
        return self._reads(rolling.first, RowRange(rolling.first.output, hidden.start, hidden.stop))

    def _reads(self, operator: Operator, rows: RowRange) -> tuple[RowRange, ...]:
        """Rows of its inputs that an operator reads for rows of its output."""
        reads: list[RowRange] = []
        for index, name in enumerate(operator.inputs):
            need = required(self._graph, operator, index, self.region(rows))
            if not need.empty:
                reads.append(RowRange(name, need.row_start, need.row_stop))
        return tuple(reads)

    def owned(self, tensor: str) -> Region:
        """What the node owns of a tensor that has a layout."""
        return owned(self._layouts[tensor], self._node, self._graph.tensors[tensor].shape)


def lockstep(bands: Sequence[Band]) -> tuple[tuple[Round, ...], ...]:
    """Rounds of all nodes side by side: in each, every node streams at most one piece.

    A node that streams nothing has its work spread over all of them, so that it can serve the others in between.
    """
    length = max(len(band.rounds) for band in bands)
    return tuple(zip(*(_spread(band.rounds, length) for band in bands), strict=True))


def _spread(rounds: tuple[Round, ...], length: int) -> tuple[Round, ...]:
    if len(rounds) > 1:
        return rounds + (Round(None, ()),) * (length - len(rounds))
    work = rounds[0].computed
    bounds = [len(work) * index // length for index in range(length + 1)]
    return tuple(Round(None, work[a:b]) for a, b in pairwise(bounds))
