"""Random valid splits of a graph over the devices of an instance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from planner.core.regions import axis_size
from planner.core.transfers import accepts_input_channels
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, Mode, OperatorSplit, Split


def random_layout(rng: np.random.Generator, axis: Axis, size: int, nodes: int) -> Layout:
    """Random ranges over the devices in a random order of nodes, some of them empty; the host's is empty."""
    devices = nodes - 1
    used = [int(node) for node in rng.permutation(devices)[: int(rng.integers(1, devices + 1))]]
    cuts = sorted(int(cut) for cut in rng.integers(0, size + 1, len(used) - 1))
    bounds = [0, *cuts, size]
    ranges = [(0, 0)] * nodes
    for node, (start, stop) in zip(used, pairwise(bounds), strict=True):
        if start != stop:
            ranges[node] = (start, stop)
    return Layout(axis, tuple(ranges))


def random_split(graph: Graph, instance: Instance, seed: int) -> Split:
    """Random layouts, modes and chunks; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    operators: dict[str, OperatorSplit] = {}
    channel_tensors: set[str] = set()
    for operator in graph.operators:
        axis = list(Axis)[int(rng.integers(2))]
        shape = graph.output_tensor(operator).shape
        layout = random_layout(rng, axis, axis_size(shape, axis), instance.nodes)
        sums = accepts_input_channels(graph, operator) and operator.inputs[0] in channel_tensors and rng.integers(2)
        chunks = int(rng.integers(1, 5)) if rng.integers(3) == 0 else 1
        operators[operator.name] = OperatorSplit(layout, Mode.INPUT_CHANNELS if sums else Mode.OWN_OUTPUT, chunks)
        if axis is Axis.CHANNELS:
            channel_tensors.add(operator.output)
    return Split(operators)
