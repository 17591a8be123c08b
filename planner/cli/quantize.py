"""`planner quantize`: a float ONNX model to int8."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import show, show_json
from planner.errors import InputError
from planner.files.sample_files import PixelRange
from planner.report.quantise_report import quantise_table
from planner.workflow.quantise import quantise_model

DEFAULT_SAMPLES = 200


def quantize(
    model: Annotated[Path, typer.Argument(help="Float ONNX file.")],
    calibration: Annotated[
        Path, typer.Option("--calibration", help="Folder of pictures or .npy arrays, or an .npz file of samples.")
    ],
    out: Annotated[Path, typer.Option("--out", help="ONNX file to write.")],
    mean: Annotated[str, typer.Option("--mean", help="Subtracted from pixels (0 to 255); one, or one a channel.")] = (
        "127.5"
    ),
    std: Annotated[str, typer.Option("--std", help="What pixels are divided by then.")] = "127.5",
    samples: Annotated[int, typer.Option("--samples", min=1, help="Largest number of samples.")] = DEFAULT_SAMPLES,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Quantise a float model to int8, and print how well both agree.

    BatchNorms are folded, the batch is fixed to 1, weights get a scale per channel. A fifth of the samples is held
    back from calibration, to compare on what calibration has not seen.

        planner quantize float.onnx --calibration pictures/ --out int8.onnx
        planner quantize float.onnx --calibration samples.npz --out int8.onnx --json
    """
    pixels = PixelRange(_numbers("--mean", mean), _numbers("--std", std))
    if 0 in pixels.deviation:
        raise InputError("--std must not be 0")
    report = quantise_model(model, calibration, out, pixels, samples)
    if as_json:
        show_json(report)
    else:
        show(quantise_table(report))


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as problem:
        raise InputError(f"{option} {text}: give numbers, separated by commas") from problem
