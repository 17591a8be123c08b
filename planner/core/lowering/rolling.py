"""Lowers a segment: round by round, every node streams in a piece and computes what it then can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.core.columns import ColumnBuffers, ColumnRolling, Iteration
from planner.core.cost import variant_of
from planner.core.lowering.courier import Courier
from planner.core.lowering.folding import folded
from planner.core.lowering.program import Block, ProgramBuilder
from planner.core.lowering.values import Pieces, Values, stacked
from planner.core.regions import required, whole
from planner.core.rolling_costs import shared_scratch_bytes
from planner.core.segments import Band, ColumnAdvance, Round, lockstep
from planner.core.step_costs import StepCosts
from planner.core.transfers import halo_fetches, streamed_fetches
from planner.data.graph import Graph, Operator
from planner.data.plan import Compute, Copy, LoopedStep, Operand, Scratch
from planner.data.region import Region
from planner.data.split import Layout, Segment


class RollingLowering:
    """Writes one segment into the programs of all nodes; the nodes' own parts of its output have their places."""

    def __init__(
        self,
        graph: Graph,
        layouts: Mapping[str, Layout],
        segment: Segment,
        costs: StepCosts,
        programs: Sequence[ProgramBuilder],
        courier: Courier,
        values: Values,
    ) -> None:
        self._graph = graph
        self._layouts = layouts
        self._costs = costs
        self._programs = programs
        self._courier = courier
        self._values = values
        self._bands = [Band(graph, segment, layouts, node) for node in range(len(programs))]
        self._columns = [
            {rolling: _column_blocks(program, graph, rolling, rows) for rolling, rows in band.column_buffers.items()}
            for program, band in zip(programs, self._bands, strict=True)
        ]
        self._places: list[dict[str, Pieces]] = [self._rings(node) for node in range(len(programs))]
        self._scratch = [self._shared_scratch(node, band) for node, band in enumerate(self._bands)]

    def lower(self) -> None:
        """Append all steps."""
        for fetch in halo_fetches(self._graph, self._layouts, self._bands):
            for node, pieces in self._values.fetch(fetch).items():
                self._places[node][fetch.tensor] = pieces
        for rounds in lockstep(self._bands):
            self._stream(rounds)
            for node, work in enumerate(rounds):
                for advance in work.computed:
                    if isinstance(advance, ColumnAdvance):
                        self._roll(node, advance)
                    else:
                        self._compute(node, advance.operator, self._bands[node].region(advance.writes))
            self._courier.confirm_sent()

    def _rings(self, node: int) -> dict[str, Pieces]:
        """The rings, and the own part of the output."""
        band = self._bands[node]
        places: dict[str, Pieces] = {}
        for tensor, rows in band.rings.items():
            region = whole(self._graph.tensors[tensor].shape)
            places[tensor] = {region: self._programs[node].ring(f"{tensor} ring", tensor, region, rows)}
        if band.needs:
            own: Block = self._values.own(band.output, node)
            places[band.output] = {own.region: own}
        return places

    def _stream(self, rounds: Sequence[Round]) -> None:
        for fetch in streamed_fetches(self._graph, self._layouts, rounds):
            targets = {n: self._places[n][fetch.tensor] for n, need in enumerate(fetch.needs) if not need.empty}
            owned: dict[int, Region] = {}
            for node in targets:
                part = self._bands[node].owned(fetch.tensor).intersect(fetch.needs[node])
                if not part.empty:
                    owned[node] = part
            self._values.bring(fetch, targets, owned)

    def _compute(self, node: int, operator: Operator, output: Region) -> None:
        target = stacked(operator.output, output, self._places[node][operator.output])
        self._programs[node].append(self._step(node, operator, self._inputs(node, operator, output), target))

    def _step(self, node: int, operator: Operator, inputs: tuple[Operand | None, ...], output: Operand) -> Compute:
        size_bytes, shared = self._costs.scratch_bytes(node, operator), self._scratch[node]
        return Compute(
            operator.name,
            inputs,
            output,
            self._costs.compute_ns(node, operator, output.region),
            Scratch(shared.buffer, size_bytes) if shared and size_bytes else None,
            variant_of(self._graph, operator, self._costs.variant(node)),
        )

    def _shared_scratch(self, node: int, band: Band) -> Scratch | None:
        size_bytes = shared_scratch_bytes(self._costs, node, band)
        return self._programs[node].scratch(f"{band.output} scratch", size_bytes) if size_bytes else None

    def _inputs(self, node: int, operator: Operator, output: Region) -> tuple[Operand | None, ...]:
        needs = [required(self._graph, operator, index, output) for index in range(len(operator.inputs))]
        return tuple(
            None if need.empty else stacked(name, need, self._places[node][name])
            for name, need in zip(operator.inputs, needs, strict=True)
        )

    def _roll(self, node: int, advance: ColumnAdvance) -> None:
        buffers = self._columns[node][advance.rolling]
        writes = advance.writes
        bodies: list[tuple[LoopedStep, ...]] = []
        previous: Block | None = None
        for iteration in advance.rolling.iterations(advance.hidden, writes.start, writes.stop):
            patch = buffers.patch_at(advance.hidden.fresh, iteration.origin)
            bodies.append(tuple(self._iteration(node, advance, iteration, patch, previous)))
            previous = patch
        for step in folded(bodies):
            self._programs[node].append(step)

    def _iteration(
        self, node: int, advance: ColumnAdvance, iteration: Iteration, patch: Block, previous: Block | None
    ) -> Iterator[LoopedStep]:
        rolling, hidden, costs = advance.rolling, advance.hidden, self._costs
        buffers = self._columns[node][rolling]
        if iteration.moved and previous:
            moved = iteration.moved
            yield Copy(previous.operand(moved), patch.operand(moved), costs.copy_ns(node, moved))
        if iteration.first:
            inputs = self._inputs(node, rolling.first, iteration.first)
            yield self._step(node, rolling.first, inputs, patch.operand(iteration.first))
        pieces = {iteration.read.with_rows(hidden.fresh, hidden.stop): patch}
        if buffers.strip:
            pieces[iteration.read.with_rows(hidden.start, hidden.fresh)] = buffers.strip
        read = stacked(rolling.first.output, iteration.read, pieces)
        tile = buffers.tile_at(iteration.second)
        yield self._step(node, rolling.second, (read,), tile)
        output = stacked(rolling.last.output, iteration.last, self._places[node][rolling.last.output])
        yield self._step(node, rolling.last, (tile,), output)
        if iteration.saved and buffers.strip:
            saved = iteration.saved
            yield Copy(patch.operand(saved), buffers.strip.operand(saved), costs.copy_ns(node, saved))


