"""The object that `planner run --json` prints, and the table that it prints for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from planner.data.run import Boards, RunResult
from planner.report.notation import bytes_of_cap, kibibytes, milliseconds, percent


@dataclass(frozen=True, slots=True)
class DeviceRunSummary:
    """One device of a run. On local processes the RAM numbers are the arena's."""

    name: str
    board: str
    ram_cap_bytes: int
    ram_peak_bytes: int
    predicted_ram_peak_bytes: int
    compute_us: float


@dataclass(frozen=True, slots=True)
class RunReport:
    """The contract for programs. Latency is the plan clock, virtual on boards that are not real."""

    match: bool
    mismatched_bytes: int
    latency_us: float
    predicted_latency_us: float
    devices: tuple[DeviceRunSummary, ...]
    best: tuple[tuple[str, float], ...] = ()


def run_report(result: RunResult, mismatched_bytes: int, best: Sequence[tuple[str, float]] = ()) -> RunReport:
    """Summarise a run whose result differs from what it should be in so many bytes; `best` are labels with values."""
    return RunReport(
        match=mismatched_bytes == 0,
        mismatched_bytes=mismatched_bytes,
        latency_us=result.latency_ns / 1000,
        predicted_latency_us=result.predicted_latency_ns / 1000,
        devices=tuple(
            DeviceRunSummary(
                name=device.name,
                board=device.board,
                ram_cap_bytes=device.ram_cap_bytes,
                ram_peak_bytes=device.ram_peak.total_bytes,
                predicted_ram_peak_bytes=device.predicted_ram_peak_bytes,
                compute_us=device.compute_ns / 1000,
            )
            for device in result.devices
        ),
        best=tuple(best),
    )


def run_table(report: RunReport, result: RunResult) -> str:
    """The same for people."""
    rows = [
        (
            summary.name,
            summary.board,
            bytes_of_cap(summary.ram_peak_bytes, summary.ram_cap_bytes),
            f"{kibibytes(summary.predicted_ram_peak_bytes)} KiB",
            milliseconds(summary.compute_us),
            device.sent_bytes,
            device.received_bytes,
        )
        for summary, device in zip(report.devices, result.devices, strict=True)
    ]
    ram = "arena" if result.boards is Boards.LOCAL else "RAM"
    headers = ("device", "board", f"{ram} peak of cap", "predicted", "compute", "sent B", "received B")
    devices = tabulate(rows, headers, stralign="right", colalign=("left", "left"))
    error = report.latency_us / report.predicted_latency_us - 1
    verdict = (
        "the result equals the unsplit network, byte for byte"
        if report.match
        else f"MISMATCH: {report.mismatched_bytes} bytes differ"
    )
    latency = f"latency {milliseconds(report.latency_us)}, predicted {milliseconds(report.predicted_latency_us)}"
    lines = [devices, "", f"{latency} ({percent(error)} off)", verdict]
    if report.best:
        lines += ["", tabulate([(f"{value:.6g}", label) for label, value in report.best], ("value", "label"))]
    return "\n".join(lines)
