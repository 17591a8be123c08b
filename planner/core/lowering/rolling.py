"""Lowers a segment: round by round, every node streams in a piece and computes what it then can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.core.lowering.courier import Courier
from planner.core.lowering.program import Block, ProgramBuilder
from planner.core.lowering.values import Pieces, Values, stacked
from planner.core.regions import required, whole
from planner.core.segments import Advance, Band, Round, lockstep
from planner.core.step_costs import StepCosts
from planner.core.transfers import halo_fetches, streamed_fetches
from planner.data.graph import Graph
from planner.data.plan import Compute
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
        self._places: list[dict[str, Pieces]] = [self._rings(node) for node in range(len(programs))]

    def lower(self) -> None:
        """Append all steps."""
        for fetch in halo_fetches(self._graph, self._layouts, self._bands):
            for node, pieces in self._values.fetch(fetch).items():
                self._places[node][fetch.tensor] = pieces
        for rounds in lockstep(self._bands):
            self._stream(rounds)
            for node, work in enumerate(rounds):
                for advance in work.computed:
                    self._compute(node, advance)
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

    def _compute(self, node: int, advance: Advance) -> None:
        operator = advance.operator
        places = self._places[node]
        output = self._bands[node].region(advance.writes)
        needs = [required(self._graph, operator, index, output) for index in range(len(operator.inputs))]
        inputs = tuple(
            None if need.empty else stacked(name, need, places[name])
            for name, need in zip(operator.inputs, needs, strict=True)
        )
        target = stacked(operator.output, output, places[operator.output])
        duration_ns = self._costs.compute_ns(node, operator, output)
        self._programs[node].append(Compute(operator.name, inputs, target, duration_ns))
