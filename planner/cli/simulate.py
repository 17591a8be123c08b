"""`planner simulate`: when each node does what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import show
from planner.core.simulate import simulate as simulate_plan
from planner.files.output_directory import PLAN_FILE
from planner.files.plan_file import load_plan
from planner.report.timeline import event_table, picture


def simulate(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory that planner solve wrote.")],
    events: Annotated[bool, typer.Option("--events", help="List every computation and message.")] = False,
) -> None:
    """Show the timeline of a plan: when each node computes, sends, receives and waits.

    The times are those that boards are to take: a run on emulated boards measures the same within the error of the
    cost model.
    """
    file = load_plan(directory / PLAN_FILE)
    simulation = simulate_plan(file.instance, file.plan)
    show((event_table if events else picture)(file.instance, file.plan, simulation))
