"""The hand-made splits: shares by hand, plans that are valid on any network, and clipping to caps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.regions import whole
from planner.core.step_costs import StepCosts
from planner.core.validate import validate
from planner.data.graph import Arithmetic, Graph, Padding, Shape, Window
from planner.data.hardware import LinkCost, Network
from planner.data.instance import Instance
from planner.data.split import Axis, Mode, Overlap
from planner.planfmt.encode import encode
from planner.solvers.heuristics import FUSING, HEURISTICS, clip, describe, heuristics, single_device
from tests.builders.cases import random_case
from tests.builders.fleets import FIRMWARE, instance, profile
from tests.builders.graphs import GraphBuilder, random_input
from tests.builders.interpreter import interpret

COST = LinkCost(1000, 10_000)


def pointwise() -> Graph:
    """8x1x1 to 8x1x12 by a 1x1 convolution."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(8, 1, 1))
    return builder.graph((builder.conv(builder.input, 12, Window((1, 1))),), Arithmetic.TFLM)


def ranges(name: str, fleet: Instance) -> tuple[Axis, tuple[tuple[int, int], ...]]:
    graph = pointwise()
    (choice,) = heuristics(fleet)[name](graph, fleet).operators.values()
    return choice.layout.axis, choice.layout.ranges


def test_shares() -> None:
    slow, fast = profile("slow", clock_hz=100_000_000), profile("fast", clock_hz=300_000_000)
    fleet = instance(Network.switch(2, COST), (slow, fast))
    assert ranges("equal-rows", fleet) == (Axis.ROWS, ((0, 4), (4, 8), (0, 0)))
    assert ranges("equal-kernels", fleet) == (Axis.CHANNELS, ((0, 6), (6, 12), (0, 0)))
    assert ranges("speed-proportional-rows", fleet) == (Axis.ROWS, ((0, 2), (2, 8), (0, 0)))
    assert ranges("speed-proportional-kernels", fleet) == (Axis.CHANNELS, ((0, 3), (3, 12), (0, 0)))
    assert ranges("only-d1", fleet) == (Axis.ROWS, ((0, 0), (0, 8), (0, 0)))


def test_shares_by_memory() -> None:
    fleet = instance(Network.switch(2, COST))
    small, large = (
        replace(device, ram_cap_bytes=FIRMWARE.ram_bytes + arena_bytes)
        for device, arena_bytes in zip(fleet.devices, (1000, 7000), strict=True)
    )
    fleet = replace(fleet, devices=(small, large))
    assert ranges("ram-proportional-rows", fleet) == (Axis.ROWS, ((0, 1), (1, 8), (0, 0)))
    assert ranges("ram-proportional-kernels", fleet) == (Axis.CHANNELS, ((0, 2), (2, 12), (0, 0)))


def block() -> Graph:
    """A stem, then an inverted residual block: expansion 4 to 16 channels, depthwise, projection to 4."""
    builder = GraphBuilder(np.random.default_rng(1), Shape(12, 12, 3))
    stem = builder.conv(builder.input, 4, Window((3, 3)))
    expanded = builder.conv(stem, 16, Window((1, 1)))
    filtered = builder.conv(expanded, 16, Window((3, 3)), groups=16)
    return builder.graph((builder.conv(filtered, 4, Window((1, 1))),), Arithmetic.TFLM)


def test_megatron_sums_where_a_block_narrows() -> None:
    graph, fleet = block(), instance(Network.switch(2, COST))
    split = heuristics(fleet)["megatron-blocks"](graph, fleet)
    modes = [split.operators[operator.name].mode for operator in graph.operators]
    assert modes == [Mode.OWN_OUTPUT] * 3 + [Mode.INPUT_CHANNELS]
    expanded, filtered = (split.operators[operator.name].layout for operator in graph.operators[1:3])
    assert expanded.axis is Axis.CHANNELS
    assert expanded.ranges == filtered.ranges


