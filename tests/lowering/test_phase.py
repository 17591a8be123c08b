"""The phase model by hand on small cases, and the memory it claims against what plans need."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from planner.core.lowering import lower
from planner.core.phase import evaluate
from planner.core.regions import required, whole
from planner.core.storage import footprint_bytes, store
from planner.data.graph import Arithmetic, Graph, Operator, Padding, Shape, Window
from planner.data.hardware import LinkCost, Network, NetworkKind
from planner.data.plan import Compute, Copy, Program
from planner.data.region import Region
from planner.data.split import Axis, Layout, Mode, OperatorSplit, Split
from planner.errors import NoPlanError
from tests.builders.cases import random_case
from tests.builders.fleets import instance, profile
from tests.builders.graphs import GraphBuilder

MESSAGE_NS, BYTE_NS = 1000, 10
COST = LinkCost(MESSAGE_NS, 1000 * BYTE_NS)
CALL_ONLY = profile(clock_hz=1_000_000_000, cycles=0.0, call_cycles=50.0)
"""Every CPU step takes 50 ns."""


def two_convs() -> Graph:
    """6x4x2 -> 3x3 conv -> 6x4x4 -> 1x1 conv -> 6x4x2."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(6, 4, 2))
    first = builder.conv(builder.input, 4, Window((3, 3), padding=Padding(1, 1, 1, 1)))
    return builder.graph((builder.conv(first, 2, Window((1, 1))),), Arithmetic.TFLM)


def split(graph: Graph, *choices: OperatorSplit) -> Split:
    return Split({operator.name: choice for operator, choice in zip(graph.operators, choices, strict=True)})


def rows(*bounds: int) -> Layout:
    return Layout.from_bounds(Axis.ROWS, (*bounds, bounds[-1]))


def channels(*bounds: int) -> Layout:
    return Layout.from_bounds(Axis.CHANNELS, (*bounds, bounds[-1]))


def test_rows_over_a_switch() -> None:
    graph = two_convs()
    fleet = instance(Network.switch(2, COST), (CALL_ONLY, CALL_ONLY))
    first, second, gather = evaluate(
        graph, fleet, split(graph, OperatorSplit(rows(0, 3, 6)), OperatorSplit(rows(0, 2, 6)))
    ).phases
    # Device 0 needs input rows [0, 4), device 1 rows [2, 6): 4 * 8 bytes each through the host's out-port.
    assert (first.communication_ns, first.computation_ns) == (2 * (MESSAGE_NS + 32 * BYTE_NS), 50)
    # Device 1 lacks row 2 of the first output: 16 bytes.
    assert (second.communication_ns, second.computation_ns) == (MESSAGE_NS + 16 * BYTE_NS, 50)
    # 2 rows from device 0, 4 rows from device 1, 8 bytes each, through the host's in-port.
    assert (gather.communication_ns, gather.computation_ns) == (2 * MESSAGE_NS + 48 * BYTE_NS, 0)
    assert first.live_bytes == (32 + 48, 32 + 48, 48)
    # Own input 48, received row 16, own output 32 on device 1.
    assert second.live_bytes == (48 + 16, 48 + 16 + 32, 0)
    assert gather.live_bytes == (16, 32, 48)


def test_chunks_repeat_messages_and_calls() -> None:
    graph = two_convs()
    fleet = instance(Network.switch(2, COST), (CALL_ONLY, CALL_ONLY))
    layout = OperatorSplit(rows(0, 3, 6))
    _, second, _ = evaluate(graph, fleet, split(graph, layout, OperatorSplit(channels(0, 1, 2), chunks=3))).phases
    # Each chunk of 2 rows reads 2 whole rows of 16 bytes: chunks 1 and 3 bring 32 bytes to one device, chunk 2 brings
    # a row each to both at once.
    assert second.communication_ns == 2 * (MESSAGE_NS + 32 * BYTE_NS) + (MESSAGE_NS + 16 * BYTE_NS)
    assert second.computation_ns == 3 * 50
    # The own rows, those of the largest chunk that are received, one channel of the output.
    assert second.live_bytes == (48 + 32 + 24, 48 + 32 + 24, 0)


def test_partial_sums_are_reduced() -> None:
    graph = two_convs()
    fleet = instance(Network.switch(2, COST), (CALL_ONLY, CALL_ONLY))
    choice = OperatorSplit(rows(0, 6, 6), Mode.INPUT_CHANNELS)
    _, second, _ = evaluate(graph, fleet, split(graph, OperatorSplit(channels(0, 1, 4)), choice)).phases
    # Device 1 sends sums for all 48 outputs, 4 bytes each; device 0 adds them and requantises.
    assert second.communication_ns == MESSAGE_NS + 4 * 48 * BYTE_NS
    assert second.computation_ns == 50 + (50 + 50)
    assert second.live_bytes == (24 + 48 + 4 * 48 + 4 * 48, 72 + 4 * 48, 0)
    assert second.transferred_bytes == 4 * 48


