"""`planner profile`: measure what kernels cost on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import note, show
from planner.errors import InputError
from planner.files import shipped
from planner.files.profile_file import save_profile
from planner.profiling.datasheets import BOARDS, derived_profile
from planner.profiling.reference_boards import REFERENCE_BOARDS
from planner.report.profile_table import profile_table
from planner.workflow.profile import Profiled, portable_profile, profile_board, reference_board


def profile(
    machine: Annotated[
        str | None, typer.Argument(help=f"Reference board: {', '.join(REFERENCE_BOARDS)}, or its machine.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Profile to write (YAML).")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Measure all and rewrite the shipped profiles.")] = False,
) -> None:
    """Run the benchmark on an emulated board, fit the cost model, and print its error on held-out shapes.

    planner profile m4 --out my_m4.yaml
    planner profile --all
    """
    if everything and machine is None and out is None:
        _measure_all()
    elif machine is not None and out is not None and not everything:
        save_profile(_measured(machine).profile, out)
        note(f"profile written to {out}")
    else:
        raise InputError("give a board and --out FILE, or --all alone")


def _measure_all() -> None:
    folder = shipped.path("profiles")
    measured = {name: _measured(name).profile for name in REFERENCE_BOARDS}
    for name, found in measured.items():
        save_profile(found, folder / f"{name}.yaml")
        portable = portable_profile(found)
        save_profile(portable, folder / f"{portable.name}.yaml")
    for board in BOARDS:
        save_profile(derived_profile(board, measured), folder / f"{board.name}.yaml")
    note(f"{len(list(folder.glob('*.yaml')))} profiles written to {folder}")


def _measured(name: str) -> Profiled:
    board = reference_board(name)
    note(f"measuring {board.name} on {board.machine}")
    profiled = profile_board(board)
    show(f"{board.name} ({board.machine}, {board.core})\n{profile_table(profiled.fits)}\n")
    return profiled
