"""One conversation between the host and the boards of a fleet, from HELLO to STOP."""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from planner.boards.blame import Progress, suspects
from planner.boards.frames import PAYLOAD_BYTES, Frame, FrameError, FrameKind, carry, status_name
from planner.boards.host_node import HostNode
from planner.boards.setup import BoardSetup
from planner.data.graph import Int8Array
from planner.data.plan import Plan
from planner.errors import DeviceError, DeviceReported, DeviceTimeout, ProtocolError
from planner.planfmt import layout

_POLL_S = 0.05
_LINK_FAULTS = frozenset({"LINK", "FRAME", "FRAME_CRC", "PROTOCOL"})
"""Status codes that blame the other end of a link."""

Values = Mapping[str, int]
"""A decoded record of the format."""


class Links(Protocol):
    """Reliable frames between the host and every board."""

    def send(self, node: int, frame: Frame) -> None:
        """Queue a frame."""
        ...

    def poll(self, timeout_s: float) -> Iterator[tuple[int, Iterable[Frame]]]:
        """Send what can be sent, and yield what has arrived, by node. Taking the frames may raise FrameError."""
        ...


class StartedFleet(Protocol):
    """Boards that are about to say HELLO: nodes 0 to `host` - 1."""

    host: int
    setups: Sequence[BoardSetup]

    @property
    def links(self) -> Links: ...

    def exited(self) -> list[int]:
        """Nodes that are gone."""
        ...

    def complaint(self, node: int) -> str:
        """Why a node is gone."""
        ...

    def has_stopped(self, node: int) -> bool:
        """Whether a node has obeyed STOP."""
        ...

    def failed(self, node: int) -> bool:
        """Whether it did so as it should not."""
        ...

    def suspicion(self, node: int, suspects: Sequence[int]) -> tuple[float, ...]:
        """Orders suspects of a standstill."""
        ...


@dataclass
class BoardRun:
    """What a board has said of one run: STEP_REPORT records, pieces of outputs, at last the REPORT record."""

    begun: int | None = None
    steps: list[Values] = field(default_factory=list)
    outputs: dict[int, bytearray] = field(default_factory=dict)
    report: Values = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        return bool(self.report)


@dataclass(frozen=True)
class Outcome:
    """One run: the boards' HELLO records by node, the graph outputs [rows, columns, channels] by tensor, what the
    boards said of it, and the host's clock at the end.
    """

    hellos: Mapping[int, Values]
    outputs: Mapping[str, Int8Array]
    boards: tuple[BoardRun, ...]
    host_end_ns: int


