"""What a search takes and gives, and the back ends that solve the path problem over a candidate set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from planner.solvers.clock import CancelCheck, Clock
from planner.solvers.path import LayoutGraph, Path


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is. Times in nanoseconds are in the phase model; what is unknown is None."""

    elapsed_s: float
    incumbent_ns: int | None
    bound_ns: int | None

    @property
    def gap(self) -> float | None:
        if self.incumbent_ns is None or self.bound_ns is None:
            return None
        return max(0, self.incumbent_ns - self.bound_ns) / self.incumbent_ns


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class PathOutcome:
    """Best path found that keeps all caps, and a lower bound over the graph's candidates.

    `lower_bound_ns` is None if nothing was proven; `infeasible` says that no path keeps all caps (proven).
    """

    path: Path | None
    lower_bound_ns: int | None
    infeasible: bool = False


class PathSolver(Protocol):
    """Finds the best path of a layout graph that keeps every flash cap."""

    name: str

    def solve(self, graph: LayoutGraph, incumbent: Path | None, clock: Clock, limit_s: float) -> PathOutcome:
        """Search for at most `limit_s` seconds; a path worse than `incumbent` need not be returned."""
        ...


__all__ = ["CancelCheck", "PathOutcome", "PathSolver", "Progress", "ProgressCallback"]
