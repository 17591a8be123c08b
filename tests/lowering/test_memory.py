"""Packing of buffers: never an overlap, and no larger than need be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.memory import Lifespan, Packer, pack, packed_bytes, peak_footprint_bytes
from planner.core.storage import footprint_bytes
from planner.data.plan import ALIGNMENT_BYTES, CANARY_BYTES
from planner.solvers.offsets import pack_exactly

LIFESPANS = st.builds(
    lambda size, first, length: Lifespan(size, first, first + length),
    st.integers(0, 200),
    st.integers(0, 12),
    st.integers(0, 6),
)


@settings(deadline=None, max_examples=80)
@given(st.lists(LIFESPANS, max_size=12), st.sampled_from([pack, pack_exactly]))
def test_buffers_that_meet_lie_apart(lifespans: list[Lifespan], packer: Packer) -> None:
    offsets = packer(lifespans)
    assert len(offsets) == len(lifespans)
    assert all(offset % ALIGNMENT_BYTES == 0 for offset in offsets)
    for n, first in enumerate(lifespans):
        for m, second in enumerate(lifespans[:n]):
            if first.first_step < second.end_step and second.first_step < first.end_step:
                apart = (
                    offsets[n] + first.size_bytes + CANARY_BYTES <= offsets[m]
                    or offsets[m] + second.size_bytes + CANARY_BYTES <= offsets[n]
                )
                assert apart or min(first.end_step - first.first_step, second.end_step - second.first_step) == 0
    assert peak_footprint_bytes(lifespans) <= packed_bytes(lifespans, offsets)


@settings(deadline=None, max_examples=30)
@given(st.lists(LIFESPANS, max_size=12))
def test_exact_packing_is_never_worse(lifespans: list[Lifespan]) -> None:
    assert packed_bytes(lifespans, pack_exactly(lifespans)) <= packed_bytes(lifespans, pack(lifespans))


def test_exact_packing_beats_first_fit() -> None:
    """A below C, then D below B below E, takes 128 bytes; first fit puts E onto A, where D finds no room."""
    a, c = Lifespan(60, 1, 5), Lifespan(60, 1, 3)
    b, d, e = Lifespan(36, 6, 8), Lifespan(28, 5, 8), Lifespan(52, 4, 8)
    lifespans = [a, b, c, d, e]
    assert peak_footprint_bytes(lifespans) == 40 + 32 + 56 == 64 + 64
    assert packed_bytes(lifespans, pack(lifespans)) > 128
    assert packed_bytes(lifespans, pack_exactly(lifespans)) == 128


@pytest.mark.parametrize(("size_bytes", "expected"), [(0, 8), (1, 8), (4, 8), (5, 16), (12, 16), (13, 24)])
def test_footprint_has_room_for_the_canary(size_bytes: int, expected: int) -> None:
    assert footprint_bytes(size_bytes) == expected
