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
PICTURE_SUFFIXES = frozenset({".png", ".bmp", ".jpg", ".jpeg"})
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


def read_picture(path: Path, height: int, width: int, channels: int, shorter_side: int = 0) -> NDArray[np.uint8]:
    """A picture as [height, width, channels], grey or colour: resized whole (its sides may be distorted), or the centre
    of the picture with its shorter side resized to so many pixels.

    Raises InputError if it cannot be read, `channels` is neither 1 nor 3, or the centre is larger than the picture.
    """
    if channels not in _PICTURE_MODES:
        raise InputError(f"a picture has 1 or 3 channels, the model's input {channels}; give an .npy file")
    try:
        with Image.open(path) as picture:
            resized = _framed(picture.convert(_PICTURE_MODES[channels]), height, width, shorter_side)
    except UnidentifiedImageError as problem:
        raise InputError(f"{path} is not a picture that can be read") from problem
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    return np.asarray(resized, np.uint8).reshape(height, width, channels)


def _framed(picture: Image.Image, height: int, width: int, shorter_side: int) -> Image.Image:
    if not shorter_side:
        return picture.resize((width, height), Image.Resampling.BILINEAR)
    factor = shorter_side / min(picture.size)
    size = (round(picture.width * factor), round(picture.height * factor))
    if size[0] < width or size[1] < height:
        raise InputError(
            f"a picture of {size[0]}x{size[1]} has no centre of {width}x{height}; give resize: {max(height, width)}"
        )
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    resized = picture.resize(size, Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + width, top + height))


def read_labels(path: Path) -> tuple[str, ...]:
    """The lines of a file, one label each. Raises InputError if it cannot be read or is no text."""
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    except UnicodeDecodeError as problem:
        raise InputError(f"{path} is no text: {problem}") from problem


def write_arrays(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write an `.npz` file. Raises InputError if it cannot be written."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    atomic.write_bytes(path, buffer.getvalue())
