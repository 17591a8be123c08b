"""A graph and an instance as arrays: what every part of the search reads."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.core.constant_sizes import constant_size
from planner.core.cost import (
    FloatArray,
    ShardCosts,
    compute_features,
    cost_key,
    implementation_of,
    kernel_of,
    operator_features,
)
from planner.core.regions import required, whole
from planner.core.storage import footprint_bytes
from planner.core.transfers import accepts_input_channels
from planner.core.variants import scratch_bytes
from planner.data.graph import Conv, Gather, Graph, Operator, Pad, Pool, Shape, Slice
from planner.data.hardware import Network
from planner.data.instance import Instance
from planner.data.plan import MESSAGE_SLOT_BYTES

IntArray = NDArray[np.int64]

UNREACHABLE = np.int64(2**60)
"""Time of what cannot be done; sums of a few thousand of them do not overflow when they are capped."""

RECORD_BYTES = 1024
"""Estimate of the plan's own records for one operator and chunk on one node: steps, operands, messages."""
PLAN_BYTES = 4096
"""Estimate of the plan's records that do not depend on the split: header, buffers, names."""


def slot_table_bytes(instance: Instance) -> int:
    """Arena bytes that the search leaves free for the message slots of a device."""
    return footprint_bytes(2 * max(1, instance.nodes - 1) * MESSAGE_SLOT_BYTES)


@dataclass(frozen=True)
class Reach:
    """Which part of an input an output box reads.

    Output rows [a, b) read input rows [row_first[a], row_stop[b]), channels likewise, and always the columns
    [column_first, column_stop); a range that comes out empty means that nothing is read.
    """

    row_first: IntArray
    row_stop: IntArray
    channel_first: IntArray
    channel_stop: IntArray
    column_first: int
    column_stop: int

    @property
    def columns(self) -> int:
        return max(0, self.column_stop - self.column_first)


ELEMENT_COUNTS = ("call", "rows", "pixels", "outputs", "odd_outputs")


@dataclass(frozen=True)
class ElementCost:
    """Nanoseconds of an elementwise step on every node: [nodes, features], as `ELEMENT_COUNTS` has them."""

    table: FloatArray


@dataclass(frozen=True)
class Routes:
    """The network as arrays.

    A message s -> t makes `hops[s, t]` hops (-1: no way); hop h leaves node `via[s, t, h]`, occupies the ports
    `ports[s, t, h, :]` (-1 pads) for `message_ns[s, t, h]` + ceil(bytes * `byte_ps[s, t, h]` / 1000).
    """

    hops: NDArray[np.int32]
    message_ns: IntArray
    byte_ps: IntArray
    ports: NDArray[np.int32]
    via: NDArray[np.int32]
    port_count: int

    @staticmethod
    def of(network: Network) -> Routes:
        nodes = network.nodes
        levels = max((len(route) for route in network.routes.values()), default=1)
        width = max((len(hop.ports) for route in network.routes.values() for hop in route), default=1)
        names = sorted({port for route in network.routes.values() for hop in route for port in hop.ports})
        number = {name: index for index, name in enumerate(names)}
        hops = np.full((nodes, nodes), -1, np.int32)
        message_ns = np.zeros((nodes, nodes, levels), np.int64)
        byte_ps = np.zeros((nodes, nodes, levels), np.int64)
        ports = np.full((nodes, nodes, levels, width), -1, np.int32)
        via = np.zeros((nodes, nodes, levels), np.int32)
        for (source, target), route in network.routes.items():
            hops[source, target] = len(route)
            for level, hop in enumerate(route):
                message_ns[source, target, level] = hop.cost.message_ns
                byte_ps[source, target, level] = hop.cost.byte_ps
                ports[source, target, level, : len(hop.ports)] = [number[port] for port in hop.ports]
                via[source, target, level] = hop.source
        return Routes(hops, message_ns, byte_ps, ports, via, max(1, len(names)))


