"""Results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
import time

from planner.files.dataclass_json import encode


def show(text: str) -> None:
    """Print a result."""
    print(text)


def show_json(report: object) -> None:
    """Print a report, a dataclass, as one JSON object."""
    print(json.dumps(encode(report, type(report)), indent=2))


def note(text: str) -> None:
    """Print progress."""
    print(text, file=sys.stderr, flush=True)


class ProgressNotes:
    """Notes of a search with the elapsed time: at most one in `INTERVAL_S`, and only what has changed."""

    INTERVAL_S = 1.0

    def __init__(self) -> None:
        self._start_s = time.monotonic()
        self._noted_s = float("-inf")
        self._last = ""

    def update(self, text: str) -> None:
        now_s = time.monotonic()
        if text != self._last and now_s - self._noted_s >= self.INTERVAL_S:
            self._last, self._noted_s = text, now_s
            note(f"{now_s - self._start_s:7.1f} s  {text}")
