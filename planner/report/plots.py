"""Pictures with matplotlib, which is optional."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from planner.core.occupancy import live_bytes
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.result import Simulation
from planner.errors import InputError
from planner.report.comparison import ComparedPlan
from planner.report.timeline import Activity, events

KIB = 1024
BAR_HEIGHT = 0.26
TIMELINE_STYLE = {
    Activity.COMPUTE: ("computes", "tab:red", -0.39),
    Activity.SEND: ("sends", "tab:blue", -0.13),
    Activity.RECEIVE: ("receives", "tab:green", 0.13),
}
"""Name and colour of each activity and where its bar lies within a node's line."""
SIZE_INCHES = (10.0, 5.5)
SAME_PLACE = 0.06
"""Difference of logarithms below which two points are labelled together."""


def plotting_available() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def latency_against_ram(title: str, plans: Sequence[ComparedPlan]) -> bytes:
    """PNG: every plan by its largest RAM peak and its latency (measured if it was), those that do not fit hollow."""
    figure, axes = _figure(title, "largest RAM peak of a device (KiB)", "latency (ms)")
    axes.set_xscale("log")
    axes.set_yscale("log")
    places: dict[tuple[float, float], list[int]] = {}
    for number, plan in enumerate(plans, 1):
        point = plan.ram_peak_bytes / KIB, (plan.measured_us or plan.latency_us) / 1000
        colour = "tab:red" if plan.variant == "optimised" else "tab:blue"
        style = {"color": colour, "fillstyle": "full" if plan.feasible else "none"}
        axes.plot(*point, "o", label=f"{number}  {plan.label}{'' if plan.feasible else ' *'}", **style)
        places.setdefault(next((place for place in places if _near(place, point)), point), []).append(number)
    for place, numbers in places.items():
        text = ", ".join(map(str, numbers))
        axes.annotate(text, place, xytext=(4, 4), textcoords="offset points", fontsize=8)
    legend = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "fontsize": 7, "title": "* does not fit"}
    axes.legend(handlelength=0, handletextpad=0.5, **legend)
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


def timeline(title: str, instance: Instance, plan: Plan, simulation: Simulation) -> bytes:
    """PNG: when each node computes, and when messages occupy it as sender and as receiver."""
    figure, axes = _figure(title, "time (ms)", "")
    found = events(plan, simulation)
    for activity, (label, colour, offset) in TIMELINE_STYLE.items():
        for node in range(instance.nodes):
            mine = [event for event in found if (event.node, event.activity) == (node, activity)]
            bars = [(event.start_ns / 1e6, (event.end_ns - event.start_ns) / 1e6) for event in mine]
            axes.broken_barh(bars, (node + offset, BAR_HEIGHT), color=colour, label=label if node == 0 else None)
    axes.set_yticks(range(instance.nodes), [instance.node_name(node) for node in range(instance.nodes)])
    axes.invert_yaxis()
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
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


def _near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two points nearly coincide on logarithmic axes."""
    return all(abs(math.log(a / b)) < SAME_PLACE for a, b in zip(one, other, strict=True))


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
