"""Every kernel on every emulated core, against the integer executor; `make check-kernels` does thousands."""

from __future__ import annotations

import pytest

from planner.core.cost import KERNELS, variant_kernel
from planner.core.variants import VARIANTS
from planner.data.graph import Arithmetic
from planner.profiling.reference_boards import REFERENCE_BOARDS
from tests.builders.boards import needs_machines
from tests.builders.kernel_cases import KernelCases
from tests.builders.kernel_runs import run

ROUNDS = 8
BOARDS = [
    pytest.param(board, id=board.name, marks=needs_machines(board.machine)) for board in REFERENCE_BOARDS.values()
]


@pytest.mark.parametrize("rule", Arithmetic)
@pytest.mark.parametrize("board", BOARDS)
def test_kernels_compute_what_the_executor_computes(board, rule):
    cases = KernelCases(0)
    graph = cases.every_kernel(ROUNDS, rule)
    tally = run(board, graph, cases.inputs(graph), 0)
    served = VARIANTS.get(board.kernels, {})
    own = {variant_kernel(kernel, board.kernels) if kernel in served else kernel for kernel in KERNELS}
    assert own <= set(tally.steps)
    assert tally.wrong.total() == tally.guards_broken == 0
