"""`planner inspect`: a plan binary in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import show
from planner.errors import InputError
from planner.planfmt.decode import decode
from planner.report.plan_listing import program_listing, record_listing


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE.plan", help="Plan binary of one device.")],
    records: Annotated[bool, typer.Option("--records", help="Print every record of every table.")] = False,
) -> None:
    """Print what a plan binary needs and does, step by step.

    An operand reads rows x columns x channels @ buffer:offset; several buffers hold its rows one after another.

        planner inspect build/mixed8/m7-0.plan
    """
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise InputError(f"{file} cannot be read: {problem.strerror}") from problem
    show((record_listing if records else program_listing)(decode(data)))
