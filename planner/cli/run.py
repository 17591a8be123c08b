"""`planner run`: start the boards, run the plan, compare and measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.boards.machines import MACHINES
from planner.cli.console import note, show, show_json
from planner.data.run import Boards
from planner.data.testbed import Testbed
from planner.files.array_file import read_array, write_arrays
from planner.files.output_directory import read_output
from planner.files.testbed_file import read_testbed
from planner.report.run_report import run_report, run_table
from planner.workflow.inference import best_guesses, count_unexpected, read_input, read_output_labels, result_arrays
from planner.workflow.run import DEFAULT_TIMEOUT_S, check_against_bound, count_mismatches, run_plan

MISMATCH = 1


def run(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory that planner solve wrote.")],
    boards: Annotated[
        str,
        typer.Option("--boards", metavar="local|emulated|FILE", help="Processes, emulated boards, or a testbed.yaml."),
    ],
    input_file: Annotated[
        Path | None,
        typer.Option("--input", help="X.npy, or a picture (png, bmp, jpg); seeded random values if left out."),
    ] = None,
    expect: Annotated[
        Path | None, typer.Option("--expect", help="Y.npy to compare: int8 with the boards' output, else the model's.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="A label a line; names the best five. Else the instance's labels.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Save the outputs in this .npz file.")] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Longest silence in seconds.")
    ] = DEFAULT_TIMEOUT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run a plan, check the result against the unsplit network, and measure RAM and latency.

    Latency is virtual time: emulated boards count instructions, local processes take the predicted times. A picture
    becomes the input as the instance's picture: says; without it, it is resized whole, and black and white become the
    ends of the input's range.

        planner run build/mixed8 --boards emulated
        planner run build/mixed8 --boards testbed.yaml
        planner run build/mine --boards local --input cat.png --labels imagenet.txt --out cat.npz
    """
    content = read_output(directory)
    graph, instance, plan = content.graph, content.file.instance, content.file.plan
    inputs = read_input(graph, input_file, instance.picture)
    label_file = labels if labels is not None or instance.labels is None else Path(instance.labels)
    names = None if label_file is None else read_output_labels(graph, label_file)
    expected = None if expect is None else read_array(expect)
    where = _where(boards)
    note(f"{instance.name}: running on {len(instance.devices)} boards ({boards})")
    result = run_plan(graph, instance, plan, inputs, where, content.binaries, timeout)
    bound_us = content.file.summary.get("lower_bound_us")
    if isinstance(bound_us, float):
        check_against_bound(result, 1000 * bound_us)
    mismatched_bytes = count_mismatches(result, graph, inputs)
    if expected is not None:
        mismatched_bytes += count_unexpected(graph, result.outputs, expected)
    if out is not None:
        write_arrays(out, result_arrays(graph, result.outputs))
    guesses = () if names is None else best_guesses(graph, result.outputs, names)
    report = run_report(result, mismatched_bytes, [(guess.label, guess.value) for guess in guesses])
    if as_json:
        show_json(report)
    else:
        show(run_table(report, result))
    if not report.match:
        raise typer.Exit(MISMATCH)


def _where(boards: str) -> Boards | Testbed:
    """The kind of boards by its name, or the testbed in a file."""
    if boards in (Boards.LOCAL.value, Boards.EMULATED.value):
        return Boards(boards)
    return read_testbed(Path(boards), MACHINES)
