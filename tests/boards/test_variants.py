"""The kernels of every variant on the emulated cores, against the integer executor, many operators to a run."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from planner.boards.fleet import BoardSetup, Fleet
from planner.boards.machines import MACHINES
from planner.boards.session import Session
from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.variants import VARIANTS
from planner.data.graph import Arithmetic
from planner.data.hardware import LinkCost, Network
from planner.data.split import Axis, Layout, OperatorSplit, Split
from planner.planfmt.encode import encode
from planner.profiling.reference_boards import REFERENCE_BOARDS
from tests.builders.boards import needs_machines
from tests.builders.fleets import instance, profile
from tests.builders.kernel_cases import KernelCases

CASES = 100
PAINT = 0xA5C35A3C
BOARDS = [
    pytest.param(board, id=board.name, marks=needs_machines(board.machine))
    for board in REFERENCE_BOARDS.values()
    if board.kernels in VARIANTS
]
SEEDS = [pytest.param(seed, marks=pytest.mark.slow if seed else ()) for seed in range(50)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rule", Arithmetic)
@pytest.mark.parametrize("board", BOARDS)
def test_kernels_compute_what_the_executor_computes(board, rule, seed):
    cases = KernelCases(seed)
    graph = cases.graph(CASES, rule, board.kernels)
    inputs = cases.inputs(graph)
    fleet = instance(Network.switch(1, LinkCost(1, 1)), (profile(kernels=board.kernels),), input_node=0)
    split = {
        operator.name: OperatorSplit(
            Layout.single(Axis.ROWS, graph.output_tensor(operator).shape.height, 0, fleet.nodes)
        )
        for operator in graph.operators
    }
    plan = lower(graph, fleet, Split(split))
    machine = MACHINES[board.machine]
    setup = BoardSetup(board.machine, machine, encode(plan, graph, 0), machine.ram_bytes, Fraction(1), flags=0)
    with Fleet([setup], plan, PAINT) as boards:
        session = Session(boards, plan, 60.0)
        session.greet()
        outcome = session.run(inputs)
        session.stop()
    expected = execute(graph, inputs)
    wrong = {name: int(np.count_nonzero(values != expected[name])) for name, values in outcome.outputs.items()}
    assert len(wrong) == CASES
    assert not {name: count for name, count in wrong.items() if count}
    assert outcome.boards[0].report["canaries_broken"] == 0
