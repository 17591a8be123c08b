"""Pictures with matplotlib, which is optional."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from planner.core.occupancy import live_bytes
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.result import Simulation
from planner.errors import InputError
from planner.report.comparison import ComparedPlan

KIB = 1024
SIZE_INCHES = (9.0, 5.5)


def plotting_available() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def latency_against_ram(title: str, plans: Sequence[ComparedPlan]) -> bytes:
    """PNG: every plan by its largest RAM peak and its latency (measured if it was), those that do not fit hollow."""
    figure, axes = _figure(title, "largest RAM peak of a device (KiB)", "latency (ms)")
    for plan in plans:
        ram_kib = plan.ram_peak_bytes / KIB
        latency_ms = (plan.measured_us or plan.latency_us) / 1000
        colour = "tab:red" if plan.variant == "optimised" else "tab:blue"
        axes.plot(ram_kib, latency_ms, "o", color=colour, fillstyle="full" if plan.feasible else "none")
        axes.annotate(plan.label, (ram_kib, latency_ms), xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.set_xscale("log")
    axes.set_yscale("log")
    return _png(figure)


def ram_over_time(title: str, instance: Instance, plan: Plan, simulation: Simulation) -> bytes:
    """PNG: the arena that is live on every device of a plan from 0 to the makespan."""
    figure, axes = _figure(title, "time (ms)", "live in the arena (KiB)")
    for node, device in enumerate(instance.devices):
        live_kib = [size / KIB for size in live_bytes(plan.programs[node])]
        ends_ms = [end / 1e6 for end in simulation.step_end_ns[node]]
        if live_kib:
            axes.step([0.0, *ends_ms], [*live_kib, live_kib[-1]], where="post", linewidth=1, label=device.name)
    axes.legend(fontsize=7)
    return _png(figure)


def trade_off(
    title: str, unit: str, plan_points: Sequence[tuple[float, float]], bound_points: Sequence[tuple[float, float]]
) -> bytes:
    """PNG: latencies of plans and their proven bounds, in ms, over a resource."""
    figure, axes = _figure(title, unit, "latency in the phase model (ms)")
    for points, style, label in ((plan_points, "o-", "plan"), (bound_points, "^--", "proven lower bound")):
        axes.plot([x for x, _ in points], [y for _, y in points], style, label=label)
    axes.legend()
    return _png(figure)


def _figure(title: str, x_label: str, y_label: str) -> tuple[Any, Any]:
    """A figure with one pair of axes. Raises InputError if matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as problem:
        raise InputError("plots need matplotlib; install it with: pip install 'planner[plot]'") from problem
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    return figure, axes


def _png(figure: Any) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    return content.getvalue()
