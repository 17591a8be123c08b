"""A lower bound on the plan clock over every schedule of every plan that a split can be lowered to.

Three things no plan escapes: the devices together do all needed work and receive all needed input, however both are
shared out; nothing is computed before some input has arrived; and after the last computation some result still has to
travel. Halos, copies, call overheads of further shards, waiting and the order of operators only add to that.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.core.cost import (
    Features,
    compute_features,
    cost_key,
    element_features,
    implementation_of,
    operator_features,
)
from planner.core.regions import required, whole
from planner.core.transfers import accepts_input_channels
from planner.data.graph import Concat, Graph, Operator
from planner.data.hardware import CostProfile, Hop
from planner.data.instance import Instance
from planner.data.region import Region

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
ASCENT_STEPS = 400


def schedule_lower_bound(graph: Graph, instance: Instance) -> int:
    """Nanoseconds that no plan of the graph over the instance's fleet can beat on the plan clock.

    The largest of: first arrival, shared work, last departure in a row; shared work and receiving, last departure; load
    of the ports through which all input and output must go. The bound knows no memory: it also holds for plans that
    would not fit.
    """
    rows = needed_rows(graph)
    work = [alternatives_ns(graph, instance, operator, rows[operator.output]) for operator in graph.operators]
    receiving = [[_receiving_ns(graph, instance, name, rows)] for name in {end.tensor for end in graph.inputs}]
    busy_ns = max(
        _first_arrival_ns(graph, instance, rows) + shared_work_ns(work),
        shared_work_ns([*work, *receiving]),
    )
    departure_ns = _last_departure_ns(graph, instance)
    return max(math.floor(busy_ns + departure_ns), _port_bound_ns(graph, instance, rows))


def needed_rows(graph: Graph) -> Mapping[str, BoolArray]:
    """For each tensor, which of its rows some graph output depends on."""
    rows = {name: np.zeros(tensor.shape.height, dtype=np.bool_) for name, tensor in graph.tensors.items()}
    for end in graph.outputs:
        rows[end.tensor][:] = True
    for operator in reversed(graph.operators):
        everything = whole(graph.output_tensor(operator).shape)
        for row in np.flatnonzero(rows[operator.output]):
            for index, name in enumerate(operator.inputs):
                need = required(graph, operator, index, everything.with_rows(int(row), int(row) + 1))
                if not need.empty:
                    rows[name][need.row_start : need.row_stop] = True
    return rows


def alternatives_ns(graph: Graph, instance: Instance, operator: Operator, rows: BoolArray) -> list[FloatArray]:
    """The ways to compute an operator, one per mode, each as jobs: [jobs, devices] of least cost in nanoseconds.

    A job is a needed row. A device that does a fraction x of it, in a shard of any shape, spends at least x times its
    cost here: what a shard costs besides (its call; with a channel layout, the work per pixel) does not shrink with x,
    and the call is counted at the row's fraction of all rows. From input channels, every row is summed and requantised,
    two jobs. A kernel with negative coefficients, for which this fails, counts nothing.
    """
    everything = whole(graph.output_tensor(operator).shape)
    regions = [everything.with_rows(int(row), int(row) + 1) for row in np.flatnonzero(rows)]

    def jobs(kernel: Callable[[str], str], features: Callable[[Region, str], Features]) -> list[list[float]]:
        def rate_ns(profile: CostProfile, region: Region) -> float:
            counts = {**features(region, profile.kernels), "call": 1 / everything.rows}
            return _rate_ns(profile, cost_key(kernel(profile.kernels), graph.arithmetic), counts)

        return [[rate_ns(device.profile, region) for device in instance.devices] for region in regions]

    ways = [
        jobs(
            lambda variant: implementation_of(graph, operator, variant),
            lambda region, variant: compute_features(graph, operator, region, variant, exact=False),
        )
    ]
    if accepts_input_channels(graph, operator):
        sums = jobs(lambda _: "partial_sums", lambda region, _: operator_features(graph, operator, region))
        ways.append(sums + jobs(lambda _: "requantise", lambda region, _: element_features(region)))
    return [np.array(way, dtype=np.float64).reshape(-1, len(instance.devices)) for way in ways]


def shared_work_ns(work: Sequence[Sequence[FloatArray]]) -> float:
    """A lower bound on the largest load of any device when all work is shared out freely.

    Of each item's alternatives one is chosen, all its jobs [jobs, devices] are done. For any weights w >= 0 of sum 1,
    max_d load_d >= sum_d w_d load_d >= sum over items of the least alternative's sum_j min_d w_d cost[j, d]: whatever
    the ascent below finds is valid. Without alternatives the best weights give the optimum of the fractional problem
    (LP duality).
    """
    items = [item for item in work if min(len(jobs) for jobs in item) > 0]
    if not items:
        return 0.0
    totals = sum(item[0].sum(axis=0) for item in items)
    weights = 1 / np.maximum(totals, 1e-9)
    weights /= weights.sum()
    best = 0.0
    for step in range(ASCENT_STEPS):
        priced = [min((_priced(jobs, weights) for jobs in item), key=lambda price: price[0]) for item in items]
        best = max(best, sum(value for value, _ in priced))
        loads = np.sum([load for _, load in priced], axis=0)
        if loads.sum() == 0:
            break
        weights = weights * np.exp((loads / loads.sum() - 1 / len(loads)) / (1 + step / 10))
        weights /= weights.sum()
    return best


def _priced(jobs: FloatArray, weights: FloatArray) -> tuple[float, FloatArray]:
    """Weighted cost of the jobs, each on the device where it weighs least, and the devices' loads so."""
    weighted = jobs * weights
    chosen = weighted.argmin(axis=1)
    every = np.arange(len(jobs))
    loads = np.bincount(chosen, weights=jobs[every, chosen], minlength=len(weights))
    return float(weighted[every, chosen].sum()), loads.astype(np.float64)


