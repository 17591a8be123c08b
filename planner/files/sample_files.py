"""Samples of a model's input, for calibration: a folder of pictures or arrays, or one `.npz` file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.errors import InputError
from planner.files.array_file import PICTURE_SUFFIXES, read_array, read_picture

Float32Array = NDArray[np.float32]

ARRAY_SUFFIX = ".npy"


@dataclass(frozen=True, slots=True)
class PixelRange:
    """How pixels become reals: (pixel - mean) / deviation, pixels in [0, 255]; one value, or one for each channel."""

    mean: tuple[float, ...] = (127.5,)
    deviation: tuple[float, ...] = (127.5,)


def read_samples(
    path: Path, inputs: Mapping[str, tuple[int, ...]], pixels: PixelRange, limit: int
) -> dict[str, Float32Array]:
    """Up to `limit` samples, evenly chosen, for each input: float32 [samples, *dimensions without the batch].

    `inputs` gives each input's dimensions, batch included. A folder serves a model with one input: pictures (which are
    resized and normalised) and `.npy` arrays, in the order of their names. An `.npz` file has an array for each input,
    by name, or one array of any name if there is one input. Raises InputError if anything does not fit.
    """
    if path.is_dir():
        if len(inputs) != 1:
            raise InputError(f"the model has {len(inputs)} inputs; give an .npz file with an array for each")
        ((name, dims),) = inputs.items()
        return {name: _read_folder(path, dims, pixels, limit)}
    return _read_npz(path, inputs, limit)


def _read_folder(path: Path, dims: tuple[int, ...], pixels: PixelRange, limit: int) -> Float32Array:
    suffixes = PICTURE_SUFFIXES | {ARRAY_SUFFIX}
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes)
    if not files:
        raise InputError(f"{path} has no samples; it must hold files {', '.join(sorted(suffixes))}")
    chosen = [files[index] for index in _evenly(len(files), limit)]
    return np.stack([_read_sample(file, dims, pixels) for file in chosen])


def _read_sample(file: Path, dims: tuple[int, ...], pixels: PixelRange) -> Float32Array:
    if file.suffix.lower() == ARRAY_SUFFIX:
        array = read_array(file)
        if array.shape not in (dims, dims[1:]):
            raise InputError(f"{file} has shape {array.shape}; the model takes {dims}")
        return array.reshape(dims[1:]).astype(np.float32)
    if len(dims) != 4:
        raise InputError(f"{file} is a picture, but the model takes {dims}; give arrays")
    channels_first = dims[1] in (1, 3)
    channels, height, width = dims[1:] if channels_first else (dims[3], dims[1], dims[2])
    real = (read_picture(file, height, width, channels) - _per_channel(pixels.mean, channels)) / _per_channel(
        pixels.deviation, channels
    )
    return (real.transpose(2, 0, 1) if channels_first else real).astype(np.float32)


def _per_channel(values: tuple[float, ...], channels: int) -> NDArray[np.float64]:
    if len(values) not in (1, channels):
        raise InputError(f"{len(values)} values for mean or deviation do not fit {channels} channels; give 1 or all")
    return np.array(values)


def _read_npz(path: Path, inputs: Mapping[str, tuple[int, ...]], limit: int) -> dict[str, Float32Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files} if hasattr(archive, "files") else {}
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}") from problem
    except (ValueError, EOFError, AttributeError, TypeError) as problem:
        raise InputError(f"{path} is neither a folder nor an .npz file: {problem}") from problem
    if len(inputs) == len(arrays) == 1:
        arrays = {next(iter(inputs)): next(iter(arrays.values()))}
    missing = [name for name in inputs if name not in arrays]
    if missing:
        raise InputError(f"{path} has no array {missing[0]}; it has {', '.join(arrays) or 'none'}")
    result = {}
    for name, dims in inputs.items():
        values = arrays[name]
        if values.shape[1:] != dims[1:] or not len(values):
            raise InputError(f"{path}: {name} has shape {values.shape}; it must be [samples, {str(dims[1:])[1:-1]}]")
        result[name] = values[_evenly(len(values), limit)].astype(np.float32)
    if len({len(values) for values in result.values()}) > 1:
        raise InputError(f"{path}: its arrays differ in the number of samples")
    return result


def _evenly(count: int, limit: int) -> list[int]:
    """At most `limit` indices below `count`, evenly spaced."""
    return sorted({index * count // min(count, limit) for index in range(min(count, limit))})
