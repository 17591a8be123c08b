"""One stage of a fused segment as arrays: what it reads, and what each advance costs on every kind of device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.core.columns import ColumnRolling, HiddenRows
from planner.core.regions import whole
from planner.core.step_costs import StepCosts
from planner.data.graph import Conv, Graph, Operator, Pad, Pool, Window
from planner.data.region import Region
from planner.data.split import Overlap, Stage
from planner.solvers.layout_set import IntArray
from planner.solvers.problem import OperatorData, Problem, Reach

WHOLE_ROWS, SAVED, RECOMPUTED = 0, 1, 2
"""How a stage rolls, as the compiled loops know it."""
FLAGS = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True)
class StageTable:
    """A stage of which only the place of its inputs in the segment is open.

    `reads[i]` are the rows of input i that its first operator reads, `hidden` those of the first operator's output that
    its last one reads (None if there is one operator). `cost_ns[kind, start, rows, first, last]` is the CPU time of
    an advance from row `start`, `first` and `last` being 1 in a node's first and last advance.
    """

    inputs: tuple[str, ...]
    output: str
    rows: int
    rolling: int
    reads: tuple[Reach, ...]
    hidden: Reach | None
    cost_ns: IntArray
    ring_row_bytes: int
    patch_row_bytes: int
    strip_row_bytes: int
    tile_row_bytes: int
    scratch_bytes: IntArray


class StageTables:
    """The tables of a problem's stages, computed once. Kinds are the different profiles of the fleet."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._costs = StepCosts(problem.graph, problem.instance)
        self._data = {data.name: data for data in problem.operators}
        names = [device.profile.name for device in problem.instance.devices]
        self._models = [names.index(name) for name in dict.fromkeys(names)]
        kinds = list(dict.fromkeys(names))
        self.kind_of: NDArray[np.int64] = np.array([kinds.index(name) for name in names])
        self._step_ns: dict[tuple[object, ...], IntArray] = {}
        self._cost_ns: dict[tuple[object, ...], IntArray] = {}

    @property
    def kinds(self) -> int:
        return len(self._models)

    def table(self, stage: Stage) -> StageTable:
        """The table of a stage. Raises ValueError if its operators cannot roll over columns."""
        data = [self._data[name] for name in stage.operators]
        first, last = data[0], data[-1]
        rolling = ColumnRolling(self._problem.graph, stage) if stage.columns else None
        patch, strip, tile = (0, 0, 0)
        if rolling:
            hidden, middle = data[0].shape, data[1].shape
            patch = rolling.patch_columns * hidden.channels
            strip = hidden.width * hidden.channels
            tile = stage.columns * middle.channels
        mode = WHOLE_ROWS if rolling is None else SAVED if stage.overlap is Overlap.SAVED else RECOMPUTED
        return StageTable(
            first.operator.inputs,
            last.output,
            stage.rows,
            mode,
            first.reaches,
            data[1].reaches[0] if rolling else None,
            self._costs_of(stage, data, rolling),
            last.shape.width * last.shape.channels,
            patch,
            strip,
            tile,
            np.array(
                [max(self._costs.scratch_bytes(model, d.operator) for d in data) for model in self._models], np.int64
            ),
        )

    def _costs_of(self, stage: Stage, data: Sequence[OperatorData], rolling: ColumnRolling | None) -> IntArray:
        key = (stage.rows, stage.columns, stage.overlap, *stage.operators)
        if key not in self._cost_ns:
            height = data[-1].shape.height
            result = np.zeros((self.kinds, height + 1, stage.rows + 1, 2, 2), np.int64)
            for start in range(height):
                for stop in range(start + 1, min(start + stage.rows, height) + 1):
                    result[:, start, stop - start] = self._advance_ns(data, rolling, start, stop)
            self._cost_ns[key] = result
        return self._cost_ns[key]

    def _advance_ns(
        self, data: Sequence[OperatorData], rolling: ColumnRolling | None, start: int, stop: int
    ) -> IntArray:
        """CPU time of an advance: [kind, first, last]."""
        result = np.zeros((self.kinds, 2, 2), np.int64)
        if rolling is None:
            region = whole(data[-1].shape).with_rows(start, stop)
            result[:] = self._compute_ns(data[-1].operator, region)[:, None, None]
            return result
        for first, last in FLAGS:
            hidden = _flagged_hidden(rolling, start, stop, bool(first), bool(last))
            key = (rolling.stage, *_situation(rolling, hidden, start, stop))
            if key not in self._step_ns:
                self._step_ns[key] = self._iterations_ns(rolling, hidden, start, stop)
            result[:, first, last] = self._step_ns[key]
        return result

    def _iterations_ns(self, rolling: ColumnRolling, hidden: HiddenRows, start: int, stop: int) -> IntArray:
        total = np.zeros(self.kinds, np.int64)
        for iteration in rolling.iterations(hidden, start, stop):
            for copied in (iteration.moved, iteration.saved):
                if copied:
                    total += self._copy_ns(copied)
            if iteration.first:
                total += self._compute_ns(rolling.first, iteration.first)
            total += self._compute_ns(rolling.second, iteration.second)
            total += self._compute_ns(rolling.last, iteration.last)
        return total

    def _compute_ns(self, operator: Operator, region: Region) -> IntArray:
        """Regions of one operator that meet its padding alike cost alike."""
        key = (operator.name, *_extent(self._problem.graph, operator, region))
        return self._by_kind(key, lambda model: self._costs.compute_ns(model, operator, region))

    def _copy_ns(self, region: Region) -> IntArray:
        key = (region.rows, region.columns, region.channels)
        return self._by_kind(key, lambda model: self._costs.copy_ns(model, region))

    def _by_kind(self, key: tuple[object, ...], price: Callable[[int], int]) -> IntArray:
        if key not in self._step_ns:
            self._step_ns[key] = np.array([price(model) for model in self._models], np.int64)
        return self._step_ns[key]


