"""Who holds up a plan that stands still."""

from __future__ import annotations

import pytest

from planner.boards.blame import Progress, suspects
from planner.data.graph import Arithmetic
from planner.data.plan import Content, Message, Plan
from planner.data.region import Region

HOST = 3


def _plan(*routes: tuple[int, int], bus: str | None = None) -> Plan:
    region = Region(0, 1, 0, 1, 0, 1)
    messages = tuple(Message(s, t, "x", region, Content.VALUES, 1, 0, (), 0, 0) for s, t in routes)
    return Plan("", 0, Arithmetic.TFLM, (), messages, bus)


def _progress(*begun: int | None, finished: tuple[int, ...] = ()) -> list[Progress]:
    return [Progress(message, node in finished) for node, message in enumerate(begun)]


def test_a_chain_of_waiting_boards_ends_at_the_one_that_never_began() -> None:
    # 0 waits for 1 at message 1, 1 waits for 2 at message 0, 2 hangs in its first computation.
    plan = _plan((2, 1), (1, 0))
    assert suspects(plan, _progress(1, 0, None, None, finished=(HOST,))) == (2,)


def test_a_board_that_others_have_passed_is_at_fault() -> None:
    # 1 received message 0 from 0 and waits for 0 at message 1.
    plan = _plan((0, 1), (0, 1))
    assert suspects(plan, _progress(0, 1, None, None, finished=(2, HOST))) == (0,)


def test_both_ends_of_a_transfer_under_way_are_suspects() -> None:
    plan = _plan((0, 1), (1, 2))
    assert set(suspects(plan, _progress(0, 0, 1, None, finished=(HOST,)))) == {0, 1}


def test_the_host_is_no_suspect() -> None:
    plan = _plan((0, HOST))
    assert suspects(plan, _progress(0, None, None, 0, finished=(1, 2))) == (0,)
    # The host has begun message 0, board 0 is done with it: what the host lacks is board 0's fault.
    assert suspects(plan, _progress(0, None, None, 0, finished=(0, 1, 2))) == (0,)


def test_a_sender_on_a_bus_waits_for_the_sender_before() -> None:
    # 2 needs the token of message 0 from 0, which is stuck in it; 2's receiver 1 is waiting already.
    plan = _plan((0, 1), (2, 1), bus="bus")
    stuck = _progress(0, 1, 1, None, finished=(HOST,))
    assert suspects(plan, stuck) == (0,)


def test_nothing_stands_still_once_all_have_finished() -> None:
    with pytest.raises(ValueError, match="finished"):
        suspects(_plan((0, 1)), _progress(0, 0, None, None, finished=(0, 1, 2, HOST)))
