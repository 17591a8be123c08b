"""One inference through the boards: the user's input in, the result checked and out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from planner.core.host import AnyArray, host_input, host_outputs, output_integers
from planner.data.graph import Graph, Int8Array
from planner.errors import InputError
from planner.files.array_file import PICTURE_SUFFIXES, read_array, read_picture

INPUT_SEED = 0
FLOAT_TOLERANCE = 1e-5
"""Relative and absolute: the host's float steps may round unlike another program's."""


def read_input(graph: Graph, path: Path | None) -> dict[str, Int8Array]:
    """The int8 inputs [height, width, channels] by tensor, from an `.npy` file or a picture; random if there is none.

    A picture's black and white become the ends of the input's range. Raises InputError if the file does not fit.
    """
    if path is None:
        rng = np.random.default_rng(INPUT_SEED)
        shapes = {end.tensor: graph.tensors[end.tensor].shape.as_tuple() for end in graph.inputs}
        return {name: rng.integers(-128, 128, shape).astype(np.int8) for name, shape in shapes.items()}
    if path.suffix.lower() in PICTURE_SUFFIXES:
        if len(graph.inputs) != 1:
            raise InputError(f"the model has {len(graph.inputs)} inputs; a picture is only one")
        name = graph.inputs[0].tensor
        picture = read_picture(path, *graph.tensors[name].shape.as_tuple())
        return {name: (picture.astype(np.int16) - 128).astype(np.int8)}
    return host_input(graph, read_array(path))


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
