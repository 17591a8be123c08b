"""TFLite models through the C runtime on local processes: the same bytes as TFLite Micro's interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planner.core.host import host_input, host_outputs
from planner.core.lowering import lower
from planner.data.run import Boards
from planner.frontend import read_model
from planner.workflow.run import run_plan
from tests.builders.boards import needs_local
from tests.builders.fleets import random_instance
from tests.builders.splits import random_split
from tests.builders.tflite_models import random_network, run_tflite_micro

pytestmark = needs_local()


@pytest.mark.parametrize("seed", range(12))
def test_random_network_on_a_random_fleet(tmp_path: Path, seed: int) -> None:
    builder, outputs = random_network(seed, operators=6)
    path = tmp_path / "model.tflite"
    path.write_bytes(builder.model(*outputs))
    graph, instance = read_model(path), random_instance(seed)
    array = builder.random_input(builder.inputs[0])
    plan = lower(graph, instance, random_split(graph, instance, seed))
    run = run_plan(graph, instance, plan, host_input(graph, array), Boards.LOCAL, timeout_s=20)
    for result, expected in zip(
        host_outputs(graph, run.outputs), run_tflite_micro(path.read_bytes(), array), strict=True
    ):
        np.testing.assert_array_equal(result, expected)
