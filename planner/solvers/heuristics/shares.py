"""One rule for all operators: every output cut along one axis in proportion to the same weights, or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from planner.core.regions import axis_size, whole
from planner.core.step_costs import StepCosts
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.split import Axis, OperatorSplit, Split
from planner.solvers.layout_set import layout_of_shares


def equal_rows(graph: Graph, instance: Instance) -> Split:
    """Every output cut into as many equal row ranges as there are devices."""
    return proportional(graph, Axis.ROWS, [1] * len(instance.devices))


def equal_kernels(graph: Graph, instance: Instance) -> Split:
    """Every output cut into as many equal ranges of kernels as there are devices (the seed's, in whole kernels)."""
    return proportional(graph, Axis.CHANNELS, [1] * len(instance.devices))


def speed_proportional_rows(graph: Graph, instance: Instance) -> Split:
    """Row ranges in proportion to how fast each device computes the whole network."""
    return proportional(graph, Axis.ROWS, device_speeds(graph, instance))


def speed_proportional_kernels(graph: Graph, instance: Instance) -> Split:
    """Ranges of kernels in proportion to how fast each device computes the whole network (the seed's, by rating)."""
    return proportional(graph, Axis.CHANNELS, device_speeds(graph, instance))


def ram_proportional_rows(graph: Graph, instance: Instance) -> Split:
    """Row ranges in proportion to the RAM that each device leaves to a plan."""
    return proportional(graph, Axis.ROWS, _arenas(instance))


def ram_proportional_kernels(graph: Graph, instance: Instance) -> Split:
    """Ranges of kernels in proportion to the RAM that each device leaves to a plan."""
    return proportional(graph, Axis.CHANNELS, _arenas(instance))


def single_device(graph: Graph, instance: Instance, device: int) -> Split:
    """The whole network on one device."""
    return proportional(graph, Axis.ROWS, [int(n == device) for n in range(len(instance.devices))])


def device_speeds(graph: Graph, instance: Instance) -> list[float]:
    """Networks per second of each device, computation alone."""
    costs = StepCosts(graph, instance)
    return [
        1e9 / max(1, sum(costs.compute_ns(n, o, whole(graph.output_tensor(o).shape)) for o in graph.operators))
        for n in range(len(instance.devices))
    ]


def proportional(graph: Graph, axis: Axis, weights: Sequence[float]) -> Split:
    """Every output cut along one axis in proportion to the devices' weights; the host gets nothing."""
    return Split(
        {
            operator.name: OperatorSplit(
                layout_of_shares(axis, axis_size(graph.output_tensor(operator).shape, axis), weights)
            )
            for operator in graph.operators
        }
    )


def _arenas(instance: Instance) -> list[int]:
    return [max(1, device.arena_cap_bytes) for device in instance.devices]