def test_a_pipeline_gives_every_device_consecutive_operators_and_the_busiest_the_least() -> None:
    """Of all ways to cut the sequence in two, none has a less busy busiest device."""
    graph, fleet = block(), instance(Network.switch(2, COST))
    split = heuristics(fleet)["layer-pipeline"](graph, fleet)
    devices = [split.operators[operator.name].layout.active for operator in graph.operators]
    assert devices == sorted(devices)
    costs = StepCosts(graph, fleet)
    times = [costs.compute_ns(0, o, whole(graph.output_tensor(o).shape)) for o in graph.operators]
    first = devices.count((0,))
    best = min(max(sum(times[:cut]), sum(times[cut:])) for cut in range(len(times) + 1))
    assert max(sum(times[:first]), sum(times[first:])) == best


def test_greedy_keeps_caps_that_one_device_breaks() -> None:
    """Messages cost so much that the whole network goes to one device, unless that is too small."""
    graph, fleet = block(), instance(Network.switch(2, LinkCost(10**9, 0)))
    alone = heuristics(fleet)["greedy"](graph, fleet)
    assert len({choice.layout.active for choice in alone.operators.values()}) == 1
    tight = with_arenas(fleet, graph, "only-d0", 0.8)
    split = heuristics(tight)["greedy"](graph, tight)
    assert validate(graph, tight, lower(graph, tight, split)) == ()


def with_arenas(fleet: Instance, graph: Graph, name: str, factor: float) -> Instance:
    """The fleet with every arena a part of the largest that a heuristic's plan takes."""
    plan = lower(graph, fleet, heuristics(fleet)[name](graph, fleet))
    arena_bytes = int(factor * max(program.arena_bytes for program in plan.programs[:-1]))
    devices = (replace(d, ram_cap_bytes=FIRMWARE.ram_bytes + arena_bytes) for d in fleet.devices)
    return replace(fleet, devices=tuple(devices))


def test_clipping_changes_nothing_that_fits() -> None:
    graph, fleet = block(), instance(Network.switch(3, COST))
    for make in heuristics(fleet).values():
        split = make(graph, fleet)
        assert clip(graph, fleet, split) == split


def test_clipping_gathers_in_chunks_first() -> None:
    graph, fleet = block(), instance(Network.switch(3, COST))
    tight = with_arenas(fleet, graph, "equal-kernels", 0.9)
    split = clip(graph, tight, heuristics(tight)["equal-kernels"](graph, tight))
    assert split is not None
    assert max(choice.chunks for choice in split.operators.values()) > 1
    assert validate(graph, tight, lower(graph, tight, split)) == ()


def test_clipping_takes_rows_from_the_device_that_is_too_small() -> None:
    graph, fleet = block(), instance(Network.switch(2, COST))
    small = with_arenas(fleet, graph, "equal-rows", 0.7).devices[0]
    mixed = replace(fleet, devices=(small, fleet.devices[1]))
    split = clip(graph, mixed, heuristics(mixed)["equal-rows"](graph, mixed))
    assert split is not None
    assert validate(graph, mixed, lower(graph, mixed, split)) == ()
    widest = split.operators[graph.operators[1].name].layout.ranges
    assert widest[0][1] - widest[0][0] < widest[1][1] - widest[1][0]


def test_clipping_keeps_the_flash_caps() -> None:
    """The weights of all operators do not fit on the first device, and rows would need them there."""
    graph, fleet = block(), instance(Network.switch(2, COST))
    problem = replace(
        fleet,
        devices=(replace(fleet.devices[0], flash_cap_bytes=FIRMWARE.code_bytes + 8192), fleet.devices[1]),
    )
    for name in ("equal-rows", "equal-kernels"):
        split = clip(graph, problem, heuristics(problem)[name](graph, problem))
        assert split is not None
        plan = lower(graph, problem, split)
        assert validate(graph, problem, plan, {n: len(encode(plan, graph, n)) for n in range(2)}) == ()


def test_another_device_stands_in_for_one_that_lacks_flash_for_an_output_of_one_row() -> None:
    builder = GraphBuilder(np.random.default_rng(2), Shape(8, 8, 8))
    filtered = builder.conv(builder.input, 8, Window((3, 3)), groups=8)
    graph = builder.graph((builder.fully_connected(filtered, 100),), Arithmetic.TFLM)
    fleet = instance(Network.switch(2, COST))
    split = heuristics(fleet)["equal-rows"](graph, fleet)
    (owner,) = split.operators[graph.operators[-1].name].layout.active
    devices = list(fleet.devices)
    devices[owner] = replace(devices[owner], flash_cap_bytes=FIRMWARE.code_bytes + 8192)
    clipped = clip(graph, replace(fleet, devices=tuple(devices)), split)
    assert clipped is not None
    assert clipped.operators[graph.operators[-1].name].layout.active == (1 - owner,)
    assert clipped.operators[graph.operators[0].name] == split.operators[graph.operators[0].name]


