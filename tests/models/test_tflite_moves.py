"""TFLite operators that move elements, and operands that are constant: against TFLite Micro's interpreter, live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planner.core.executor import execute
from planner.core.host import host_input, host_outputs
from planner.data.graph import Add, Concat, Conv, Gather, Lookup, Slice
from planner.errors import ModelError
from planner.frontend import read_tflite
from tests.builders.tflite_models import ACTIVATIONS, VALID, TfliteBuilder, run_tflite_micro
from tests.models.test_tflite import EVERY_LEVEL, SEEDS, check

ONES = {"beginMask": 0, "endMask": 0, "ellipsisMask": 0, "newAxisMask": 0, "shrinkAxisMask": 0}


def integers(builder: TfliteBuilder, *values: int) -> int:
    return builder.constant(np.array(values, np.int32))


def transposed(builder: TfliteBuilder, source: int, *axes: int) -> int:
    dims = [builder.dims(source)[axis] for axis in axes]
    return builder.op(
        "TRANSPOSE", [source, integers(builder, *axes)], dims, builder.quant(source), table="TransposeOptions"
    )


def fresh(seed: int, *dims: int) -> tuple[TfliteBuilder, int]:
    """A model that begins with a convolution, so that nothing is a matter of the input's layout."""
    builder = TfliteBuilder(seed)
    return builder, builder.conv(builder.input(dims, builder.random_quant(0.05)), dims[3], (1, 1))


