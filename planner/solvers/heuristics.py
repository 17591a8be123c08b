"""Splits that people make by hand: one rule for every operator, all in mode OWN_OUTPUT, in one piece.

They are what optimised plans are compared with, and first incumbents of a search. None looks at RAM caps except
`ram_proportional_rows`, so the plan of a heuristic may not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate

from planner.core.regions import axis_size, whole
from planner.core.step_costs import StepCosts
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, OperatorSplit, Split

Heuristic = Callable[[Graph, Instance], Split]


def equal_rows(graph: Graph, instance: Instance) -> Split:
    """Every output cut into as many equal row ranges as there are devices."""
    return _proportional(graph, Axis.ROWS, [1] * len(instance.devices))


def equal_kernels(graph: Graph, instance: Instance) -> Split:
    """Every output cut into as many equal ranges of channels (kernels) as there are devices."""
    return _proportional(graph, Axis.CHANNELS, [1] * len(instance.devices))


def speed_proportional_rows(graph: Graph, instance: Instance) -> Split:
    """Row ranges in proportion to how fast each device computes the whole network."""
    return _proportional(graph, Axis.ROWS, device_speeds(graph, instance))


def speed_proportional_kernels(graph: Graph, instance: Instance) -> Split:
    """Channel ranges in proportion to how fast each device computes the whole network."""
    return _proportional(graph, Axis.CHANNELS, device_speeds(graph, instance))


def ram_proportional_rows(graph: Graph, instance: Instance) -> Split:
    """Row ranges in proportion to the RAM that each device leaves to a plan."""
    return _proportional(graph, Axis.ROWS, [max(1, device.arena_cap_bytes) for device in instance.devices])


def single_device(graph: Graph, instance: Instance, device: int) -> Split:
    """The whole network on one device."""
    return _proportional(graph, Axis.ROWS, [int(n == device) for n in range(len(instance.devices))])


HEURISTICS: Mapping[str, Heuristic] = {
    "equal-rows": equal_rows,
    "equal-kernels": equal_kernels,
    "speed-proportional-rows": speed_proportional_rows,
    "speed-proportional-kernels": speed_proportional_kernels,
    "ram-proportional-rows": ram_proportional_rows,
}


def heuristics(instance: Instance) -> Mapping[str, Heuristic]:
    """All heuristics for a fleet by name: `HEURISTICS`, and each device alone."""
    alone = {f"only-{device.name}": partial(single_device, device=n) for n, device in enumerate(instance.devices)}
    return {**HEURISTICS, **alone}


def device_speeds(graph: Graph, instance: Instance) -> list[float]:
    """Networks per second of each device, computation alone."""
    costs = StepCosts(graph, instance)
    return [
        1e9 / max(1, sum(costs.compute_ns(n, o, whole(graph.output_tensor(o).shape)) for o in graph.operators))
        for n in range(len(instance.devices))
    ]


def _proportional(graph: Graph, axis: Axis, weights: Sequence[float]) -> Split:
    """Every output cut along one axis in proportion to the devices' weights; the host gets nothing."""
    shares = [0.0, *(total / sum(weights) for total in accumulate(weights))]
    operators: dict[str, OperatorSplit] = {}
    for operator in graph.operators:
        size = axis_size(graph.output_tensor(operator).shape, axis)
        bounds = [round(size * share) for share in shares]
        operators[operator.name] = OperatorSplit(Layout.from_bounds(axis, (*bounds, size)))
    return Split(operators)
