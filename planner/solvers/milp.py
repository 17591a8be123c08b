"""The path model by mixed-integer programming: CBC through pulp, HiGHS and CP-SAT through ortools' MathOpt.

ortools carries its own HiGHS; the package highspy must not be loaded into the same process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np
import pulp
from numpy.typing import NDArray
from ortools.math_opt.python import mathopt

from planner.errors import InternalError
from planner.solvers.clock import Clock
from planner.solvers.interface import PathOutcome
from planner.solvers.lagrangian import ascend
from planner.solvers.path import LayoutGraph, Path
from planner.solvers.path_model import PathModel, reduced_model

ARC_LIMIT = 40_000
"""Most arcs of one stage and option that a model takes over."""
SLACKS = (0.002, 0.01, 0.05, 0.2)
"""How far above the Lagrangian bound arcs are taken while there is no incumbent."""
NS_PER_UNIT = 1000.0
"""Objective unit of floating-point solvers: microseconds, to stay within their tolerances."""


@dataclass(frozen=True, slots=True)
class ModelSolution:
    """Arcs taken (None if no solution was found), a lower bound on the time, and whether there is no solution."""

    taken: NDArray[np.bool_] | None
    lower_bound_ns: float
    infeasible: bool = False


class ModelSolver(Protocol):
    """A solver of path models."""

    def __call__(self, model: PathModel, limit_s: float) -> ModelSolution: ...


class MilpSolver:
    """Lagrangian bound, reduced-cost fixing, then a 0-1 model of what is left."""

    def __init__(self, name: str, solve_model: ModelSolver, iterations: int = 60) -> None:
        self.name = name
        self._solve_model = solve_model
        self._iterations = iterations

    def solve(self, graph: LayoutGraph, incumbent: Path | None, clock: Clock, limit_s: float) -> PathOutcome:
        """See `PathSolver`. The bound is the candidate set's, incumbent included."""
        end_s = clock.elapsed_s + limit_s
        dual = ascend(graph, incumbent, clock, limit_s / 2, self._iterations)
        if dual.infeasible:
            return PathOutcome(None, None, infeasible=True)
        known = [path for path in (incumbent, dual.path) if path is not None]
        best = min(known, key=lambda path: path.time_ns, default=None)
        if best is not None and best.time_ns <= dual.lower_bound_ns:
            return PathOutcome(dual.path, dual.lower_bound_ns)
        ceilings = [dual.lower_bound_ns * (1 + slack) for slack in SLACKS] if best is None else [best.time_ns - 1.0]
        bound_ns = dual.lower_bound_ns
        for ceiling_ns in ceilings:
            left_s = min(end_s - clock.elapsed_s, clock.left_s)
            if left_s <= 0:
                break
            model = reduced_model(graph, dual.prices, ceiling_ns, ARC_LIMIT)
            if model is None:
                bound_ns = max(bound_ns, int(ceiling_ns) + 1)
                continue
            solution = self._solve_model(model, left_s)
            if model.complete:
                found_ns = ceiling_ns + 1 if solution.infeasible else min(solution.lower_bound_ns, ceiling_ns + 1)
                bound_ns = max(bound_ns, int(np.floor(found_ns)))
            if solution.taken is not None:
                return PathOutcome(model.path(graph, solution.taken), bound_ns)
        return PathOutcome(dual.path, bound_ns)


