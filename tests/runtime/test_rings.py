"""Rows in rings: a program whose buffers are turned into rings, each with another row first, sends the same bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.planfmt.decode import decode
from planner.planfmt.encode import assemble
from planner.planfmt.image import PlanImage, code
from tests.runtime.native import needs_compiler
from tests.runtime.replay import replay
from tests.runtime.test_programs import busiest, messages_of, script

pytestmark = needs_compiler


def turned_into_rings(image: PlanImage, rng: np.random.Generator) -> tuple[PlanImage, int]:
    """The image with every buffer that holds nothing but whole rows of one length as a ring; and their number."""
    views: list[dict[str, Any]] = [dict(view) for view in image.views]
    rings = 0
    for number in range(1, len(image.buffers)):
        size = image.buffers[number]["size_bytes"]
        mine = [view for view in views if view["buffer"] == number]
        strides = {view["row_stride_bytes"] for view in mine}
        if len(strides) != 1 or size % (stride := strides.pop()):
            continue
        rings += 1
        rows = size // stride
        first = int(rng.integers(rows))
        for view in mine:
            row, view["offset_bytes"] = divmod(view["offset_bytes"], stride)
            view["ring_rows"], view["ring_first_row"] = rows, (row + first) % rows
    header = {**image.header, "capabilities": image.header["capabilities"] | code("capability", "RING_ROWS")}
    return replace(image, header=header, views=tuple(views)), rings


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_rings_compute_the_same(seed: int) -> None:
    run = script(seed)
    case = run.case(busiest(run))
    image, rings = turned_into_rings(decode(case.plan), np.random.default_rng(seed))
    (answer,) = replay([replace(case, plan=assemble(image))])
    assert answer.status == "OK"
    assert messages_of(answer) == run.sent(case.node)
    assert rings or not run.plan.programs[case.node].steps
