"""The flagship's latency on shipped fleets, with portable kernels and with those of the boards' cores.

    python -m tests.benchmarks.kernel_fleets results/kernels [INSTANCE ...]

Solves every instance twice, the second time with the profiles whose kernels are portable, and writes `fleets.md`.
Latencies are the plan clock's predictions; `planner run` measures them within a per cent.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from tabulate import tabulate

from planner.files import shipped
from planner.files.atomic import write_text

FLEETS = ("m7x1", "m7x2", "m7x4", "m7x8", "mixed3", "mixed8")
TIME_LIMIT_S = 30


def main(directory: Path, instances: Sequence[str]) -> None:
    """Solve and write the table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in instances:
            source = shipped.path("instances") / f"{name}.yaml"
            content = yaml.safe_load(source.read_text())
            for device in content["devices"]:
                device["profile"] = f"{device['profile']}-portable"
            portable = Path(folder) / f"{name}.yaml"
            portable.write_text(yaml.safe_dump(content))
            before, after = (_solve(str(instance), Path(folder) / "plan") for instance in (portable, source))
            times = [_latency_ms(report) for report in (before, after)]
            ratio = times[1] / times[0] if times[0] and times[1] else None
            rows.append((name, content["model"], *times, ratio))
    headers = ("fleet", "network", "portable, ms", "own kernels, ms", "ratio")
    directory.mkdir(parents=True, exist_ok=True)
    introduction = f"Written by `make kernel-fleets`, {TIME_LIMIT_S} s of search for each; predicted by the plan clock."
    table = tabulate(rows, headers, "github", floatfmt=("", "", ".1f", ".1f", ".3f"), missingval="no plan")
    write_text(
        directory / "fleets.md",
        f"# Latency on shipped fleets before and after the kernels of their cores\n\n{introduction}\n\n{table}\n",
    )


def _solve(instance: str, plan: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", "from planner.cli.main import run; run()", "solve", instance, "--out", str(plan)]
    command += ["--time-limit", str(TIME_LIMIT_S), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(result.stdout) if result.returncode == 0 else {}
    return report


def _latency_ms(report: dict[str, Any]) -> float | None:
    return report["makespan_us"] / 1000 if report else None


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(FLEETS))
