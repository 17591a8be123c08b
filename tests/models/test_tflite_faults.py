"""TFLite files that planner refuses: the error names operator and remedy; damaged files never raise anything else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.executor import execute
from planner.core.host import host_input
from planner.errors import ModelError
from planner.frontend import read_model, read_tflite
from tests.builders.tflite_models import TfliteBuilder, schema

MEMORY_FACTOR = 40
"""Bytes that reading may allocate per byte of a small file (Python objects weigh far more than their flatbuffer)."""


def network() -> bytes:
    """A network with most operators, to be damaged."""
    builder = TfliteBuilder(0)
    source = builder.input((1, 8, 8, 3), None, np.float32)
    current = builder.conv(builder.quantize(source, (0.02, 3)), 8, (3, 3), (2, 2), activation="relu6")
    other = builder.conv(current, 8, (3, 3), depthwise=True)
    current = builder.pad(builder.concat([builder.add(current, other), current]), (0, 1), (1, 0))
    current = builder.pool("AVERAGE_POOL_2D", current, (2, 2), (2, 2), 0)
    mean = builder.mean(current)
    flat = builder.reshape(mean, (1, builder.dims(mean)[-1]))
    return builder.model(builder.dequantize(builder.softmax(builder.fully_connected(flat, 5))))


NETWORK = network()


def read_damaged(content: bytes, path: Path) -> None:
    """Reading must succeed or raise ModelError, with memory bounded by the file's size."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        graph = read_tflite(path)
        if sum(tensor.shape.elements for tensor in graph.tensors.values()) < 10**5:
            rng = np.random.default_rng(0)
            execute(graph, host_input(graph, *(rng.uniform(-1, 1, end.shape) for end in graph.inputs)))
    except ModelError as error:
        assert str(path) in str(error)
    finally:
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < MEMORY_FACTOR * len(content) + (1 << 20)


def test_truncated_files(tmp_path: Path) -> None:
    read_damaged(NETWORK, tmp_path / "whole.tflite")
    for size in range(0, len(NETWORK), 41):
        with pytest.raises(ModelError):
            (tmp_path / "cut.tflite").write_bytes(NETWORK[:size])
            read_tflite(tmp_path / "cut.tflite")


@settings(deadline=None, max_examples=400)
@given(flips=st.lists(st.tuples(st.integers(8, len(NETWORK) - 1), st.integers(1, 255)), min_size=1, max_size=6))
def test_flipped_bytes(tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]]) -> None:
    content = bytearray(NETWORK)
    for place, mask in flips:
        content[place] ^= mask
    read_damaged(bytes(content), tmp_path_factory.getbasetemp() / "flipped.tflite")


@settings(deadline=None, max_examples=200)
@given(
    place=st.integers(2, len(NETWORK) // 4 - 1),
    word=st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, len(NETWORK), 256, 65536]),
)
def test_replaced_words(tmp_path_factory: pytest.TempPathFactory, place: int, word: int) -> None:
    """Counts, offsets and dimensions at their extremes."""
    content = NETWORK[: 4 * place] + word.to_bytes(4, "little") + NETWORK[4 * place + 4 :]
    read_damaged(content, tmp_path_factory.getbasetemp() / "word.tflite")


def test_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a text that is neither")
    with pytest.raises(ModelError, match="no readable ONNX model"):
        read_model(tmp_path / "text")
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(tmp_path / "absent")
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(tmp_path)


def unsupported(builder: TfliteBuilder) -> int:
    source = builder.input((1, 4, 4, 2), (0.1, 0))
    relu = builder.op("RELU6", [source], (1, 4, 4, 2), (0.1, 0))
    difference = builder.op("FLOOR_DIV", [relu, source], (1, 4, 4, 2), (0.1, 0))
    return builder.op("COS", [difference], (1, 4, 4, 2), (0.1, 0))


def float_network(builder: TfliteBuilder) -> int:
    source = builder.input((1, 4, 4, 2), None, np.float32)
    return builder.op("RELU", [source], (1, 4, 4, 2), None, np.float32)