def _flagged_hidden(rolling: ColumnRolling, start: int, stop: int, first: bool, last: bool) -> HiddenRows:
    """The hidden rows of an advance in the first or last place of a node's, or not."""
    height = rolling.graph.output_tensor(rolling.last).shape.height
    need_start = start if first else start - 1
    need_stop = stop if last else height + 1
    return rolling.hidden_rows(start, stop, need_start, need_stop)


def _situation(rolling: ColumnRolling, hidden: HiddenRows, start: int, stop: int) -> tuple[object, ...]:
    """What the cost of an advance depends on: numbers of rows, and how the windows' rows meet the padding."""
    first, second = (whole(rolling.graph.output_tensor(o).shape) for o in (rolling.first, rolling.second))
    return (
        _extent(rolling.graph, rolling.first, first.with_rows(hidden.fresh, hidden.stop)),
        _extent(rolling.graph, rolling.second, second.with_rows(start, stop)),
        hidden.stop - max(hidden.kept, hidden.fresh),
    )


def _extent(graph: Graph, operator: Operator, region: Region) -> tuple[object, ...]:
    """What the cost of computing a region depends on: its size, and how its window meets the padding."""
    size = (region.rows, region.columns, region.channels)
    match operator:
        case Conv() | Pool():
            window, source = operator.window, graph.tensors[operator.inputs[0]].shape
            padding = window.padding
            rows = _outside(window, 0, region.row_start, region.row_stop, padding.top, source.height)
            columns = _outside(window, 1, region.column_start, region.column_stop, padding.left, source.width)
            return (*size, *rows, *columns)
        case Pad():
            return (region,)
    return size


def _outside(window: Window, axis: int, start: int, stop: int, before: int, size: int) -> tuple[int, int]:
    """Input rows (or columns) in the padding that the first and the last output row read."""
    extent = (window.kernel[axis] - 1) * window.dilation[axis] + 1
    return (
        max(0, before - start * window.stride[axis]),
        max(0, (stop - 1) * window.stride[axis] - before + extent - size),
    )
