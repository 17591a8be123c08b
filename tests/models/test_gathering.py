"""What a Gather reads, against its elements one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.gathering import gathered_offsets, gathered_region, runs, separated
from planner.data.graph import Gather, Shape
from planner.data.region import Region
from tests.builders.graphs import random_graph


def gathers(seed: int) -> list[tuple[Gather, Shape, Shape]]:
    """Gathers of a random network, with the shapes of their inputs and outputs."""
    graph = random_graph(seed, 12)
    return [
        (operator, graph.tensors[operator.inputs[0]].shape, graph.output_tensor(operator).shape)
        for operator in graph.operators
        if isinstance(operator, Gather)
    ]


def random_region(shape: Shape, rng: np.random.Generator) -> Region:
    ends = [sorted(int(x) for x in rng.choice(size + 1, 2, replace=False)) for size in shape.as_tuple()]
    return Region(*ends[0], *ends[1], *ends[2])


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**31))
def test_the_box_has_every_element_at_its_offset(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for gather, source, target in gathers(seed):
        output = random_region(target, rng)
        box = gathered_region(gather, source, output)
        places = np.arange(source.elements).reshape(source.as_tuple())
        cut = places[
            box.row_start : box.row_stop, box.column_start : box.column_stop, box.channel_start : box.channel_stop
        ]
        rows, columns, channels = gathered_offsets(gather, source, box, output)
        assert min(part.min() for part in (rows, columns, channels)) >= 0
        found = cut.ravel()[rows[:, None, None] + columns[:, None] + channels]
        wanted = (gather.rows[:, None, None] + gather.columns[:, None] + gather.channels)[
            output.row_start : output.row_stop,
            output.column_start : output.column_stop,
            output.channel_start : output.channel_stop,
        ]
        np.testing.assert_array_equal(found, wanted)


def test_an_enlargement_and_a_shuffle_need_no_more_than_they_read() -> None:
    places = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    offsets = separated(places.repeat(2, axis=0).repeat(2, axis=1))
    assert offsets is not None
    enlarged = Gather("resize", ("x",), "y", *offsets)
    assert gathered_region(enlarged, Shape(4, 5, 6), Region(3, 5, 0, 10, 2, 4)) == Region(1, 3, 0, 5, 2, 4)
    offsets = separated(places[:, :, [0, 3, 1, 4, 2, 5]])
    assert offsets is not None
    shuffled = Gather("shuffle", ("x",), "y", *offsets)
    assert gathered_region(shuffled, Shape(4, 5, 6), Region(1, 2, 0, 5, 0, 2)) == Region(1, 2, 0, 5, 0, 4)


def test_what_no_sum_of_offsets_says_is_no_gather() -> None:
    places = np.arange(8).reshape(2, 2, 2)
    places[1, 1] = places[1, 1, ::-1].copy()
    assert separated(places) is None


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_runs_are_the_offsets(offsets: list[int]) -> None:
    found = runs(np.array(offsets, np.int64))
    assert [first + step for first, length in found for step in range(length)] == offsets
    assert all(first + length != following for (first, length), (following, _) in pairwise(found))
