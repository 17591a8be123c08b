"""`planner firmware`: build the image of a board."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.boards.firmware import firmware as build
from planner.boards.machines import LOCAL_BOARD, LOCAL_COMPILER, MACHINES
from planner.cli.console import show
from planner.errors import InputError


def firmware(
    board: Annotated[str, typer.Argument(help=f"One of {', '.join((*MACHINES, LOCAL_BOARD))}.")],
) -> None:
    """Build the firmware of a board, unless it has been built, and print where the image lies.

    One image serves every plan; `planner run` builds what it needs by itself.

        planner firmware mps2-an500
    """
    if board != LOCAL_BOARD and board not in MACHINES:
        raise InputError(f"there is no board {board!r}; known are {', '.join((*MACHINES, LOCAL_BOARD))}")
    show(str(build(board, LOCAL_COMPILER if board == LOCAL_BOARD else MACHINES[board].compiler)))
