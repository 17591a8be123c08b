"""The path solvers by name."""

from __future__ import annotations

from collections.abc import Callable

from planner.errors import InputError
from planner.solvers.interface import PathSolver
from planner.solvers.lagrangian import LagrangianSolver

SOLVERS: dict[str, Callable[[], PathSolver]] = {"auto": LagrangianSolver, "path": LagrangianSolver}


def path_solver(name: str) -> PathSolver:
    """A fresh path solver. Raises InputError if there is none of that name."""
    if name not in SOLVERS:
        raise InputError(f"no solver {name!r}; there are {', '.join(SOLVERS)}")
    return SOLVERS[name]()
