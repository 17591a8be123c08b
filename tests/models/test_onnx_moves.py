"""ONNX operators that move elements, and operands that are constant: against ONNX Runtime, live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from planner.core.executor import execute
from planner.core.host import host_input, host_outputs
from planner.data.graph import Conv, Gather, Lookup, Slice
from tests.builders.onnx_models import run_onnxruntime
from tests.models.test_reader import SCALE, Sketch, check, kinds, read


def _conv(s: Sketch, source: str, channels: int, depth: int, scale: float = SCALE) -> str:
    return s.pair(s.node("Conv", source, s.weights(channels, depth, 1, 1)), scale)


@pytest.mark.parametrize("groups", [2, 4])
def test_channel_shuffle(groups: int, tmp_path: Path) -> None:
    s = Sketch((1, 8, 6, 5))
    x = _conv(s, s.pair("input"), 8, 8)
    parts = s.node("Reshape", x, s.constant(np.array([1, groups, 8 // groups, 6, 5])))
    swapped = s.node("Transpose", parts, perm=[0, 2, 1, 3, 4])
    shuffled = s.node("Reshape", swapped, s.constant(np.array([1, 8, 6, 5])))
    assert kinds(check(s, _conv(s, shuffled, 3, 8), tmp_path)) == [Conv, Gather, Conv]


def test_a_view_that_two_read_is_moved_once(tmp_path: Path) -> None:
    s = Sketch()
    turned = s.node("Transpose", s.pair(s.node("Relu", s.pair("input"))), perm=[0, 1, 3, 2])
    pooled = s.pair(s.node("MaxPool", turned, kernel_shape=[2, 2]))
    graph = check(
        s, s.pair(s.node("Add", pooled, s.pair(s.node("AveragePool", turned, kernel_shape=[2, 2])))), tmp_path
    )
    assert kinds(graph).count(Gather) == 1


def test_a_sum_of_two_layouts(tmp_path: Path) -> None:
    s = Sketch((1, 4, 5, 5))
    x = _conv(s, s.pair("input"), 4, 4)
    turned = s.node("Transpose", _conv(s, x, 4, 4), perm=[0, 1, 3, 2])
    assert Gather in kinds(check(s, s.pair(s.node("Add", x, turned)), tmp_path))


@pytest.mark.parametrize("nearest", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"])
def test_resize(nearest: str, coordinates: str, tmp_path: Path) -> None:
    attributes = {"mode": "nearest", "nearest_mode": nearest, "coordinate_transformation_mode": coordinates}
    for number, (name, operand) in enumerate(
        (
            ("scales", np.array([1, 1, 2, 2], np.float32)),
            ("scales", np.array([1, 1, 1.7, 0.6], np.float32)),
            ("sizes", np.array([1, 4, 3, 10], np.int64)),
            ("sizes", np.array([1, 4, 13, 5], np.int64)),
        )
    ):
        s = Sketch()
        operands = ("", s.constant(operand)) if name == "scales" else ("", "", s.constant(operand))
        resized = s.node("Resize", _conv(s, s.pair("input"), 4, 4), *operands, **attributes)
        folder = tmp_path / str(number)
        folder.mkdir()
        assert Gather in kinds(check(s, s.pair(resized), folder))


@pytest.mark.parametrize(("op", "mode"), [("DepthToSpace", "DCR"), ("DepthToSpace", "CRD"), ("SpaceToDepth", None)])
def test_depth_and_space(op: str, mode: str | None, tmp_path: Path) -> None:
    s = Sketch((1, 8, 6, 4))
    moved = s.node(op, _conv(s, s.pair("input"), 8, 8), blocksize=2, **({"mode": mode} if mode else {}))
    channels = 2 if op == "DepthToSpace" else 32
    assert kinds(check(s, _conv(s, moved, 3, channels, 0.2), tmp_path)) == [Conv, Gather, Conv]


@pytest.mark.parametrize(
    ("starts", "ends", "steps", "kind"),
    [([0, 1], [6, 5], [2, 1], Gather), ([5, -1], [-100, -100], [-1, -2], Gather), ([1, 0], [4, 3], [1, 1], Slice)],
)
def test_slices(starts: list[int], ends: list[int], steps: list[int], kind: type, tmp_path: Path) -> None:
    s = Sketch()
    operands = [s.constant(np.array(values)) for values in (starts, ends, [2, 3], steps)]
    part = s.node("Slice", _conv(s, s.pair("input"), 4, 4), *operands)
    assert kinds(check(s, s.pair(part), tmp_path)) == [Conv, kind]


@pytest.mark.parametrize("softmax", [False, True])
def test_heads_of_a_detector(softmax: bool, tmp_path: Path) -> None:
    """Boxes of two scales, brought to rows of classes and joined."""
    s = Sketch((1, 4, 6, 4))
    x = _conv(s, s.pair("input"), 4, 4)
    small = s.pair(s.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    heads = []
    for source in (x, small):
        head = s.node("Transpose", _conv(s, source, 6, 4, 0.08), perm=[0, 2, 3, 1])
        heads.append(s.node("Reshape", head, s.constant(np.array([1, -1, 2]))))
    joined = s.pair(s.node("Concat", *heads, axis=1), 0.08)
    if not softmax:
        assert check(s, joined, tmp_path).outputs[0].shape == (1, 90, 2)
        return
    model = s.model(s.node("Softmax", joined, axis=-1))
    array = s.rng.normal(0, 2.5, (1, 4, 6, 4)).astype(np.float32)
    (expected,) = run_onnxruntime(model, array)
    graph = read(model, tmp_path)
    (result,) = host_outputs(graph, execute(graph, host_input(graph, array)))
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_rows_are_joined(tmp_path: Path) -> None:
    s = Sketch()
    x = _conv(s, s.pair("input"), 4, 4)
    part = s.node("Slice", x, *(s.constant(np.array([value])) for value in (1, 3, 2)))
    joined = s.pair(s.node("Concat", part, x, axis=2))
    assert check(s, _conv(s, joined, 3, 4), tmp_path).outputs[0].shape == (1, 3, 8, 5)


@pytest.mark.parametrize("op", ["Add", "Mul", "Sub", "Div"])
@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("dims", [(), (4, 1, 1)])
@pytest.mark.parametrize("first", [False, True])
def test_constant_operand(op: str, quantised: bool, dims: tuple[int, ...], first: bool, tmp_path: Path) -> None:
    if op == "Div" and first:
        pytest.skip("a number divided by an activation, which may be 0")
    s = Sketch()
    if quantised:
        levels = s.constant(s.rng.integers(20, 128, dims).astype(np.int8))
        operand = s.node("DequantizeLinear", levels, s.constant(np.float32(0.013)), s.constant(np.int8(-3)))
    else:
        operand = s.constant(s.rng.uniform(0.2, 1.5, dims).astype(np.float32))
    x = _conv(s, s.pair("input"), 4, 4)
    graph = check(s, s.pair(s.node(op, *((operand, x) if first else (x, operand))), 0.06), tmp_path)
    assert kinds(graph) == [Conv, Lookup]


def test_prelu_of_every_channel(tmp_path: Path) -> None:
    s = Sketch()
    slopes = s.constant(s.rng.uniform(-0.5, 0.5, (4, 1, 1)).astype(np.float32))
    graph = check(s, s.pair(s.node("PRelu", _conv(s, s.pair("input"), 4, 4), slopes), 0.06), tmp_path)
    assert graph.operators[-1].table.shape == (4, 256)
