"""Reader and executor against ONNX Runtime, live, on generated networks: every output byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.executor import execute
from planner.core.host import host_input, host_outputs
from planner.data.graph import Arithmetic, Graph
from planner.frontend import read_onnx
from tests.builders.graphs import random_graph, random_input
from tests.builders.onnx_models import run_onnxruntime, write_qdq, write_qoperator

WEIGHT_LIMIT = 64
"""ONNX Runtime's kernels for x86 cores without VNNI saturate sums of two products at int16; these weights never do."""
SEEDS = st.integers(0, 10**6)
FORMS = pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])


def _float_input(graph: Graph, seed: int) -> np.ndarray:
    """A float input [1, channels, height, width] whose values fall on and beyond the quantised range."""
    end = graph.tensors[graph.inputs[0].tensor]
    shape = (1, end.shape.channels, end.shape.height, end.shape.width)
    levels = np.random.default_rng(seed).uniform(-140, 140, shape)
    return ((levels - end.quant.zero_point) * end.quant.scale).astype(np.float32)


def _read(model: onnx.ModelProto, directory: Path) -> Graph:
    path = directory / "model.onnx"
    onnx.save(model, path)
    return read_onnx(path)


@FORMS
@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, operators=st.integers(1, 7), unsigned_weights=st.booleans())
def test_qdq(
    tmp_path_factory: pytest.TempPathFactory, unsigned: bool, seed: int, operators: int, unsigned_weights: bool
) -> None:
    graph = random_graph(seed, operators, Arithmetic.ONNXRUNTIME, all_kinds=False, weight_limit=WEIGHT_LIMIT)
    model = write_qdq(graph, unsigned, unsigned and unsigned_weights)
    again = _read(model, tmp_path_factory.mktemp("qdq"))
    array = _float_input(graph, seed)
    tensors = execute(again, host_input(again, array))
    for expected, result in zip(run_onnxruntime(model, array), host_outputs(again, tensors), strict=True):
        np.testing.assert_array_equal(result, expected)


@FORMS
@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, operators=st.integers(1, 7), unsigned_weights=st.booleans())
def test_qoperator(
    tmp_path_factory: pytest.TempPathFactory, unsigned: bool, seed: int, operators: int, unsigned_weights: bool
) -> None:
    graph = random_graph(seed, operators, Arithmetic.ONNXRUNTIME, all_kinds=False, weight_limit=WEIGHT_LIMIT)
    model = write_qoperator(graph, unsigned, unsigned and unsigned_weights)
    again = _read(model, tmp_path_factory.mktemp("qoperator"))
    values = random_input(graph, seed)[graph.inputs[0].tensor].transpose(2, 0, 1)[None]
    array = (values.astype(np.int16) + 128).astype(np.uint8) if unsigned else values
    tensors = execute(again, host_input(again, array))
    for expected, result in zip(run_onnxruntime(model, array), host_outputs(again, tensors), strict=True):
        np.testing.assert_array_equal(result, expected)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS)
def test_reading_what_was_written_keeps_the_network(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    graph = random_graph(seed, 7, Arithmetic.ONNXRUNTIME, all_kinds=False, weight_limit=WEIGHT_LIMIT)
    again = _read(write_qoperator(graph), tmp_path_factory.mktemp("same"))
    before = execute(graph, random_input(graph, seed))
    after = execute(again, {again.inputs[0].tensor: random_input(graph, seed)[graph.inputs[0].tensor]})
    np.testing.assert_array_equal(after[again.outputs[0].tensor], before[graph.outputs[0].tensor])
    # Pads fold into windows, clamps into operators: nothing is added to what was written.
    assert len(again.operators) <= len(graph.operators)
