"""What one operator costs in the search's own arithmetic, for the rules that look at caps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from planner.data.split import Axis, Layout
from planner.solvers.layout_set import IntArray, LayoutSet
from planner.solvers.problem import OperatorData, Problem


def input_layouts(problem: Problem) -> dict[str, Layout]:
    """The graph inputs, whole on the input node."""
    instance = problem.instance
    return {
        name: Layout.single(Axis.ROWS, problem.shape(name).height, instance.input_node, instance.nodes)
        for name in problem.inputs
    }


def footprints(problem: Problem, tensor: str, layouts: Mapping[str, Layout]) -> IntArray:
    """Arena bytes of a tensor's parts: [nodes]."""
    return np.asarray(LayoutSet.of([layouts[tensor]]).footprints(problem.shape(tensor))[0])


def held_bytes(problem: Problem, data: OperatorData, layouts: Mapping[str, Layout]) -> IntArray:
    """Arena bytes of the tensors that are live during an operator but not its own: [nodes]."""
    others = [name for name in problem.held(data.index) if name not in data.inputs]
    return sum((footprints(problem, name, layouts) for name in others), np.zeros(problem.nodes, np.int64))
