"""The host as the centre of a star: a reliable link to every board, and a switch for what boards send to each other.

Boards keep their links with each other reliable by themselves, end to end: the switch may drop what finds no room.
"""

from __future__ import annotations

import secrets
import selectors
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from planner.boards.arq import Peer
from planner.boards.delimit import Undelimiter, delimit
from planner.boards.frames import Frame, FrameKind, encode
from planner.boards.transports import Transport
from planner.errors import DeviceTimeout

_CONNECT_S = 0.1
_MOST_WAITING = 16
"""Frames that may wait for a line; more are dropped, and sent again by their sender."""


@dataclass
class _Line:
    transport: Transport
    reader: Undelimiter = field(default_factory=Undelimiter)
    waiting: deque[bytes] = field(default_factory=deque)
    dropped: int = 0
    fault: str = ""
    heard_s: float = 0.0


class Star:
    """Lines to the boards 0 ... n-1; the host is node n. A line that breaks is noted in `faults`, and stays silent.

    `names` are the boards' for errors. `close` closes the lines.
    """

    def __init__(self, transports: Sequence[Transport], names: Sequence[str]) -> None:
        self.host = len(transports)
        self._names = names
        self._lines = [_Line(transport) for transport in transports]
        self._selector = selectors.DefaultSelector()
        for node, line in enumerate(self._lines):
            self._selector.register(line.transport, selectors.EVENT_READ, node)
        self._session = 0
        self._peers: list[Peer] = []
        self._arrived: deque[tuple[int, Frame]] = deque()
        self._introductions: dict[int, Frame] = {}

    def connect(self, timeout_s: float) -> list[Frame]:
        """Begin a session: every board drops what it does. Returns the boards' BOARD frames.

        Raises DeviceTimeout for a board that does not answer.
        """
        self._session = 1 + secrets.randbelow(255)
        nonce = secrets.randbits(32)
        self._peers = [Peer(node, self.host, self._session, self._transmit) for node in range(self.host)]
        self._introductions.clear()
        self._arrived.clear()
        deadline_s = time.monotonic() + timeout_s
        while len(self._introductions) < self.host:
            missing = [node for node in range(self.host) if node not in self._introductions]
            if time.monotonic() > deadline_s:
                raise DeviceTimeout(
                    self._names[missing[0]], f"has not answered for {timeout_s:g} s" + self._why(missing[0])
                )
            for node in missing:
                self._transmit(Frame(FrameKind.CONNECT, self.host, node, nonce, session=self._session))
            again_s = time.monotonic() + _CONNECT_S
            while (left_s := again_s - time.monotonic()) > 0 and len(self._introductions) < self.host:
                self._exchange(left_s)
        return [self._introductions[node] for node in range(self.host)]

    def send(self, node: int, frame: Frame) -> None:
        """Queue a frame for a board; `poll` sends it."""
        self._peers[node].send(frame, time.monotonic())

    def restart(self, node: int) -> None:
        """Tell a board to start again as after power on; nobody answers that."""
        self._transmit(Frame(FrameKind.RESTART, self.host, node, session=self._session))

    def sent(self, node: int) -> bool:
        """Whether a board has acknowledged everything that was queued for it."""
        return self._peers[node].idle

    def silence_s(self, node: int) -> float:
        """Time since a frame came from a board."""
        return time.monotonic() - self._lines[node].heard_s

    @property
    def faults(self) -> dict[int, str]:
        """Why lines have broken, by node."""
        return {node: line.fault for node, line in enumerate(self._lines) if line.fault}

    def counters(self, node: int) -> dict[str, int]:
        """What has happened on a board's link, and on the line under it."""
        line, peer = self._lines[node], self._peers[node].counters
        return {
            "sent": peer.sent,
            "received": peer.received,
            "repeated": peer.repeated,
            "duplicates": peer.duplicates,
            "garbage": line.reader.garbage,
            "dropped": line.dropped,
        }

    def poll(self, timeout_s: float) -> Iterator[tuple[int, list[Frame]]]:
        """Exchange what can be exchanged, then yield the frames that have arrived for the host, by node."""
        self._exchange(timeout_s)
        while self._arrived:
            node, frame = self._arrived.popleft()
            yield node, [frame]

    def close(self) -> None:
        self._selector.close()
        for line in self._lines:
            line.transport.close()

    def _exchange(self, timeout_s: float) -> None:
        now_s = time.monotonic()
        next_s = min((peer.next_s for peer in self._peers), default=float("inf"))
        for key, events in self._selector.select(max(0.0, min(timeout_s, next_s - now_s))):
            line = self._lines[key.data]
            try:
                if events & selectors.EVENT_WRITE:
                    self._write(key.data, line)
                if events & selectors.EVENT_READ:
                    self._read(key.data, line)
            except OSError as problem:
                line.fault = str(problem)
                self._selector.unregister(line.transport)
        now_s = time.monotonic()
        for peer in self._peers:
            peer.tick(now_s)

    def _read(self, node: int, line: _Line) -> None:
        for frame in line.reader.feed(line.transport.read()):
            if frame.session != self._session or frame.source != node:
                continue
            line.heard_s = time.monotonic()
            if frame.target < self.host:
                self._transmit(frame)
            elif frame.kind is FrameKind.BOARD:
                self._introductions.setdefault(node, frame)
            elif (arrived := self._peers[node].accept(frame, line.heard_s)) is not None:
                self._arrived.append((node, arrived))

    def _transmit(self, frame: Frame) -> None:
        """Put a frame on the line of its target, if there is room."""
        line = self._lines[frame.target]
        if line.fault:
            return
        if len(line.waiting) >= _MOST_WAITING:
            line.dropped += 1
            return
        line.waiting.append(delimit(encode(frame)))
        if len(line.waiting) == 1:
            self._selector.modify(line.transport, selectors.EVENT_READ | selectors.EVENT_WRITE, frame.target)

    def _write(self, node: int, line: _Line) -> None:
        while line.waiting:
            taken = line.transport.write(line.waiting[0])
            if taken < len(line.waiting[0]):
                line.waiting[0] = line.waiting[0][taken:]
                return
            line.waiting.popleft()
        self._selector.modify(line.transport, selectors.EVENT_READ, node)

    def _why(self, node: int) -> str:
        fault = self._lines[node].fault
        return f": {fault}" if fault else ""
