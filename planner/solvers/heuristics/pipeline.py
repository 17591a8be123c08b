"""Whole operators on devices, one after another."""

from __future__ import annotations

from itertools import accumulate

from planner.core.regions import whole
from planner.core.step_costs import StepCosts
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, OperatorSplit, Split


def layer_pipeline(graph: Graph, instance: Instance) -> Split:
    """Consecutive whole operators on each device in the fleet's order, so that the busiest does least."""
    stage_of = [device for device, (start, stop) in enumerate(_stages(graph, instance)) for _ in range(start, stop)]
    return Split(
        {
            operator.name: OperatorSplit(
                Layout.single(Axis.ROWS, graph.output_tensor(operator).shape.height, device, instance.nodes)
            )
            for operator, device in zip(graph.operators, stage_of, strict=True)
        }
    )


def _stages(graph: Graph, instance: Instance) -> list[tuple[int, int]]:
    """The range of operators of each device, maybe empty; minimises the largest computation time of a device.

    least[n] is the optimum for the first n operators on the devices so far.
    """
    costs = StepCosts(graph, instance)
    count = len(graph.operators)
    least = [0, *[2**62] * count]
    starts: list[list[int]] = []
    for device in range(len(instance.devices)):
        times = [costs.compute_ns(device, o, whole(graph.output_tensor(o).shape)) for o in graph.operators]
        until = [0, *accumulate(times)]
        options = [
            min((max(least[start], until[stop] - until[start]), start) for start in range(stop + 1))
            for stop in range(count + 1)
        ]
        least = [value for value, _ in options]
        starts.append([start for _, start in options])
    stages: list[tuple[int, int]] = []
    stop = count
    for by_stop in reversed(starts):
        stages.append((by_stop[stop], stop))
        stop = by_stop[stop]
    return stages[::-1]