def broadcast(builder: TfliteBuilder) -> int:
    first, second = builder.input((1, 4, 4, 2), (0.1, 0)), builder.input((1, 1, 1, 2), (0.1, 0))
    return builder.op("ADD", [first, second], (1, 4, 4, 2), (0.1, 0), table="AddOptions")


def softmax_inside(builder: TfliteBuilder) -> int:
    return builder.fully_connected(builder.softmax(builder.input((1, 8), (0.1, 0))), 3)


def batch(builder: TfliteBuilder) -> int:
    return builder.pool("MAX_POOL_2D", builder.input((2, 4, 4, 2), (0.1, 0)), (2, 2), (2, 2), 0)


def requantising_pool(builder: TfliteBuilder) -> int:
    output = builder.pool("MAX_POOL_2D", builder.input((1, 4, 4, 2), (0.1, 0)), (2, 2), (2, 2), 0)
    builder.tensors[output].quantization.scale = [0.2]
    return output


def unsigned_even_average(builder: TfliteBuilder) -> int:
    output = builder.pool("AVERAGE_POOL_2D", builder.input((1, 4, 4, 2), (0.1, 0)), (2, 2), (2, 2), 0)
    builder.make_unsigned()
    return output


def wrong_output_shape(builder: TfliteBuilder) -> int:
    output = builder.conv(builder.input((1, 4, 4, 2), (0.1, 0)), 3, (3, 3))
    builder.tensors[output].shape = [1, 5, 4, 3]
    return output


def short_weights(builder: TfliteBuilder) -> int:
    output = builder.conv(builder.input((1, 4, 4, 2), (0.1, 0)), 3, (3, 3))
    builder.buffers[1].data = builder.buffers[1].data[:-1]
    return output


def concatenated_sizes(builder: TfliteBuilder) -> int:
    sources = [builder.input((1, size, 4, 2), (0.1, 0)) for size in (4, 5)]
    options = {"table": "ConcatenationOptions", "axis": 3}
    return builder.op("CONCATENATION", sources, (1, 4, 4, 4), (0.1, 0), **options)


def nothing_to_compute(builder: TfliteBuilder) -> int:
    return builder.dequantize(builder.quantize(builder.input((1, 4), None, np.float32), (0.1, 0)))


def sixteen_bits(builder: TfliteBuilder) -> int:
    source = builder.input((1, 4), (0.1, 0))
    builder.tensors[source].type = schema.TensorType.INT16
    return builder.fully_connected(source, 3)


def dynamic_batch(builder: TfliteBuilder) -> int:
    source = builder.input((-1, 4, 4, 2), (0.1, 0))
    return builder.op("RELU6", [source], (-1, 4, 4, 2), (0.1, 0))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            unsupported,
            r"operator 1 \(FLOOR_DIV, output t2\): 2 of 3 operators are not supported \(FLOOR_DIV, COS\); supported",
        ),
        (float_network, r"\(RELU, output t1\): its operand 0 is float; convert the model with full integer"),
        (broadcast, r"\(ADD.*broadcasting is not supported"),
        (softmax_inside, r"\(FULLY_CONNECTED.*what the host computes"),
        (batch, "fix the batch to 1"),
        (requantising_pool, "the quantisation of its input and output differs"),
        (unsigned_even_average, "rounds ties otherwise"),
        (wrong_output_shape, r"\(CONV_2D.*it yields \(4, 4, 3\), but the file says \[1, 5, 4, 3\]"),
        (short_weights, "has 53 bytes"),
        (concatenated_sizes, "agree in all other dimensions"),
        (nothing_to_compute, "nothing to compute"),
        (sixteen_bits, "INT16 and not quantised to 8 bits"),
        (dynamic_batch, "dimensions must be positive, known and bounded"),
    ],
)
def test_refusals(build: Callable[[TfliteBuilder], int], message: str, tmp_path: Path) -> None:
    builder = TfliteBuilder(0)
    path = tmp_path / "model.tflite"
    path.write_bytes(builder.model(build(builder)))
    with pytest.raises(ModelError, match=message) as caught:
        read_model(path)
    assert str(path) in str(caught.value)
