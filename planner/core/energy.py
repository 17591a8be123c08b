"""What a fleet draws while a plan runs once.

A board draws its active power while it computes and its idle power until the last output byte has arrived, whether it
takes part or not. Milliwatts times nanoseconds are picojoules.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.core.bounds import alternatives_ns, needed_rows, schedule_lower_bound
from planner.data.graph import Graph
from planner.data.hardware import Power
from planner.data.instance import Instance
from planner.data.result import Simulation

PJ_PER_UJ = 10**6


def fleet_power(instance: Instance) -> tuple[Power, ...] | None:
    """The power of every device; None if the profile of any of them does not say."""
    known = tuple(device.profile.power for device in instance.devices if device.profile.power is not None)
    return known if len(known) == len(instance.devices) else None


def energy_uj(powers: Sequence[Power], simulation: Simulation) -> float:
    """Microjoules of a plan on its own clock."""
    return run_energy_uj(powers, simulation.makespan_ns, [node.compute_ns for node in simulation.nodes[: len(powers)]])


def run_energy_uj(powers: Sequence[Power], latency_ns: int, compute_ns: Sequence[int]) -> float:
    """Microjoules of a run that took so long, of which each device computed so long."""
    idle_pj = sum(power.idle_mw for power in powers) * latency_ns
    active_pj = sum((p.active_mw - p.idle_mw) * busy_ns for p, busy_ns in zip(powers, compute_ns, strict=True))
    return (idle_pj + active_pj) / PJ_PER_UJ


def energy_lower_bound_uj(graph: Graph, instance: Instance, powers: Sequence[Power]) -> float:
    """Microjoules that no plan beats, whatever its schedule.

    No plan is faster than `schedule_lower_bound`, and every needed row is computed where that takes the least energy
    or somewhere that takes more.
    """
    extra_mw = np.array([power.active_mw - power.idle_mw for power in powers])
    rows = needed_rows(graph)
    work_pj = 0.0
    for operator in graph.operators:
        ways = alternatives_ns(graph, instance, operator, rows[operator.output])
        work_pj += min(float((jobs * extra_mw).min(axis=1).sum()) if len(jobs) else 0.0 for jobs in ways)
    return run_energy_uj(powers, schedule_lower_bound(graph, instance), [0] * len(powers)) + work_pj / PJ_PER_UJ