def test_a_star_pays_every_hop() -> None:
    graph = two_convs()
    fleet = instance(Network.star(2, COST), (CALL_ONLY, CALL_ONLY))
    choices = (OperatorSplit(rows(0, 3, 6)), OperatorSplit(rows(0, 2, 6)))
    _, second, _ = evaluate(graph, fleet, split(graph, *choices)).phases
    assert second.communication_ns == 2 * (MESSAGE_NS + 16 * BYTE_NS)
    assert second.live_bytes[2] == 16
    assert second.transferred_bytes == 2 * 16


def test_flash_follows_the_shards() -> None:
    graph = two_convs()
    fleet = instance(Network.switch(2, COST), (CALL_ONLY, CALL_ONLY))
    by_channels = split(graph, OperatorSplit(channels(0, 1, 4)), OperatorSplit(channels(0, 2, 2), Mode.INPUT_CHANNELS))
    # First: 18 weights and 12 bytes a channel. Second: 2 x own input channels; device 0 finishes both outputs.
    assert evaluate(graph, fleet, by_channels).flash_bytes == (30 + 2 * 1 + 2 * 12, 3 * 30 + 2 * 3, 0)


def test_unreachable_nodes_are_no_plan() -> None:
    graph = two_convs()
    fleet = instance(Network.links(2, {(2, 0): COST, (0, 2): COST, (2, 1): COST}), (CALL_ONLY, CALL_ONLY))
    half = OperatorSplit(rows(0, 3, 6))
    with pytest.raises(NoPlanError, match="no route from node 1 to node 0"):
        evaluate(graph, fleet, split(graph, half, OperatorSplit(rows(0, 6, 6))))


def test_partial_sums_need_channels() -> None:
    graph = two_convs()
    fleet = instance(Network.switch(2, COST), (CALL_ONLY, CALL_ONLY))
    half = rows(0, 3, 6)
    with pytest.raises(ValueError, match="cannot be computed from input channels"):
        evaluate(graph, fleet, split(graph, OperatorSplit(half), OperatorSplit(half, Mode.INPUT_CHANNELS)))


def test_storage_rule() -> None:
    own = Region(4, 8, 0, 5, 0, 3)
    assert store(own, own.with_rows(5, 7)).received == ()
    pieces = store(own, own.with_rows(2, 9))
    assert pieces.received == (own.with_rows(2, 4), own.with_rows(8, 9))
    assert pieces.pieces == (own.with_rows(2, 4), own, own.with_rows(8, 9))
    assert store(own, own.with_rows(0, 4)).received == (own.with_rows(0, 4),)
    wider = store(own.with_channels(1, 3), own.with_rows(2, 9))
    assert (wider.received, wider.copied, wider.in_place) == ((own.with_rows(2, 9),), own.with_channels(1, 3), None)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31))
def test_plans_need_no_more_memory_than_claimed(seed: int) -> None:
    """At no step do a program's buffers, message slots apart, exceed the phase model's peaks."""
    case = random_case(seed)
    evaluation = evaluate(case.graph, case.instance, case.split)
    plan = lower(case.graph, case.instance, case.split)
    for program in plan.programs:
        node, steps = program.node, range(len(program.steps))
        assert max((live(program, step) for step in steps), default=0) <= evaluation.peak_live_bytes[node]
        padded = max((live(program, step, footprint_bytes) for step in steps), default=0)
        assert padded <= evaluation.peak_footprint_bytes[node]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.sampled_from([NetworkKind.SWITCH, NetworkKind.BUS]))
def test_claimed_memory_is_needed(seed: int, kind: NetworkKind) -> None:
    """Without chunks, partial sums, relays, copies and unread parts, a node that computes needs all that is claimed."""
    case = random_case(seed, kind=kind)
    assume(all(reads_everything(case.graph, operator) for operator in case.graph.operators))
    read = {tensor for operator in case.graph.operators for tensor in operator.inputs}
    assume(all(end.tensor in read for end in case.graph.inputs))
    whole_steps = Split({name: OperatorSplit(choice.layout) for name, choice in case.split.operators.items()})
    phases = evaluate(case.graph, case.instance, whole_steps).phases
    claimed = {phase.operator: phase.live_bytes for phase in phases}
    for program in lower(case.graph, case.instance, whole_steps).programs:
        copied = False
        for index, step in enumerate(program.steps):
            if isinstance(step, Compute):
                assert copied or live(program, index) == claimed[step.operator][program.node]
                copied = False
            copied |= isinstance(step, Copy)


def live(program: Program, step: int, measure: Callable[[int], int] = int) -> int:
    """Sum over the buffers with data that are live at a step."""
    return sum(measure(b.size_bytes) for b in program.buffers[1:] if b.first_step <= step < b.end_step)


def reads_everything(graph: Graph, operator: Operator) -> bool:
    output = whole(graph.output_tensor(operator).shape)
    for index, tensor in enumerate(graph.input_tensors(operator)):
        needs = [required(graph, operator, index, output.with_rows(row, row + 1)) for row in range(output.rows)]
        if {row for need in needs for row in range(need.row_start, need.row_stop)} != set(range(tensor.shape.height)):
            return False
        if required(graph, operator, index, output).channels != tensor.shape.channels:
            return False
    return True
