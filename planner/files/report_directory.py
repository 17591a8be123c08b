"""A directory with a report in several forms, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from planner.files import atomic

REPORT_FILE = "report.json"
"""By this file a directory is known as one of ours, which may be replaced."""


def write_report(path: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files by name, `REPORT_FILE` among them. Raises InputError if it cannot be, or `path` is another's."""
    with atomic.new_directory(path, marker=REPORT_FILE) as folder:
        for name, content in files.items():
            (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