class OperatorData:
    """One operator: shapes, what it reads, what it costs on every device."""

    def __init__(self, graph: Graph, instance: Instance, index: int) -> None:
        self.index = index
        self.operator: Operator = graph.operators[index]
        self.name = self.operator.name
        self.output = self.operator.output
        self.shape: Shape = graph.output_tensor(self.operator).shape
        self.inputs: tuple[str, ...] = tuple(dict.fromkeys(self.operator.inputs))
        self.reaches = tuple(_reach(graph, self.operator, i) for i in range(len(self.operator.inputs)))
        self.accepts_input_channels = accepts_input_channels(graph, self.operator) and all(
            {"partial_sums", "accumulate", cost_key("requantise", graph.arithmetic)} <= set(device.profile.cycles)
            for device in instance.devices
        )
        self._graph = graph
        self._instance = instance

    @cached_property
    def shard_costs(self) -> tuple[ShardCosts, ...]:
        """By device."""
        by_profile: dict[str, ShardCosts] = {}
        for device in self._instance.devices:
            if device.profile.name not in by_profile:
                by_profile[device.profile.name] = ShardCosts(
                    self._graph, self.operator, device.profile, self._graph.arithmetic
                )
        return tuple(by_profile[device.profile.name] for device in self._instance.devices)

    @cached_property
    def scratch_footprints(self) -> IntArray:
        """Arena bytes that computing any part takes as scratch memory: by node."""
        kernel = kernel_of(self._graph, self.operator)
        sizes = [
            scratch_bytes(self._graph, self.operator, kernel, device.profile.kernels)
            for device in self._instance.devices
        ]
        return np.array([footprint_bytes(size) if size else 0 for size in (*sizes, 0)], np.int64)

    def partial_sum_line(self, row_start: int, row_stop: int) -> FloatArray:
        """Nanoseconds of the sums of some rows of the whole output: by device, at depth 0 and per input channel."""
        region = whole(self.shape).with_rows(row_start, row_stop)
        features = operator_features(self._graph, self.operator, region, input_channels=1)
        lines: list[tuple[float, float]] = []
        for device in self._instance.devices:
            table = device.profile.cycles["partial_sums"]
            ns = 1e9 / device.profile.clock_hz
            fixed = sum(table.get(name, 0.0) * count for name, count in features.items() if name != "macs")
            lines.append((fixed * ns, table.get("macs", 0.0) * features["macs"] * ns))
        return np.array(lines)

    @cached_property
    def signature(self) -> tuple[object, ...]:
        """Operators with equal signatures cost the same between equal layouts."""
        operator = self.operator
        shapes = tuple(self._graph.tensors[name].shape for name in operator.inputs)
        same_tensor = tuple(operator.inputs.index(name) for name in operator.inputs)
        kind: tuple[object, ...] = ()
        match operator:
            case Conv():
                kind = (operator.window, operator.groups, operator.weights.shape, operator.weight_zero_point)
            case Pool():
                kind = (operator.window, operator.kind)
            case Pad():
                kind = (operator.padding,)
            case Slice():
                kind = (operator.start,)
            case Gather():
                kind = tuple(part.tobytes() for part in (operator.rows, operator.columns, operator.channels))
        # The loop counts tell what else a kernel's cost depends on: clamps, weights that allow fast sums.
        counts = {
            kernels: tuple(compute_features(self._graph, operator, whole(self.shape), kernels).values())
            for kernels in {device.profile.kernels for device in self._instance.devices}
        }
        variants = tuple(
            (implementation_of(self._graph, operator, device.profile.kernels), counts[device.profile.kernels])
            for device in self._instance.devices
        )
        return (type(operator), shapes, same_tensor, self.shape, variants, *kind)

    @cached_property
    def constant_bytes(self) -> IntArray:
        """Flash of a part of the output, of each of its channels and of any part: [nodes, 2]; 0 on the host."""
        sizes = [constant_size(self._graph, self.operator, device.profile.kernels) for device in self._instance.devices]
        return np.array([*((size.channel_bytes, size.fixed_bytes) for size in sizes), (0, 0)], np.int64)

    @property
    def window_taps(self) -> int:
        """Kernel rows times columns of a convolution."""
        return (
            int(self.operator.weights.shape[1] * self.operator.weights.shape[2])
            if isinstance(self.operator, Conv)
            else 0
        )


