"""Which reader a model file is for."""

from __future__ import annotations

from pathlib import Path

from planner.data.graph import Graph
from planner.errors import ModelError
from planner.frontend.onnx import read_onnx
from planner.frontend.tflite import read_tflite
from planner.frontend.tflite.model_file import IDENTIFIER


def read_model(path: str | Path) -> Graph:
    """The network of a model file, TFLite or ONNX by its content; its rounding rule is that of its origin.

    Raises ModelError if the file cannot be read, is damaged, or uses what planner does not support.
    """
    graph = read_tflite(path) if is_tflite(path) else read_onnx(path)
    if not graph.operators:
        raise ModelError(f"{path}: boards would have nothing to compute; the model only converts its input")
    return graph


def is_tflite(path: str | Path) -> bool:
    """Whether a file is a TFLite model rather than ONNX. Raises ModelError if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(8)[4:] == IDENTIFIER
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
