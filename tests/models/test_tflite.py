"""TFLite files against TFLite Micro's interpreter, live, on generated networks: every output byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.executor import execute
from planner.core.host import host_input, host_outputs
from planner.data.graph import Arithmetic, Graph, Pad
from planner.files.graph_file import load_graph, save_graph
from planner.frontend import read_tflite
from tests.builders.tflite_models import UNIT, VALID, TfliteBuilder, random_network, run_tflite_micro

SEEDS = pytest.mark.parametrize("seed", range(6))
EVERY_LEVEL = np.arange(-128, 128).astype(np.int8)


def check(directory: Path, builder: TfliteBuilder, *outputs: int, array: np.ndarray | None = None) -> Graph:
    """Read the model and compare all outputs with the interpreter's; returns the graph."""
    model = builder.model(*outputs)
    path = directory / "model.tflite"
    path.write_bytes(model)
    arrays = [builder.random_input(number) for number in builder.inputs] if array is None else [array]
    graph = read_tflite(path)
    results = host_outputs(graph, execute(graph, host_input(graph, *arrays)))
    for result, expected in zip(results, run_tflite_micro(model, *arrays), strict=True):
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)
    return graph


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), operators=st.integers(1, 8))
def test_random_network(tmp_path_factory: pytest.TempPathFactory, seed: int, operators: int) -> None:
    builder, outputs = random_network(seed, operators)
    check(tmp_path_factory.mktemp("random"), builder, *outputs)


