"""Three operators that roll over columns: what each iteration computes, keeps and saves.

The first operator's output lives in a *patch*: the new rows, as many columns as one iteration reads. After each
iteration the columns that the next one reads as well move to its front. The rows that later rows read again are saved,
column by column as they leave the patch, in a *strip*, a ring of rows over the full width. The second operator's output
of one iteration is a *tile*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planner.core.regions import required, whole
from planner.data.graph import Conv, Graph, Pool, Window
from planner.data.region import Region
from planner.data.split import Overlap, Stage


@dataclass(frozen=True, slots=True)
class HiddenRows:
    """Rows of the first operator's output that some rows of the last one's read: [start, stop).

    Those before `fresh` are in the strip, those from `kept` on have to be there afterwards.
    """

    start: int
    fresh: int
    stop: int
    kept: int


@dataclass(frozen=True, slots=True)
class Iteration:
    """What one iteration does, in order; regions are of the three outputs, and None where there is nothing to do.

    `origin` is the column of the first output (or a place left of all columns) that lies at the patch's front.
    """

    origin: int
    moved: Region | None
    """Columns that the iteration before left in the patch, to go to its front."""
    first: Region | None
    """What the first operator computes."""
    read: Region
    """What the second operator reads: rows of the strip, then of the patch."""
    second: Region
    last: Region
    saved: Region | None
    """What goes from the patch to the strip."""


@dataclass(frozen=True, slots=True)
class ColumnBuffers:
    """Rows of a stage's buffers."""

    patch_rows: int
    strip_rows: int
    tile_rows: int


class ColumnRolling:
    """A stage of three operators. Raises ValueError if they cannot roll."""

    def __init__(self, graph: Graph, stage: Stage) -> None:
        by_name = {operator.name: operator for operator in graph.operators}
        self.first, self.second, self.last = (by_name[name] for name in stage.operators)
        self.graph = graph
        self.stage = stage
        self._window = self._checked_window()
        self._extent = (self._window.kernel[1] - 1) * self._window.dilation[1] + 1
        if self._extent - self._window.stride[1] > stage.columns * self._window.stride[1]:
            raise ValueError(f"{self.second.name} reads more columns again than {stage.columns} new ones bring")

    def _checked_window(self) -> Window:
        """The second operator's window. Raises ValueError if the operators cannot roll."""
        chained = self.second.inputs == (self.first.output,) and self.last.inputs == (self.second.output,)
        alone = all(len(self.graph.consumers[o.output]) == 1 for o in (self.first, self.second))
        pointwise = isinstance(self.last, Conv) and self.last.window == Window((1, 1))
        if not (chained and alone and pointwise and len(self.first.inputs) == 1):
            raise ValueError(f"operators {self.stage.operators} cannot roll over columns")
        if not isinstance(self.second, Conv | Pool):
            raise ValueError(f"operator {self.second.name} has no window to roll over columns")
        return self.second.window

    @property
    def patch_columns(self) -> int:
        """Columns of the patch."""
        return (self.stage.columns - 1) * self._window.stride[1] + self._extent

    def hidden_rows(self, start: int, stop: int, need_start: int, need_stop: int) -> HiddenRows:
        """What the output rows [start, stop) read, of a node that computes [need_start, need_stop)."""
        first, last = self._rows(start, stop)
        if self.stage.overlap is Overlap.RECOMPUTED:
            return HiddenRows(first, first, last, last)
        done = self._rows(need_start, start)[1] if start > need_start else first
        following = min(stop + self.stage.rows, need_stop)
        kept = self._rows(stop, following)[0] if following > stop else last
        return HiddenRows(first, min(max(first, done), last), last, min(kept, last))

    def iterations(self, hidden: HiddenRows, start: int, stop: int) -> Iterator[Iteration]:
        """All iterations for the output rows [start, stop)."""
        columns, stride = self.stage.columns, self._window.stride[1]
        output = whole(self.graph.output_tensor(self.last).shape).with_rows(start, stop)
        second = whole(self.graph.output_tensor(self.second).shape).with_rows(start, stop)
        patch = whole(self.graph.output_tensor(self.first).shape).with_rows(hidden.fresh, hidden.stop)
        saved = patch.with_rows(max(hidden.kept, hidden.fresh), hidden.stop)
        computed = 0
        for left in range(0, output.columns, columns):
            right = min(left + columns, output.columns)
            tile = second.with_columns(left, right)
            read = required(self.graph, self.second, 0, tile)
            origin = left * stride - self._window.padding.left
            leaving = read.column_stop if right == output.columns else min(read.column_stop, origin + columns * stride)
            yield Iteration(
                origin=origin,
                moved=_some(patch.with_columns(read.column_start, computed)),
                first=_some(patch.with_columns(max(computed, read.column_start), read.column_stop)),
                read=read,
                second=tile,
                last=output.with_columns(left, right),
                saved=_some(saved.with_columns(read.column_start, leaving)),
            )
            computed = read.column_stop

    def buffer_sizes(self, buffers: ColumnBuffers) -> tuple[int, ...]:
        """Bytes of the patch, the strip and the tile."""
        hidden, tile = (self.graph.output_tensor(o).shape for o in (self.first, self.second))
        return (
            buffers.patch_rows * self.patch_columns * hidden.channels,
            buffers.strip_rows * hidden.width * hidden.channels,
            buffers.tile_rows * self.stage.columns * tile.channels,
        )

    def _rows(self, start: int, stop: int) -> tuple[int, int]:
        hidden = self._hidden(start, stop, 0, self.graph.output_tensor(self.last).shape.width)
        return hidden.row_start, hidden.row_stop

    def _hidden(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> Region:
        shape = self.graph.output_tensor(self.second).shape
        middle = whole(shape).with_rows(row_start, row_stop).with_columns(column_start, column_stop)
        return required(self.graph, self.second, 0, middle)


def _some(region: Region) -> Region | None:
    return None if region.empty else region
