"""A link that breaks, and peers that answer nonsense: always a status, never a hang or a stray byte."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.boards.frames import Frame, FrameKind, encode
from planner.planfmt import layout
from tests.runtime.native import needs_compiler
from tests.runtime.replay import Answer, Case, replay
from tests.runtime.scripts import Script
from tests.runtime.test_programs import busiest, script

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def run() -> Script:
    return script(3)


@pytest.fixture(scope="module")
def case(run: Script) -> Case:
    return run.case(busiest(run))


def error_of(answer: Answer) -> dict[str, int]:
    """The record of the ERROR frame that ended a run."""
    assert answer.sent[-1].kind is FrameKind.ERROR
    return layout.ERROR.unpack(answer.sent[-1].payload)


def raw(frame: Frame | tuple[int, bytes]) -> tuple[int, bytes]:
    return (frame.source, encode(frame)) if isinstance(frame, Frame) else frame


def test_every_send_may_fail(case: Case) -> None:
    (whole,) = replay([case])
    limits = range(len(whole.sent))
    for limit, answer in zip(limits, replay([replace(case, send_limit=limit) for limit in limits]), strict=True):
        assert (answer.status, len(answer.sent)) == ("LINK", limit)
        assert answer.sent == whole.sent[:limit]


def test_every_receive_may_fail_and_the_host_hears_of_it(case: Case) -> None:
    counts = range(len(case.received))
    for answer in replay([replace(case, received=case.received[:count]) for count in counts]):
        assert answer.status == "LINK"
        assert error_of(answer)["status"] == layout.STATUS.members["LINK"][0]


def test_every_byte_of_a_frame_matters(case: Case) -> None:
    """A frame with one byte changed is refused as what it is, and its sender named."""
    place = next(i for i, f in enumerate(case.received) if isinstance(f, Frame) and f.kind is FrameKind.DATA)
    peer, data = raw(case.received[place])
    damaged = [data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :] for i in range(len(data))]
    cases = [replace(case, received=[*case.received[:place], (peer, d), *case.received[place + 1 :]]) for d in damaged]
    for answer in replay(cases):
        assert answer.status in ("FRAME", "FRAME_CRC")
        assert error_of(answer)["peer"] == peer


@pytest.mark.parametrize("change", ["dropped", "repeated", "swapped", "truncated", "longer"])
def test_frames_that_are_not_due(case: Case, change: str) -> None:
    for place in range(len(case.received) - 1):
        frame, following = case.received[place], case.received[place + 1]
        assert isinstance(frame, Frame) and isinstance(following, Frame)
        if frame == following or (change in ("truncated", "longer") and not frame.payload):
            continue
        received = {
            "dropped": [following],
            "repeated": [frame, frame, following],
            "swapped": [following, frame],
            "truncated": [(frame.source, encode(frame)[:-1]), following],
            "longer": [(frame.source, encode(frame) + b"\0"), following],
        }[change]
        changed = replace(case, received=[*case.received[:place], *received, *case.received[place + 2 :]])
        (answer,) = replay([changed])
        assert answer.status in ("LINK", "FRAME", "PROTOCOL")


def test_the_error_names_the_step(run: Script, case: Case) -> None:
    place = next(i for i, f in enumerate(case.received) if isinstance(f, Frame) and f.kind is FrameKind.DATA)
    (answer,) = replay([replace(case, received=case.received[:place])])
    step = run.plan.programs[case.node].steps[error_of(answer)["step"]]
    data = case.received[place]
    assert isinstance(data, Frame) and step.message == data.tag


def test_a_plan_for_another_node_is_refused(case: Case) -> None:
    (answer,) = replay([replace(case, node=case.node + 1)])
    assert answer.status == "CONFIG"
    assert error_of(answer)["step"] == layout.NO_INDEX.value


def test_a_plan_larger_than_the_arena_is_refused(case: Case) -> None:
    (answer,) = replay([replace(case, arena_bytes=case.arena_bytes - 4)])
    assert answer.status == "PLAN_ARENA"


def test_a_damaged_plan_is_refused(case: Case) -> None:
    (answer,) = replay([replace(case, plan=case.plan[:-1] + b"\xff")])
    assert answer.status == "PLAN_CRC"
    assert error_of(answer)["status"] == layout.STATUS.members["PLAN_CRC"][0]
