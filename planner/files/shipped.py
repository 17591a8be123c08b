"""Where the files that come with planner lie: profiles, instances and the sources of the runtime.

A checkout (also one installed editable) has them at its top; an installed package carries them in `planner/_shipped`,
where `setup.py` copies them at build time.
"""

from __future__ import annotations

from pathlib import Path

import planner
from planner.errors import InternalError

_PACKAGE = Path(planner.__file__).resolve().parent
FOLDERS = ("instances", "profiles", "runtime_c")


def path(folder: str) -> Path:
    """The shipped folder of that name, one of `FOLDERS`. Raises InternalError if the installation lacks it."""
    for root in (_PACKAGE / "_shipped", _PACKAGE.parent):
        if (root / folder).is_dir():
            return root / folder
    raise InternalError(f"this installation of planner has no folder {folder!r}; install it again")


def names(folder: str) -> tuple[str, ...]:
    """Names, without suffix, of the YAML files of a shipped folder."""
    return tuple(sorted(file.stem for file in path(folder).glob("*.yaml")))
