"""One inference through the boards: the user's input in, the result checked and out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from planner.core.arithmetic import quantise
from planner.core.host import AnyArray, host_input, host_outputs, output_integers
from planner.data.graph import Graph, Int8Array
from planner.data.instance import PictureInput
from planner.errors import InputError
from planner.files.array_file import PICTURE_SUFFIXES, read_array, read_labels, read_picture

INPUT_SEED = 0
_WHOLE_PICTURE = PictureInput()
FLOAT_TOLERANCE = 1e-5
"""Relative and absolute: the host's float steps may round unlike another program's."""


TOP = 5
"""Labels that a run names."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A label and its value in the model's output."""

    label: str
    value: float


def read_input(graph: Graph, path: Path | None, picture: PictureInput = _WHOLE_PICTURE) -> dict[str, Int8Array]:
    """The int8 inputs [height, width, channels] by tensor, from an `.npy` file or a picture; random if there is none.

    `picture` says how a picture becomes the input. Raises InputError if the file does not fit.
    """
    if path is None:
        rng = np.random.default_rng(INPUT_SEED)
        shapes = {end.tensor: graph.tensors[end.tensor].shape.as_tuple() for end in graph.inputs}
        return {name: rng.integers(-128, 128, shape).astype(np.int8) for name, shape in shapes.items()}
    if path.suffix.lower() in PICTURE_SUFFIXES:
        if len(graph.inputs) != 1:
            raise InputError(f"the model has {len(graph.inputs)} inputs; a picture is only one")
        return {graph.inputs[0].tensor: _read_picture(graph, path, picture)}
    return host_input(graph, read_array(path))


def _read_picture(graph: Graph, path: Path, picture: PictureInput) -> Int8Array:
    end = graph.inputs[0]
    tensor = graph.tensors[end.tensor]
    pixels = read_picture(path, *tensor.shape.as_tuple(), picture.shorter_side)
    if not picture.mean:
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    for values in (picture.mean, picture.deviation):
        if len(values) not in (1, tensor.shape.channels):
            raise InputError(
                f"mean and std have {len(values)} values, the model's input {tensor.shape.channels} channels; "
                "give 1 value, or one for each channel"
            )
    reals = ((pixels - np.array(picture.mean)) / np.array(picture.deviation)).astype(np.float32)
    return quantise(reals, tensor.quant, end.rounding)


def read_output_labels(graph: Graph, path: Path) -> tuple[str, ...]:
    """The labels of a file. Raises InputError unless there is one for each value of the model's first output."""
    labels, values = read_labels(path), math.prod(graph.outputs[0].shape)
    if len(labels) != values:
        raise InputError(f"{path} has {len(labels)} labels for {values} values of the output; give one a line each")
    return labels


def best_guesses(graph: Graph, outputs: Mapping[str, Int8Array], labels: Sequence[str]) -> tuple[Guess, ...]:
    """The labels of the greatest values of the model's first output, the best first."""
    values = host_outputs(graph, outputs)[0].ravel()
    best = np.argsort(-values.astype(np.float64), kind="stable")[:TOP]
    return tuple(Guess(labels[index], float(values[index])) for index in best)


def count_unexpected(graph: Graph, outputs: Mapping[str, Int8Array], expected: AnyArray) -> int:
    """Bytes of the elements in which the first output differs from an array.

    An int8 array is compared with the boards' int8 output unless the model's final output is int8 too; any other with
    the model's final output, of which it must have the size. Raises InputError if it does not.
    """
    end = graph.outputs[0]
    is_integer = expected.dtype == np.int8 and end.dtype != "int8"
    got = output_integers(graph, end, outputs) if is_integer else host_outputs(graph, outputs)[0]
    if got.size != expected.size:
        raise InputError(f"{expected.size} values are expected, the output {end.tensor} has {got.size}")
    if is_integer or got.dtype != np.float32:
        differs = got.ravel() != expected.ravel()
    else:
        differs = ~np.isclose(got.ravel(), expected.ravel(), rtol=FLOAT_TOLERANCE, atol=FLOAT_TOLERANCE)
    return int(np.count_nonzero(differs)) * got.itemsize


def result_arrays(graph: Graph, outputs: Mapping[str, Int8Array]) -> dict[str, AnyArray]:
    """What a run saves: of every output, the boards' integers as `NAME.int8` and the model's own output as `NAME`."""
    finals = host_outputs(graph, outputs)
    saved: dict[str, AnyArray] = {}
    for end, final in zip(graph.outputs, finals, strict=True):
        saved[f"{end.tensor}.int8"] = output_integers(graph, end, outputs)
        saved[end.tensor] = final
    return saved
