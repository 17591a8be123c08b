"""Results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

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


class ProgressLine:
    """Notes of a search, the elapsed time before each; repeats only what has changed."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last: Any = None

    def update(self, text: str) -> None:
        if text != self._last:
            self._last = text
            note(f"{time.monotonic() - self._start:7.1f} s  {text}")
