"""Arrays and pictures that a user gives, and arrays that a run gives back."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from planner.errors import InputError
from planner.files import atomic

AnyArray = NDArray[Any]
PICTURE_SUFFIXES = frozenset({".png", ".bmp"})
_PICTURE_MODES = {1: "L", 3: "RGB"}


def read_array(path: Path) -> AnyArray:
    """The array of an `.npy` file. Raises InputError if it cannot be read."""
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    except (ValueError, EOFError) as problem:
        raise InputError(f"{path} is not an .npy file: {problem}") from problem
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} holds several arrays; give an .npy file with one")
    return array


def read_picture(path: Path, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """A picture, resized whole (its sides may be distorted), as [height, width, channels]; grey or colour.

    Raises InputError if it cannot be read, or `channels` is neither 1 nor 3.
    """
    if channels not in _PICTURE_MODES:
        raise InputError(f"a picture has 1 or 3 channels, the model's input {channels}; give an .npy file")
    try:
        with Image.open(path) as picture:
            resized = picture.convert(_PICTURE_MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    except UnidentifiedImageError as problem:
        raise InputError(f"{path} is not a picture that can be read") from problem
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    return np.asarray(resized, np.uint8).reshape(height, width, channels)


def write_arrays(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write an `.npz` file. Raises InputError if it cannot be written."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    atomic.write_bytes(path, buffer.getvalue())