def solve_with_cbc(model: PathModel, limit_s: float) -> ModelSolution:
    """CBC. pulp calls a solution optimal even if the time limit ended the search; its `sol_status` tells."""
    problem = pulp.LpProblem("path", pulp.LpMinimize)
    arcs = range(len(model.tail))
    take = [pulp.LpVariable(f"x{e}", cat="Binary") for e in arcs]
    problem += pulp.lpSum(float(model.time_ns[e]) / NS_PER_UNIT * take[e] for e in arcs)
    leaving, entering = _by_state(model)
    for state in range(model.states):
        balance = pulp.lpSum(take[e] for e in leaving[state]) - pulp.lpSum(take[e] for e in entering[state])
        problem += balance == _supply(model, state)
    for node in np.flatnonzero(model.flash_bytes.any(axis=0)):
        problem += pulp.lpSum(
            int(model.flash_bytes[e, node]) * take[e] for e in np.flatnonzero(model.flash_bytes[:, node])
        ) <= int(model.flash_cap_bytes[node])
    problem.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=max(1.0, limit_s), gapRel=0.0))
    if problem.status == pulp.LpStatusInfeasible:
        return ModelSolution(None, 0.0, infeasible=True)
    if problem.sol_status not in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible):
        return ModelSolution(None, 0.0)
    taken = np.array([variable.value() is not None and variable.value() > 0.5 for variable in take])
    proven = problem.sol_status == pulp.LpSolutionOptimal
    return ModelSolution(taken, float(model.time_ns[taken].sum()) if proven else 0.0)


def solve_with_highs(model: PathModel, limit_s: float) -> ModelSolution:
    """ortools' HiGHS."""
    return _solve_with_mathopt(model, limit_s, mathopt.SolverType.HIGHS)


def solve_with_cp_sat(model: PathModel, limit_s: float) -> ModelSolution:
    """CP-SAT on the same model."""
    return _solve_with_mathopt(model, limit_s, mathopt.SolverType.CP_SAT)


def _solve_with_mathopt(model: PathModel, limit_s: float, solver: mathopt.SolverType) -> ModelSolution:
    problem = mathopt.Model(name="path")
    take = [problem.add_binary_variable(name=f"x{e}") for e in range(len(model.tail))]
    problem.minimize(mathopt.LinearSum(float(t) / NS_PER_UNIT * x for t, x in zip(model.time_ns, take, strict=True)))
    leaving, entering = _by_state(model)
    for state in range(model.states):
        balance = mathopt.LinearSum([*(take[e] for e in leaving[state]), *(-1.0 * take[e] for e in entering[state])])
        problem.add_linear_constraint(balance == _supply(model, state))
    for node in np.flatnonzero(model.flash_bytes.any(axis=0)):
        used = mathopt.LinearSum(
            float(model.flash_bytes[e, node]) * take[e] for e in np.flatnonzero(model.flash_bytes[:, node])
        )
        problem.add_linear_constraint(used <= float(model.flash_cap_bytes[node]))
    parameters = mathopt.SolveParameters(
        time_limit=timedelta(seconds=max(0.1, limit_s)), relative_gap_tolerance=0.0, absolute_gap_tolerance=0.0
    )
    result = mathopt.solve(problem, solver, params=parameters)
    reason = result.termination.reason
    if reason is mathopt.TerminationReason.INFEASIBLE:
        return ModelSolution(None, 0.0, infeasible=True)
    if reason in (mathopt.TerminationReason.UNBOUNDED, mathopt.TerminationReason.OTHER_ERROR):
        raise InternalError(f"{solver.name} calls the path model {reason.name}: {result.termination.detail}")
    bound_ns = max(0.0, result.dual_bound() * NS_PER_UNIT - 1.0)
    if not result.has_primal_feasible_solution():
        return ModelSolution(None, bound_ns)
    taken = np.array(result.variable_values(take)) > 0.5
    time_ns = float(model.time_ns[taken].sum())
    return ModelSolution(taken, time_ns if reason is mathopt.TerminationReason.OPTIMAL else min(bound_ns, time_ns))


def _by_state(model: PathModel) -> tuple[list[list[int]], list[list[int]]]:
    leaving: list[list[int]] = [[] for _ in range(model.states)]
    entering: list[list[int]] = [[] for _ in range(model.states)]
    for e, (tail, head) in enumerate(zip(model.tail, model.head, strict=True)):
        leaving[tail].append(e)
        entering[head].append(e)
    return leaving, entering


def _supply(model: PathModel, state: int) -> int:
    return int(state == 0) - int(state == model.states - 1)
