"""Instructions of whole networks do not creep up: pinned within one per cent. Nor does the firmware's code."""

from __future__ import annotations

import pytest

from planner.boards.measure import measure
from planner.core.arithmetic import with_rule
from planner.core.lowering import lower
from planner.data.graph import Arithmetic
from planner.data.hardware import LinkCost, Network
from planner.profiling.reference_boards import REFERENCE_BOARDS
from planner.zoo import zoo_model
from tests.builders.boards import needs_machines
from tests.builders.fleets import instance, profile
from tests.builders.splits import on_first_board

CODE_LIMITS_BYTES = {"m4": 48 << 10, "m7": 48 << 10, "m33": 48 << 10, "m55": 64 << 10, "m3": 56 << 10, "rv32": 80 << 10}
TOTALS = {("m4", Arithmetic.TFLM): 18_423_000, ("m4", Arithmetic.ONNXRUNTIME): 19_763_000} | {
    ("m7", Arithmetic.TFLM): 18_401_000,
    ("m33", Arithmetic.TFLM): 18_424_000,
    ("m55", Arithmetic.TFLM): 4_739_000,
    ("m55", Arithmetic.ONNXRUNTIME): 4_600_000,
    ("m3", Arithmetic.TFLM): 31_486_000,
    ("m3", Arithmetic.ONNXRUNTIME): 32_670_000,
    ("rv32", Arithmetic.TFLM): 46_384_000,
    ("rv32", Arithmetic.ONNXRUNTIME): 45_963_000,
}


@pytest.mark.parametrize(
    ("board", "rule"),
    [pytest.param(*key, marks=needs_machines(REFERENCE_BOARDS[key[0]].machine)) for key in TOTALS],
)
def test_mobilenet_on_one_board(board, rule):
    reference = REFERENCE_BOARDS[board]
    graph = with_rule(zoo_model("mobilenet_v2_0.35_96"), rule)
    fleet = instance(Network.switch(1, LinkCost(1, 1)), (profile(kernels=reference.kernels),))
    measurement = measure(reference.machine, lower(graph, fleet, on_first_board(graph, fleet)), graph)
    assert sum(measurement.work) == pytest.approx(TOTALS[board, rule], rel=0.01)
    assert measurement.code_bytes <= CODE_LIMITS_BYTES[board]
