"""Real TFLite models against the outputs that TFLite Micro gave for them: every byte, uint8 and softmax included."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from planner.core.executor import execute
from planner.core.host import host_input, host_outputs
from planner.frontend import read_model

MODELS = Path(os.environ.get("PLANNER_MODELS", Path(__file__).parents[2].parent / "shared" / "models"))
NAMES = ("coral_tf2_mobilenet_v2_1.0_224_ptq", "mlperf_vww_96_int8", "mlperf_kws_ref_model", "mlperf_resnet8_quant")


@pytest.mark.parametrize("name", NAMES)
def test_golden_outputs(name: str) -> None:
    folder = MODELS / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; PLANNER_MODELS names the folder of real models")
    graph = read_model(folder / "model.tflite")
    inputs = sorted(folder.glob("*.in.npy"))
    assert inputs
    for path in inputs:
        expected = np.load(path.with_name(path.name.replace(".in.npy", ".out.tflm.npy")))
        (result,) = host_outputs(graph, execute(graph, host_input(graph, np.load(path))))
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected, err_msg=path.name)
