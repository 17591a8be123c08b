"""A lower bound on the phase model that also holds for fused plans."""

from __future__ import annotations

import math

from planner.core.bounds import alternatives_ns, needed_bytes, needed_rows, shared_work_ns
from planner.data.graph import Graph
from planner.data.hardware import Hop
from planner.data.instance import Instance

COVERS = (
    "every plan on one device, whatever it fuses and however it rolls: the computation of every needed row, and the "
    "input's and the output's bytes in at least one message each; time of the phase model"
)


def fused_lower_bound_ns(graph: Graph, instance: Instance) -> int:
    """What no plan on the instance's only device can beat: each needed row is computed, each needed byte travels."""
    rows = needed_rows(graph)
    work = [alternatives_ns(graph, instance, operator, rows[operator.output]) for operator in graph.operators]
    total_ns = math.floor(shared_work_ns(work))
    routes, source, target = instance.network.routes, instance.input_node, instance.output_node
    inputs = dict.fromkeys(end.tensor for end in graph.inputs)
    for name in inputs if source != 0 else ():
        total_ns += _journey_ns(routes[source, 0], needed_bytes(graph, name, rows))
    for name in dict.fromkeys(end.tensor for end in graph.outputs if end.tensor not in inputs) if target != 0 else ():
        total_ns += _journey_ns(routes[0, target], graph.tensors[name].shape.elements)
    return total_ns


def _journey_ns(hops: tuple[Hop, ...], size_bytes: int) -> int:
    return sum(hop.cost.duration_ns(size_bytes) for hop in hops) if size_bytes else 0
