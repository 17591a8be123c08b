"""The C runtime, node by node, against the executor and the simulator: every byte that a node sends, and when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.boards.frames import Frame, FrameKind
from planner.core.executor import execute
from planner.core.lowering import lower
from planner.data.hardware import NetworkKind
from planner.data.plan import Await, Ready, Step, Transfer
from planner.planfmt import layout
from tests.builders.cases import random_case, rolled_block
from tests.builders.graphs import random_input
from tests.runtime.native import needs_compiler
from tests.runtime.replay import PAINT, Answer, Case, replay
from tests.runtime.scripts import Script

pytestmark = needs_compiler


def script(seed: int, kind: NetworkKind | None = None, segments: bool = False) -> Script:
    problem = random_case(seed, kind=kind, segments=segments)
    plan = lower(problem.graph, problem.instance, problem.split)
    return Script(problem, plan, random_input(problem.graph, seed))


def messages_of(answer: Answer) -> list[Frame]:
    """What was sent about messages and outputs. The time of a grant depends on more than the message, so it is 0."""
    kinds = (FrameKind.DATA, FrameKind.TOKEN, FrameKind.OUTPUT, FrameKind.GRANT)
    frames = [frame for frame in answer.sent if frame.kind in kinds]
    return [replace(frame, virtual_ns=0) if frame.kind is FrameKind.GRANT else frame for frame in frames]


def records(answer: Answer, kind: FrameKind) -> list[dict[str, int]]:
    record = layout.STEP_REPORT if kind is FrameKind.TRACE else layout.REPORT
    data = b"".join(frame.payload for frame in answer.sent if frame.kind is kind)
    return [record.unpack(data, offset) for offset in range(0, len(data), record.size_bytes)]


def check(run: Script) -> None:
    """Every node of a run: bytes, times, trace, report, and an arena that is untouched outside of the buffers."""
    nodes = range(run.host)
    cases = [run.case(node) for node in nodes]
    for node, case, answer in zip(nodes, cases, replay(cases), strict=True):
        assert answer.status == "OK"
        assert messages_of(answer) == run.sent(node)
        assert [step["end_ns"] for step in records(answer, FrameKind.TRACE)] == list(run.simulation.step_end_ns[node])
        (report,) = records(answer, FrameKind.REPORT)
        times = run.simulation.nodes[node]
        assert report["end_ns"] == times.end_ns and report["compute_ns"] == times.compute_ns
        assert (report["sent_bytes"], report["received_bytes"]) == (times.sent_bytes, times.received_bytes)
        assert report["canaries_broken"] == 0
        assert report["arena_peak_bytes"] == run.plan.programs[node].arena_bytes
        check_paint(run, node, case, answer)


def check_paint(run: Script, node: int, case: Case, answer: Answer) -> None:
    """Bytes that belong to no buffer and no canary still have their paint."""
    arena = np.frombuffer(answer.arena, np.uint8)
    used = np.zeros(len(arena), bool)
    for buffer in run.plan.programs[node].buffers:
        used[buffer.offset_bytes : buffer.offset_bytes + buffer.size_bytes + layout.CANARY_BYTES.value] = True
    paint = np.frombuffer(PAINT.to_bytes(4, "little") * (len(arena) // 4), np.uint8)
    np.testing.assert_array_equal(arena[~used], paint[~used])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_every_node_sends_what_the_executor_computes_when_the_simulator_says(seed: int) -> None:
    check(script(seed))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31))
def test_fused_segments(seed: int) -> None:
    check(script(seed, segments=True))


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**31))
def test_loops_over_columns(seed: int) -> None:
    problem = rolled_block(seed)
    plan = lower(problem.graph, problem.instance, problem.split)
    check(Script(problem, plan, random_input(problem.graph, seed)))


@pytest.mark.parametrize("kind", NetworkKind)
def test_every_kind_of_network(kind: NetworkKind) -> None:
    check(script(5, kind))


def test_the_outputs_are_those_of_the_unsplit_network() -> None:
    run = script(11)
    expected = execute(run.problem.graph, run.inputs)
    for program, outputs in zip(run.plan.programs, run.outputs, strict=True):
        for operand, content in zip(program.outputs, outputs, strict=True):
            assert expected[operand.tensor].tobytes() == content


def test_a_second_start_runs_again_with_the_same_outcome() -> None:
    run = script(3)
    case = run.case(busiest(run))
    again = replace(case, received=[*case.received[:-1], *case.received])
    once, twice = replay([case, again])
    assert twice.status == "OK"
    assert list(twice.sent) == [*once.sent, *once.sent[1:]]


def busiest(run: Script) -> int:
    """The node with the most kernel steps."""
    return max(range(run.host), key=lambda node: sum(is_kernel(step) for step in run.plan.programs[node].steps))


def is_kernel(step: Step) -> bool:
    return not isinstance(step, Ready | Transfer | Await)


def test_the_measured_clock_counts_work_by_the_configured_ratio() -> None:
    run = script(3)
    node = busiest(run)
    (answer,) = replay([replace(run.case(node), flags=0)])
    kernels = [step for step in records(answer, FrameKind.TRACE) if step["work"]]
    assert len(kernels) == sum(map(is_kernel, run.plan.programs[node].steps)) > 0
    assert all(step["work"] == 7 for step in kernels)
    (report,) = records(answer, FrameKind.REPORT)
    assert report["work"] == 7 * len(kernels)
    assert report["compute_ns"] == 7 * 3 // 2 * len(kernels)


def test_progress_frames_name_every_message_in_order() -> None:
    run = script(3)
    node = busiest(run)
    case = run.case(node)
    (answer,) = replay([replace(case, flags=case.flags | layout.CONFIG_FLAG.members["PROGRESS"][0])])
    tags = [frame.tag for frame in answer.sent if frame.kind is FrameKind.PROGRESS]
    assert tags == [n for n, message in enumerate(run.plan.messages) if node in (message.source, message.target)] != []
