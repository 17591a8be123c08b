"""The object that `planner solve --json` prints, and the table that it prints for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from planner.data.instance import Instance, Objective
from planner.data.plan import Plan
from planner.data.result import Simulation, SolveResult
from planner.report.notation import bytes_of_cap, milliseconds, percent, us

WIDTH = 100


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """One device of a solve; what is unknown without a plan is None. RAM is all of it, firmware included."""

    name: str
    profile: str
    ram_cap_bytes: int
    ram_peak_bytes: int | None
    flash_cap_bytes: int
    flash_bytes: int | None
    compute_us: float | None


@dataclass(frozen=True, slots=True)
class ObjectiveSummary:
    """What was attained of an objective, and what no plan beats that is as good by those before it."""

    objective: str
    unit: str
    value: float
    bound: float


UNITS: Mapping[Objective, str] = {
    Objective.LATENCY: "us",
    Objective.RAM_PEAK: "bytes",
    Objective.DEVICES: "devices",
    Objective.PRICE: "price",
    Objective.ENERGY: "uJ",
}


@dataclass(frozen=True, slots=True)
class SolveReport:
    """The contract for programs. `makespan_us` and `lower_bound_us` are the plan's clock, `phase_*` the optimiser's.

    `objective` is the first of `objectives`, of which the status says whether all are proven. Latency as an objective
    is the optimiser's clock, RAM what the search counts, which is never less than what the plan takes, and energy the
    plan's clock.
    """

    status: str
    makespan_us: float | None
    lower_bound_us: float | None
    gap: float | None
    phase_makespan_us: float | None
    phase_lower_bound_us: float | None
    phase_gap: float | None
    candidate_lower_bound_us: float | None
    bound_covers: str
    solve_s: float
    transferred_bytes: int | None
    devices: tuple[DeviceSummary, ...]
    objective: str
    objective_value: float | None
    objective_bound: float | None
    objectives: tuple[ObjectiveSummary, ...]


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What a report needs to know of a plan that was made. `flash_bytes` has the plan binary's size per device."""

    plan: Plan
    simulation: Simulation
    flash_bytes: tuple[int, ...]


def solve_report(
    result: SolveResult, instance: Instance, lower_bound_ns: int | None, facts: PlanFacts | None
) -> SolveReport:
    """Summarise a solve; `facts` is None if there is no plan."""
    makespan_ns = facts.simulation.makespan_ns if facts else None
    return SolveReport(
        status=result.status.value,
        objective=instance.objectives[0].value,
        objective_value=result.objectives[0].value if result.objectives else None,
        objective_bound=result.objectives[0].bound if result.objectives else None,
        objectives=tuple(
            ObjectiveSummary(attained.objective.value, UNITS[attained.objective], attained.value, attained.bound)
            for attained in result.objectives
        ),
        makespan_us=us(makespan_ns),
        lower_bound_us=us(lower_bound_ns),
        gap=None if makespan_ns is None or lower_bound_ns is None else (makespan_ns - lower_bound_ns) / makespan_ns,
        phase_makespan_us=us(result.phase.makespan_ns),
        phase_lower_bound_us=us(result.phase.lower_bound_ns),
        phase_gap=result.phase.gap,
        candidate_lower_bound_us=us(result.phase.candidate_lower_bound_ns),
        bound_covers=result.phase.covers,
        solve_s=round(result.solve_s, 3),
        transferred_bytes=sum(message.size_bytes for message in facts.plan.messages) if facts else None,
        devices=tuple(
            DeviceSummary(
                name=device.name,
                profile=device.profile.name,
                ram_cap_bytes=device.ram_cap_bytes,
                ram_peak_bytes=device.profile.firmware.ram_bytes + facts.plan.programs[node].arena_bytes
                if facts
                else None,
                flash_cap_bytes=device.flash_cap_bytes,
                flash_bytes=device.profile.firmware.code_bytes + facts.flash_bytes[node] if facts else None,
                compute_us=us(facts.simulation.nodes[node].compute_ns) if facts else None,
            )
            for node, device in enumerate(instance.devices)
        ),
    )


def solve_table(report: SolveReport, result: SolveResult, instance: Instance, facts: PlanFacts | None) -> str:
    """The same for people: devices, then both clocks with their bounds and gaps."""
    lines = [f"{instance.name}: {report.status} by {result.solver} in {report.solve_s:.1f} s", ""]
    if facts:
        lines += [_device_table(report, facts), ""]
    if len(report.objectives) > 1:
        lines += [_objective_table(report.objectives), ""]
    lines += [_clock_table(report), "", textwrap.fill(f"The bounds cover {report.bound_covers}.", WIDTH)]
    if facts:
        messages = len(facts.plan.messages)
        lines.append(f"{messages} messages carry {report.transferred_bytes} bytes.")
    return "\n".join(lines)


def _device_table(report: SolveReport, facts: PlanFacts) -> str:
    rows = [
        (
            device.name,
            device.profile,
            bytes_of_cap(device.ram_peak_bytes, device.ram_cap_bytes),
            bytes_of_cap(device.flash_bytes, device.flash_cap_bytes),
            milliseconds(device.compute_us),
            times.sent_bytes,
            times.received_bytes,
        )
        for device, times in zip(report.devices, facts.simulation.nodes, strict=False)
    ]
    headers = ("device", "profile", "RAM peak of cap", "flash of cap", "compute", "sent B", "received B")
    return tabulate(rows, headers, stralign="right", colalign=("left", "left"))


def _objective_table(objectives: Sequence[ObjectiveSummary]) -> str:
    rows = [(o.objective, f"{o.value:.12g}", f"{o.bound:.12g}", o.unit) for o in objectives]
    headers = ("objective", "attained", "lower bound", "unit")
    return tabulate(rows, headers, colalign=("left", "right", "right", "left"), disable_numparse=True)


def _clock_table(report: SolveReport) -> str:
    rows = [
        (
            "plan (simulated)",
            milliseconds(report.makespan_us),
            milliseconds(report.lower_bound_us),
            percent(report.gap),
        ),
        (
            "phases (optimised)",
            milliseconds(report.phase_makespan_us),
            milliseconds(report.phase_lower_bound_us),
            percent(report.phase_gap),
        ),
    ]
    if report.candidate_lower_bound_us is not None:
        rows.append(("  candidates only", "", milliseconds(report.candidate_lower_bound_us), ""))
    return tabulate(rows, ("clock", "latency", "lower bound", "gap"), stralign="right", colalign=("left",))
