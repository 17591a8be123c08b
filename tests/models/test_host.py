"""The ends on the host: quantising inputs, ordering and dequantising outputs."""

from __future__ import annotations

import numpy as np
import pytest

from planner.core.host import host_input, host_outputs, output_integers
from planner.data.graph import (
    Arithmetic,
    Graph,
    HostStepKind,
    InputEnd,
    OutputEnd,
    QuantParams,
    Shape,
    Tensor,
)
from planner.errors import InputError

SHAPE = Shape(2, 3, 4)
STEPS = HostStepKind


def _graph(dtype: str, channels_first: bool, output_dtype: str = "float32", **output: object) -> Graph:
    dims = (1, 4, 2, 3) if channels_first else (1, 2, 3, 4)
    tensor = Tensor("x", SHAPE, QuantParams(0.5, -10))
    end = OutputEnd("x", dims, output_dtype, channels_first, **output)  # type: ignore[arg-type]
    return Graph("g", {"x": tensor}, (), (InputEnd("x", dims, dtype, channels_first),), (end,), Arithmetic.TFLM)


@pytest.mark.parametrize("channels_first", [False, True])
def test_integers_keep_their_places(channels_first: bool) -> None:
    graph = _graph("int8", channels_first, "int8")
    array = np.arange(-12, 12, dtype=np.int8).reshape(graph.inputs[0].shape)
    tensors = host_input(graph, array)
    expected = array[0].transpose(1, 2, 0) if channels_first else array[0]
    np.testing.assert_array_equal(tensors["x"], expected)
    np.testing.assert_array_equal(output_integers(graph, graph.outputs[0], tensors), array)
    np.testing.assert_array_equal(host_outputs(graph, tensors)[0], array)


def test_uint8_is_shifted() -> None:
    graph = _graph("uint8", False, "uint8")
    array = np.array([0, 127, 128, 255] * 6, np.uint8).reshape(1, 2, 3, 4)
    tensors = host_input(graph, array)
    assert tensors["x"][0, 0].tolist() == [-128, -1, 0, 127]
    np.testing.assert_array_equal(host_outputs(graph, tensors)[0], array)


def test_floats_are_rounded_to_even_and_saturate() -> None:
    graph = _graph("float32", False)
    array = np.array([0.25, 0.75, -1000, 1000] * 6).reshape(2, 3, 4)
    assert host_input(graph, array)["x"][0, 0].tolist() == [-10, -8, -128, 127]


def test_not_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        host_input(_graph("float32", False), np.full((2, 3, 4), np.nan, np.float32))


def test_dequantise_softmax_quantise() -> None:
    graph = _graph(
        "int8",
        False,
        steps=(STEPS.DEQUANTISE, STEPS.SOFTMAX, STEPS.QUANTISE, STEPS.DEQUANTISE),
        quant=QuantParams(1 / 256, -128),
    )
    values = np.full((2, 3, 4), -10, np.int8)
    values[0, 0] = (-10, -8, -10, -10)
    result = host_outputs(graph, {"x": values})[0]
    # exp(1) / (3 + exp(1)) = 0.4754 is 122 of 256, 1 / (3 + exp(1)) = 0.1749 is 45.
    assert (result[0, 0, 0] * 256).tolist() == [45, 122, 45, 45]
    assert (result[0, 1, 2] * 256).tolist() == [64, 64, 64, 64]


@pytest.mark.parametrize(
    "arrays, message",
    [
        ((), "has 1 inputs, not 0"),
        ((np.zeros((2, 3, 5), np.float32),), r"shape \(2, 3, 5\)"),
        ((np.zeros((2, 3, 4), np.int16),), "is int16; the model takes float32"),
        ((np.zeros((2, 3, 4), np.int8),), "is int8; the model takes float32"),
    ],
)
def test_unfitting_arrays_are_refused(arrays: tuple[np.ndarray, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        host_input(_graph("float32", False), *arrays)
