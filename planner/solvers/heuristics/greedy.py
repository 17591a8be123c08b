"""Layer by layer, without looking ahead."""

from __future__ import annotations

import numpy as np

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.split import OperatorSplit, Split
from planner.solvers.candidates import families
from planner.solvers.costs import Arcs, operator_arcs
from planner.solvers.heuristics.pricing import held_bytes, input_layouts
from planner.solvers.layout_set import IntArray, LayoutSet
from planner.solvers.problem import UNREACHABLE, Problem


def greedy(graph: Graph, instance: Instance) -> Split:
    """Each operator takes what is cheapest now under the caps, or the cheapest at all if nothing keeps them."""
    problem = Problem(graph, instance)
    candidates = families(problem)
    layouts = input_layouts(problem)
    flash_left = problem.flash_cap_bytes.copy()
    chosen: dict[str, OperatorSplit] = {}
    for data in problem.operators:
        options = candidates[data.output]
        held = held_bytes(problem, data, layouts)
        sets = {name: LayoutSet.of([layouts[name]]) for name in data.inputs} | {data.output: LayoutSet.of(options)}
        ways = [
            (_rank(problem, arcs, held, flash_left, index), index, arcs)
            for arcs in operator_arcs(problem, data, sets, held)
            for index in range(len(options))
        ]
        _, index, arcs = min(ways, key=lambda way: way[0])
        chosen[data.name] = OperatorSplit(options[index], arcs.mode, arcs.chunks)
        layouts[data.output] = options[index]
        flash_left = np.maximum(flash_left - arcs.flash_bytes[0, index], 0)
    return Split(chosen)


def _rank(problem: Problem, arcs: Arcs, held: IntArray, flash_left: IntArray, index: int) -> tuple[bool, bool, int]:
    """Ways that exist before those that do not, ways that keep the caps before those that break one, then time."""
    time_ns = int(arcs.time_ns[0, index])
    breaks_ram = bool((arcs.ram_bytes[0, index] + held > problem.ram_cap_bytes).any())
    breaks_flash = bool((arcs.flash_bytes[0, index] > flash_left).any())
    return time_ns >= int(UNREACHABLE), breaks_ram or breaks_flash, time_ns
