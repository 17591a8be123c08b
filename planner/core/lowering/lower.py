"""Lowers a split part by part: fetch, copy, compute; or partial sums, reduce, requantise; or a segment, rolling."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from planner.core.cost import variant_of
from planner.core.lowering.courier import Courier
from planner.core.lowering.program import Block, ProgramBuilder
from planner.core.lowering.rolling import RollingLowering
from planner.core.lowering.timeline import Timeline
from planner.core.lowering.transmissions import Transmission, ordered_transmissions
from planner.core.lowering.values import Values, stacked
from planner.core.memory import Packer, pack
from planner.core.regions import whole
from planner.core.segments import parts, segment_output
from planner.core.step_costs import StepCosts
from planner.core.transfers import (
    Delivery,
    Fetch,
    OwnOutputChunk,
    ReductionChunk,
    gathers,
    own_output_chunks,
    owned_regions,
    reduction_chunks,
    tensor_layouts,
)
from planner.data.graph import Graph, Operator
from planner.data.instance import Instance
from planner.data.plan import (
    Accumulate,
    Await,
    Compute,
    Content,
    Operand,
    PartialSums,
    Plan,
    Program,
    Requantise,
    Scratch,
)
from planner.data.region import Region
from planner.data.split import Mode, Segment, Split


def lower(graph: Graph, instance: Instance, split: Split, model_hash: str = "", pack: Packer = pack) -> Plan:
    """The plan that carries out a split; its arenas may exceed the caps, which is for the caller to check.

    Raises NoPlanError if two nodes that must talk cannot, ValueError if a mode does not fit its operator.
    """
    return _Lowering(graph, instance, split).lower(model_hash, pack)


def cluster_id(instance: Instance, model_hash: str) -> int:
    """A number that tells this fleet with this model from others."""
    names = "\n".join([model_hash, *(device.name for device in instance.devices)])
    return zlib.crc32(names.encode())


class _Lowering:
    def __init__(self, graph: Graph, instance: Instance, split: Split) -> None:
        self._graph = graph
        self._instance = instance
        self._split = split
        self._layouts = tensor_layouts(graph, instance, split)
        self._costs = StepCosts(graph, instance)
        self._timeline = Timeline(instance.nodes)
        self._programs = [ProgramBuilder(node, self._timeline) for node in range(instance.nodes)]
        self._courier = Courier(self._programs, self._timeline)
        self._values = Values(instance.network, self._costs, self._timeline, self._programs, self._courier)

    def lower(self, model_hash: str, pack: Packer) -> Plan:
        inputs = self._place_inputs()
        for part in parts(self._graph, self._split):
            if isinstance(part, Segment):
                self._place(segment_output(self._graph, part))
                self._roll(part)
            else:
                self._place(part.output)
                self._run(part)
        outputs = [self._fetch(gather) for gather in gathers(self._graph, self._instance, self._layouts)]
        self._courier.confirm_sent()
        return self._build(inputs, [operands[self._instance.output_node] for operands in outputs], model_hash, pack)

    def _place_inputs(self) -> list[Operand]:
        node = self._instance.input_node
        operands: list[Operand] = []
        for end in self._graph.inputs:
            region = whole(self._graph.tensors[end.tensor].shape)
            operands.append(self._values.place(end.tensor, node, region).operand(region))
        return operands

    def _place(self, name: str) -> None:
        """Give every node a buffer for its own part of a tensor."""
        for node, region in enumerate(owned_regions(self._layouts[name], self._graph.tensors[name].shape)):
            if not region.empty:
                self._values.place(name, node, region)

    def _roll(self, segment: Segment) -> None:
        RollingLowering(
            self._graph, self._layouts, segment, self._costs, self._programs, self._courier, self._values
        ).lower()

    def _run(self, operator: Operator) -> None:
        """One operator by itself."""
        choice = self._split.operators[operator.name]
        if choice.mode is Mode.INPUT_CHANNELS:
            for reduction in reduction_chunks(self._graph, self._layouts, operator, choice.chunks):
                self._reduce(operator, reduction)
        else:
            for chunk in own_output_chunks(self._graph, self._layouts, operator, choice.chunks):
                self._compute(operator, chunk)

    def _compute(self, operator: Operator, chunk: OwnOutputChunk) -> None:
        """One chunk of an OWN_OUTPUT operator."""
        operands = [self._fetch(fetch) for fetch in chunk.fetches]
        for node, output in enumerate(chunk.outputs):
            if not output.empty:
                self._programs[node].append(
                    Compute(
                        operator.name,
                        tuple(by_node.get(node) for by_node in operands),
                        self._values.own(operator.output, node).operand(output),
                        self._costs.compute_ns(node, operator, output),
                        self._scratch(node, operator),
                        variant_of(self._graph, operator, self._costs.variant(node)),
                    )
                )
        self._courier.confirm_sent()

    def _scratch(self, node: int, operator: Operator) -> Scratch | None:
        size_bytes = self._costs.scratch_bytes(node, operator)
        return self._programs[node].scratch(f"{operator.name} scratch", size_bytes) if size_bytes else None

    def _fetch(self, fetch: Fetch) -> dict[int, Operand]:
        """One communication phase with its copies; returns by node where it finds what it needs, if it needs any."""
        found = self._values.fetch(fetch)
        return {node: stacked(fetch.tensor, fetch.needs[node], pieces) for node, pieces in found.items()}

    def _reduce(self, operator: Operator, chunk: ReductionChunk) -> None:
        """One chunk of an INPUT_CHANNELS operator."""
        sums: dict[int, Block] = {}
        for node in chunk.addends:
            sums[node] = self._sums_block(node, "sums", operator, chunk.output)
            source = self._values.own(operator.inputs[0], node).operand(chunk.inputs[node])
            target = sums[node].operand(chunk.output)
            cost_ns = self._costs.partial_sums_ns(node, operator, chunk.output, chunk.inputs[node].channels)
            self._programs[node].append(PartialSums(operator.name, source, target, cost_ns))

        order = self._ordered(chunk.deliveries)
        totals = {n: sums[n].operand(chunk.parts[n]) for n in chunk.addends if not chunk.parts[n].empty}
        places: dict[Delivery, Operand] = {}
        received: dict[int, Operand] = {}
        for delivery in (transmission.delivery for transmission in order if transmission.last):
            node, part = delivery.target, delivery.region
            if node not in totals:
                places[delivery] = totals[node] = self._sums_block(node, "total", operator, part).operand(part)
                continue
            if node not in received:
                received[node] = self._sums_block(node, "sums received", operator, part).operand(part)
            places[delivery] = received[node]

        def arrived(message: int, delivery: Delivery) -> None:
            node, part = delivery.target, delivery.region
            self._programs[node].append(Await(message))
            if places[delivery] is not totals[node]:
                cost_ns = self._costs.accumulate_ns(node, part)
                self._programs[node].append(Accumulate(places[delivery], totals[node], cost_ns))

        self._courier.exchange(
            order, lambda delivery: sums[delivery.source].operand(delivery.region), places.__getitem__, arrived
        )
        for node, total in totals.items():
            target = self._values.own(operator.output, node).operand(total.region)
            cost_ns = self._costs.requantise_ns(node, total.region)
            self._programs[node].append(Requantise(operator.name, total, target, cost_ns))
        self._courier.confirm_sent()

    def _sums_block(self, node: int, role: str, operator: Operator, region: Region) -> Block:
        name = f"{operator.output} {role}"
        return self._programs[node].block(name, operator.output, region, Content.PARTIAL_SUMS)

    def _ordered(self, deliveries: Sequence[Delivery]) -> Sequence[Transmission]:
        return ordered_transmissions(self._instance.network, deliveries, self._timeline)

    def _build(self, inputs: Sequence[Operand], outputs: Sequence[Operand], model_hash: str, pack: Packer) -> Plan:
        programs: list[Program] = []
        slots: list[Mapping[int, int]] = []
        for builder in self._programs:
            program, program_slots = builder.build(
                pack,
                inputs if builder.node == self._instance.input_node else (),
                outputs if builder.node == self._instance.output_node else (),
            )
            programs.append(program)
            slots.append(program_slots)
        return Plan(
            model_hash=model_hash,
            cluster_id=cluster_id(self._instance, model_hash),
            arithmetic=self._graph.arithmetic,
            programs=tuple(programs),
            messages=self._courier.messages(slots),
            bus=self._instance.network.bus,
        )
