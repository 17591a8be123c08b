"""`planner inspect`: a plan binary in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import show
from planner.errors import InputError
from planner.planfmt.text import describe


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE.plan", help="Plan binary of one device.")],
) -> None:
    """Print what a plan binary needs and what it does, step by step.

    An operand reads ROWSxCOLUMNSxCHANNELS, then how many of its rows lie in which buffer at which offset.

        planner inspect build/mixed8/m7-0.plan
    """
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise InputError(f"{file} cannot be read: {problem.strerror}") from problem
    show(describe(data).rstrip())