@dataclass(frozen=True, slots=True)
class _ColumnBlocks:
    """Buffers of a stage that rolls over columns on one node; no strip if no rows are saved."""

    patch: Block
    strip: Block | None
    tile: Block

    def patch_at(self, row: int, column: int) -> Block:
        """The patch with a place of the tensor at its front; the place may lie left of all columns."""
        return _moved(self.patch, row, column)

    def tile_at(self, region: Region) -> Operand:
        """The tile as an operand."""
        return _moved(self.tile, region.row_start, region.column_start).operand(region)


def _moved(block: Block, row: int, column: int) -> Block:
    region = block.region
    return replace(block, region=region.with_rows(row, row + region.rows).with_columns(column, column + region.columns))


def _column_blocks(program: ProgramBuilder, graph: Graph, rolling: ColumnRolling, rows: ColumnBuffers) -> _ColumnBlocks:
    hidden, middle = rolling.first.output, rolling.second.output
    width, tiled = whole(graph.tensors[hidden].shape), whole(graph.tensors[middle].shape)
    patch = width.with_rows(0, rows.patch_rows).with_columns(0, rolling.patch_columns)
    tile = tiled.with_rows(0, rows.tile_rows).with_columns(0, rolling.stage.columns)
    return _ColumnBlocks(
        program.block(f"{hidden} patch", hidden, patch),
        program.ring(f"{hidden} strip", hidden, width, rows.strip_rows) if rows.strip_rows else None,
        program.block(f"{middle} tile", middle, tile),
    )
