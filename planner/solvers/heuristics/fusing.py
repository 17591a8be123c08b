"""Early operators fused, the rest one by one on a single device: what others do where memory is short.

Each rule is a sequence of splits, from what its authors describe to what takes ever less memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.core.columns import ColumnRolling
from planner.core.segments import leaving_early
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, OperatorSplit, Overlap, Segment, Split, Stage
from planner.solvers.heuristics.shares import device_speeds
from planner.solvers.layout_set import layout_of_shares

REDUCTIONS = (8, 16, 32)
"""Operators are fused until the maps have the input's height divided by one of these."""
PATCHES = (4, 8, 16, 32)
"""Patches along each side of the last fused map."""
STREAMED_ROWS = 4
"""Rows of input in one message where memory is short."""


def fused_rows(graph: Graph, instance: Instance) -> Iterator[Split]:
    """DeepThings: early operators fused to an eighth of the height, an equal band of rows on each device, each band at
    once; the rest on the fastest device. Capped: bands that roll row by row, more operators fused."""
    equal = [1.0] * len(instance.devices)
    for reduction in REDUCTIONS:
        stop = _fused_until(graph, reduction)
        height = _output_height(graph, stop)
        for rows in (height, 1):
            yield _fused(graph, instance, stop, equal, rows, columns=0)


def patches(graph: Graph, instance: Instance) -> Iterator[Split]:
    """MCUNetV2: on the fastest device, early operators fused to an eighth of the height and worked off in 4 x 4 patches
    (columns that two patches share are computed twice, rows kept), then operator by operator. Capped: smaller patches,
    more operators fused."""
    fastest = _fastest(graph, instance)
    alone = [float(node == fastest) for node in range(len(instance.devices))]
    for reduction in REDUCTIONS:
        stop = _fused_until(graph, reduction)
        height, width = _output_height(graph, stop), _output_width(graph, stop)
        for count in PATCHES:
            yield _fused(graph, instance, stop, alone, -(-height // count), -(-width // count))


def _fused(graph: Graph, instance: Instance, stop: int, shares: Sequence[float], rows: int, columns: int) -> Split:
    """The operators before `stop` as one segment that advances by so many rows and columns of its output.

    With `columns` 0 it advances by whole rows; a stage computes the part of its output that is as large a part of it.
    """
    fastest = _fastest(graph, instance)
    rest = {
        operator.name: OperatorSplit(
            Layout.single(Axis.ROWS, graph.output_tensor(operator).shape.height, fastest, instance.nodes)
        )
        for operator in graph.operators[stop:]
    }
    if stop == 0:
        return Split(rest)
    height, width = _output_height(graph, stop), _output_width(graph, stop)
    stages: list[Stage] = []
    while (position := sum(len(stage.operators) for stage in stages)) < stop:
        names = tuple(operator.name for operator in graph.operators[position : min(position + 3, stop)])
        stages.append(_stage(graph, names, rows / height, columns / width))
    input_height = graph.tensors[graph.operators[0].inputs[0]].shape.height
    streamed = input_height if rows == height else STREAMED_ROWS
    return Split(rest, (Segment(tuple(stages), layout_of_shares(Axis.ROWS, height, shares), streamed),))


def _stage(graph: Graph, names: tuple[str, ...], rows_part: float, columns_part: float) -> Stage:
    """The next three operators rolling over columns if they can and should, else the next one alone."""
    shapes = {operator.name: graph.output_tensor(operator).shape for operator in graph.operators}
    last = shapes[names[-1]]
    stage = Stage(names[:1], max(1, round(shapes[names[0]].height * rows_part)))
    columns = max(1, round(last.width * columns_part))
    if len(names) < 3 or columns_part == 0 or columns >= last.width:
        return stage
    rolling = Stage(names, max(1, round(last.height * rows_part)), columns, Overlap.RECOMPUTED)
    try:
        ColumnRolling(graph, rolling)
    except ValueError:
        return stage
    return rolling


def _fused_until(graph: Graph, reduction: int) -> int:
    """How many operators can be fused before the maps have less than the input's height divided by `reduction`."""
    height = graph.tensors[graph.operators[0].inputs[0]].shape.height if graph.operators else 0
    stops = [
        stop
        for stop in range(1, len(graph.operators) + 1)
        if _output_height(graph, stop) * reduction >= height and not leaving_early(graph, 0, stop)
    ]
    return max(stops, default=0)


def _output_height(graph: Graph, stop: int) -> int:
    return graph.output_tensor(graph.operators[stop - 1]).shape.height


def _output_width(graph: Graph, stop: int) -> int:
    return graph.output_tensor(graph.operators[stop - 1]).shape.width


def _fastest(graph: Graph, instance: Instance) -> int:
    speeds = device_speeds(graph, instance)
    return max(range(len(speeds)), key=speeds.__getitem__)
