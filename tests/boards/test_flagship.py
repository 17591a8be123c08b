"""The real network on mixed emulated boards: golden logits, byte for byte."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from planner.boards.machines import MACHINES
from planner.core.bounds import schedule_lower_bound
from planner.core.host import host_input
from planner.core.lowering import lower
from planner.data.graph import Arithmetic
from planner.data.run import Boards
from planner.files import shipped
from planner.files.instance_file import load_instance
from planner.frontend import read_onnx
from planner.solvers.heuristics import speed_proportional_rows
from planner.workflow.run import check_against_bound, run_plan
from tests.builders.boards import needs_machines

MODELS = Path(os.environ.get("PLANNER_MODELS") or Path(__file__).parents[3] / "shared/models")
FLAGSHIP = MODELS / "mobilenet_v2_1.0_224_int8"
MOST_PREDICTION_ERROR = 0.03

pytestmark = [
    needs_machines(*(name for name in MACHINES if name != "riscv32-virt")),
    pytest.mark.skipif(not FLAGSHIP.is_dir(), reason=f"{FLAGSHIP} is absent; PLANNER_MODELS may name another folder"),
]


@pytest.mark.parametrize(
    ("arithmetic", "golden"), [(Arithmetic.ONNXRUNTIME, "onnxruntime"), (Arithmetic.TFLM, "tflm_rounding")]
)
def test_mixed8_gives_the_golden_logits(arithmetic: Arithmetic, golden: str) -> None:
    graph = replace(read_onnx(FLAGSHIP / "model.onnx"), arithmetic=arithmetic)
    fleet = load_instance(shipped.path("instances") / "mixed8.yaml")
    # Shares by speed alone exceed the caps; what is tested here is the boards.
    roomy = tuple(replace(device, ram_cap_bytes=2 << 20, flash_cap_bytes=12 << 20) for device in fleet.devices)
    fleet = replace(fleet, devices=roomy)
    plan = lower(graph, fleet, speed_proportional_rows(graph, fleet), "00" * 32)
    inputs = host_input(graph, np.load(FLAGSHIP / "cat_0.in.npy"))
    result = run_plan(graph, fleet, plan, inputs, Boards.EMULATED)
    (logits,) = result.outputs.values()
    assert np.array_equal(logits.ravel(), np.load(FLAGSHIP / f"cat_0.logits.{golden}.npy").ravel())
    for program, device in zip(plan.programs[:-1], result.devices, strict=True):
        assert device.ram_peak.arena_bytes == program.arena_bytes
        assert device.ram_peak.total_bytes <= device.predicted_ram_peak_bytes
    check_against_bound(result, schedule_lower_bound(graph, fleet))
    assert abs(result.latency_ns / result.predicted_latency_ns - 1) <= MOST_PREDICTION_ERROR
