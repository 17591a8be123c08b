"""`planner quantize`: float ONNX models to int8 models that planner reads and ONNX Runtime runs with the same bytes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from planner.cli import main
from planner.core.executor import execute
from planner.core.host import host_input, host_outputs
from planner.data.graph import Conv, Pad
from planner.errors import InputError, ModelError
from planner.files.sample_files import PixelRange, read_samples
from planner.frontend import read_onnx
from planner.frontend.quantise import load_float
from planner.workflow.quantise import quantise_model
from tests.builders.onnx_models import run_onnxruntime

MODELS = Path(os.environ.get("PLANNER_MODELS", Path(__file__).parents[2].parent / "shared" / "models"))
SIZE = 12
FEW_DECIBELS = 15.0


def float_model(opset: int = 17) -> onnx.ModelProto:
    """Pad, convolution, BatchNorm, Relu, depthwise, residual, average, dense, Softmax; batch symbolic."""
    rng = np.random.default_rng(0)

    def weights(name: str, *dims: int) -> onnx.TensorProto:
        deviation = 1.0 / np.sqrt(np.prod(dims[1:])) if len(dims) > 1 else 1.0
        return numpy_helper.from_array(rng.normal(0, deviation, dims).astype(np.float32), name)

    def positive(name: str, *dims: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.uniform(0.5, 2, dims).astype(np.float32), name)

    nodes = [
        helper.make_node("Pad", ["image", "pads"], ["padded"]),
        helper.make_node("Conv", ["padded", "w0"], ["conv"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("BatchNormalization", ["conv", "gamma", "beta", "mean", "variance"], ["normal"]),
        helper.make_node("Relu", ["normal"], ["relu"]),
        helper.make_node("Conv", ["relu", "w1"], ["depthwise"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=8),
        helper.make_node("Add", ["relu", "depthwise"], ["sum"]),
        helper.make_node("GlobalAveragePool", ["sum"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    constants = [
        numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64), "pads"),
        *(weights("w0", 8, 3, 3, 3), weights("w1", 8, 1, 3, 3), weights("w2", 5, 8), weights("b2", 5)),
        *(positive("gamma", 8), weights("beta", 8), weights("mean", 8), positive("variance", 8)),
    ]
    graph = helper.make_graph(
        nodes,
        "float",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 5])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "float.onnx"
    onnx.save(float_model(), path)
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "samples.npz"
    np.savez(path, image=np.random.default_rng(1).uniform(-1, 1, (12, 3, SIZE, SIZE)).astype(np.float32))
    return path


def test_int8_model(model: Path, samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "int8.onnx"
    report = quantise_model(model, samples, out, PixelRange(), limit=100)
    graph = read_onnx(out)
    assert graph.inputs[0].shape == (1, 3, SIZE, SIZE)
    assert not any(isinstance(operator, Pad) for operator in graph.operators)
    first = graph.operators[0]
    assert isinstance(first, Conv) and len(np.unique(first.weight_scales)) == first.output_channels
    assert report.operators == len(graph.operators) == len(report.layers) == 5
    assert report.calibration.samples == 10 and report.held_back is not None and report.held_back.samples == 2
    assert report.calibration.sqnr_db is not None and report.calibration.sqnr_db > FEW_DECIBELS
    assert all(layer.sqnr_db is not None and layer.sqnr_db > FEW_DECIBELS for layer in report.layers)

    sample = np.load(samples)["image"][:1]
    (result,) = host_outputs(graph, execute(graph, host_input(graph, sample)))
    (expected,) = run_onnxruntime(onnx.load(out), sample)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_the_same_bytes_twice(model: Path, samples: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        quantise_model(model, samples, tmp_path / name, PixelRange(), limit=4)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_old_opset(model: Path, samples: Path, tmp_path: Path) -> None:
    onnx.save(float_model(opset=12), model)
    assert quantise_model(model, samples, tmp_path / "int8.onnx", PixelRange(), limit=3).operators == 5


def test_pictures_are_resized_and_normalised(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (40, 20), (255, 0, 102)).save(folder / "b.png")
    Image.new("L", (5, 5), 51).save(folder / "a.jpg")
    np.save(folder / "c.npy", np.full((3, 4, 4), 7.0))
    pixels = PixelRange(mean=(127.5, 0.0, 102.0), deviation=(127.5,))
    arrays = read_samples(folder, {"x": (1, 3, 4, 4)}, pixels, limit=9)["x"]
    assert arrays.shape == (3, 3, 4, 4) and arrays.dtype == np.float32
    np.testing.assert_allclose(arrays[0, :, 0, 0], [-0.6, 0.4, -0.4], atol=0.02)
    np.testing.assert_array_equal(arrays[1, :, 3, 2], [1, 0, 0])
    assert (arrays[2] == 7).all()
    last = read_samples(folder, {"x": (1, 4, 4, 3)}, PixelRange(), limit=2)
    assert last["x"].shape == (2, 4, 4, 3)


def test_cli_prints_one_object(
    model: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["quantize", str(model), "--calibration", str(samples), "--out", str(tmp_path / "out.onnx"), "--json"]
    monkeypatch.setattr(sys, "argv", ["planner", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert not ended.value.code
    report = json.loads(capsys.readouterr().out)
    assert report["held_back"]["samples"] == 2
    assert (tmp_path / "out.onnx").is_file()


def test_few_samples_hold_none_back(model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((3, SIZE, SIZE), np.float32))
    folder = tmp_path / "few"
    folder.mkdir()
    (tmp_path / "one.npy").rename(folder / "one.npy")
    assert quantise_model(model, folder, tmp_path / "out.onnx", PixelRange(), limit=9).held_back is None


def test_refusals(model: Path, samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    quantise_model(model, samples, out, PixelRange(), limit=2)
    with pytest.raises(ModelError, match="quantised already"):
        load_float(out)
    with pytest.raises(ModelError, match="no float ONNX model"):
        load_float(samples)
    with pytest.raises(ModelError, match="no float ONNX model"):
        load_float(tmp_path / "absent.onnx")
    for name, arrays, message in (
        ("shape", {"image": np.zeros((2, 3, 5, 5))}, "must be"),
        ("empty", {"image": np.zeros((0, 3, SIZE, SIZE))}, "must be"),
        ("names", {"a": np.zeros(1), "b": np.zeros(1)}, "has no array image"),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(InputError, match=message):
            quantise_model(model, tmp_path / f"{name}.npz", tmp_path / "none.onnx", PixelRange(), limit=2)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="has no samples"):
        quantise_model(model, tmp_path / "folder", tmp_path / "none.onnx", PixelRange(), limit=2)
    with pytest.raises(InputError, match=r"neither a folder nor an \.npz"):
        quantise_model(model, model, tmp_path / "none.onnx", PixelRange(), limit=2)
    assert not (tmp_path / "none.onnx").exists()


def test_a_model_too_large_to_calibrate(model: Path) -> None:
    proto = onnx.load(model)
    pads = np.array([0, 0, 13238272, 0, 0, 0, 1, 1], np.int64)
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(pads, "pads"))
    onnx.save(proto, model)
    with pytest.raises(ModelError, match="elements, more than"):
        load_float(model)


def test_an_operator_that_planner_cannot_split(model: Path, samples: Path, tmp_path: Path) -> None:
    proto = onnx.load(model)
    proto.graph.node[3].op_type = "Erf"
    onnx.save(proto, model)
    with pytest.raises(ModelError, match="Erf"):
        quantise_model(model, samples, tmp_path / "none.onnx", PixelRange(), limit=2)
    assert not (tmp_path / "none.onnx").exists()


def test_float_mobilenet(tmp_path: Path) -> None:
    model = MODELS / "mobilenet_v2_0.5_128_float" / "model.onnx"
    if not model.is_file():
        pytest.skip(f"{model} is not here; PLANNER_MODELS names the folder of real models")
    report = quantise_model(model, MODELS / "images", tmp_path / "int8.onnx", PixelRange(), limit=100)
    assert report.calibration.same_top == report.calibration.samples == 2
    assert report.held_back is not None and report.held_back.same_top == report.held_back.samples == 1
    assert report.operators == 64
