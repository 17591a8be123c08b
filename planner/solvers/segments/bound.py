"""A lower bound on the phase model that also holds for fused plans."""

from __future__ import annotations

import math
from collections.abc import Sequence

from planner.core.bounds import alternatives_ns, needed_bytes, needed_rows, shared_work_ns
from planner.data.graph import Graph
from planner.data.hardware import Hop
from planner.data.instance import Instance


def fused_lower_bound_ns(graph: Graph, instance: Instance) -> int:
    """What no plan can beat: each needed row is computed, each needed byte travels, computing and travelling apart."""
    rows = needed_rows(graph)
    work = [alternatives_ns(graph, instance, operator, rows[operator.output]) for operator in graph.operators]
    total_ns = math.floor(shared_work_ns(work))
    inputs = dict.fromkeys(end.tensor for end in graph.inputs)
    if instance.input_node == instance.host:
        first_hops = [route[0] for (source, _), route in instance.network.routes.items() if source == instance.host]
        total_ns += sum(_least_ns(first_hops, needed_bytes(graph, name, rows)) for name in inputs)
    if instance.output_node == instance.host:
        last_hops = [route[-1] for (_, target), route in instance.network.routes.items() if target == instance.host]
        outputs = dict.fromkeys(end.tensor for end in graph.outputs if end.tensor not in inputs)
        total_ns += sum(_least_ns(last_hops, graph.tensors[name].shape.elements) for name in outputs)
    return total_ns


def _least_ns(hops: Sequence[Hop], size_bytes: int) -> int:
    """Load of the port that all hops share, if there is one, by bytes that go over any of them."""
    if not hops or not size_bytes or not frozenset.intersection(*(frozenset(hop.ports) for hop in hops)):
        return 0
    return min(hop.cost.duration_ns(size_bytes) for hop in hops)
