"""What a report says about where it comes from."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from planner.data.instance import Instance
from planner.files.revision import instance_hash, revision
from planner.report.comparison import Origin

NO_PLOTS = "no plots: matplotlib is missing; install it with: pip install 'planner[plot]'"


def make_origin(problem: Instance, model: Path | None, solver: str) -> Origin:
    """The origin of a report that this command makes."""
    return Origin(
        command=shlex.join(["planner", *sys.argv[1:]]),
        revision=revision(),
        instance=problem.name,
        instance_hash=instance_hash(problem),
        model=str(model or problem.model),
        solver=solver,
        seed=problem.limits.seed,
        time_limit_s=problem.limits.time_limit_s,
    )
