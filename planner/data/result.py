"""Outcomes: what a solver found and proved, what the validator objects to, what the simulator measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from planner.data.instance import Objective
from planner.data.split import Split


class SolveStatus(Enum):
    """How a search ended."""

    OPTIMAL = "OPTIMAL"
    FEASIBLE = "FEASIBLE"
    INFEASIBLE = "INFEASIBLE"
    UNKNOWN = "UNKNOWN"
    CANCELLED = "CANCELLED"


OPTIMALITY_GAP = 0.0001
"""A plan whose phase gap is at most this is called OPTIMAL."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why no plan exists: what a device lacks to run an operator."""

    device: str
    operator: str
    resource: str
    missing_bytes: int


@dataclass(frozen=True, slots=True)
class PhaseBounds:
    """The optimiser's own clock: its additive phase model, with what is proven in it.

    `lower_bound_ns` holds for the whole searched space (`covers` says it in words); `candidate_lower_bound_ns` only
    over the candidate set and never proves optimality.
    """

    makespan_ns: int | None
    lower_bound_ns: int | None
    candidate_lower_bound_ns: int | None
    covers: str

    @property
    def gap(self) -> float | None:
        if self.makespan_ns is None or self.lower_bound_ns is None:
            return None
        return (self.makespan_ns - self.lower_bound_ns) / self.makespan_ns


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """What was attained of one objective, and what no plan beats that is best by the objectives before it.

    Both in the objective's unit: microseconds, bytes, devices, price, microjoules. `bound` is 0 if nothing is proven.
    """

    objective: Objective
    value: float
    bound: float

    @property
    def gap(self) -> float:
        """Part of the value that a better plan may save at most."""
        return (self.value - self.bound) / self.value if self.value > 0 else 0.0


@dataclass(frozen=True, slots=True)
class SolveResult:
    """What a solver returns. `split` is None if it found none; `shortages` explains INFEASIBLE.

    `objectives` has the instance's objectives in their order, and latency, which breaks ties; empty without a split.
    """

    status: SolveStatus
    split: Split | None
    phase: PhaseBounds
    solve_s: float
    solver: str
    seed: int
    shortages: tuple[Shortage, ...] = ()
    objectives: tuple[ObjectiveResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that a plan breaks."""

    rule: str
    node: int
    step: int | None
    message: str


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """What the simulator saw on one node."""

    compute_ns: int
    end_ns: int
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """The plan's own clock: asynchronous execution with the runtime's semantics.

    `step_end_ns[node][step]` is the node's clock after each step, `message_times_ns[m]` start and end on the wire.
    """

    makespan_ns: int
    nodes: tuple[NodeTimes, ...]
    step_end_ns: tuple[tuple[int, ...], ...] = field(repr=False)
    message_times_ns: tuple[tuple[int, int], ...] = field(repr=False)
