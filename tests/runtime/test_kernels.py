"""Every kernel at the edges of its numbers: extreme values, biases and scales; all pairs; all channel counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.boards.frames import FrameKind
from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.variants import PORTABLE, VARIANTS
from planner.data.graph import (
    Add,
    Arithmetic,
    Clamp,
    Conv,
    Graph,
    InputEnd,
    Int8Array,
    Mul,
    Operator,
    OutputEnd,
    Padding,
    PoolKind,
    QuantParams,
    Shape,
    Tensor,
    Window,
)
from planner.data.hardware import LinkCost, Network
from planner.data.split import Axis, Layout, OperatorSplit, Split
from tests.builders.cases import Case as Problem
from tests.builders.fleets import instance as fleet
from tests.builders.fleets import profile
from tests.builders.graphs import GraphBuilder, random_graph, random_input
from tests.builders.kernel_cases import KernelCases
from tests.runtime.native import needs_compiler
from tests.runtime.replay import replay
from tests.runtime.scripts import Script

pytestmark = needs_compiler
RULES = pytest.mark.parametrize("rule", Arithmetic)


def check(graph: Graph, inputs: dict[str, Int8Array], chunks: int = 1) -> None:
    """The graph on one device sends to the host what the executor computes, with the kernels of every variant."""
    for kernels in (PORTABLE, *VARIANTS):
        check_variant(graph, inputs, chunks, kernels)


def check_variant(graph: Graph, inputs: dict[str, Int8Array], chunks: int, kernels: str) -> None:
    instance = fleet(Network.switch(1, LinkCost(1000, 1000)), (profile(kernels=kernels),))
    layouts = {
        operator.name: OperatorSplit(
            Layout.single(Axis.ROWS, graph.output_tensor(operator).shape.height, 0, instance.nodes), chunks=chunks
        )
        for operator in graph.operators
    }
    problem = Problem(graph, instance, Split(layouts))
    run = Script(problem, lower(graph, instance, problem.split), inputs)
    (answer,) = replay([run.case(0)])
    assert answer.status == "OK"
    received: dict[int, bytes] = {}
    for frame in answer.sent:
        if frame.kind is FrameKind.DATA:
            received[frame.tag] = received.get(frame.tag, b"") + frame.payload
    expected = execute(graph, inputs)
    wanted = [expected[run.plan.messages[tag].tensor].tobytes() for tag in received]
    assert list(received.values()) == wanted != []


def one_operator(operator: Operator, shapes: list[Shape], quants: list[QuantParams], rule: Arithmetic) -> Graph:
    """A graph of one operator: shapes and quantisation of its inputs, then of its output."""
    names = [*operator.inputs, operator.output]
    tensors = {name: Tensor(name, shape, quant) for name, shape, quant in zip(names, shapes, quants, strict=True)}
    return Graph(
        "one",
        tensors,
        (operator,),
        tuple(InputEnd(name, (1, *tensors[name].shape.as_tuple()), "int8", False) for name in operator.inputs),
        (OutputEnd(operator.output, (1, *tensors[operator.output].shape.as_tuple()), "int8", False),),
        rule,
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 8), st.integers(1, 3), st.sampled_from([5, 40]))
def test_random_networks_on_one_device(seed: int, operators: int, chunks: int, max_channels: int) -> None:
    graph = random_graph(seed, operators, max_channels=max_channels)
    check(graph, random_input(graph, seed), chunks)


@RULES
@pytest.mark.parametrize("seed", range(3))
def test_operators_with_numbers_at_their_edges(rule: Arithmetic, seed: int) -> None:
    cases = KernelCases(seed)
    graph = cases.every_kernel(3, rule)
    check(graph, cases.inputs(graph))


@RULES
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33])
def test_every_channel_count_and_stride(rule: Arithmetic, channels: int) -> None:
    for stride in ((1, 1), (2, 2), (1, 3), (3, 1)):
        builder = GraphBuilder(np.random.default_rng(channels), Shape(7, 6, channels))
        window = Window((3, 3), stride, padding=Padding(1, 0, 1, 2))
        depthwise = builder.conv(builder.input, channels, window, groups=channels)
        pointwise = builder.conv(depthwise, 9, Window((1, 1)))
        general = builder.conv(pointwise, channels, Window((2, 1), (1, 1), (2, 1), Padding(2, 1, 1, 0)))
        pooled = builder.pool(general, PoolKind.AVERAGE, Window((2, 2), padding=Padding(1, 1, 0, 0)))
        logits = builder.fully_connected(builder.pool(pooled, PoolKind.MAXIMUM, Window((2, 2))), 10)
        graph = builder.graph((logits,), rule)
        check(graph, random_input(graph, channels))


def requantisation_graph(rule: Arithmetic, sums: np.ndarray, scales: np.ndarray, clamp: Clamp) -> Graph:
    """A 1x1 convolution with zero weights: its biases are its sums, so any int32 meets any scale."""
    count = len(sums)
    conv = Conv(
        "conv",
        ("x",),
        "y",
        Window((1, 1)),
        1,
        np.zeros((count, 1, 1, 1), np.int8),
        sums.astype(np.int32),
        scales.astype(np.float32),
        clamp=clamp,
    )
    unit = QuantParams(1.0, 3)
    return one_operator(conv, [Shape(1, 2, 1), Shape(1, 2, count)], [unit, replace(unit, zero_point=-7)], rule)


def interesting_sums(rng: np.random.Generator, count: int) -> np.ndarray:
    """int32 values of every magnitude, with the neighbours of powers of two and both ends of the range."""
    magnitudes = 2.0 ** rng.uniform(0, 31, count)
    sums = (magnitudes * rng.choice([-1, 1], count)).astype(np.int64)
    powers = np.array([sign * 2**bit + step for bit in range(31) for step in (-1, 0, 1) for sign in (-1, 1)])
    sums[: len(powers)] = powers
    return np.clip(sums, -(2**31), 2**31 - 1)


@RULES
@pytest.mark.parametrize("seed", range(6))
def test_requantisation_of_any_sum_by_any_scale(rule: Arithmetic, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sums = interesting_sums(rng, 4000)
    # Mostly into int8, where rounding shows; some far too large or too small.
    scales = rng.uniform(0.1, 200, len(sums)) / np.maximum(np.abs(sums), 1)
    wild = rng.integers(20, size=len(sums)) == 0
    scales[wild] = 2.0 ** rng.uniform(-120, 40, int(wild.sum()))
    clamp = Clamp() if seed % 2 else Clamp(-100, 90)
    check(requantisation_graph(rule, sums, scales, clamp), {"x": np.array([[[5], [-5]]], np.int8)})


@RULES
def test_requantisation_of_ties(rule: Arithmetic) -> None:
    """Sums that lie exactly halfway between two outputs, of both signs, for every power of two."""
    shifts = np.repeat(np.arange(1, 24), 41)
    halves = np.tile(np.arange(-20, 21) * 2 + 1, 23)
    sums = halves * 2 ** (shifts - 1)
    check(requantisation_graph(rule, sums, 2.0**-shifts, Clamp()), {"x": np.zeros((1, 2, 1), np.int8)})


@RULES
@pytest.mark.parametrize("seed", range(4))
def test_addition_of_all_pairs(rule: Arithmetic, seed: int) -> None:
    rng = np.random.default_rng(seed)
    spread = [0.5, 2.0] if seed < 3 else [2e-4, 3e3]
    quants = [
        QuantParams(float(np.float32(0.05 * rng.uniform(*spread))), int(rng.integers(-128, 128))) for _ in range(3)
    ]
    graph = one_operator(Add("add", ("a", "b"), "y"), [Shape(256, 256, 1)] * 3, quants, rule)
    if seed == 2:
        tensors = {name: replace(tensor, unsigned=True) for name, tensor in graph.tensors.items()}
        graph = replace(graph, tensors=tensors)
    values = np.arange(-128, 128, dtype=np.int8)
    first = np.broadcast_to(values[:, None, None], (256, 256, 1)).copy()
    second = np.broadcast_to(values[None, :, None], (256, 256, 1)).copy()
    check(graph, {"a": first, "b": second})


@RULES
@pytest.mark.parametrize("seed", range(3))
def test_product_of_all_pairs(rule: Arithmetic, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = (0.05, 0.03, float(rng.choice([1e-6, 0.08, 0.3])))
    quants = [QuantParams(float(np.float32(scale)), int(rng.integers(-128, 128))) for scale in scales]
    graph = one_operator(Mul("mul", ("a", "b"), "y"), [Shape(256, 256, 1)] * 3, quants, rule)
    values = np.arange(-128, 128, dtype=np.int8)
    first = np.broadcast_to(values[:, None, None], (256, 256, 1)).copy()
    second = np.broadcast_to(values[None, :, None], (256, 256, 1)).copy()
    check(graph, {"a": first, "b": second})


@RULES
@pytest.mark.parametrize(("value", "weight"), [(-128, -128), (127, -128), (-128, 127), (127, 127)])
def test_extreme_values_and_weights(rule: Arithmetic, value: int, weight: int) -> None:
    """The largest sums that int8 gives over 2304 products, by each kernel of the convolutions."""
    for groups, kernel, depth in ((1, (3, 3), 256), (1, (1, 1), 2304), (16, (3, 3), 1)):
        channels = depth if groups == 1 else groups
        conv = Conv(
            "conv",
            ("x",),
            "y",
            Window(kernel, padding=Padding(*((1,) * 4 if kernel == (3, 3) else (0,) * 4))),
            groups,
            np.full((16, *kernel, depth), weight, np.int8),
            np.arange(16, dtype=np.int32) * 2**26 * (-1) ** np.arange(16, dtype=np.int32),
            np.full(16, 2.0**-20, np.float32),
        )
        shape = Shape(3, 3, channels)
        for zero_point in (-128, 127):
            quants = [QuantParams(1.0, zero_point), QuantParams(0.5, 0)]
            graph = one_operator(conv, [shape, Shape(3, 3, 16)], quants, rule)
            check(graph, {"x": np.full((3, 3, channels), value, np.int8)})


@RULES
@pytest.mark.parametrize("unsigned", [False, True])
def test_averages_of_every_sum(rule: Arithmetic, unsigned: bool) -> None:
    rng = np.random.default_rng(1)
    for count_padding in (False, True):
        builder = GraphBuilder(rng, Shape(20, 21, 3))
        pooled = builder.pool(
            builder.input, PoolKind.AVERAGE, Window((3, 2), (1, 2), padding=Padding(2, 1, 1, 1)), count_padding
        )
        graph = builder.graph((pooled, builder.mean(builder.input)), rule)
        tensors = {name: replace(tensor, unsigned=unsigned) for name, tensor in graph.tensors.items()}
        graph = replace(graph, tensors=tensors)
        check(graph, random_input(graph, 1))