def _receiving_ns(graph: Graph, instance: Instance, tensor: str, rows: Mapping[str, BoolArray]) -> FloatArray:
    """Jobs of receiving a graph input: a device computes nothing while it waits for what it fetches.

    Whatever comes from the input node reaches a device over one last hop, so that a device receives one after another.
    """
    size_bytes = needed_bytes(graph, tensor, rows)
    routes = [instance.network.routes.get((instance.input_node, node)) for node in range(len(instance.devices))]
    return np.array([[route[-1].cost.duration_ns(size_bytes) if route and size_bytes else 0.0 for route in routes]])


def _rate_ns(profile: CostProfile, kernel: str, features: Mapping[str, float]) -> float:
    table = profile.cycles[kernel]
    if min(table.values(), default=0.0) < 0:
        return 0.0
    return sum(table.get(name, 0.0) * count for name, count in features.items()) * 1e9 / profile.clock_hz


def _first_arrival_ns(graph: Graph, instance: Instance, rows: Mapping[str, BoolArray]) -> int:
    """Least time at which any device can have what any computation needs of the graph inputs."""
    inputs = {end.tensor for end in graph.inputs}
    sizes: list[int] = []
    for operator in graph.operators:
        for unit in _units(graph, operator, rows[operator.output]):
            needs = [required(graph, operator, index, unit) for index in range(len(operator.inputs))]
            if all(need.empty for need in needs):
                return 0
            given = [need for name, need in zip(operator.inputs, needs, strict=True) if name in inputs]
            sizes += [need.elements for need in given if not need.empty]
    return _least_route_ns(instance, instance.input_node, None, min(sizes, default=0))


def _units(graph: Graph, operator: Operator, rows: BoolArray) -> Iterator[Region]:
    """The smallest shards: one row of one channel, one for each kind of channel."""
    everything = whole(graph.output_tensor(operator).shape)
    channels = [0]
    if isinstance(operator, Concat):
        depths = [tensor.shape.channels for tensor in graph.input_tensors(operator)]
        channels = [sum(depths[:index]) for index in range(len(depths))]
    for row in np.flatnonzero(rows):
        for channel in channels:
            yield everything.with_rows(int(row), int(row) + 1).with_channels(channel, channel + 1)


def _last_departure_ns(graph: Graph, instance: Instance) -> int:
    """Least time from the last computation on a device to the arrival of an output."""
    shapes = [graph.tensors[end.tensor].shape for end in graph.outputs]
    smallest = min(shape.elements // max(shape.height, shape.channels) for shape in shapes)
    return _least_route_ns(instance, None, instance.output_node, smallest)


def _least_route_ns(instance: Instance, source: int | None, target: int | None, size_bytes: int) -> int:
    """Least time of a message from `source` to `target`, where None stands for the best device."""
    devices = range(len(instance.devices))
    if (source if target is None else target) in devices:
        return 0
    pairs = [(node, target) if source is None else (source, node) for node in devices]
    times = [
        sum(hop.cost.duration_ns(size_bytes) for hop in route)
        for pair, route in instance.network.routes.items()
        if pair in pairs
    ]
    return min(times, default=0)


def _port_bound_ns(graph: Graph, instance: Instance, rows: Mapping[str, BoolArray]) -> int:
    """Load of the ports through which everything passes that leaves or reaches the host."""
    routes, host = instance.network.routes, instance.host
    loads_ns: defaultdict[str, int] = defaultdict(int)
    if instance.input_node == host:
        first_hops = [route[0] for (source, _), route in routes.items() if source == host]
        for name in {end.tensor for end in graph.inputs}:
            _add_load(loads_ns, first_hops, needed_bytes(graph, name, rows))
    if instance.output_node == host:
        last_hops = [route[-1] for (_, target), route in routes.items() if target == host]
        for name in {end.tensor for end in graph.outputs} & graph.producers.keys():
            _add_load(loads_ns, last_hops, graph.tensors[name].shape.elements)
    return max(loads_ns.values(), default=0)


def _add_load(loads_ns: defaultdict[str, int], hops: Sequence[Hop], size_bytes: int) -> None:
    """Add the least load of `size_bytes` that go over any of the hops to the ports that all the hops share."""
    if hops and size_bytes:
        least_ns = min(hop.cost.duration_ns(size_bytes) for hop in hops)
        for port in frozenset.intersection(*(frozenset(hop.ports) for hop in hops)):
            loads_ns[port] += least_ns


def needed_bytes(graph: Graph, tensor: str, rows: Mapping[str, BoolArray]) -> int:
    """Elements of a graph input that some computation needs."""
    needs: list[Region] = []
    for index in graph.consumers[tensor]:
        operator = graph.operators[index]
        if rows[operator.output].any():
            everything = whole(graph.output_tensor(operator).shape)
            needs += [
                required(graph, operator, n, everything) for n, name in enumerate(operator.inputs) if name == tensor
            ]
    pixel_rows = [need.columns * need.channels for need in needs if not need.empty]
    return int(rows[tensor].sum()) * min(pixel_rows, default=0)
