"""Random valid splits of a graph over the devices of an instance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from planner.core.columns import ColumnRolling
from planner.core.regions import axis_size
from planner.core.segments import check_segment
from planner.core.transfers import accepts_input_channels
from planner.data.graph import Graph, Operator
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, Mode, OperatorSplit, Overlap, Segment, Split, Stage


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


def on_first_board(graph: Graph, instance: Instance) -> Split:
    """Every operator whole on the first device."""
    heights = {operator.name: graph.output_tensor(operator).shape.height for operator in graph.operators}
    return Split(
        {name: OperatorSplit(Layout.single(Axis.ROWS, height, 0, instance.nodes)) for name, height in heights.items()}
    )


def random_split(graph: Graph, instance: Instance, seed: int, segments: bool = False) -> Split:
    """Random layouts, modes, chunks and, if asked for, segments; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    rolled = _random_segments(rng, graph, instance.nodes) if segments else ()
    inside = {name for segment in rolled for name in segment.operators}
    operators: dict[str, OperatorSplit] = {}
    channel_tensors: set[str] = set()
    for operator in graph.operators:
        if operator.name in inside:
            continue
        axis = list(Axis)[int(rng.integers(2))]
        shape = graph.output_tensor(operator).shape
        layout = random_layout(rng, axis, axis_size(shape, axis), instance.nodes)
        sums = accepts_input_channels(graph, operator) and operator.inputs[0] in channel_tensors and rng.integers(2)
        chunks = int(rng.integers(1, 5)) if rng.integers(3) == 0 else 1
        operators[operator.name] = OperatorSplit(layout, Mode.INPUT_CHANNELS if sums else Mode.OWN_OUTPUT, chunks)
        if axis is Axis.CHANNELS:
            channel_tensors.add(operator.output)
    return Split(operators, rolled)


def _random_segments(rng: np.random.Generator, graph: Graph, nodes: int) -> tuple[Segment, ...]:
    """Disjoint random segments, from the front of the graph to its end."""
    result: list[Segment] = []
    position = 0
    while position < len(graph.operators):
        segment = _random_segment(rng, graph, nodes, position)
        if rng.integers(3) == 0 or not _fits(graph, segment, position):
            position += 1
        else:
            result.append(segment)
            position += len(segment.operators)
    return tuple(result)


def _random_segment(rng: np.random.Generator, graph: Graph, nodes: int, position: int) -> Segment:
    length = int(rng.integers(1, len(graph.operators) - position + 1))
    operators = graph.operators[position : position + length]
    height = graph.output_tensor(operators[-1]).shape.height
    stages: list[Stage] = []
    while operators:
        stages.append(_random_stage(rng, graph, operators))
        operators = operators[len(stages[-1].operators) :]
    return Segment(tuple(stages), random_layout(rng, Axis.ROWS, height, nodes), int(rng.integers(1, 4)))


def _random_stage(rng: np.random.Generator, graph: Graph, operators: Sequence[Operator]) -> Stage:
    """A stage that begins with the first operator: rolling over columns if it can, and often its rows."""
    names = tuple(operator.name for operator in operators[:3])
    rows = int(rng.integers(1, 4))
    overlap = list(Overlap)[int(rng.integers(2))]
    try:
        stage = Stage(names, rows, int(rng.integers(1, 4)), overlap)
        ColumnRolling(graph, stage)
    except ValueError:
        return Stage(names[:1], rows)
    return stage


def _fits(graph: Graph, segment: Segment, position: int) -> bool:
    try:
        check_segment(graph, segment, position)
    except ValueError:
        return False
    return True
