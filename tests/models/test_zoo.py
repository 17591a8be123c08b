"""The zoo: the same bytes each time, the paper's shapes, int8 values that stay spread, ONNX Runtime's results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from planner.core.executor import execute
from planner.core.host import host_input, host_outputs, output_integers
from planner.data.graph import Add, Conv
from planner.errors import ModelError
from planner.frontend import read_onnx
from planner.zoo import write_zoo_model, zoo_model
from tests.builders.onnx_models import run_onnxruntime, without_softmax

NAMES = ("ds_cnn", "resnet8", "mobilenet_v1_0.25_96", "mobilenet_v2_0.35_96", "shufflenet_v2_0.5_64")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_onnxruntimes_and_values_stay_spread(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_zoo_model(name, path)
    graph = read_onnx(path)
    array = np.random.default_rng(3).normal(0, 0.5, graph.inputs[0].shape).clip(-1, 1).astype(np.float32)
    tensors = execute(graph, host_input(graph, array))
    expected = run_onnxruntime(without_softmax(onnx.load(path)), array)[0]
    logits = output_integers(graph, graph.outputs[0], tensors)
    np.testing.assert_array_equal(logits, expected)
    assert np.ptp(logits.astype(int)) > 100
    planes = [
        tensors[operator.output] for operator in graph.operators if graph.output_tensor(operator).shape.height > 2
    ]
    assert planes
    assert np.median([len(np.unique(plane)) for plane in planes]) > 100
    constant = [float((plane.reshape(-1, plane.shape[2]).std(axis=0) == 0).mean()) for plane in planes]
    assert max(constant) < 0.2


def test_a_detector_has_all_outputs_of_onnxruntime(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_zoo_model("face_detector", path)
    graph = read_onnx(path)
    assert [end.shape[2] for end in graph.outputs] == [2, 4]
    array = np.random.default_rng(3).normal(0, 0.5, graph.inputs[0].shape).clip(-1, 1).astype(np.float32)
    results = host_outputs(graph, execute(graph, host_input(graph, array)))
    for result, expected in zip(results, run_onnxruntime(onnx.load(path), array), strict=True):
        np.testing.assert_array_equal(result, expected)
        assert len(np.unique(result)) > 50


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_zoo_model("ds_cnn", tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_cache_is_used(tmp_path: Path) -> None:
    zoo_model("ds_cnn")
    (kept,) = (tmp_path / "cache").rglob("ds_cnn.onnx")
    kept.write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"ds_cnn\.onnx"):
        zoo_model("ds_cnn")


def test_unwritable_cache_costs_only_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert zoo_model("ds_cnn").name == "ds_cnn"


def test_mobilenet_v2_has_the_papers_shape() -> None:
    graph = zoo_model("mobilenet_v2_0.35_96")
    convolutions = [operator for operator in graph.operators if isinstance(operator, Conv)]
    assert len(convolutions) == 53
    assert sum(isinstance(operator, Add) for operator in graph.operators) == 10
    assert convolutions[-2].output_channels == 1280
    assert graph.tensors[graph.operators[-1].inputs[0]].shape.as_tuple() == (1, 1, 1280)


@pytest.mark.parametrize(
    "name", ["vgg16", "mobilenet_v2", "mobilenet_v2_0_96", "mobilenet_v2_1.0_16", "mobilenet_v1_9.0_96"]
)
def test_unknown_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=name):
        write_zoo_model(name, tmp_path / "model.onnx")
    assert not list(tmp_path.glob("*.onnx"))
