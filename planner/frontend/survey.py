"""Which kinds of operators a model file has, and which of them can be read: also for files that are refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from planner.frontend.dispatch import is_tflite
from planner.frontend.onnx import model_file as onnx_file
from planner.frontend.onnx import operators as onnx_operators
from planner.frontend.onnx import qoperator
from planner.frontend.tflite import model_file as tflite_file
from planner.frontend.tflite import reader as tflite_reader


@dataclass(frozen=True, slots=True)
class KindCount:
    """A kind of operator, how many a file has, and whether planner reads that kind at all."""

    kind: str
    count: int
    readable: bool


def survey(path: Path) -> tuple[KindCount, ...]:
    """The kinds of a file's operators, in the order of their first use. Raises ModelError if the file is damaged."""
    if is_tflite(path):
        kinds, readable = [node.op for node in tflite_file.load(path).nodes], set(tflite_reader.supported())
    else:
        kinds = [node.op for node in onnx_file.load(path).nodes]
        readable = {*onnx_operators.supported(), *qoperator.forms(), "QuantizeLinear", "DequantizeLinear"}
    return tuple(KindCount(kind, count, kind in readable) for kind, count in Counter(kinds).items())
