"""The host's end of a reliable link to one board: automatic repeat request (docs/LINK_PROTOCOL.md, section 3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from planner.boards.frames import Frame, FrameKind

_FIRST_REPEAT_S = 0.2
_LEAST_REPEAT_S = 0.02
_LAST_REPEAT_S = 1.0
_ORDERS = 1 << 16


@dataclass
class Counters:
    """Everything that happens on a link."""

    sent: int = 0
    received: int = 0
    repeated: int = 0
    duplicates: int = 0


class Peer:
    """Frames to and from one board, each once and in order. The host always has room, so it needs no credit itself.

    `transmit` sends a frame which may get lost. Nothing here waits: `tick` has to be called until `next_s`.
    """

    def __init__(self, node: int, host: int, session: int, transmit: Callable[[Frame], None]) -> None:
        self.counters = Counters()
        self.next_s = float("inf")
        self._node, self._host, self._session = node, host, session
        self._transmit = transmit
        self._queue: deque[Frame] = deque()
        self._order = 0
        self._received = 0
        self._credit = False
        self._tries = 0
        self._begun_s = 0.0
        self._repeat_s = 0.0
        self._round_trip_s: float | None = None

    @property
    def idle(self) -> bool:
        """Whether the board has acknowledged everything."""
        return not self._queue

    def send(self, frame: Frame, now_s: float) -> None:
        """Queue a frame; it goes out when the board gives credit for it."""
        self._queue.append(frame)
        self._proceed(now_s)

    def accept(self, frame: Frame, now_s: float) -> Frame | None:
        """Act on a frame from the board; returns it if it is the next that carries something."""
        self.counters.received += 1
        if frame.kind in (FrameKind.ACK, FrameKind.CREDIT):
            if self._tries and frame.order == (self._order + 1) % _ORDERS:
                self._acknowledged(now_s)
            if frame.kind is FrameKind.CREDIT and frame.order == self._order:
                self._credit = True
            self._proceed(now_s)
            return None
        ahead = (frame.order - self._received) % _ORDERS
        if 0 < ahead < _ORDERS // 2:
            return None
        is_new = ahead == 0
        if is_new:
            self._received = (self._received + 1) % _ORDERS
        else:
            self.counters.duplicates += 1
        self._send(Frame(FrameKind.ACK, self._host, self._node, order=self._received))
        return frame if is_new else None

    def tick(self, now_s: float) -> None:
        """Repeat what has had no answer for too long."""
        if now_s >= self.next_s:
            self.counters.repeated += 1
            self._repeat_s = min(2 * self._repeat_s, _LAST_REPEAT_S)
            self._try(now_s)

    def _proceed(self, now_s: float) -> None:
        if self._queue and self._credit and not self._tries:
            self._begun_s = now_s
            self._repeat_s = _FIRST_REPEAT_S
            if self._round_trip_s is not None:
                self._repeat_s = min(max(3 * self._round_trip_s, _LEAST_REPEAT_S), _LAST_REPEAT_S)
            self._try(now_s)

    def _try(self, now_s: float) -> None:
        self._tries += 1
        self.next_s = now_s + self._repeat_s
        self._send(replace(self._queue[0], order=self._order))

    def _acknowledged(self, now_s: float) -> None:
        if self._tries == 1:  # else it is unknown which try was answered
            sample_s = now_s - self._begun_s
            before_s = sample_s if self._round_trip_s is None else self._round_trip_s
            self._round_trip_s = max(sample_s, (7 * before_s + sample_s) / 8)
        self._queue.popleft()
        self._order = (self._order + 1) % _ORDERS
        self._credit = False
        self._tries = 0
        self.next_s = float("inf")

    def _send(self, frame: Frame) -> None:
        self.counters.sent += 1
        self._transmit(replace(frame, session=self._session))