@SEEDS
@pytest.mark.parametrize("name", ["RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "QUANTIZE"])
def test_unary_function_of_every_level(tmp_path: Path, name: str, seed: int) -> None:
    builder = TfliteBuilder(seed)
    scale = float(builder.rng.choice([0.004, 0.03, 0.2]))
    source = builder.input((1, 16, 16, 1), builder.random_quant(scale))
    target = {"RELU6": builder.quant(source), "LOGISTIC": UNIT, "TANH": (1 / 128, 0)}.get(
        name, builder.random_quant(scale)
    )
    options = {
        "LEAKY_RELU": {"table": "LeakyReluOptions", "alpha": float(builder.rng.uniform(0.01, 0.9))},
        "HARD_SWISH": {"table": "HardSwishOptions"},
    }
    output = builder.op(name, [source], builder.dims(source), target, **options.get(name, {}))
    check(tmp_path, builder, output, array=EVERY_LEVEL.reshape(1, 16, 16, 1))


@SEEDS
def test_prelu_with_one_slope(tmp_path: Path, seed: int) -> None:
    builder = TfliteBuilder(seed)
    source = builder.input((1, 16, 16, 1), builder.random_quant(0.03))
    slope = builder.constant(builder.rng.integers(-128, 128, (1, 1, 1)).astype(np.int8), builder.random_quant(0.005))
    output = builder.op("PRELU", [source, slope], builder.dims(source), builder.random_quant(0.03))
    check(tmp_path, builder, output, array=EVERY_LEVEL.reshape(1, 16, 16, 1))


@SEEDS
@pytest.mark.parametrize(("name", "fused"), [("RELU_N1_TO_1", "relu_n1_to_1"), ("RELU6", "relu6")])
def test_clip_of_its_own_equals_the_fused_one(tmp_path: Path, name: str, fused: str, seed: int) -> None:
    """TFLite Micro has no RELU_N1_TO_1 by itself: it must do what the activation of the operator before does."""
    results = []
    for activation in ("none", fused):
        builder = TfliteBuilder(seed)
        output = builder.conv(builder.input((1, 6, 6, 3), builder.random_quant(0.05)), 5, (3, 3), activation=activation)
        if activation == "none":
            output = builder.op(name, [output], builder.dims(output), builder.quant(output))
        path = tmp_path / activation
        path.write_bytes(builder.model(output))
        graph = read_tflite(path)
        array = np.resize(EVERY_LEVEL, builder.dims(builder.inputs[0]))
        results.append(host_outputs(graph, execute(graph, host_input(graph, array)))[0])
        assert len(graph.operators) == 1
    np.testing.assert_array_equal(*results)


@SEEDS
@pytest.mark.parametrize("classes", [1, 2, 10, 1001])
def test_softmax(tmp_path: Path, classes: int, seed: int) -> None:
    builder = TfliteBuilder(seed)
    source = builder.input((1, classes), builder.random_quant(float(builder.rng.choice([0.002, 0.05, 0.3, 3.0]))))
    output = builder.softmax(source)
    check(tmp_path, builder, output, builder.dequantize(output), builder.quantize(output, (1 / 256, 0), np.uint8))


def test_softmax_in_float(tmp_path: Path) -> None:
    """The host's own softmax: close to the interpreter's, not equal in every bit."""
    builder = TfliteBuilder(8)
    source = builder.input((1, 12), (0.1, 5))
    real = builder.dequantize(source)
    output = builder.op("SOFTMAX", [real], (1, 12), None, np.float32, table="SoftmaxOptions", beta=1.0)
    path = tmp_path / "model.tflite"
    path.write_bytes(builder.model(output))
    graph, array = read_tflite(path), builder.random_input(source)
    (expected,) = run_tflite_micro(path.read_bytes(), array)
    (result,) = host_outputs(graph, execute(graph, host_input(graph, array)))
    assert result.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@SEEDS
def test_mean(tmp_path: Path, seed: int) -> None:
    builder = TfliteBuilder(seed)
    source = builder.input((1, *map(int, builder.rng.integers(1, 12, 2)), 5), builder.random_quant(0.05))
    check(tmp_path, builder, builder.mean(source), builder.mean(source, keep_dims=False))


def test_float_input_rounds_ties_away_from_zero(tmp_path: Path) -> None:
    builder = TfliteBuilder(0)
    source = builder.input((1, 4, 10, 8), None, np.float32)
    levels = np.arange(-160, 160, dtype=np.float32).reshape(1, 4, 10, 8)
    check(tmp_path, builder, builder.dequantize(builder.quantize(source, (0.25, 5))), array=(levels + 0.5) * 0.25)


@SEEDS
def test_unsigned_input_and_output(tmp_path: Path, seed: int) -> None:
    builder = TfliteBuilder(seed)
    source = builder.input((1, 8, 8, 3), (0.0078125, 127), np.uint8)
    same = seed % 2 == 0
    inner = builder.quantize(source, (0.0078125, -1) if same else builder.random_quant(0.0078125))
    output = builder.conv(inner, 4, (3, 3), (2, 2))
    scale, zero_point = builder.quant(output)
    graph = check(tmp_path, builder, builder.quantize(output, (scale, zero_point + 128), np.uint8))
    assert len(graph.operators) == (1 if same else 2)


@SEEDS
def test_uint8_network_equals_its_int8_twin(tmp_path: Path, seed: int) -> None:
    """Legacy models, which TFLite Micro does not run: asymmetric weights, all values raised by 128."""

    def build() -> tuple[TfliteBuilder, list[int]]:
        builder = TfliteBuilder(seed)
        source = builder.input((1, 10, 10, 3), builder.random_quant(0.02))
        first = builder.conv(source, 8, (3, 3), (2, 2), activation="relu6")
        other = builder.conv(first, 8, (3, 3), depthwise=True)
        total = builder.add(first, other, "relu")
        pooled = builder.pool("AVERAGE_POOL_2D", total, (3, 3), (1, 1), VALID)
        flat = builder.reshape(builder.mean(pooled), (1, 8))
        return builder, [pooled, builder.softmax(builder.fully_connected(flat, 6))]

    results = []
    for name in ("signed", "unsigned"):
        builder, outputs = build()
        array = builder.random_input(builder.inputs[0])
        if name == "unsigned":
            builder.make_unsigned()
            array = array.view(np.uint8) ^ np.uint8(128)
        path = tmp_path / name
        path.write_bytes(builder.model(*outputs))
        graph = read_tflite(path)
        results.append(host_outputs(graph, execute(graph, host_input(graph, array))))
    for signed, unsigned in zip(*results, strict=True):
        assert unsigned.dtype == np.uint8
        np.testing.assert_array_equal(unsigned, signed.view(np.uint8) ^ np.uint8(128))


def test_fully_connected_multiplies_scales_in_float64(tmp_path: Path) -> None:
    """Biases beside a tie: their int8 values depend on the last bits of input scale * weight scale / output scale.

    Weights are 0, so each sum is its bias, chosen halfway between the ties (n + 1/2) that the factor has with a product
    in float64 and in float32.
    """
    input_scale, weight_scale, output_scale = np.float32(0.0470588), np.float32(0.0012345), np.float32(1000.0)
    factors = [float(input_scale) * float(weight_scale), float(input_scale * weight_scale)]
    assert factors[0] != factors[1]
    ties = np.arange(1, 120) + 0.5
    bias = np.rint(ties * float(output_scale) / np.mean(factors)).astype(np.int32)
    builder = TfliteBuilder(1)
    source = builder.input((1, 4), (float(input_scale), 0))
    weights = builder.constant(np.zeros((bias.size, 4), np.int8), (float(weight_scale), 0))
    operands = [source, weights, builder.constant(bias, (factors[1], 0))]
    output = builder.op(
        "FULLY_CONNECTED", operands, (1, bias.size), (float(output_scale), 0), table="FullyConnectedOptions"
    )
    check(tmp_path, builder, output)


def test_fully_connected_on_rows(tmp_path: Path) -> None:
    builder = TfliteBuilder(3)
    source = builder.input((6, 20), builder.random_quant(0.05))
    check(tmp_path, builder, builder.fully_connected(source, 9, activation="relu"))


def test_grouped_convolution(tmp_path: Path) -> None:
    builder = TfliteBuilder(9)
    source = builder.input((1, 7, 6, 6), builder.random_quant(0.05))
    check(tmp_path, builder, builder.conv(source, 9, (3, 2), (1, 2), activation="relu_n1_to_1", groups=3))


def test_input_that_is_reshaped_first(tmp_path: Path) -> None:
    builder = TfliteBuilder(4)
    source = builder.input((1, 60), builder.random_quant(0.05))
    graph = check(tmp_path, builder, builder.conv(builder.reshape(source, (1, 5, 4, 3)), 4, (3, 3)))
    assert graph.inputs[0].shape == (1, 60)


def test_padding_folds_into_the_convolution(tmp_path: Path) -> None:
    builder = TfliteBuilder(5)
    source = builder.input((1, 9, 9, 2), builder.random_quant(0.05))
    padded = builder.pad(source, (0, 1), (1, 2))
    graph = check(tmp_path, builder, builder.conv(padded, 4, (3, 3), (2, 2), padding=VALID, depthwise=True))
    assert not any(isinstance(operator, Pad) for operator in graph.operators)


def test_shape_computed_in_the_model(tmp_path: Path) -> None:
    builder = TfliteBuilder(6)
    source = builder.input((1, 4, 4, 3), builder.random_quant(0.05))
    shape = builder.op("SHAPE", [source], (4,), None, np.int32, table="ShapeOptions", outType=2)
    begin, end, step = (builder.constant(np.array([value], np.int32)) for value in (0, 1, 1))
    batch = builder.op(
        "STRIDED_SLICE", [shape, begin, end, step], (), None, np.int32, table="StridedSliceOptions", shrinkAxisMask=1
    )
    rest = builder.constant(np.array(48, np.int32))
    packed = builder.op("PACK", [batch, rest], (2,), None, np.int32, table="PackOptions", valuesCount=2)
    quant = builder.quant(source)
    flat = builder.op("RESHAPE", [source, packed], (1, 48), quant, table="ReshapeOptions", newShape=[])
    graph = check(tmp_path, builder, builder.fully_connected(flat, 5))
    assert len(graph.operators) == 1


def test_graph_survives_its_file(tmp_path: Path) -> None:
    builder = TfliteBuilder(7)
    source = builder.input((1, 30), None, np.float32)
    logits = builder.fully_connected(builder.quantize(source, (0.05, 3)), 5)
    graph = check(tmp_path, builder, builder.softmax(logits))
    save_graph(graph, tmp_path / "graph")
    again = load_graph(tmp_path / "graph")
    array = builder.random_input(source)
    for one, other in zip(*(host_outputs(g, execute(g, host_input(g, array))) for g in (graph, again)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.inputs == graph.inputs and again.outputs == graph.outputs
    assert again.arithmetic is Arithmetic.TFLM
