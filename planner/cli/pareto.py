"""`planner pareto`: what RAM and devices buy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import note, show, show_json
from planner.cli.interrupts import cancellable
from planner.cli.origin import NO_PLOTS, make_origin
from planner.files.dataclass_json import encode
from planner.files.instance_file import find_instance, load_instance
from planner.files.report_directory import REPORT_FILE, write_report
from planner.report.plots import plotting_available, trade_off
from planner.report.trade_off import ParetoReport, TradeOffPoint, pareto_csv, pareto_markdown, pareto_table
from planner.workflow.model import read_model
from planner.workflow.pareto import latency_against_devices, latency_against_ram

POINT_LIMIT_S = 15.0


def pareto(
    instance: Annotated[str, typer.Argument(help="Instance file, or the name of a shipped instance.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write; replaced if planner wrote it.")],
    model: Annotated[Path | None, typer.Option("--model", help="ONNX or TFLite file to use instead.")] = None,
    time_limit: Annotated[float, typer.Option("--time-limit", min=0, help="Seconds for each point.")] = POINT_LIMIT_S,
    solver: Annotated[str, typer.Option("--solver", help="Search to use.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Solve with smaller RAM caps, and with fewer devices; each point has the bound that was proven.

    Writes report.md, report.csv, report.json and plots. Ctrl-C ends with the points so far.

        planner pareto m7x8 --out build/pareto-m7x8
    """
    problem = load_instance(find_instance(instance))
    problem = replace(problem, limits=replace(problem.limits, time_limit_s=time_limit))
    graph = read_model(problem, model)
    with cancellable() as cancelled:
        report = ParetoReport(
            make_origin(problem, model, solver),
            tuple(latency_against_ram(graph, problem, solver, note, cancelled)),
            tuple(latency_against_devices(graph, problem, solver, note, cancelled)),
        )
    write_report(out, _files(report))
    if as_json:
        show_json(report)
    else:
        show(pareto_table(report))
    note(f"report written to {out}")


def _files(report: ParetoReport) -> dict[str, str | bytes]:
    plots: dict[str, str | bytes] = {}
    if plotting_available():
        name = report.origin.instance
        by_ram = [(point.largest_ram_cap_bytes / 1024, point) for point in report.by_ram]
        plots["ram.png"] = _plot(f"{name}: latency against RAM", "largest RAM cap (KiB)", by_ram)
        if report.by_devices:
            by_devices = [(float(point.devices), point) for point in report.by_devices]
            plots["devices.png"] = _plot(f"{name}: latency against devices", "devices", by_devices)
    else:
        note(NO_PLOTS)
    return {
        REPORT_FILE: json.dumps(encode(report, ParetoReport), indent=1) + "\n",
        "report.csv": pareto_csv(report),
        "report.md": pareto_markdown(report, tuple(plots)),
        **plots,
    }


def _plot(title: str, unit: str, points: Sequence[tuple[float, TradeOffPoint]]) -> bytes:
    """The plans and their bounds over a resource; what is unknown is left out."""
    plans = [(x, point.phase_us / 1000) for x, point in points if point.phase_us is not None]
    bounds = [(x, point.phase_lower_bound_us / 1000) for x, point in points if point.phase_lower_bound_us is not None]
    return trade_off(title, unit, plans, bounds)
