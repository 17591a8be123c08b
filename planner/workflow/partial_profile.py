"""What a benchmark has measured so far, in a JSON file, so that one that was cut short goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from planner.boards.measure import Measurement
from planner.errors import InputError
from planner.files.atomic import write_text
from planner.files.dataclass_json import decode, encode
from planner.files.units import ValueFault


def load_measurement(path: Path, key: str) -> Measurement | None:
    """The measurement with this key, if the file has it. Raises InputError if it is not such a file."""
    found = _read(path).get(key)
    try:
        return None if found is None else decode(Measurement, found, "$")
    except ValueFault as problem:
        raise InputError(f"{path} holds no measurements: {problem}; remove it") from problem


def save_measurement(path: Path, key: str, measurement: Measurement) -> None:
    """Add a measurement to the file."""
    write_text(path, json.dumps(_read(path) | {key: encode(measurement, Measurement)}) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as problem:
        raise InputError(f"{path} holds no measurements: {problem}; remove it") from problem
