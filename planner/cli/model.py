"""`planner model`: what a model needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.console import note, show, show_json
from planner.errors import ModelError
from planner.files.atomic import write_text
from planner.report.model_drawing import model_svg
from planner.report.model_report import model_report, model_table, refused_table
from planner.workflow.model import read_named_model, survey_refused_model


def model(
    file: Annotated[str, typer.Argument(metavar="FILE", help="ONNX or TFLite file, or zoo:NAME.")],
    graph: Annotated[Path | None, typer.Option("--graph", help="Draw the network into this SVG file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the operators of a quantised model: shapes, work, weights, and the RAM that one board would need.

    A model that planner cannot split is refused, with the kinds of its operators, those that are in the way, and what
    would do.

        planner model zoo:mobilenet_v2_1.0_224
        planner model person_detect.tflite --graph person_detect.svg
    """
    try:
        network = read_named_model(file)
    except ModelError:
        refused = survey_refused_model(file)
        if refused is not None and as_json:
            show_json(refused)
        elif refused is not None:
            show(refused_table(refused))
        raise
    report = model_report(network)
    if graph is not None:
        write_text(graph, model_svg(network, report))
        note(f"drawing written to {graph}")
    if as_json:
        show_json(report)
    else:
        show(model_table(report))
