"""The program: its commands, and how errors become messages and exit codes."""

from __future__ import annotations

import inspect
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from planner import __version__
from planner.cli.boards import app as boards
from planner.cli.compare import compare
from planner.cli.explain import explain
from planner.cli.firmware import firmware
from planner.cli.flash import flash
from planner.cli.inspect import inspect as inspect_plan
from planner.cli.model import model
from planner.cli.pareto import pareto
from planner.cli.profile import profile
from planner.cli.quantize import quantize
from planner.cli.run import run as run_plan
from planner.cli.simulate import simulate
from planner.cli.solve import solve
from planner.cli.zoo import zoo
from planner.errors import PlannerError

HELP = """Split a quantised CNN over networked microcontrollers, with a proven bound.

A typical session:

    planner solve mixed8 --out build/mixed8      split a network over a fleet
    planner run build/mixed8 --boards emulated   run it, compare with the unsplit network

INSTANCE is a file, or the name of a shipped instance. Exit codes: 0 done, 1 no plan or a mismatch, 2 bad input,
3 device or link fault, 70 internal error.
"""
COMMANDS: Mapping[str, Callable[..., None]] = {
    "solve": solve,
    "run": run_plan,
    "simulate": simulate,
    "explain": explain,
    "compare": compare,
    "pareto": pareto,
    "inspect": inspect_plan,
    "zoo": zoo,
    "model": model,
    "quantize": quantize,
    "profile": profile,
    "firmware": firmware,
    "flash": flash,
}
INTERNAL_ERROR = 70
SIGNAL_EXIT = 128


@dataclass(slots=True)
class Settings:
    """Options that stand before the command."""

    debug: bool = False


def _help(text: str | None) -> str:
    """A docstring as help: indented paragraphs, which show commands, keep their lines."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(f"\b\n{part}" if part.startswith(" ") else part for part in paragraphs)


app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
for name, command in COMMANDS.items():
    app.command(name, help=_help(command.__doc__))(command)
app.add_typer(boards, name="boards")


def _show_version(requested: bool) -> None:
    if requested:
        print(f"planner {__version__}")
        raise typer.Exit


@app.callback(help=_help(HELP))
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")] = False,
) -> None:
    context.ensure_object(Settings).debug = debug


def run() -> None:
    """Entry point: run the command and exit with the code of the error, if there is one."""
    settings = Settings()
    # As an exception, a request to end lets every command clean up: boards, pipes, half-written files.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(SIGNAL_EXIT + number))
    try:
        app(obj=settings)
    except PlannerError as error:
        _fail(settings, str(error), error.exit_code)
    except Exception as error:
        _fail(settings, f"internal error: {type(error).__name__}: {error} (--debug shows where)", INTERNAL_ERROR)


def _fail(settings: Settings, message: str, exit_code: int) -> None:
    if settings.debug:
        traceback.print_exc()
    print(f"planner: {message}", file=sys.stderr)
    sys.exit(exit_code)
