"""Latency against RAM caps and against the number of devices, each point with its proven bound."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields

from tabulate import tabulate

from planner.report.comparison import Origin
from planner.report.notation import UNKNOWN, kibibytes, milliseconds, percent


@dataclass(frozen=True, slots=True)
class TradeOffPoint:
    """One solved variant. `phase_*` are the optimiser's clock, in which the bound is proven; None if unknown.

    `ram_factor` scales every RAM cap; `ram_peak_bytes` is the largest peak of any device.
    """

    devices: int
    ram_factor: float
    largest_ram_cap_bytes: int
    status: str
    latency_us: float | None
    lower_bound_us: float | None
    phase_us: float | None
    phase_lower_bound_us: float | None
    phase_gap: float | None
    ram_peak_bytes: int | None


@dataclass(frozen=True, slots=True)
class ParetoReport:
    """The contract for programs."""

    origin: Origin
    by_ram: tuple[TradeOffPoint, ...]
    by_devices: tuple[TradeOffPoint, ...]


def pareto_csv(report: ParetoReport) -> str:
    """One line per point; the column `curve` says of which curve."""
    text = io.StringIO()
    names = [field.name for field in fields(TradeOffPoint)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["curve", *names])
    for curve, points in (("ram", report.by_ram), ("devices", report.by_devices)):
        writer.writerows([curve, *(getattr(point, name) for name in names)] for point in points)
    return text.getvalue()


def pareto_table(report: ParetoReport) -> str:
    """Both curves for people, as Markdown."""
    parts = ["## Latency against RAM caps", _table(report.by_ram)]
    if report.by_devices:
        parts += ["## Latency against the number of devices (the fastest)", _table(report.by_devices)]
    return "\n\n".join(parts)


def pareto_markdown(report: ParetoReport, plots: Sequence[str]) -> str:
    """The whole report for people; `plots` are the names of pictures beside it."""
    origin = report.origin
    return (
        "\n\n".join(
            [
                f"# {origin.instance}: what RAM and devices buy",
                pareto_table(report),
                *(f"![{name}]({name})" for name in plots),
                f"Command `{origin.command}` at {origin.revision}; instance sha256 {origin.instance_hash}, model "
                f"{origin.model}, solver {origin.solver}, seed {origin.seed}, {origin.time_limit_s:g} s a point. The "
                "bounds are proven in the phase model, over the space that the search covers.",
            ]
        )
        + "\n"
    )


def _table(points: Sequence[TradeOffPoint]) -> str:
    rows = [
        (
            point.devices,
            f"{point.ram_factor:.3f}",
            f"{kibibytes(point.largest_ram_cap_bytes)} KiB",
            point.status,
            milliseconds(point.latency_us),
            milliseconds(point.lower_bound_us),
            milliseconds(point.phase_us),
            milliseconds(point.phase_lower_bound_us),
            percent(point.phase_gap),
            UNKNOWN if point.ram_peak_bytes is None else f"{kibibytes(point.ram_peak_bytes)} KiB",
        )
        for point in points
    ]
    headers = (
        "devices",
        "caps",
        "largest cap",
        "status",
        "latency",
        "bound",
        "phases",
        "phase bound",
        "gap",
        "RAM peak",
    )
    return tabulate(rows, headers, tablefmt="github", stralign="right")
