"""`planner model`: totals and memory of a network whose numbers are small enough to check by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest

from planner.cli import main
from planner.data.graph import Arithmetic, Graph, Padding, Shape, Window
from planner.report.model_drawing import model_svg
from planner.report.model_report import live_bytes, model_report, model_table
from tests.builders.graphs import GraphBuilder, random_graph
from tests.builders.tflite_models import TfliteBuilder
from tests.models.test_reader import Sketch


def residual() -> Graph:
    """6x6x2 input, 3x3 convolution to 4 channels, a depthwise branch, their sum, and 3 classes."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(6, 6, 2))
    same = Window((3, 3), padding=Padding(1, 1, 1, 1))
    first = builder.conv(builder.input, 4, same)
    branch = builder.conv(first, 4, same, groups=4)
    total = builder.add(first, branch)
    return builder.graph((builder.fully_connected(total, 3),), Arithmetic.TFLM)


def test_totals() -> None:
    report = model_report(residual())
    assert [operator.kernel for operator in report.operators] == ["convolution", "depthwise", "add", "fully_connected"]
    assert [operator.macs for operator in report.operators] == [36 * 72, 36 * 36, 0, 432]
    assert [operator.weight_bytes for operator in report.operators] == [72 + 16, 36 + 16, 0, 432 + 12]
    assert report.macs == 2592 + 1296 + 432
    # The convolution's output waits for the sum while the branch and the sum are computed: three tensors of 144.
    assert live_bytes(residual()) == (72 + 144, 288, 432, 147)
    assert (report.activation_peak_bytes, report.peak_operator) == (432, report.operators[2].name)
    text = model_table(report)
    assert "4 operators, tflm arithmetic" in text and "in " + report.peak_operator in text


@pytest.mark.parametrize("seed", range(8))
def test_drawing_is_xml_with_a_box_for_every_operator(seed: int) -> None:
    graph = random_graph(seed, 9)
    root = ElementTree.fromstring(model_svg(graph, model_report(graph)))
    boxes = root.findall(".//{*}g/{*}g")
    places = [(box[1].attrib["x"], box[1].attrib["y"]) for box in boxes]
    assert len(set(places)) == len(graph.operators)
    edges = sum(name in graph.producers for operator in graph.operators for name in operator.inputs)
    assert len(root.findall(".//{*}path")) == edges


def test_a_refused_model_shows_the_kinds_of_its_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sketch = Sketch()
    model = tmp_path / "model.onnx"
    onnx.save(sketch.model(sketch.pair(sketch.node("Celu", sketch.pair("input")))), model)
    for arguments in ((), ("--json",)):
        monkeypatch.setattr(sys, "argv", ["planner", "model", str(model), *arguments])
        with pytest.raises(SystemExit) as ended:
            main.run()
        assert ended.value.code == 2
        printed = capsys.readouterr()
        assert "Celu" in printed.err
        if arguments:
            kinds = {kind["kind"]: (kind["count"], kind["supported"]) for kind in json.loads(printed.out)["kinds"]}
            assert kinds == {"QuantizeLinear": (2, True), "DequantizeLinear": (2, True), "Celu": (1, False)}
        else:
            assert "Celu" in printed.out and "NO" in printed.out
    model.write_bytes(b"no model at all")
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert (ended.value.code, capsys.readouterr().out) == (2, "")


def test_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    builder = TfliteBuilder(0)
    logits = builder.fully_connected(builder.input((1, 8), (0.1, 0)), 3)
    path = tmp_path / "net.tflite"
    path.write_bytes(builder.model(builder.softmax(logits)))
    arguments = ["planner", "model", str(path), "--json", "--graph", str(tmp_path / "net.svg")]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert not ended.value.code
    report = json.loads(capsys.readouterr().out)
    assert report["outputs"][0]["steps"] == ["fixed_softmax"]
    assert report["macs"] == 24
    ElementTree.parse(tmp_path / "net.svg")