class Problem:
    """Everything about a graph and an instance that does not depend on the split.

    `ram_cap_bytes[n]` is what node n's buffers may take, footprints of all buffers but the message slots;
    `flash_cap_bytes[n]` what weights and estimated records may take. The host, the last node, has no caps.
    """

    def __init__(self, graph: Graph, instance: Instance) -> None:
        self.graph = graph
        self.instance = instance
        self.nodes = instance.nodes
        self.devices = len(instance.devices)
        self.operators = tuple(OperatorData(graph, instance, index) for index in range(len(graph.operators)))
        self._by_name = {data.name: data for data in self.operators}
        self.routes = Routes.of(instance.network)
        slots = slot_table_bytes(instance)
        unlimited = np.int64(2**40)
        self._free_bytes = np.array([device.arena_cap_bytes - slots for device in instance.devices] + [unlimited])
        self.ram_cap_bytes = np.maximum(self._free_bytes, 0)
        self.flash_cap_bytes = np.array(
            [max(0, device.plan_cap_bytes - PLAN_BYTES) for device in instance.devices] + [unlimited], np.int64
        )
        self.copy_cost = self._element_cost("copy")
        self.inputs = tuple(dict.fromkeys(end.tensor for end in graph.inputs))
        self.outputs = tuple(dict.fromkeys(end.tensor for end in graph.outputs))

    @cached_property
    def accumulate_cost(self) -> ElementCost:
        return self._element_cost("accumulate")

    @cached_property
    def requantise_cost(self) -> ElementCost:
        return self._element_cost("requantise")

    @cached_property
    def last_use(self) -> Mapping[str, int]:
        """Index of the last operator that holds each tensor; graph outputs are held past the last one."""
        uses = {name: readers[-1] for name, readers in self.graph.consumers.items() if readers}
        unread = {name: 0 for name in self.inputs}
        unread |= {operator.output: index for index, operator in enumerate(self.graph.operators)}
        return unread | uses | {name: len(self.operators) for name in self.outputs}

    def with_extra_ram(self, extra_bytes: int) -> Problem:
        """The same problem with more RAM on every device."""
        richer = copy(self)
        richer.ram_cap_bytes = np.maximum(self._free_bytes + extra_bytes, 0)
        return richer

    def operator(self, name: str) -> OperatorData:
        return self._by_name[name]

    def shape(self, tensor: str) -> Shape:
        return self.graph.tensors[tensor].shape

    def held(self, index: int) -> tuple[str, ...]:
        """Tensors that are live while operator `index` runs, inputs included and output not, in a fixed order."""
        return tuple(
            name
            for name in self.graph.tensors
            if name in self.last_use and self.graph.producers.get(name, -1) < index <= self.last_use[name]
        )

    def _element_cost(self, kernel: str) -> ElementCost:
        key = cost_key(kernel, self.graph.arithmetic)
        rows = []
        for device in self.instance.devices:
            table = device.profile.cycles.get(key, {})
            ns = 1e9 / device.profile.clock_hz
            rows.append([table.get(name, 0.0) * ns for name in ELEMENT_COUNTS])
        return ElementCost(np.array([*rows, [0.0] * len(ELEMENT_COUNTS)]))


def _reach(graph: Graph, operator: Operator, input_index: int) -> Reach:
    shape = graph.output_tensor(operator).shape
    source = graph.tensors[operator.inputs[input_index]].shape
    everything = whole(shape)
    from_row = [
        required(graph, operator, input_index, everything.with_rows(r, shape.height)) for r in range(shape.height)
    ]
    to_row = [required(graph, operator, input_index, everything.with_rows(0, r + 1)) for r in range(shape.height)]
    from_channel = [
        required(graph, operator, input_index, everything.with_channels(c, shape.channels))
        for c in range(shape.channels)
    ]
    to_channel = [
        required(graph, operator, input_index, everything.with_channels(0, c + 1)) for c in range(shape.channels)
    ]
    columns = required(graph, operator, input_index, everything)
    return Reach(
        np.array([source.height if r.empty else r.row_start for r in from_row] + [source.height]),
        np.array([0] + [0 if r.empty else r.row_stop for r in to_row]),
        np.array([source.channels if r.empty else r.channel_start for r in from_channel] + [source.channels]),
        np.array([0] + [0 if r.empty else r.channel_stop for r in to_channel]),
        columns.column_start,
        columns.column_stop,
    )
