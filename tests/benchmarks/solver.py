"""How fast the search is on the shipped instances.

    python -m tests.benchmarks.solver results/solver [instance ...]

Writes `table.json` and `table.md`: time to the first plan, gap of the phase model after some seconds and at the end,
time to a gap of 1 %, and the most memory. Every instance is solved by a process of its own.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tabulate import tabulate

from planner.files.atomic import write_text
from planner.files.instance_file import find_instance, load_instance
from planner.files.revision import revision
from planner.solvers.interface import Progress
from planner.solvers.objectives import solve
from planner.workflow.model import read_model

INSTANCES = ("m7x2", "m7x4", "m7x8", "mixed3", "mixed8", "mixed16", "mixed32", "m7x1-112k", "m7x4-56k", "m7x8-40k")
TIME_LIMIT_S = 60.0
MARKS_S = (10.0, 60.0)
"""Seconds after which the gap is noted."""
CLOSE = 0.01
"""The gap to which the time is noted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One instance; what did not happen within the time is None."""

    instance: str
    status: str
    first_plan_s: float | None
    close_s: float | None
    gaps: tuple[float | None, ...]
    solve_s: float
    phase_us: float | None
    lower_bound_us: float | None
    memory_mib: float


def measure(name: str) -> Row:
    """Solve a shipped instance for the time limit and watch the search."""
    instance = load_instance(find_instance(name))
    instance = replace(instance, limits=replace(instance.limits, time_limit_s=TIME_LIMIT_S))
    graph = read_model(instance, None)
    seen: list[tuple[float, Progress]] = []
    start_s = time.monotonic()
    result = solve(graph, instance, progress=lambda progress: seen.append((time.monotonic() - start_s, progress)))
    solve_s = time.monotonic() - start_s
    phase = result.phase
    final = Progress(solve_s, phase.makespan_ns, phase.lower_bound_ns)
    seen.append((min(solve_s, TIME_LIMIT_S), final))
    return Row(
        instance=name,
        status=result.status.value,
        first_plan_s=next((at_s for at_s, progress in seen if progress.incumbent_ns is not None), None),
        close_s=next((at_s for at_s, progress in seen if progress.gap is not None and progress.gap <= CLOSE), None),
        gaps=tuple(
            next((p.gap for at_s, p in reversed(seen) if at_s <= max(mark_s, seen[0][0])), None) for mark_s in MARKS_S
        ),
        solve_s=solve_s,
        phase_us=None if phase.makespan_ns is None else phase.makespan_ns / 1000,
        lower_bound_us=None if phase.lower_bound_ns is None else phase.lower_bound_ns / 1000,
        memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def main(folder: Path, names: tuple[str, ...]) -> None:
    """Measure and write the tables."""
    context = multiprocessing.get_context("spawn")
    rows: list[Row] = []
    for name in names:
        with context.Pool(1) as pool:
            rows.append(pool.apply(measure, (name,)))
        sys.stderr.write(f"{rows[-1]}\n")
    folder.mkdir(parents=True, exist_ok=True)
    content = {"revision": revision(), "time_limit_s": TIME_LIMIT_S, "rows": [asdict(row) for row in rows]}
    write_text(folder / "table.json", json.dumps(content, indent=1) + "\n")
    write_text(folder / "table.md", _markdown(rows))


def _markdown(rows: list[Row]) -> str:
    table = [
        (
            row.instance,
            row.status,
            _milliseconds(row.phase_us),
            _milliseconds(row.lower_bound_us),
            _seconds(row.first_plan_s),
            _seconds(row.close_s),
            *(_percent(gap) for gap in row.gaps),
            _seconds(row.solve_s),
            f"{row.memory_mib:.0f} MiB",
        )
        for row in rows
    ]
    marks = [f"gap at {mark_s:g} s" for mark_s in MARKS_S]
    headers = ("instance", "status", "phases", "bound", "first plan", f"gap of {CLOSE:.0%}", *marks, "ends", "memory")
    aligned = ("left", "left", *("right",) * (len(headers) - 2))
    note = f"`make bench-solver` at {revision()}; gaps are of the phase model, the time limit is {TIME_LIMIT_S:g} s."
    return f"{tabulate(table, headers, tablefmt='github', colalign=aligned)}\n\n{note}\n"


def _seconds(time_s: float | None) -> str:
    return "-" if time_s is None else f"{time_s:.1f} s"


def _milliseconds(time_us: float | None) -> str:
    return "-" if time_us is None else f"{time_us / 1000:.2f} ms"


def _percent(gap: float | None) -> str:
    return "-" if gap is None else f"{100 * gap:.2f} %"


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2:]) or INSTANCES)
