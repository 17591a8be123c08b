"""The vectors that the C loader reads too: both readers say the same of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planner.errors import PlanFormatError
from planner.planfmt import layout
from planner.planfmt.decode import decode
from planner.planfmt.encode import assemble

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "plan"
MANIFEST = json.loads((VECTORS / "invalid" / "manifest.json").read_text(encoding="utf-8"))
VALID = sorted(path.stem for path in VECTORS.glob("*.plan"))


@pytest.mark.parametrize("name", VALID)
def test_valid_plans_decode_and_encode_to_themselves(name: str) -> None:
    data = (VECTORS / f"{name}.plan").read_bytes()
    assert assemble(decode(data, MANIFEST["arena_bytes"])) == data


@pytest.mark.parametrize(("name", "status"), MANIFEST["status"].items())
def test_invalid_plans_are_refused_for_their_reason(name: str, status: str) -> None:
    data = (VECTORS / "invalid" / f"{name}.plan").read_bytes()
    with pytest.raises(PlanFormatError) as caught:
        decode(data, MANIFEST["arena_bytes"])
    assert caught.value.status == status


def test_every_vector_and_every_status_is_in_the_manifest() -> None:
    assert {path.stem for path in (VECTORS / "invalid").glob("*.plan")} == set(MANIFEST["status"])
    statuses = {name for name in layout.STATUS.members if name.startswith("PLAN_")}
    assert statuses == set(MANIFEST["status"].values())
