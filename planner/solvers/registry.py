"""The path solvers by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from planner.errors import InputError
from planner.solvers.interface import PathSolver
from planner.solvers.lagrangian import LagrangianSolver
from planner.solvers.milp import MilpSolver, solve_with_cbc, solve_with_cp_sat, solve_with_highs

SOLVERS: Mapping[str, Callable[[], PathSolver]] = {
    "auto": lambda: MilpSolver("auto", solve_with_highs),
    "path": lambda: LagrangianSolver("path"),
    "milp-highs": lambda: MilpSolver("milp-highs", solve_with_highs),
    "milp-cbc": lambda: MilpSolver("milp-cbc", solve_with_cbc),
    "cpsat": lambda: MilpSolver("cpsat", solve_with_cp_sat),
}
"""`path` prices flash only; the others also solve a 0-1 model where the prices leave a gap."""


def path_solver(name: str) -> PathSolver:
    """A fresh path solver. Raises InputError if there is none of that name."""
    if name not in SOLVERS:
        raise InputError(f"no solver {name!r}; there are {', '.join(SOLVERS)}")
    return SOLVERS[name]()
