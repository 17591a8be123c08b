"""How each operator is split over the nodes: what a solver decides.

A node is a device, or the host, which is the last node. A `Layout` says who owns which part of a tensor; a
`Split` gives the layout of every operator's output and the mode by which it is computed from its inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise


class Axis(Enum):
    """The axis along which a tensor is cut."""

    ROWS = "rows"
    CHANNELS = "channels"


@dataclass(frozen=True, slots=True)
class Layout:
    """Ownership of one tensor: node n owns the half-open range `ranges[n]` of `axis`, whole in the other axes.

    Ranges are disjoint and cover the axis; a node that owns nothing has start == stop. Node order is free.
    """

    axis: Axis
    ranges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        position = 0
        for start, stop in sorted(r for r in self.ranges if r[0] != r[1]):
            if start != position or stop <= start:
                raise ValueError(f"ranges {self.ranges} leave a gap or overlap at {position}")
            position = stop

    @property
    def size(self) -> int:
        """Length of the axis."""
        return max(stop for start, stop in self.ranges if start != stop)

    @property
    def active(self) -> tuple[int, ...]:
        """Nodes that own something."""
        return tuple(n for n, (start, stop) in enumerate(self.ranges) if start != stop)

    @staticmethod
    def from_bounds(axis: Axis, bounds: tuple[int, ...]) -> Layout:
        """Contiguous ranges in node order: node n owns [bounds[n], bounds[n + 1])."""
        return Layout(axis, tuple((a, b) if a != b else (0, 0) for a, b in pairwise(bounds)))

    @staticmethod
    def single(axis: Axis, size: int, node: int, nodes: int) -> Layout:
        """The whole tensor on one node."""
        return Layout(axis, tuple((0, size) if n == node else (0, 0) for n in range(nodes)))


class Mode(Enum):
    """How a device computes its shard."""

    OWN_OUTPUT = "own_output"
    """Fetch what is missing of the input, then compute the own part of the output."""
    INPUT_CHANNELS = "input_channels"
    """Compute int32 partial sums of the whole output from the own input channels; reduce to the owners of the
    output; requantise once. Exact. For ungrouped 1x1 and fully connected convolutions over a channel layout."""


@dataclass(frozen=True, slots=True)
class OperatorSplit:
    """Layout of an operator's output, the mode, and in how many chunks of output rows it is worked off."""

    layout: Layout
    mode: Mode = Mode.OWN_OUTPUT
    chunks: int = 1


class Overlap(Enum):
    """Where a stage that rolls over columns finds the rows that it has computed before."""

    SAVED = "saved"
    """In a strip that holds them over the full width."""
    RECOMPUTED = "recomputed"
    """Nowhere: it computes them again."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a segment computes at once: `rows` rows of the output of the last of its operators.

    One operator computes them whole. Three, each reading only the one before, roll over columns: `columns` columns of
    the output at a time, so that the outputs of the first two never exist over their full width.
    """

    operators: tuple[str, ...]
    rows: int = 1
    columns: int = 0
    overlap: Overlap = Overlap.SAVED

    def __post_init__(self) -> None:
        if self.rows < 1 or (len(self.operators), self.columns > 0) not in ((1, False), (3, True)):
            raise ValueError(f"stage {self.operators} advances by {self.rows} rows and {self.columns} columns")


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive operators of the graph of which only the last one's output ever exists whole.

    Each node of `layout` (rows of the last output) computes its own rows: a stage pulls what it lacks from the stages
    before it, and every tensor between them lives in a ring of rows, so that a node computes no row twice; rows that
    two nodes need, both compute. What comes from elsewhere is streamed in by `input_rows` rows.
    """

    stages: tuple[Stage, ...]
    layout: Layout
    input_rows: int = 1

    def __post_init__(self) -> None:
        if not self.stages or self.input_rows < 1:
            raise ValueError("a segment needs a stage, and rows of input")
        if self.layout.axis is not Axis.ROWS:
            raise ValueError("a segment's output is cut by rows")

    @property
    def operators(self) -> tuple[str, ...]:
        """Names of its operators, in order."""
        return tuple(name for stage in self.stages for name in stage.operators)


@dataclass(frozen=True, slots=True)
class Split:
    """The decision for every operator, by name: of its own, or as part of a segment."""

    operators: Mapping[str, OperatorSplit]
    segments: tuple[Segment, ...] = ()
