"""`planner solve`: an instance in, a directory with a plan per device out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import ProgressNotes, note, show, show_json
from planner.cli.interrupts import cancellable
from planner.data.instance import Instance
from planner.data.result import Shortage, SolveResult, SolveStatus
from planner.errors import NoPlanError
from planner.files.dataclass_json import encode
from planner.files.instance_file import find_instance, load_instance
from planner.files.output_directory import OutputDirectory, require_output_path, write_output
from planner.files.plan_file import PlanFile, binary_hashes
from planner.report.notation import milliseconds, percent, us
from planner.report.solve_report import SolveReport, solve_report, solve_table
from planner.solvers.interface import Progress
from planner.workflow.model import read_model
from planner.workflow.solve import solve as solve_instance


def solve(
    instance: Annotated[str, typer.Argument(help="Instance file, or the name of a shipped instance.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write; replaced if planner wrote it.")],
    model: Annotated[Path | None, typer.Option("--model", help="ONNX or TFLite file to use instead.")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", min=0, help="Seconds to search.")] = None,
    solver: Annotated[str, typer.Option("--solver", help="Search to use.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Choose how every operator is split over the devices, and write a plan for each.

    Minimises latency under every RAM and flash cap, and prints how far from the best the plan can be at most. Ctrl-C
    ends the search and keeps the best plan so far.

        planner solve mixed8 --out build/mixed8 --time-limit 60
        planner solve my_fleet.yaml --model my_model.onnx --out build/mine --json
    """
    require_output_path(out)
    problem = load_instance(find_instance(instance))
    if time_limit is not None:
        problem = replace(problem, limits=replace(problem.limits, time_limit_s=time_limit))
    graph = read_model(problem, model)
    note(f"{graph.name}: {len(graph.operators)} operators over {len(problem.devices)} devices")
    progress = ProgressNotes()
    with cancellable() as cancelled:
        solved = solve_instance(graph, problem, solver, lambda p: progress.update(_progress_text(p)), cancelled)
    if solved.instance.devices != problem.devices:
        note(
            "no plan was found with the devices' own kernels, which need scratch memory; tried the slower portable ones"
        )
    problem = solved.instance
    report = solve_report(solved.result, problem, solved.lower_bound_ns, solved.facts)
    if solved.facts is not None:
        file = PlanFile(
            encode(report, SolveReport), problem, solved.facts.plan, binary_hashes(problem, solved.binaries)
        )
        write_output(OutputDirectory(file, graph, solved.binaries), out)
    if as_json:
        show_json(report)
    else:
        show(solve_table(report, solved.result, problem, solved.facts))
    if solved.facts is None:
        raise NoPlanError(_why_none(solved.result, problem))
    note(f"plan written to {out}")


def _progress_text(progress: Progress) -> str:
    return (
        f"plan {milliseconds(us(progress.incumbent_ns))}  bound {milliseconds(us(progress.bound_ns))}"
        f"  gap {percent(progress.gap)}"
    )


def _why_none(result: SolveResult, problem: Instance) -> str:
    match result.status:
        case SolveStatus.INFEASIBLE:
            return f"{problem.name} is infeasible: {_missing(result.shortages) or 'no split fits all caps'}"
        case SolveStatus.CANCELLED:
            return "cancelled before a plan was found"
        case _ if result.solve_s < problem.limits.time_limit_s:
            return "no plan found that fits all caps, though none is proven impossible; more RAM will help"
        case _:
            return f"no plan found in {result.solve_s:.1f} s; a longer --time-limit may help, more RAM will"


def _missing(shortages: Sequence[Shortage]) -> str:
    """What devices lack, those that lack the same together."""
    devices: dict[Shortage, list[str]] = {}
    for shortage in shortages:
        devices.setdefault(replace(shortage, device=""), []).append(shortage.device)
    return "; ".join(
        f"{what.operator} needs {what.missing_bytes} bytes of {what.resource} more on {', '.join(names)}"
        for what, names in devices.items()
    )
