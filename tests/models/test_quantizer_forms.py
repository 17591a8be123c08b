"""Models as ONNX Runtime's static quantiser writes them, in each form it has: logits equal in every byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from planner.core.executor import execute
from planner.core.host import host_input, output_integers
from planner.errors import ModelError
from planner.frontend import read_onnx
from planner.zoo.float_network import FloatNetwork
from tests.builders.onnx_models import run_onnxruntime, without_softmax

SAMPLES = np.random.default_rng(0).normal(0, 1, (4, 3, 12, 10)).astype(np.float32)
TYPES = {
    "int8": (QuantType.QInt8, QuantType.QInt8),
    "uint8": (QuantType.QUInt8, QuantType.QInt8),
    "uint8_weights": (QuantType.QUInt8, QuantType.QUInt8),
}


class _Samples(CalibrationDataReader):
    def __init__(self) -> None:
        self._rest: Iterator[np.ndarray] = iter(SAMPLES)

    def get_next(self) -> dict[str, np.ndarray] | None:
        sample = next(self._rest, None)
        return None if sample is None else {"input": sample[None]}


@pytest.fixture(scope="module")
def float_model() -> onnx.ModelProto:
    network = FloatNetwork("forms", SAMPLES, np.random.default_rng(1))
    network.conv(8, (3, 3), (2, 2))
    start = network.branch()
    network.depthwise((3, 3), (1, 1), activation="Relu6")
    network.conv(8, (1, 1), activation=None)
    network.add(start, activation="Relu")
    network.conv(12, (3, 2), (2, 1), groups=4)
    network.global_average()
    network.classifier(10)
    return network.model()


def _write(model: onnx.ModelProto, form: QuantFormat, types: str, per_channel: bool, directory: Path) -> Path:
    source, path = directory / "float.onnx", directory / "model.onnx"
    onnx.save(model, source)
    activations, weights = TYPES[types]
    quantize_static(
        source,
        path,
        _Samples(),
        quant_format=form,
        per_channel=per_channel,
        activation_type=activations,
        weight_type=weights,
    )
    return path


FORMS = [
    pytest.param(form, types, per_channel, id=f"{form}-{types}-{'per_channel' if per_channel else 'per_tensor'}")
    for form in QuantFormat
    for types in TYPES
    for per_channel in (False, True)
    if (form, types, per_channel) != (QuantFormat.QOperator, "uint8_weights", True)
]


@pytest.mark.parametrize("form, types, per_channel", FORMS)
def test_logits(float_model: onnx.ModelProto, form: QuantFormat, types: str, per_channel: bool, tmp_path: Path) -> None:
    path = _write(float_model, form, types, per_channel, tmp_path)
    graph = read_onnx(path)
    array = np.random.default_rng(2).normal(0, 1, graph.inputs[0].shape).astype(np.float32)
    unsigned = TYPES[types][0] is QuantType.QUInt8
    expected = run_onnxruntime(without_softmax(onnx.load(path), unsigned), array)[0].astype(int) - 128 * unsigned
    tensors = execute(graph, host_input(graph, array))
    np.testing.assert_array_equal(output_integers(graph, graph.outputs[0], tensors), expected)
    assert np.ptp(expected) > 50


def test_a_zero_point_for_every_column_is_refused(float_model: onnx.ModelProto, tmp_path: Path) -> None:
    path = _write(float_model, QuantFormat.QOperator, "uint8_weights", True, tmp_path)
    with pytest.raises(ModelError, match=r"\(Gemm\): its weights have several zero points; quantise weights symm"):
        read_onnx(path)