class Session:
    """Talks to a started fleet. Every call ends within `timeout_s` of the last sign of life of any board.

    Every failure is a DeviceError that names the board at fault, not one that waits for it.
    """

    def __init__(self, fleet: StartedFleet, plan: Plan, timeout_s: float) -> None:
        self._fleet = fleet
        self._plan = plan
        self._timeout_s = timeout_s
        self._deadline_s = time.monotonic() + timeout_s
        self._stopping = False
        self._nodes = range(fleet.host)
        self._inboxes: list[deque[Frame]] = [deque() for _ in self._nodes]
        # The host grants a message only when it receives it: all DATA of one, a TOKEN and a GRANT can be waiting.
        self._most_frames = 2 + max((-(-m.size_bytes // PAYLOAD_BYTES) for m in plan.messages), default=0)
        self._host = HostNode(plan, self)
        self._boards = tuple(BoardRun() for _ in self._nodes)
        self.hellos: dict[int, Values] = {}

    def greet(self) -> None:
        """Wait until every board has said HELLO with the format and the plan that it should have."""
        self._wait(lambda: len(self.hellos) == len(self._nodes))
        for node, hello in self.hellos.items():
            expected = {
                "format_major": layout.FORMAT_MAJOR.value,
                "cluster_id": self._plan.cluster_id,
                "plan_crc32": layout.PLAN_HEADER.unpack(self._fleet.setups[node].plan)["crc32"],
            }
            for name, value in expected.items():
                if hello[name] != value:
                    raise ProtocolError(self._name(node), f"its {name} is {hello[name]:#x} instead of {value:#x}")

    def run(self, inputs: Mapping[str, Int8Array]) -> Outcome:
        """Run the plan once, from the clock's 0, on int8 inputs [rows, columns, channels] by tensor."""
        self._host = HostNode(self._plan, self)
        self._boards = tuple(BoardRun() for _ in self._nodes)
        for node in self._nodes:
            self.send(Frame(FrameKind.START, self._fleet.host, node))
            self._feed(node, inputs)
        outputs = self._host.run(inputs)
        self._wait(lambda: all(board.finished for board in self._boards))
        for node, board in enumerate(self._boards):
            self._check_report(node, board)
            outputs |= self._fetched(node, board)
        return Outcome(self.hellos, outputs, self._boards, self._host.now_ns)

    def stop(self) -> None:
        """Send STOP and wait until every board has obeyed as it should."""
        for node in self._nodes:
            self.send(Frame(FrameKind.STOP, self._fleet.host, node))
        self._stopping = True
        self._wait(lambda: all(map(self._fleet.has_stopped, self._nodes)))
        for node in self._nodes:
            if self._fleet.failed(node):
                raise DeviceError(self._name(node), self._fleet.complaint(node))

    def send(self, frame: Frame) -> None:
        """Queue a frame for its target; it goes out while the session waits for something."""
        self._fleet.links.send(frame.target, frame)

    def receive(self, node: int, kind: FrameKind, tag: int, sequence: int = 0, size_bytes: int = 0) -> Frame:
        """The next GRANT, DATA or TOKEN from a board. Raises ProtocolError if it is not the one that is due."""
        inbox = self._inboxes[node]
        self._wait(lambda: bool(inbox))
        frame = inbox.popleft()
        if (frame.kind, frame.tag, frame.sequence, len(frame.payload)) != (kind, tag, sequence, size_bytes):
            got = f"{frame.kind.name} {frame.tag}.{frame.sequence} of {len(frame.payload)} bytes"
            due = f"{kind.name} {tag}.{sequence} of {size_bytes} bytes"
            raise ProtocolError(self._name(node), f"sent {got} where {due} was due")
        return frame

    def _feed(self, node: int, inputs: Mapping[str, Int8Array]) -> None:
        """Bring the graph inputs that arise on a board."""
        for tag, operand in enumerate(self._plan.programs[node].inputs):
            first = Frame(FrameKind.INPUT, self._fleet.host, node, tag)
            for frame in carry(inputs[operand.tensor].tobytes(), first):
                self.send(frame)

    def _fetched(self, node: int, board: BoardRun) -> dict[str, Int8Array]:
        """The graph outputs that ended on a board."""
        outputs: dict[str, Int8Array] = {}
        for tag, operand in enumerate(self._plan.programs[node].outputs):
            content = bytes(board.outputs.get(tag, b""))
            region = operand.region
            if len(content) != region.elements:
                size = f"{len(content)} bytes of output {operand.tensor} instead of {region.elements}"
                raise ProtocolError(self._name(node), f"sent {size}")
            shape = (region.rows, region.columns, region.channels)
            outputs[operand.tensor] = np.frombuffer(content, np.int8).reshape(shape)
        return outputs

    def _check_report(self, node: int, board: BoardRun) -> None:
        report, steps = board.report, len(self._plan.programs[node].steps)
        if report["status"] != 0:
            raise DeviceReported(self._name(node), f"ended with {status_name(report['status'])}")
        if not report["step_count"] == len(board.steps) == steps:
            raise ProtocolError(self._name(node), f"reported {len(board.steps)} steps of a program of {steps}")
        if report["canaries_broken"]:
            raise DeviceReported(self._name(node), f"found {report['canaries_broken']} buffers overrun")
        if report["above_cap_bytes"]:
            raise DeviceReported(self._name(node), f"wrote {report['above_cap_bytes']} bytes above its RAM cap")

    def _wait(self, done: Callable[[], bool]) -> None:
        while not done():
            if self._listen(_POLL_S):
                self._deadline_s = time.monotonic() + self._timeout_s
                continue
            exited = [] if self._stopping else self._fleet.exited()
            if exited and not self._listen(0):
                raise DeviceError(self._name(exited[0]), self._fleet.complaint(exited[0]))
            if time.monotonic() > self._deadline_s:
                raise self._timeout()

    def _listen(self, timeout_s: float) -> bool:
        """Take in what the boards send; whether there was anything."""
        heard = False
        for node, frames in self._fleet.links.poll(timeout_s):
            heard = True
            try:
                for frame in frames:
                    self._accept(node, frame)
            except (FrameError, struct.error) as problem:
                raise ProtocolError(self._name(node), str(problem)) from problem
        return heard

    def _accept(self, node: int, frame: Frame) -> None:
        board = self._boards[node]
        if (frame.source, frame.target) != (node, self._fleet.host):
            raise ProtocolError(self._name(node), f"sent a frame from {frame.source} to {frame.target}")
        match frame.kind:
            case FrameKind.GRANT | FrameKind.DATA | FrameKind.TOKEN:
                self._inboxes[node].append(frame)
                due = len(self._inboxes[node]) <= self._most_frames
            case FrameKind.PROGRESS:
                due = board.begun is None or board.begun < frame.tag
                board.begun = frame.tag
            case FrameKind.TRACE:
                due = frame.tag == len(board.steps) < len(self._plan.programs[node].steps)
                record = layout.STEP_REPORT
                board.steps += [
                    record.unpack(frame.payload, at) for at in range(0, len(frame.payload), record.size_bytes)
                ]
            case FrameKind.OUTPUT:
                outputs = self._plan.programs[node].outputs
                board.outputs.setdefault(frame.tag, bytearray()).extend(frame.payload)
                due = (
                    frame.tag < len(outputs)
                    and len(board.outputs[frame.tag]) <= outputs[frame.tag].region.elements
                    and not board.finished
                )
            case FrameKind.HELLO:
                due = node not in self.hellos
                self.hellos[node] = layout.HELLO.unpack(frame.payload)
            case FrameKind.REPORT:
                due = not board.finished
                board.report = layout.REPORT.unpack(frame.payload)
            case FrameKind.ERROR:
                raise self._reported(node, layout.ERROR.unpack(frame.payload))
            case _:
                due = False
        if not due:
            raise ProtocolError(self._name(node), f"sent a {frame.kind.name} frame that was not due")

    def _reported(self, node: int, error: Values) -> DeviceError:
        """The fault behind an ERROR frame: a bad frame is the fault of the board that sent it."""
        status, peer = status_name(error["status"]), error["peer"]
        if status in _LINK_FAULTS and peer < self._fleet.host:
            return ProtocolError(self._name(peer), f"sent {self._name(node)} what it refused with {status}")
        where = "before the first step" if error["step"] == layout.NO_INDEX.value else f"at step {error['step']}"
        what = layout.STATUS.members[status][1] if status in layout.STATUS.members else "unknown"
        return DeviceReported(self._name(node), f"reported {status} {where}: {what}")

    def _timeout(self) -> DeviceTimeout:
        """Who is at fault, now that nobody has said anything for too long."""
        silence = f"for {self._timeout_s:g} s"
        mute = next((node for node in self._nodes if node not in self.hellos), None)
        if mute is not None:
            return DeviceTimeout(self._name(mute), f"has not said HELLO {silence}")
        if self._stopping:
            running = next(node for node in self._nodes if not self._fleet.has_stopped(node))
            return DeviceTimeout(self._name(running), f"has not obeyed STOP {silence}")
        progress = [Progress(board.begun, board.finished) for board in self._boards]
        nodes = suspects(self._plan, [*progress, Progress(self._host.begun, self._host.finished)])
        node = max(nodes, key=lambda suspect: self._fleet.suspicion(suspect, nodes))
        begun = progress[node].begun
        where = "before its first message" if begun is None else f"since it began message {begun}"
        return DeviceTimeout(self._name(node), f"has made no progress {silence}, {where}")

    def _name(self, node: int) -> str:
        return self._fleet.setups[node].name
