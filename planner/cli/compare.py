"""`planner compare`: what optimisation buys against rules of thumb."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import note, show, show_json
from planner.cli.interrupts import cancellable
from planner.cli.origin import NO_PLOTS, make_origin
from planner.data.instance import Instance
from planner.data.run import Boards
from planner.files.dataclass_json import encode
from planner.files.instance_file import find_instance, load_instance
from planner.files.report_directory import REPORT_FILE, write_report
from planner.report.comparison import (
    ComparisonReport,
    comparison_csv,
    comparison_markdown,
    comparison_table,
)
from planner.report.plots import latency_against_ram, plotting_available, ram_over_time, timeline
from planner.workflow.compare import Comparison
from planner.workflow.compare import compare as compare_plans
from planner.workflow.inference import read_input
from planner.workflow.model import read_model


def compare(
    instance: Annotated[str, typer.Argument(help="Instance file, or the name of a shipped instance.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write; replaced if planner wrote it.")],
    model: Annotated[Path | None, typer.Option("--model", help="ONNX or TFLite file to use instead.")] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", min=0, help="Seconds to search.")] = None,
    solver: Annotated[str, typer.Option("--solver", help="Search to use.")] = "auto",
    run: Annotated[Boards | None, typer.Option("--run", help="Also run every plan that fits on these boards.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare the optimised plan with rules of thumb, each as it is and clipped to the caps.

    Writes report.md, report.csv, report.json and plots. Every plan goes through the validator and the simulator, with
    --run also over the boards.

        planner compare mixed8 --run emulated --out build/compare-mixed8
    """
    problem = load_instance(find_instance(instance))
    if time_limit is not None:
        problem = replace(problem, limits=replace(problem.limits, time_limit_s=time_limit))
    graph = read_model(problem, model)
    origin = make_origin(problem, model, solver)
    inputs = read_input(graph, None) if run else {}
    with cancellable() as cancelled:
        comparison = compare_plans(graph, problem, origin, run, inputs, note, cancelled)
    write_report(out, _files(problem, comparison))
    if as_json:
        show_json(comparison.report)
    else:
        show(comparison_table(comparison.report))
    note(f"report written to {out}")


def _files(problem: Instance, comparison: Comparison) -> dict[str, str | bytes]:
    report, optimum = comparison.report, comparison.optimum
    plots: dict[str, str | bytes] = {}
    if not plotting_available():
        note(NO_PLOTS)
    else:
        plots["latency_ram.png"] = latency_against_ram(f"{problem.name}: latency against RAM", report.plans)
        if optimum is not None:
            title = f"{problem.name}: the optimised plan over time"
            plots["timeline.png"] = timeline(title, problem, optimum.plan, optimum.simulation)
            title = f"{problem.name}: RAM of the optimised plan over time"
            plots["ram_time.png"] = ram_over_time(title, problem, optimum.plan, optimum.simulation)
    return {
        REPORT_FILE: json.dumps(encode(report, ComparisonReport), indent=1) + "\n",
        "report.csv": comparison_csv(report),
        "report.md": comparison_markdown(report, tuple(plots)),
        **plots,
    }
