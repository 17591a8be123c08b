"""The trained MobileNetV2 models: logits equal to the golden files in every byte, under both rules."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from planner.core.arithmetic import with_rule
from planner.core.executor import execute
from planner.core.host import host_input, output_integers
from planner.data.graph import Arithmetic
from planner.frontend import read_onnx

MODELS = Path(os.environ.get("PLANNER_MODELS", Path(__file__).parents[3] / "shared" / "models"))
NAMES = ("mobilenet_v2_1.0_224_int8", "mobilenet_v2_0.5_128_int8")
GOLDEN = {Arithmetic.ONNXRUNTIME: "onnxruntime", Arithmetic.TFLM: "tflm_rounding"}


@pytest.mark.parametrize("rule", Arithmetic, ids=lambda rule: rule.value)
@pytest.mark.parametrize("name", NAMES)
def test_logits_equal_the_golden_files(name: str, rule: Arithmetic) -> None:
    folder = MODELS / name
    if not folder.is_dir():
        pytest.skip(f"no models at {MODELS}; set PLANNER_MODELS")
    graph = with_rule(read_onnx(folder / "model.onnx"), rule)
    inputs = sorted(folder.glob("*.in.npy"))
    assert inputs
    for path in inputs:
        tensors = execute(graph, host_input(graph, np.load(path)))
        golden = np.load(path.with_name(path.name.replace(".in.npy", f".logits.{GOLDEN[rule]}.npy")))
        np.testing.assert_array_equal(output_integers(graph, graph.outputs[0], tensors), golden, str(path))
