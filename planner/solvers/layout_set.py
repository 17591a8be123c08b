"""Many layouts of one tensor as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.core.cost import FloatArray
from planner.data.graph import Shape
from planner.data.plan import ALIGNMENT_BYTES, CANARY_BYTES
from planner.data.split import Axis, Layout

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class LayoutSet:
    """`rows[i]` says whether layout i is cut by rows (else by channels); node n owns [starts[i, n], stops[i, n])."""

    rows: NDArray[np.bool_]
    starts: NDArray[np.int32]
    stops: NDArray[np.int32]

    @staticmethod
    def of(layouts: Iterable[Layout]) -> LayoutSet:
        """Stack layouts, which must all have the same number of nodes."""
        listed = list(layouts)
        ranges = np.array([layout.ranges for layout in listed], np.int32)
        rows = np.array([layout.axis is Axis.ROWS for layout in listed], np.bool_)
        return LayoutSet(rows, np.ascontiguousarray(ranges[:, :, 0]), np.ascontiguousarray(ranges[:, :, 1]))

    @staticmethod
    def of_row_vectors(vectors: NDArray[np.int32]) -> LayoutSet:
        """Row layouts in node order. vectors: int32 [layouts, devices], rows of every device; the host owns nothing."""
        count = len(vectors)
        stops = np.cumsum(vectors, axis=1, dtype=np.int32)
        starts = stops - vectors
        starts[vectors == 0] = 0
        stops[vectors == 0] = 0
        nothing = np.zeros((count, 1), np.int32)
        return LayoutSet(np.ones(count, np.bool_), np.hstack([starts, nothing]), np.hstack([stops, nothing]))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def units(self) -> NDArray[np.int32]:
        """Length of every node's range: [layouts, nodes]."""
        return np.asarray(self.stops - self.starts)

    @property
    def active(self) -> IntArray:
        """Nodes that own something: [layouts]."""
        return np.asarray((self.stops > self.starts).sum(axis=1))

    def elements(self, shape: Shape) -> IntArray:
        """Elements that every node owns: [layouts, nodes]."""
        per_unit = np.where(self.rows, shape.width * shape.channels, shape.height * shape.width)
        return self.units.astype(np.int64) * per_unit[:, None]

    def footprints(self, shape: Shape) -> IntArray:
        """Arena bytes of every node's part, canary and alignment included: [layouts, nodes]."""
        return stacked_bytes(self.elements(shape))


def stacked_bytes(sizes: IntArray) -> IntArray:
    """Arena bytes of buffers of these sizes; 0 for an empty one."""
    aligned = -(-(sizes + CANARY_BYTES) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    return np.asarray(np.where(sizes > 0, aligned, 0))


def layout_of_shares(axis: Axis, size: int, shares: Sequence[float] | FloatArray) -> Layout:
    """The layout in node order whose ranges are nearest to `shares` of the axis; the host is appended, empty."""
    total = float(np.sum(shares))
    bounds = np.rint(np.concatenate([[0.0], np.cumsum(shares)]) / total * size).astype(int)
    return Layout.from_bounds(axis, (*(int(b) for b in bounds), size))
