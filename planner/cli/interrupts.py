"""Ctrl-C as a request: the first asks a search to stop and keep its best plan, the second ends the program."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def cancellable() -> Iterator[Callable[[], bool]]:
    """Yields a function that tells whether the user has pressed Ctrl-C since."""
    requested = threading.Event()

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()
        print("stopping; press Ctrl-C again to end at once", file=sys.stderr)

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield requested.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
