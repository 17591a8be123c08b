"""Measuring one board: what each step of a plan costs, and what the firmware itself takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from planner.boards.fleet import Fleet
from planner.boards.idle_board import IdleBoard
from planner.boards.linked_fleet import LinkedFleet
from planner.boards.machines import MACHINES
from planner.boards.session import Session
from planner.boards.setup import BoardSetup
from planner.data.graph import Graph, Int8Array
from planner.data.plan import Plan
from planner.data.testbed import Address
from planner.planfmt.encode import encode

_PAINT = 0xA5C35A3C
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """`work[step]` is the instructions that a CPU step took, 0 for message steps; the rest is the firmware's own."""

    work: tuple[int, ...]
    static_bytes: int
    link_buffer_bytes: int
    stack_reserve_bytes: int
    stack_peak_bytes: int
    code_bytes: int


def measure(machine: str, plan: Plan, graph: Graph, inputs: Mapping[str, Int8Array] | None = None) -> Measurement:
    """Run a plan for one board and the host once on an emulated machine with all of its RAM.

    `inputs` are zeros if not given. Raises KeyError for an unknown machine, else as `run_plan`.
    """
    if inputs is None:
        shapes = {end.tensor: graph.tensors[end.tensor].shape.as_tuple() for end in graph.inputs}
        inputs = {name: np.zeros(shape, np.int8) for name, shape in shapes.items()}
    emulated = MACHINES[machine]
    setup = BoardSetup(machine, emulated, encode(plan, graph, 0), emulated.ram_bytes, Fraction(1), flags=0)
    with Fleet([setup], plan, _PAINT) as fleet:
        return _run(fleet, plan, inputs)


def measure_at(
    address: Address,
    plan: Plan,
    graph: Graph,
    inputs: Mapping[str, Int8Array],
    ram_bytes: int,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Measurement:
    """The same on the board at an address, which gets the plan into its store and has `ram_bytes` of RAM.

    `progress` is told how many bytes of the plan the board has, and how many there are.
    """
    binary = encode(plan, graph, 0)
    with IdleBoard.open(address, str(address), _TIMEOUT_S) as board:
        board.write_plan(binary, "benchmark", lambda done_bytes: progress(done_bytes, len(binary)))
    setup = BoardSetup(str(address), None, binary, ram_bytes, Fraction(1), flags=0, real=True)
    with LinkedFleet([setup], [address], _PAINT, _TIMEOUT_S) as fleet:
        return _run(fleet, plan, inputs)


def _run(fleet: Fleet | LinkedFleet, plan: Plan, inputs: Mapping[str, Int8Array]) -> Measurement:
    session = Session(fleet, plan, _TIMEOUT_S)
    session.greet()
    outcome = session.run(inputs)
    session.stop()
    board, hello = outcome.boards[0], outcome.hellos[0]
    return Measurement(
        work=tuple(step["work"] for step in board.steps),
        static_bytes=hello["static_bytes"],
        link_buffer_bytes=hello["link_buffer_bytes"],
        stack_reserve_bytes=hello["stack_reserve_bytes"],
        stack_peak_bytes=board.report["stack_peak_bytes"],
        code_bytes=hello["code_bytes"],
    )