@pytest.mark.parametrize("groups", [2, 4])
def test_channel_shuffle(tmp_path: Path, groups: int) -> None:
    builder, source = fresh(1, 1, 6, 5, 8)
    parts = builder.reshape(source, (1, 6, 5, groups, 8 // groups))
    shuffled = builder.reshape(transposed(builder, parts, 0, 1, 2, 4, 3), (1, 6, 5, 8))
    graph = check(tmp_path, builder, builder.conv(shuffled, 3, (1, 1)))
    assert [type(operator) for operator in graph.operators] == [Conv, Gather, Conv]


@pytest.mark.parametrize("axes", [(0, 2, 1, 3), (0, 3, 1, 2), (0, 1, 3, 2)])
def test_transpose(tmp_path: Path, axes: tuple[int, ...]) -> None:
    builder, source = fresh(2, 1, 6, 5, 4)
    turned = transposed(builder, source, *axes)
    check(tmp_path, builder, turned, builder.pool("MAX_POOL_2D", turned, (2, 2), (1, 1), VALID))


@pytest.mark.parametrize("options", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("size", [(12, 10), (4, 3), (13, 9), (1, 1)])
def test_resize(tmp_path: Path, size: tuple[int, int], options: tuple[bool, bool]) -> None:
    builder, source = fresh(3, 1, 6, 5, 3)
    output = builder.op(
        "RESIZE_NEAREST_NEIGHBOR",
        [source, integers(builder, *size)],
        (1, *size, 3),
        builder.quant(source),
        table="ResizeNearestNeighborOptions",
        alignCorners=options[0],
        halfPixelCenters=options[1],
    )
    assert isinstance(check(tmp_path, builder, output).operators[-1], Gather)


@pytest.mark.parametrize(("name", "dims"), [("DEPTH_TO_SPACE", (1, 12, 8, 2)), ("SPACE_TO_DEPTH", (1, 3, 2, 32))])
def test_depth_and_space(tmp_path: Path, name: str, dims: tuple[int, ...]) -> None:
    builder, source = fresh(4, 1, 6, 4, 8)
    table = {"DEPTH_TO_SPACE": "DepthToSpaceOptions", "SPACE_TO_DEPTH": "SpaceToDepthOptions"}[name]
    check(tmp_path, builder, builder.op(name, [source], dims, builder.quant(source), table=table, blockSize=2))


@pytest.mark.parametrize(
    ("begin", "end", "stride", "masks", "dims", "kind"),
    [
        ((0, 1, 0, 0), (1, 6, 5, 4), (1, 2, 1, 1), {}, (1, 3, 5, 4), Gather),
        ((0, 5, 4, 0), (1, -7, -6, 4), (1, -1, -2, 1), {}, (1, 6, 3, 4), Gather),
        ((0, 0, 0, 1), (1, 6, 5, 4), (1, 1, 1, 2), {"beginMask": 7, "endMask": 7}, (1, 6, 5, 2), Gather),
        ((0, 2, 0, 0), (1, 3, 5, 4), (1, 1, 1, 1), {"shrinkAxisMask": 2}, (1, 5, 4), Gather),
        ((0, 2, 1, 0), (1, 4, 5, 4), (1, 1, 1, 1), {}, (1, 2, 4, 4), Slice),
    ],
)
def test_strided_slice(
    tmp_path: Path,
    begin: tuple[int, ...],
    end: tuple[int, ...],
    stride: tuple[int, ...],
    masks: dict[str, int],
    dims: tuple[int, ...],
    kind: type,
) -> None:
    builder, source = fresh(5, 1, 6, 5, 4)
    operands = [source, *(integers(builder, *values) for values in (begin, end, stride))]
    options = ONES | masks
    output = builder.op("STRIDED_SLICE", operands, dims, builder.quant(source), table="StridedSliceOptions", **options)
    assert isinstance(check(tmp_path, builder, output).operators[-1], kind)


def concatenated(builder: TfliteBuilder, sources: list[int], axis: int) -> int:
    dims = list(builder.dims(sources[0]))
    dims[axis] = sum(builder.dims(source)[axis] for source in sources)
    options = {"axis": axis, "fusedActivationFunction": ACTIVATIONS["none"], "table": "ConcatenationOptions"}
    return builder.op("CONCATENATION", sources, dims, builder.quant(sources[0]), **options)


@pytest.mark.parametrize("axis", [1, 2])
def test_rows_and_columns_are_joined(tmp_path: Path, axis: int) -> None:
    builder, source = fresh(6, 1, 6, 6, 4)
    other = transposed(builder, source, 0, 2, 1, 3)
    check(tmp_path, builder, concatenated(builder, [source, other], axis))


def test_heads_of_a_detector(tmp_path: Path) -> None:
    """Boxes of two scales, brought to rows of classes, joined and normalised."""
    builder, source = fresh(7, 1, 6, 4, 4)
    small = builder.pool("MAX_POOL_2D", source, (2, 2), (2, 2), VALID)
    heads = []
    for place in (source, small):
        head = builder.conv(place, 6, (1, 1))
        head = builder.quantize(head, (0.07, 3))
        heads.append(builder.reshape(head, (1, int(np.prod(builder.dims(head))) // 2, 2)))
    joined = concatenated(builder, heads, 1)
    graph = check(tmp_path, builder, joined, builder.softmax(joined))
    assert [type(operator) for operator in graph.operators].count(Concat) == 1


@SEEDS
@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("dims", [(), (1,), (4,), (1, 1, 1, 4)])
@pytest.mark.parametrize("first", [False, True])
def test_constant_operand(tmp_path: Path, name: str, dims: tuple[int, ...], first: bool, seed: int) -> None:
    builder, source = fresh(seed, 1, 16, 16, 4)
    values = builder.rng.integers(-128, 128, dims).astype(np.int8)
    constant = builder.constant(values, builder.random_quant(0.03))
    table = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}[name]
    scale = builder.quant(source)[0] * (0.03 * 60 if name == "MUL" else 2)
    operands = [constant, source] if first else [source, constant]
    output = builder.op(
        name,
        operands,
        builder.dims(source),
        builder.random_quant(scale),
        table=table,
        fusedActivationFunction=ACTIVATIONS["relu" if seed % 2 else "none"],
    )
    kind = Conv if name == "MUL" else Lookup
    graph = check(tmp_path, builder, output)
    assert isinstance(graph.operators[-1], kind)


@SEEDS
def test_difference_of_every_pair(tmp_path: Path, seed: int) -> None:
    builder = TfliteBuilder(seed)
    sources = [builder.input((1, 256, 256, 1), builder.random_quant(0.03)) for _ in range(2)]
    output = builder.op(
        "SUB",
        sources,
        (1, 256, 256, 1),
        builder.random_quant(0.05),
        table="SubOptions",
        fusedActivationFunction=ACTIVATIONS["none"],
    )
    path = tmp_path / "pairs.tflite"
    path.write_bytes(builder.model(output))
    operator = read_tflite(path).operators[0]
    assert isinstance(operator, Add) and operator.subtract
    pairs = np.meshgrid(EVERY_LEVEL, EVERY_LEVEL)
    arrays = [pair.reshape(1, 256, 256, 1) for pair in pairs]
    graph = read_tflite(path)
    (result,) = host_outputs(graph, execute(graph, host_input(graph, *arrays)))
    (expected,) = run_tflite_micro(path.read_bytes(), *arrays)
    np.testing.assert_array_equal(result, expected)


@SEEDS
def test_prelu_with_a_slope_for_each_channel(tmp_path: Path, seed: int) -> None:
    builder = TfliteBuilder(seed)
    source = builder.input((1, 16, 16, 3), builder.random_quant(0.03))
    slopes = builder.constant(builder.rng.integers(-128, 128, (1, 1, 3)).astype(np.int8), builder.random_quant(0.005))
    output = builder.op("PRELU", [source, slopes], builder.dims(source), builder.random_quant(0.03))
    graph = check(tmp_path, builder, output, array=np.repeat(EVERY_LEVEL.reshape(1, 16, 16, 1), 3, axis=3))
    assert graph.operators[0].table.shape == (3, 256)


def test_a_transposition_of_five_axes(tmp_path: Path) -> None:
    builder, source = fresh(8, 1, 4, 4, 16)
    parts = builder.reshape(source, (2, 4, 2, 4, 4))
    output = builder.reshape(transposed(builder, parts, 3, 1, 4, 2, 0), (1, 4, 4, 16))
    assert isinstance(check(tmp_path, builder, output).operators[-1], Gather)


def test_a_constant_for_each_pixel_is_refused(tmp_path: Path) -> None:
    builder, source = fresh(9, 1, 4, 4, 2)
    constant = builder.constant(np.arange(32).astype(np.int8).reshape(1, 4, 4, 2), (0.05, 0))
    path = tmp_path / "model.tflite"
    path.write_bytes(builder.model(builder.add(source, constant)))
    with pytest.raises(ModelError, match="is not one number, nor one for each channel"):
        read_tflite(path)
