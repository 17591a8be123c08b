"""The hand-made splits: shares by hand, and plans that are valid on any network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.lowering import lower
from planner.core.validate import validate
from planner.data.graph import Arithmetic, Graph, Shape, Window
from planner.data.hardware import LinkCost, Network
from planner.data.instance import Instance
from planner.data.split import Axis
from planner.solvers.heuristics import HEURISTICS, heuristics, single_device
from tests.builders.cases import random_case
from tests.builders.fleets import FIRMWARE, instance, profile
from tests.builders.graphs import GraphBuilder

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
    slow, fast = profile(clock_hz=100_000_000), profile(clock_hz=300_000_000)
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
