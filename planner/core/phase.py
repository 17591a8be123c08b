"""The phase model: what a split costs when the operators run one after another, each in separate phases.

This is the optimiser's additive clock (docs/DESIGN.md, section 4), written down plainly. Solvers have faster arithmetic
of their own for the same numbers; this module is what theirs is checked against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.core.constant_sizes import CHANNEL_BYTES, constant_size
from planner.core.regions import owned
from planner.core.rolling_costs import band_ns, shared_scratch_bytes
from planner.core.segments import Band, lockstep, parts
from planner.core.step_costs import StepCosts
from planner.core.storage import Storage, footprint_bytes, store
from planner.core.transfers import (
    SUM_BYTES,
    Delivery,
    Fetch,
    OwnOutputChunk,
    ReductionChunk,
    gathers,
    halo_fetches,
    own_output_chunks,
    reduction_chunks,
    streamed_fetches,
    tensor_layouts,
)
from planner.data.graph import Conv, Graph, Operator
from planner.data.hardware import Hop, Network
from planner.data.instance import Instance
from planner.data.region import Region
from planner.data.split import Layout, Mode, Segment, Split
from planner.errors import NoPlanError


@dataclass(frozen=True, slots=True)
class OperatorPhases:
    """One operator, or a segment under its last one's name, or, with `operator` None, the gathering of one output.

    `communication_ns` is the sum of its communication phases, `computation_ns` that of its computation phases.
    `live_bytes[n]` is what lies in node n's arena while it works on the operator, `footprint_bytes[n]` the same with
    the canary and the alignment of every buffer; message slots come on top.
    """

    operator: str | None
    communication_ns: int
    computation_ns: int
    live_bytes: tuple[int, ...]
    footprint_bytes: tuple[int, ...]
    transferred_bytes: int


@dataclass(frozen=True, slots=True)
class PhaseEvaluation:
    """Cost of a split in the phase model: of operators and segments in order, then one entry per graph output.

    `flash_bytes[n]` are the weights and channel parameters on node n; the plan's own records come on top.
    `transferred_bytes` counts every hop.
    """

    phases: tuple[OperatorPhases, ...]
    flash_bytes: tuple[int, ...]

    @property
    def makespan_ns(self) -> int:
        return sum(phase.communication_ns + phase.computation_ns for phase in self.phases)

    @property
    def transferred_bytes(self) -> int:
        return sum(phase.transferred_bytes for phase in self.phases)

    @property
    def peak_live_bytes(self) -> tuple[int, ...]:
        """By node: the largest `live_bytes`."""
        return tuple(max(column) for column in zip(*(phase.live_bytes for phase in self.phases), strict=True))

    @property
    def peak_footprint_bytes(self) -> tuple[int, ...]:
        """By node: the largest `footprint_bytes`."""
        return tuple(max(column) for column in zip(*(phase.footprint_bytes for phase in self.phases), strict=True))


def evaluate(graph: Graph, instance: Instance, split: Split) -> PhaseEvaluation:
    """Price a split.

    Raises NoPlanError if two nodes that must talk cannot, ValueError if a mode does not fit its operator.
    """
    return _Evaluator(graph, instance, split).evaluate()


def communication_ns(network: Network, deliveries: Iterable[Delivery]) -> int:
    """Time of one communication phase: over hop levels, the largest load of any port."""
    loads: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for delivery in deliveries:
        for level, hop in enumerate(route(network, delivery)):
            for port in hop.ports:
                loads[level][port] += hop.cost.duration_ns(delivery.size_bytes)
    return sum(max(ports.values()) for ports in loads.values())


def route(network: Network, delivery: Delivery) -> tuple[Hop, ...]:
    """The hops of a delivery. Raises NoPlanError if there is no way."""
    try:
        return network.routes[delivery.source, delivery.target]
    except KeyError:
        raise NoPlanError(f"the network has no route from node {delivery.source} to node {delivery.target}") from None


def last_uses(graph: Graph) -> Mapping[str, int]:
    """Index of the last operator that holds each tensor; graph outputs are held until after the last one."""
    uses = {name: indices[-1] for name, indices in graph.consumers.items() if indices}
    unread = {end.tensor: 0 for end in graph.inputs}
    unread |= {operator.output: index for index, operator in enumerate(graph.operators)}
    return unread | uses | {end.tensor: len(graph.operators) for end in graph.outputs}


def weight_bytes(
    graph: Graph, operator: Operator, split: Split, layouts: Mapping[str, Layout], node: int, variant: str
) -> int:
    """Flash that the constants of a node's shard of an operator take."""
    part = owned(layouts[operator.output], node, graph.output_tensor(operator).shape)
    channels = 0 if part.empty else part.channels
    if isinstance(operator, Conv) and split.operators[operator.name].mode is Mode.INPUT_CHANNELS:
        inputs = owned(layouts[operator.inputs[0]], node, graph.tensors[operator.inputs[0]].shape)
        taps = operator.window.kernel[0] * operator.window.kernel[1]
        return operator.output_channels * taps * inputs.channels + CHANNEL_BYTES * channels
    return constant_size(graph, operator, variant).of_channels(channels)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Communication phases that belong together, and the sizes of the buffers that node n has for them alone."""

    phases: tuple[tuple[Delivery, ...], ...]
    buffers: tuple[tuple[int, ...], ...]


class _Evaluator:
    def __init__(self, graph: Graph, instance: Instance, split: Split) -> None:
        self._graph = graph
        self._network = instance.network
        self._instance = instance
        self._split = split
        self._nodes = range(instance.nodes)
        self._layouts = tensor_layouts(graph, instance, split)
        self._costs = StepCosts(graph, instance)
        self._last_uses = last_uses(graph)

    def evaluate(self) -> PhaseEvaluation:
        operators = self._graph.operators
        phases = [
            self._segment_phases(part) if isinstance(part, Segment) else self._operator_phases(part)
            for part in parts(self._graph, self._split)
        ]
        outputs = gathers(self._graph, self._instance, self._layouts)
        for count, gather in enumerate(outputs, 1):
            # What was gathered before stays where it is.
            chunk = replace(self._fetching(outputs[:count]), phases=(gather.deliveries,))
            phases.append(self._price(None, (len(operators), len(operators)), 0, [chunk]))
        return PhaseEvaluation(tuple(phases), tuple(self._flash_bytes(node) for node in self._nodes))

    def _flash_bytes(self, node: int) -> int:
        total = 0
        variant = self._costs.variant(node)
        for part in parts(self._graph, self._split):
            if isinstance(part, Operator):
                total += weight_bytes(self._graph, part, self._split, self._layouts, node, variant)
            elif node in part.layout.active:
                for operator in self._graph.operators:
                    if operator.name in part.operators:
                        channels = self._graph.output_tensor(operator).shape.channels
                        total += constant_size(self._graph, operator, variant).of_channels(channels)
        return total

    def _segment_phases(self, segment: Segment) -> OperatorPhases:
        """A segment: first the rows around the nodes' own, then what is streamed in, round by round."""
        bands = [Band(self._graph, segment, self._layouts, node) for node in self._nodes]
        fetches = list(halo_fetches(self._graph, self._layouts, bands))
        for rounds in lockstep(bands):
            fetches += streamed_fetches(self._graph, self._layouts, rounds)
        buffers = tuple(
            (*band.buffer_sizes, shared_scratch_bytes(self._costs, node, band)) for node, band in enumerate(bands)
        )
        chunk = _Chunk(tuple(fetch.deliveries for fetch in fetches) or ((),), buffers)
        first, last = (self._operator_index(name) for name in (segment.operators[0], segment.operators[-1]))
        computation_ns = max(band_ns(self._costs, node, band) for node, band in enumerate(bands))
        return self._price(segment.operators[-1], (first, last), computation_ns, [chunk])

    def _operator_index(self, name: str) -> int:
        return next(index for index, operator in enumerate(self._graph.operators) if operator.name == name)

    def _operator_phases(self, operator: Operator) -> OperatorPhases:
        index = self._operator_index(operator.name)
        span = (index, index)
        choice = self._split.operators[operator.name]
        if choice.mode is Mode.INPUT_CHANNELS:
            reductions = reduction_chunks(self._graph, self._layouts, operator, choice.chunks)
            sums_ns = max(self._sums_ns(node, operator, reductions) for node in self._nodes)
            finish_ns = max(self._finish_ns(node, reductions) for node in self._nodes)
            return self._price(
                operator.name, span, sums_ns + finish_ns, [self._reducing(chunk) for chunk in reductions]
            )
        outputs = own_output_chunks(self._graph, self._layouts, operator, choice.chunks)
        computation_ns = max(self._own_output_ns(node, operator, outputs) for node in self._nodes)
        return self._price(operator.name, span, computation_ns, [self._computing(operator, chunk) for chunk in outputs])

    def _own_output_ns(self, node: int, operator: Operator, chunks: Sequence[OwnOutputChunk]) -> int:
        """CPU time of an OWN_OUTPUT operator, copies included."""
        total = 0
        for chunk in chunks:
            if not chunk.outputs[node].empty:
                total += self._costs.compute_ns(node, operator, chunk.outputs[node])
            for fetch in chunk.fetches:
                copied = self._store(fetch, node).copied
                if copied is not None:
                    total += self._costs.copy_ns(node, copied)
        return total

    def _sums_ns(self, node: int, operator: Operator, chunks: Sequence[ReductionChunk]) -> int:
        """CPU time of the partial sums."""
        return sum(
            self._costs.partial_sums_ns(node, operator, chunk.output, chunk.inputs[node].channels)
            for chunk in chunks
            if not chunk.inputs[node].empty
        )

    def _finish_ns(self, node: int, chunks: Sequence[ReductionChunk]) -> int:
        """CPU time of adding up what is received, and of requantising."""
        return sum(
            (len(chunk.addends) - 1) * self._costs.accumulate_ns(node, chunk.parts[node])
            + self._costs.requantise_ns(node, chunk.parts[node])
            for chunk in chunks
            if not chunk.parts[node].empty
        )

    def _computing(self, operator: Operator, chunk: OwnOutputChunk) -> _Chunk:
        """Received buffers, and the scratch memory of the nodes that compute."""
        fetching = self._fetching(chunk.fetches)
        scratch = [
            (self._costs.scratch_bytes(node, operator),) if not chunk.outputs[node].empty else ()
            for node in self._nodes
        ]
        buffers = tuple(some + more for some, more in zip(fetching.buffers, scratch, strict=True))
        return replace(fetching, buffers=buffers)

    def _fetching(self, fetches: Sequence[Fetch]) -> _Chunk:
        return _Chunk(
            tuple(fetch.deliveries for fetch in fetches),
            tuple(
                tuple(region.elements for fetch in fetches for region in self._store(fetch, node).received)
                for node in self._nodes
            ),
        )

    def _reducing(self, chunk: ReductionChunk) -> _Chunk:
        return _Chunk((chunk.deliveries,), tuple(self._sum_buffers(chunk, node) for node in self._nodes))

    def _sum_buffers(self, chunk: ReductionChunk, node: int) -> tuple[int, ...]:
        """Sizes of a node's int32 buffers: its own sums, or those it received first, and one to receive more."""
        received = sum(delivery.target == node for delivery in chunk.deliveries)
        part_bytes = chunk.parts[node].elements * SUM_BYTES
        if node in chunk.addends:
            return (chunk.output.elements * SUM_BYTES, *[part_bytes] * min(received, 1))
        return (part_bytes,) * min(received, 2)

    def _store(self, fetch: Fetch, node: int) -> Storage:
        return store(self._owned(fetch.tensor, node), fetch.needs[node])

    def _owned(self, tensor: str, node: int) -> Region:
        return owned(self._layouts[tensor], node, self._graph.tensors[tensor].shape)

    def _price(
        self, name: str | None, span: tuple[int, int], computation_ns: int, chunks: Sequence[_Chunk]
    ) -> OperatorPhases:
        """`name` and `span`, its first and last operator, say what is priced."""
        peaks = [self._peaks(span, node, chunks) for node in self._nodes]
        deliveries = [delivery for chunk in chunks for phase in chunk.phases for delivery in phase]
        return OperatorPhases(
            operator=name,
            communication_ns=sum(communication_ns(self._network, phase) for chunk in chunks for phase in chunk.phases),
            computation_ns=computation_ns,
            live_bytes=tuple(live for live, _ in peaks),
            footprint_bytes=tuple(footprint for _, footprint in peaks),
            transferred_bytes=sum(d.size_bytes * len(route(self._network, d)) for d in deliveries),
        )

    def _peaks(self, span: tuple[int, int], node: int, chunks: Sequence[_Chunk]) -> tuple[int, int]:
        """Largest live bytes and largest footprint of a node during one operator or segment."""
        first, last = span
        held = tuple(
            self._owned(name, node).elements
            for name in self._layouts
            if self._graph.producers.get(name, -1) <= last and first <= self._last_uses[name]
        )
        moments = [
            held + chunk.buffers[node] + self._relayed(phase, node) for chunk in chunks for phase in chunk.phases
        ]
        return (
            max(sum(sizes) for sizes in moments),
            max(sum(footprint_bytes(size) for size in sizes if size) for sizes in moments),
        )

    def _relayed(self, phase: Sequence[Delivery], node: int) -> tuple[int, ...]:
        """Sizes of the messages of a phase that a node passes on."""
        return tuple(
            delivery.size_bytes
            for delivery in phase
            for hop in route(self._network, delivery)[1:]
            if hop.source == node
        )
