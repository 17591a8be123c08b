"""A lower bound on the plan clock over every schedule of every plan that a split can be lowered to.

Three things no plan escapes: the devices together do all needed work, however it is shared out; nothing is computed
before some input has arrived; and after the last computation some result still has to travel. Halos, copies, call
overheads of further shards, waiting and the order of operators only add to that.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from planner.core.cost import compute_features, cost_key, implementation_of, operator_features
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

    max(first arrival + shared work + last departure, load of the ports through which all input and output must go).
    The bound knows no memory: it also holds for plans that would not fit.
    """
    rows = needed_rows(graph)
    arrival_ns = _first_arrival_ns(graph, instance, rows)
    departure_ns = _last_departure_ns(graph, instance)
    work_ns = shared_work_ns(work_matrix(graph, instance, rows))
    return max(math.floor(arrival_ns + work_ns + departure_ns), _port_bound_ns(graph, instance, rows))


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


def work_matrix(graph: Graph, instance: Instance, rows: Mapping[str, BoolArray]) -> FloatArray:
    """Least cost in nanoseconds of each needed row of each operator (first axis) on each device (second axis).

    A device that computes a fraction x of a row's channels, in a shard of any shape and any mode, spends at least x
    times this: what a shard costs besides (its call, and with a channel layout the work per pixel) does not shrink with
    x, and the call is counted at its fraction of all rows. Partial sums cost their kernel's rate, which is taken where
    it is lower. A kernel with negative coefficients, for which this fails, counts nothing.
    """
    matrix: list[list[float]] = []
    for operator in graph.operators:
        everything = whole(graph.output_tensor(operator).shape)
        regions = [everything.with_rows(int(r), int(r) + 1) for r in np.flatnonzero(rows[operator.output])]
        for region in regions:
            share = {"call": 1 / everything.rows}
            sums = [{**operator_features(graph, operator, region), **share}] * accepts_input_channels(graph, operator)
            least: list[float] = []
            for profile in (device.profile for device in instance.devices):
                key = cost_key(implementation_of(graph, operator, profile.kernels), graph.arithmetic)
                features = {**compute_features(graph, operator, region, profile.kernels, exact=False), **share}
                rates = [_rate_ns(profile, key, features), *(_rate_ns(profile, "partial_sums", f) for f in sums)]
                least.append(min(rates))
            matrix.append(least)
    return np.array(matrix, dtype=np.float64).reshape(-1, len(instance.devices))


def shared_work_ns(costs: FloatArray) -> float:
    """A lower bound on the largest load when jobs (first axis) are shared out freely over devices (second axis).

    For any weights w >= 0 of sum 1, max_d load_d >= sum_d w_d load_d >= sum_j min_d w_d costs[j, d]: whatever the
    ascent below finds is valid. At the best weights this is the optimum of the fractional problem (LP duality).
    """
    if costs.size == 0:
        return 0.0
    weights = 1 / np.maximum(costs.sum(axis=0), 1e-9)
    weights /= weights.sum()
    best = 0.0
    for step in range(ASCENT_STEPS):
        weighted = costs * weights
        chosen = weighted.argmin(axis=1)
        value = float(weighted[np.arange(len(costs)), chosen].sum())
        best = max(best, value)
        loads = np.bincount(chosen, weights=costs[np.arange(len(costs)), chosen], minlength=costs.shape[1])
        if loads.sum() == 0:
            break
        weights = weights * np.exp((loads / loads.sum() - 1 / costs.shape[1]) / (1 + step / 10))
        weights /= weights.sum()
    return best


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
            _add_load(loads_ns, first_hops, _needed_bytes(graph, name, rows))
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


def _needed_bytes(graph: Graph, tensor: str, rows: Mapping[str, BoolArray]) -> int:
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
