"""A line that loses, repeats, swaps, damages, cuts and delays frames, as real ones do: to try what stands on it."""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum

from planner.boards.transports import Transport

_LONGEST_DELAY = 5
"""Frames that may overtake a delayed one."""


class Fault(Enum):
    """What can happen to a frame."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    CORRUPT = "corrupt"
    TRUNCATE = "truncate"
    DELAY = "delay"


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often a frame is hit, 0 to 1, by which faults; a burst hits `burst` frames in a row."""

    rate: float
    faults: tuple[Fault, ...] = tuple(Fault)
    burst: int = 1


class _Direction:
    """Frames one way. What is held back goes on after the frames that overtake it."""

    def __init__(self, rates: FaultRates, rng: random.Random, injected: Counter[Fault]) -> None:
        self._rates, self._rng, self._injected = rates, rng, injected
        self._pending = b""
        self._burst = 0
        self._held: list[tuple[int, bytes]] = []

    def pass_on(self, data: bytes) -> bytes:
        """What becomes of the frames that `data` completes."""
        *frames, self._pending = (self._pending + data).split(b"\0")
        return b"".join(piece for frame in frames for piece in self._meet(frame) if frame)

    def _meet(self, frame: bytes) -> list[bytes]:
        passed = self._fate(b"\0" + frame + b"\0") if frame else []
        self._held = [(left - 1, piece) for left, piece in self._held]
        passed += [piece for left, piece in self._held if left < 0]
        self._held = [(left, piece) for left, piece in self._held if left >= 0]
        return passed

    def _fate(self, frame: bytes) -> list[bytes]:
        if self._burst:
            self._burst -= 1
        elif self._rng.random() < self._rates.rate:
            self._burst = self._rates.burst - 1
        else:
            return [frame]
        fault = self._rng.choice(self._rates.faults)
        self._injected[fault] += 1
        at = self._rng.randrange(1, len(frame) - 1)
        match fault:
            case Fault.DROP:
                return []
            case Fault.DUPLICATE:
                return [frame, frame]
            case Fault.CORRUPT:
                return [frame[:at] + bytes([frame[at] ^ self._rng.randrange(1, 256)]) + frame[at + 1 :]]
            case Fault.TRUNCATE:
                return [frame[:at]]
            case Fault.REORDER:
                self._held.append((1, frame))
            case Fault.DELAY:
                self._held.append((self._rng.randrange(2, _LONGEST_DELAY + 1), frame))
        return []


class FaultyTransport:
    """A transport between the host and a board whose frames meet faults in both directions, the same for one seed and
    one traffic. `injected` counts them."""

    def __init__(self, transport: Transport, rates: FaultRates, seed: int) -> None:
        rng = random.Random(seed)
        self.injected: Counter[Fault] = Counter()
        self._transport = transport
        self._incoming = _Direction(rates, rng, self.injected)
        self._outgoing = _Direction(rates, rng, self.injected)
        self._leaving: deque[bytes] = deque()

    def fileno(self) -> int:
        return self._transport.fileno()

    def read(self) -> bytes:
        return self._incoming.pass_on(self._transport.read())

    def write(self, data: bytes) -> int:
        """Takes a whole frame, or nothing while one is still leaving."""
        if not self._leave():
            return 0
        if passed := self._outgoing.pass_on(data):
            self._leaving.append(passed)
        self._leave()
        return len(data)

    def close(self) -> None:
        self._transport.close()

    def _leave(self) -> bool:
        while self._leaving:
            taken = self._transport.write(self._leaving[0])
            if taken < len(self._leaving[0]):
                self._leaving[0] = self._leaving[0][taken:]
                return False
            self._leaving.popleft()
        return True
