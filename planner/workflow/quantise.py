"""A float model and samples of its input to an int8 model, and how well the two agree."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.core.arithmetic import dequantise
from planner.core.executor import execute
from planner.core.host import host_input, host_outputs
from planner.data.graph import Graph
from planner.errors import ModelError
from planner.files import atomic
from planner.files.sample_files import PixelRange, read_samples
from planner.frontend import read_onnx
from planner.frontend.quantise import QUANTISED_SUFFIX, FloatModel, Samples, load_float, quantise, sample_batches
from planner.report.quantise_report import LayerAgreement, OutputAgreement, QuantiseReport

HOLD_BACK_EVERY = 5
MINIMUM_SAMPLES_TO_HOLD_BACK = 3
MAXIMUM_COMPARED = 20
"""Samples over which the agreement is measured, of either kind."""


def quantise_model(model_file: Path, calibration: Path, out: Path, pixels: PixelRange, limit: int) -> QuantiseReport:
    """Quantise `model_file` with up to `limit` samples of `calibration`; write `out` if planner can split the result.

    Every fifth sample is held back to see how the model does on samples that it was not calibrated with.
    Raises InputError or ModelError for files that cannot be used; nothing is written then.
    """
    model = load_float(model_file)
    samples = read_samples(calibration, model.inputs, pixels, limit)
    seen, held_back = _divided(samples)
    content = quantise(model.proto, seen, model.final_softmaxes)
    graph = _read(content, model_file.name)
    calibrated, layers = _compare(model, graph, seen)
    atomic.write_bytes(out, content)
    return QuantiseReport(
        file=str(out),
        operators=len(graph.operators),
        calibration=calibrated,
        held_back=_compare(model, graph, held_back)[0] if held_back else None,
        layers=layers,
    )


def _read(content: bytes, name: str) -> Graph:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        path.write_bytes(content)
        try:
            return read_onnx(path)
        except ModelError as error:
            message = str(error).replace(str(path), name)
            raise ModelError(f"{message} (in the int8 model that was made of it)") from error


def _divided(samples: Samples) -> tuple[Samples, Samples | None]:
    """Samples to calibrate with, and samples that are held back."""
    count = len(next(iter(samples.values())))
    if count < MINIMUM_SAMPLES_TO_HOLD_BACK:
        return samples, None
    period = min(HOLD_BACK_EVERY, count)
    held = np.arange(count) % period == period - 1
    return (
        {name: values[~held] for name, values in samples.items()},
        {name: values[held] for name, values in samples.items()},
    )


class _Difference:
    """Sums over samples of one tensor's float values and the error of its int8 values."""

    def __init__(self) -> None:
        self.signal = self.noise = self.largest_error = 0.0

    def add(self, real: NDArray[Any], approximate: NDArray[Any]) -> None:
        error = approximate.astype(np.float64).ravel() - real.astype(np.float64).ravel()
        self.signal += float(np.square(real, dtype=np.float64).sum())
        self.noise += float(np.square(error).sum())
        self.largest_error = max(self.largest_error, float(np.abs(error).max()))

    @property
    def sqnr_db(self) -> float | None:
        if self.noise == 0:
            return None
        return float(10 * np.log10(max(self.signal, np.finfo(float).tiny) / self.noise))


def _compare(model: FloatModel, graph: Graph, samples: Samples) -> tuple[OutputAgreement, tuple[LayerAgreement, ...]]:
    """Outputs and activations of both models over the first samples."""
    outputs = [value.name for value in model.proto.graph.output]
    activations = _activations(model, graph)
    difference, layers = _Difference(), {name: _Difference() for name in activations}
    compared = same_top = 0
    evaluate = model.evaluator((*outputs, *activations.values()))
    for sample in islice(sample_batches(samples), MAXIMUM_COMPARED):
        reals = evaluate(sample)
        tensors = execute(graph, host_input(graph, *(sample[name] for name in model.inputs)))
        finals = host_outputs(graph, tensors)
        compared += 1
        same_top += int(np.argmax(reals[0]) == np.argmax(finals[0]))
        for real, final in zip(reals, finals, strict=False):
            difference.add(real, final)
        for name, real in zip(activations, reals[len(outputs) :], strict=True):
            integers = tensors[name]
            ordered = integers.transpose(2, 0, 1) if real.ndim == 4 else integers
            layers[name].add(real, dequantise(ordered, graph.tensors[name].quant))
    agreement = OutputAgreement(compared, same_top, difference.largest_error, difference.sqnr_db)
    return agreement, tuple(
        LayerAgreement(activations[name], layer.largest_error, layer.sqnr_db) for name, layer in layers.items()
    )


def _activations(model: FloatModel, graph: Graph) -> Mapping[str, str]:
    """The float tensor that each tensor of the graph stands for, where it is known by name."""
    known = {name for node in model.proto.graph.node for name in node.output}
    pairs = ((operator.output, operator.output.removesuffix(QUANTISED_SUFFIX)) for operator in graph.operators)
    return {integer: real for integer, real in pairs if real != integer and real in known}