def test_nothing_fits_when_a_device_alone_is_too_small() -> None:
    graph, fleet = block(), instance(Network.switch(2, COST))
    tight = with_arenas(fleet, graph, "only-d0", 0.5)
    assert clip(graph, tight, single_device(graph, tight, 0)) is None


def test_every_heuristic_says_what_it_does() -> None:
    named = heuristics(instance(Network.switch(2, COST)))
    assert all(describe(make).endswith(".") for make in named.values())


def test_devices_of_a_kind_are_tried_once() -> None:
    fleet = instance(Network.switch(3, COST), (profile("a"), profile("b"), profile("a")))
    assert [name for name in heuristics(fleet) if name.startswith("only-")] == ["only-d0", "only-d1"]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31))
def test_plans_are_valid(seed: int) -> None:
    case = random_case(seed)
    named = heuristics(case.instance)
    assert len(named) == len(HEURISTICS) + len(case.instance.devices)
    for make in named.values():
        split = make(case.graph, case.instance)
        assert validate(case.graph, case.instance, lower(case.graph, case.instance, split)) == ()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_a_device_alone_exchanges_only_the_ends(seed: int) -> None:
    case = random_case(seed)
    host = case.instance.host
    fleet = replace(case.instance, network=Network.switch(host, COST), input_node=host, output_node=host)
    plan = lower(case.graph, fleet, single_device(case.graph, fleet, 0))
    assert {(message.source, message.target) for message in plan.messages} <= {(host, 0), (0, host)}


def chain(height: int = 64) -> Graph:
    """Two strided stages with a residual block between them, to an eighth of the height, and a classifier."""
    builder = GraphBuilder(np.random.default_rng(5), Shape(height, height, 3))
    half = Window((3, 3), (2, 2), padding=Padding(1, 1, 1, 1))
    current = builder.conv(builder.conv(builder.input, 8, half), 8, half)
    expanded = builder.conv(current, 24, Window((1, 1)))
    filtered = builder.conv(expanded, 24, Window((3, 3), padding=Padding(1, 1, 1, 1)), groups=24)
    current = builder.conv(builder.add(current, builder.conv(filtered, 8, Window((1, 1)))), 16, half)
    return builder.graph((builder.fully_connected(builder.mean(current), 10),), Arithmetic.TFLM)


@pytest.mark.parametrize("name", FUSING)
def test_fusing_rules_take_ever_less_memory_and_give_the_same_bytes(name: str) -> None:
    graph, fleet = chain(), instance(Network.switch(2, COST))
    splits = list(FUSING[name](graph, fleet))
    inputs = random_input(graph, 1)
    expected = execute(graph, inputs)[graph.outputs[0].tensor]
    peaks = []
    for split in splits:
        plan = lower(graph, fleet, split)
        assert validate(graph, fleet, plan) == ()
        (values,) = interpret(graph, plan, inputs).values()
        np.testing.assert_array_equal(values, expected)
        peaks.append(max(program.arena_bytes for program in plan.programs[:-1]))
    assert min(peaks[1:]) < peaks[0]


def test_fused_rows_are_equal_bands_of_the_early_operators() -> None:
    graph, fleet = chain(), instance(Network.switch(2, COST))
    split = next(FUSING["fused-rows"](graph, fleet))
    (segment,) = split.segments
    assert segment.operators == tuple(operator.name for operator in graph.operators[:7])
    assert segment.layout.ranges == ((0, 4), (4, 8), (0, 0))
    assert {choice.layout.active for choice in split.operators.values()} == {(0,)}


def test_patches_stay_on_the_fastest_device_and_compute_columns_again() -> None:
    slow, fast = profile("slow", 100_000_000), profile("fast", 200_000_000)
    graph, fleet = chain(), instance(Network.switch(2, COST), (slow, fast))
    split = next(FUSING["patches"](graph, fleet))
    (segment,) = split.segments
    assert segment.layout.active == (1,)
    assert [stage.overlap for stage in segment.stages if stage.columns] == [Overlap.RECOMPUTED]
