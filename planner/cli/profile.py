"""`planner profile`: measure what kernels cost on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import ProgressNotes, note, show
from planner.data.testbed import DEFAULT_BAUD, SerialAddress
from planner.errors import InputError
from planner.files import shipped
from planner.files.profile_file import save_profile
from planner.profiling.datasheets import BOARDS, derived_profile
from planner.profiling.reference_boards import REFERENCE_BOARDS
from planner.report.profile_table import profile_table
from planner.workflow.profile import Profiled, portable_profile, profile_board, profile_port, reference_board


def profile(
    machine: Annotated[
        str | None, typer.Argument(help=f"Reference board: {', '.join(REFERENCE_BOARDS)}, or its machine.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Profile to write (YAML).")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Measure all and rewrite the shipped profiles.")] = False,
    port: Annotated[str | None, typer.Option("--port", help="Measure the board at this serial port.")] = None,
    baud: Annotated[int, typer.Option("--baud", min=1, help="Bits per second of the port.")] = DEFAULT_BAUD,
    quick: Annotated[bool, typer.Option("--quick", help="With --port: fewer and smaller cases.")] = False,
) -> None:
    """Run the benchmark on an emulated board or on that at a port, fit the cost model, and print its error on held-out
    shapes.

    A benchmark that was cut short goes on where it stopped.

        planner profile m4 --out my_m4.yaml
        planner profile --port /dev/ttyUSB0 --out my_board.yaml --quick
        planner profile --all
    """
    if port is not None and machine is None and not everything:
        _measure_port(SerialAddress(port, baud), out, quick)
    elif everything and machine is None and out is None:
        _measure_all()
    elif machine is not None and out is not None and not everything:
        save_profile(_measured(machine).profile, out)
        note(f"profile written to {out}")
    else:
        raise InputError("give a board and --out FILE, or --port PORT, or --all alone")


def _measure_port(address: SerialAddress, out: Path | None, quick: bool) -> None:
    notes = ProgressNotes()
    partial = Path(f"{out or Path(address.port).name}.partial")
    profiled = profile_port(address, partial, quick, notes.update)
    board = profiled.profile
    show(f"{board.name} ({address}, {board.core})\n{profile_table(profiled.fits)}\n")
    if out is not None:
        save_profile(board, out)
        note(f"profile written to {out}")


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
