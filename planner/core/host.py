"""The ends of a network on the host: the user's array to int8, and the boards' int8 to the model's own outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.core import arithmetic, fixed_functions
from planner.data.graph import Float32Array, Graph, HostStepKind, InputEnd, Int8Array, OutputEnd
from planner.errors import InputError

AnyArray = NDArray[Any]

_UNSIGNED_OFFSET = 128


def host_input(graph: Graph, *arrays: AnyArray) -> dict[str, Int8Array]:
    """The int8 tensors [height, width, channels] of the user's arrays, one for each input of the model, in order.

    An array has the model's own shape, with or without the batch. Floats are quantised, uint8 is shifted.
    Raises InputError if number, shape or type do not fit, or a value is NaN.
    """
    if len(arrays) != len(graph.inputs):
        raise InputError(f"the model has {len(graph.inputs)} inputs, not {len(arrays)}")
    return {end.tensor: _quantised(graph, end, array) for end, array in zip(graph.inputs, arrays, strict=True)}


def host_outputs(graph: Graph, tensors: Mapping[str, Int8Array]) -> list[AnyArray]:
    """The model's own outputs, in order, from the boards' int8 tensors [height, width, channels]."""
    return [_finished(graph, end, tensors[end.tensor]) for end in graph.outputs]


def output_integers(graph: Graph, end: OutputEnd, tensors: Mapping[str, Int8Array]) -> Int8Array:
    """The boards' int8 values of one output in the model's own order and shape, before any step on the host."""
    values = tensors[end.tensor]
    return (values.transpose(2, 0, 1) if end.channels_first else values).reshape(end.shape)


def _quantised(graph: Graph, end: InputEnd, array: AnyArray) -> Int8Array:
    if array.shape not in (end.shape, end.shape[1:]):
        raise InputError(f"the input has shape {array.shape}; the model takes {end.shape}")
    tensor = graph.tensors[end.tensor]
    if end.dtype == "float32" and array.dtype.kind == "f":
        if np.isnan(array).any():
            raise InputError("the input holds values that are not numbers (NaN)")
        integers = arithmetic.quantise(array.astype(np.float32), tensor.quant, end.rounding)
    elif array.dtype == np.uint8 and end.dtype == "uint8":
        integers = (array.astype(np.int16) - _UNSIGNED_OFFSET).astype(np.int8)
    elif array.dtype == np.int8 and end.dtype == "int8":
        integers = array
    else:
        raise InputError(f"the input is {array.dtype}; the model takes {end.dtype}")
    shape = tensor.shape
    if end.channels_first:
        return integers.reshape(shape.channels, shape.height, shape.width).transpose(1, 2, 0)
    return integers.reshape(shape.as_tuple())


def _finished(graph: Graph, end: OutputEnd, values: Int8Array) -> AnyArray:
    """The steps of an output, over its elements in memory, then the model's own order."""
    current: AnyArray = values.reshape(-1, end.group or values.shape[-1])
    quant = graph.tensors[end.tensor].quant
    for step in end.steps:
        match step:
            case HostStepKind.DEQUANTISE:
                current = arithmetic.dequantise(current, quant)
            case HostStepKind.SOFTMAX:
                current = _softmax(current)
            case HostStepKind.QUANTISE:
                assert end.quant is not None
                quant = end.quant
                current = arithmetic.quantise(current, quant)
            case HostStepKind.FIXED_SOFTMAX:
                current = fixed_functions.softmax(current, quant.scale)
                quant = fixed_functions.UNIT_QUANT
    current = current.reshape(values.shape)
    if end.channels_first:
        current = current.transpose(2, 0, 1)
    if end.dtype == "uint8":
        current = (current.astype(np.int16) + _UNSIGNED_OFFSET).astype(np.uint8)
    return current.reshape(end.shape)


def _softmax(reals: Float32Array) -> Float32Array:
    powers = np.exp(reals - reals.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
