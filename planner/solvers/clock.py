"""Time limit and cancellation of one search."""

from __future__ import annotations

import time
from collections.abc import Callable

CancelCheck = Callable[[], bool]


class Cancelled(Exception):
    """The caller no longer wants the search to go on. Never leaves `solve`."""


class OutOfTime(Exception):
    """The time limit came before a step that takes long could end. Never leaves `solve`."""


class Clock:
    """Runs from its making on."""

    def __init__(self, limit_s: float, cancelled: CancelCheck | None = None) -> None:
        self._start = time.monotonic()
        self.limit_s = limit_s
        self._cancelled = cancelled

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start

    @property
    def cancelled(self) -> bool:
        """Whether the caller gave up."""
        return self._cancelled is not None and self._cancelled()

    @property
    def left_s(self) -> float:
        """Seconds left, never negative. Raises Cancelled if the caller gave up."""
        if self.cancelled:
            raise Cancelled
        return max(0.0, self.limit_s - self.elapsed_s)

    def check(self) -> None:
        """Raise OutOfTime or Cancelled if it is time to stop."""
        if self.left_s == 0:
            raise OutOfTime
