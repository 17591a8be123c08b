"""The C loader and frame reader on the vectors that Python reads too."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from planner.boards.frames import Frame, FrameKind
from planner.planfmt import layout
from tests.planfmt.test_vectors import MANIFEST, VALID, VECTORS
from tests.runtime.native import needs_compiler, program
from tests.runtime.replay import PAINT, Case, replay

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


def test_frames() -> None:
    folder = VECTORS.parent / "frame"
    manifest = json.loads((folder / "invalid" / "manifest.json").read_text(encoding="utf-8"))["status"]
    assert {path.stem for path in (folder / "invalid").glob("*.frame")} == set(manifest)
    assert statuses("frame", [folder / "by_hand.frame"]) == ["OK"]
    got = statuses("frame", [folder / "invalid" / f"{name}.frame" for name in manifest])
    assert dict(zip(manifest, got, strict=True)) == manifest


def test_the_plan_written_by_hand_runs() -> None:
    """Two rows of a painted buffer, a ring that begins with its second row, are padded on the left and sent."""
    frames = [
        Frame(FrameKind.START, 4, 1),
        Frame(FrameKind.TOKEN, 3, 1, 0xD0, virtual_ns=1000),
        Frame(FrameKind.GRANT, 2, 1, 0xD1, virtual_ns=2000),
        Frame(FrameKind.STOP, 4, 1),
    ]
    plan = (VECTORS / "by_hand.plan").read_bytes()
    (answer,) = replay([Case(1, 4, plan, 56, frames)])
    assert answer.status == "OK"
    paint = PAINT.to_bytes(4, "little") * 2
    first, second = paint[3:6], paint[0:3]
    by_kind = {frame.kind: frame for frame in answer.sent}
    assert by_kind[FrameKind.DATA] == Frame(FrameKind.DATA, 1, 2, 0xD1, 0, 2000 + 0x1122334455, first + second)
    assert by_kind[FrameKind.TOKEN] == Frame(FrameKind.TOKEN, 1, 2, 0xD1, virtual_ns=2000 + 0x1122334455)
    value = (-9).to_bytes(1, signed=True) * 3
    assert by_kind[FrameKind.OUTPUT].payload == value + first + value + second
    times = layout.STEP_REPORT
    ends = [times.unpack(by_kind[FrameKind.TRACE].payload, place)["end_ns"] for place in range(0, 64, 16)]
    assert ends == [0, 0xAAAA, 0xAAAA, 2000 + 0x1122334455]
