"""`planner zoo`: make a model without downloading anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import note
from planner.zoo import write_zoo_model


def zoo(
    name: Annotated[str, typer.Argument(help="Architecture, as in mobilenet_v2_1.0_224 (width, resolution).")],
    out: Annotated[Path, typer.Option("--out", help="ONNX file to write.")],
) -> None:
    """Write a quantised ONNX model with seeded random weights.

    Real architectures: MobileNetV2 and MobileNetV1 (width, resolution), DS-CNN, ResNet8. They compute nothing useful,
    but take the time and memory of their trained relatives.

        planner zoo mobilenet_v2_0.35_144 --out small.onnx
    """
    write_zoo_model(name, out)
    note(f"{name} written to {out}")
