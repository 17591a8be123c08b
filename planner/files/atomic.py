"""Writing so that a reader sees the old content or the new, never a part: write beside the target, then rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from planner.errors import InputError


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file `path`. Raises InputError if it cannot be written."""
    with _beside(path) as temporary:
        temporary.write_bytes(content)
        temporary.replace(path)


def write_text(path: Path, content: str) -> None:
    """Replace the file `path` by UTF-8 text. Raises InputError if it cannot be written."""
    write_bytes(path, content.encode())


@contextmanager
def new_directory(path: Path, marker: str) -> Iterator[Path]:
    """An empty directory to fill, which takes the place of `path` once the block has ended without an exception.

    An existing directory is replaced only if it is empty or holds the file `marker`, by which one of ours is known.
    Raises InputError if it is another's, or cannot be written.
    """
    require_replaceable(path, marker)
    with _beside(path) as temporary:
        temporary.mkdir()
        yield temporary
        if path.exists():
            old = temporary.with_suffix(".old")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.rename(path)


def require_replaceable(path: Path, marker: str) -> None:
    """Raise InputError if `path` is neither absent, nor empty, nor a directory that holds the file `marker`."""
    if path.exists() and not (path.is_dir() and ((path / marker).is_file() or not any(path.iterdir()))):
        raise InputError(f"{path} exists and is not a directory that planner wrote; choose another name")


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A hidden name in the folder of `path`, gone afterwards; the system's errors become InputError."""
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
    except OSError as problem:
        raise InputError(f"{path} cannot be written: {problem.strerror}") from problem
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)
