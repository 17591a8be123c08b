"""Which version of the program, and which instance, a result belongs to."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import planner
from planner.data.instance import Instance
from planner.files.dataclass_json import encode


def revision() -> str:
    """The commit of the checkout, with `-dirty` if files differ from it; the version of an installed package."""
    folder = Path(planner.__file__).resolve().parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return planner.__version__
    return described.stdout.strip()


def instance_hash(instance: Instance) -> str:
    """SHA-256 of an instance with all that its profiles say, limits included."""
    return hashlib.sha256(json.dumps(encode(instance, Instance), sort_keys=True).encode()).hexdigest()
