"""`planner boards`: who answers, and a lab of emulated boards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.boards.lab import TESTBED_FILE, start_lab, stop_lab
from planner.boards.machines import MACHINES
from planner.cli.console import note, show, show_json
from planner.files.instance_file import find_instance, load_instance
from planner.files.testbed_file import read_testbed
from planner.report.board_table import board_table
from planner.workflow.boards import find_boards, serial_ports

LAB = Path("build/lab")

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@app.callback()
def boards(
    context: typer.Context,
    testbed: Annotated[
        Path | None, typer.Option("--testbed", help="Ask the boards of this testbed.yaml, not the serial ports.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Longest wait for an answer in seconds.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the boards that answer at the serial ports, or at the addresses of a testbed.

    \b
        planner boards
        planner boards start mixed3 && planner boards --testbed build/lab/testbed.yaml
        planner boards stop
    """
    if context.invoked_subcommand is not None:
        return
    places = serial_ports() if testbed is None else read_testbed(testbed, MACHINES)
    found = find_boards(places, timeout)
    if as_json:
        show_json(found)
    else:
        show(board_table(found))


@app.command()
def start(
    instance: Annotated[str, typer.Argument(help="Instance file, or the name of a shipped one.")],
    out: Annotated[Path, typer.Option("--out", help="Directory for testbed.yaml and what the lab needs.")] = LAB,
) -> None:
    """Start the emulated boards of an instance in the background, with their serial ports as pseudo terminals."""
    fleet = load_instance(find_instance(instance))
    note(f"{fleet.name}: starting {len(fleet.devices)} emulated boards")
    testbed = start_lab(fleet, out)
    show("\n".join(f"{device:12} {address}" for device, address in testbed.addresses.items()))
    show(f"testbed written to {out / TESTBED_FILE}; end the lab with: planner boards stop {out}")


@app.command()
def stop(directory: Annotated[Path, typer.Argument(help="Directory that planner boards start wrote.")] = LAB) -> None:
    """End a lab."""
    show(f"ended {', '.join(stop_lab(directory)) or 'nothing: no board ran any more'}")
