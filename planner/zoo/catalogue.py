"""Names of the zoo, and how a name becomes a quantised ONNX file or a graph."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

from planner.data.graph import Graph
from planner.errors import InputError, ModelError
from planner.files.atomic import write_bytes
from planner.frontend import read_onnx
from planner.frontend.quantise import quantise
from planner.zoo import architectures
from planner.zoo.float_network import FloatArray, FloatNetwork

RECIPE = 1
"""Goes up whenever the same name would make another file; names the cache."""

_SEED = 20240607
_SAMPLES = 4
_SCALABLE = re.compile(r"(mobilenet_v[12]|shufflenet_v2)_([0-9]+\.[0-9]+)_([0-9]+)")
_BUILDERS: Mapping[str, Callable[[FloatNetwork, float], None]] = {
    "mobilenet_v1": architectures.mobilenet_v1,
    "mobilenet_v2": architectures.mobilenet_v2,
    "shufflenet_v2": architectures.shufflenet_v2,
}
_FORMS = (
    "mobilenet_v2_WIDTH_RESOLUTION (as in mobilenet_v2_0.35_96), mobilenet_v1_WIDTH_RESOLUTION, "
    "shufflenet_v2_WIDTH_RESOLUTION, ds_cnn, resnet8, face_detector"
)


def write_zoo_model(name: str, path: Path) -> None:
    """Write the int8 QDQ model `name`; the same bytes each time on one machine.

    Raises ModelError for an unknown name, InputError if the file cannot be written.
    """
    build, dims = _architecture(name)
    rng = np.random.default_rng(_SEED)
    samples = _images(rng, dims)
    network = FloatNetwork(name, samples, rng)
    build(network)
    write_bytes(path, quantise(network.model(), {"input": samples}))


def zoo_model(name: str) -> Graph:
    """The graph of model `name`; its file is kept in the user's cache. Raises ModelError for an unknown name."""
    _architecture(name)
    kept = _cache_directory() / f"{name}.onnx"
    if not kept.is_file():
        try:
            write_zoo_model(name, kept)
        except InputError:
            # A home that cannot be written costs no more than the time to make the model each time.
            with tempfile.TemporaryDirectory() as directory:
                write_zoo_model(name, Path(directory) / kept.name)
                return read_onnx(Path(directory) / kept.name)
    return read_onnx(kept)


def _architecture(name: str) -> tuple[Callable[[FloatNetwork], None], tuple[int, int, int]]:
    """The function that builds the named network, and its input's channels, height and width."""
    if name == "ds_cnn":
        return architectures.ds_cnn, (1, 49, 10)
    if name == "resnet8":
        return architectures.resnet8, (3, 32, 32)
    if name == "face_detector":
        return architectures.face_detector, (3, 96, 128)
    match = _SCALABLE.fullmatch(name)
    if match is None:
        raise ModelError(f"the zoo has no model {name!r}; it has {_FORMS}")
    width, resolution = float(match[2]), int(match[3])
    if not 0 < width <= 4 or not 32 <= resolution <= 512:
        raise ModelError(f"model {name}: the width must be in (0, 4] and the resolution in [32, 512]")
    build = _BUILDERS[match[1]]
    return lambda network: build(network, width), (3, resolution, resolution)


def _cache_directory() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "planner" / f"zoo-{RECIPE}-onnxruntime-{version('onnxruntime')}"


def _images(rng: np.random.Generator, dims: tuple[int, int, int]) -> FloatArray:
    """Random pictures in [-1, 1], smooth like photographs, with some noise: [samples, channels, height, width]."""
    channels, height, width = dims
    coarse = rng.uniform(-1.2, 1.2, (_SAMPLES, channels, 8, 8))
    rows, columns = _interpolation(height), _interpolation(width)
    smooth = np.einsum("hi,ncij,wj->nchw", rows, coarse, columns)
    return np.asarray(np.clip(smooth + rng.normal(0, 0.1, smooth.shape), -1, 1), np.float32)


def _interpolation(size: int) -> FloatArray:
    """Linear interpolation from 8 knots to `size` points, as a matrix."""
    position = np.linspace(0, 7, size)[:, None]
    return np.asarray(np.maximum(0, 1 - np.abs(position - np.arange(8))), np.float32)
