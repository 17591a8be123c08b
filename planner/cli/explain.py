"""`planner explain`: what binds a plan, or what an instance without one lacks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import note, show, show_json
from planner.cli.interrupts import cancellable
from planner.core.simulate import simulate
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.result import Shortage, Simulation
from planner.errors import NoPlanError
from planner.files.instance_file import find_instance, load_instance
from planner.files.output_directory import PLAN_FILE, read_output
from planner.report.explanation import MoreDevices, explain_plan, explanation_text
from planner.workflow.model import read_model
from planner.workflow.relaxation import CapFactor, Made, fewest_more_devices, relaxations, smallest_cap_factor
from planner.workflow.solve import solve

RELAX_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class MissingPlan:
    """Why there is no plan, and which caps would do."""

    status: str
    shortages: tuple[Shortage, ...]
    cap_factor: CapFactor
    more_devices: tuple[MoreDevices, ...]


def explain(
    target: Annotated[
        str, typer.Argument(metavar="DIR|INSTANCE", help="A directory of planner solve, or an instance.")
    ],
    model: Annotated[Path | None, typer.Option("--model", help="ONNX or TFLite file to use instead.")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", min=0, help="Seconds to search.")] = None,
    relax_limit: Annotated[
        float, typer.Option("--relax-limit", min=0, help="Seconds to search for what more memory or devices buy.")
    ] = RELAX_LIMIT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what pins every device's RAM peak and what binds latency; without a plan, what is missing.

    Then it solves again with a little more memory where that may help; for an instance without a plan, with all caps
    times the smallest factor that does, and with the fewest more devices. --relax-limit 0 leaves that out.

        planner explain build/mixed8
        planner explain infeasible
    """
    if (Path(target) / PLAN_FILE).is_file():
        content = read_output(Path(target))
        made = Made(content.graph, content.file.instance, content.file.plan, content.binaries)
        _explain_made(made, simulate(made.instance, made.plan), relax_limit, as_json)
        return
    problem = load_instance(find_instance(target))
    if time_limit is not None:
        problem = replace(problem, limits=replace(problem.limits, time_limit_s=time_limit))
    _explain_instance(read_model(problem, model), problem, relax_limit, as_json)


def _explain_instance(graph: Graph, problem: Instance, relax_limit_s: float, as_json: bool) -> None:
    note(f"searching for at most {problem.limits.time_limit_s:g} s")
    with cancellable() as cancelled:
        solved = solve(graph, problem, cancelled=cancelled)
    if solved.facts is not None:
        made = Made(graph, solved.instance, solved.facts.plan, solved.binaries)
        _explain_made(made, solved.facts.simulation, relax_limit_s, as_json)
        return
    with cancellable() as cancelled:
        factor = smallest_cap_factor(graph, problem, relax_limit_s / 2, note, cancelled)
        more = fewest_more_devices(graph, problem, relax_limit_s / 2, note, cancelled)
    missing = MissingPlan(solved.result.status.value, solved.result.shortages, factor, more)
    show_json(missing) if as_json else show(_missing_text(problem, missing))
    raise NoPlanError(f"{problem.name} has no plan ({missing.status})")


def _explain_made(made: Made, simulation: Simulation, relax_limit_s: float, as_json: bool) -> None:
    explanation = explain_plan(made.instance, made.plan, simulation)
    if relax_limit_s > 0:
        note(f"solving again with more memory, for at most {relax_limit_s:g} s")
        with cancellable() as cancelled:
            explanation = replace(explanation, relaxations=relaxations(made, relax_limit_s, note, cancelled))
    show_json(explanation) if as_json else show(explanation_text(explanation))


def _missing_text(problem: Instance, missing: MissingPlan) -> str:
    lines = [
        f"{shortage.device} lacks {shortage.missing_bytes} bytes of {shortage.resource} for {shortage.operator}"
        for shortage in missing.shortages
    ]
    factor = missing.cap_factor
    if factor.enough is None:
        lines.append("no factor on all caps was found with which there is a plan")
    else:
        lines.append(f"with all RAM and flash caps times {factor.enough:.4g} there is a plan:")
        lines += [
            f"  {device.name}: {device.ram_cap_bytes * factor.enough:.0f} bytes of RAM, "
            f"{device.flash_cap_bytes * factor.enough:.0f} of flash"
            for device in problem.devices
        ]
    lines += [f"with {more.count} more like {more.like} there is a plan" for more in missing.more_devices]
    if factor.proven_short is not None:
        lines.append(f"times {factor.proven_short:.4g} there is provably none")
    return "\n".join(lines)
