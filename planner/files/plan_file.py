"""`plan.json`: the plan with the instance that it was made for and a summary, to read and to run from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.errors import InputError
from planner.files import atomic
from planner.files.dataclass_json import decode, encode
from planner.files.units import ValueFault

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class PlanFile:
    """Content of a `plan.json`; `summary` is the object that `planner solve --json` printed.

    `binary_hashes` ties the plan binaries, files of their own, to the plan: the SHA-256 of each, by device name.
    """

    summary: dict[str, Any]
    instance: Instance
    plan: Plan
    binary_hashes: Mapping[str, str]


def binary_hashes(instance: Instance, binaries: Sequence[bytes]) -> dict[str, str]:
    """The SHA-256 of each device's plan binary, in hexadecimal, by the device's name."""
    return {
        device.name: hashlib.sha256(binary).hexdigest()
        for device, binary in zip(instance.devices, binaries, strict=True)
    }


def save_plan(file: PlanFile, path: Path) -> None:
    """Write a plan file. Raises InputError if it cannot be written."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "summary": file.summary,
        "instance": encode(file.instance, Instance),
        "plan": encode(file.plan, Plan),
        "binary_hashes": dict(file.binary_hashes),
    }
    atomic.write_text(path, json.dumps(content, indent=1) + "\n")


def load_plan(path: Path) -> PlanFile:
    """Read a plan file. Raises InputError if it is missing, malformed or of another version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["schema_version"]
        if version != SCHEMA_VERSION:
            raise ValueFault(f"$.schema_version: version {version} is not supported, only {SCHEMA_VERSION}")
        return PlanFile(
            dict(content["summary"]),
            decode(Instance, content["instance"], "$.instance"),
            decode(Plan, content["plan"], "$.plan"),
            decode(dict[str, str], content["binary_hashes"], "$.binary_hashes"),
        )
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from problem
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, ValueFault) as problem:
        raise InputError(f"{path} is not a plan that planner wrote: {problem}; solve the instance again") from problem
