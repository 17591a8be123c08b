"""The C loader and frame reader on the vectors that Python reads too."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.planfmt.test_vectors import MANIFEST, VALID, VECTORS
from tests.runtime.native import needs_compiler, program

pytestmark = needs_compiler


def statuses(kind: str, files: list[Path]) -> list[str]:
    """The C reader's status for each file, by name."""
    command = [program("check_vectors"), kind, str(MANIFEST["arena_bytes"]), *files]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_valid_plans_load() -> None:
    assert statuses("plan", [VECTORS / f"{name}.plan" for name in VALID]) == ["OK"] * len(VALID)


def test_invalid_plans_are_refused_for_their_reason() -> None:
    files = [VECTORS / "invalid" / f"{name}.plan" for name in MANIFEST["status"]]
    assert dict(zip(MANIFEST["status"], statuses("plan", files), strict=True)) == MANIFEST["status"]
