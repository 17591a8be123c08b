"""Operators that move no byte: they change only how the model sees a tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from planner.frontend.onnx.assembly import Assembly
from planner.frontend.onnx.model_file import Node
from planner.frontend.onnx.operands import constant
from planner.frontend.onnx.values import Activation, Places, QuantisedConstant, Value


def identity(assembly: Assembly, node: Node, x: Value, *unused: Value) -> Value:
    if any(node.outputs[1:]):
        raise node.refuse("its second output is not supported", "export the model for inference")
    return x


def reshape(assembly: Assembly, node: Node, x: Value, target: Value) -> Value:
    places = _places(node, x)
    dims = [int(d) for d in constant(node, target)]
    if not node.attributes.get("allowzero", 0):
        dims = [places.shape[axis] if d == 0 else d for axis, d in enumerate(dims)]
    return _rearranged(node, x, lambda array: array.reshape(dims))


def flatten(assembly: Assembly, node: Node, x: Value) -> Value:
    axis = int(node.attributes.get("axis", 1))
    return _rearranged(node, x, lambda array: array.reshape(math.prod(array.shape[:axis]), -1))


def transpose(assembly: Assembly, node: Node, x: Value) -> Value:
    return _rearranged(node, x, lambda array: array.transpose(node.attributes.get("perm")))


def squeeze(assembly: Assembly, node: Node, x: Value, axes: Value | None = None) -> Value:
    chosen = None if axes is None else tuple(int(axis) for axis in constant(node, axes))
    return _rearranged(node, x, lambda array: array.squeeze(chosen))


def unsqueeze(assembly: Assembly, node: Node, x: Value, axes: Value) -> Value:
    chosen = tuple(int(axis) for axis in constant(node, axes))
    return _rearranged(node, x, lambda array: np.expand_dims(array, chosen))


def depth_to_space(assembly: Assembly, node: Node, x: Value) -> Value:
    size = int(node.attributes["blocksize"])
    column_row_depth = node.attributes.get("mode", b"DCR") == b"CRD"

    def change(array: Places) -> Places:
        batch, channels, height, width = array.shape
        if column_row_depth:
            parts = array.reshape(batch, -1, size, size, height, width).transpose(0, 1, 4, 2, 5, 3)
        else:
            parts = array.reshape(batch, size, size, -1, height, width).transpose(0, 3, 4, 1, 5, 2)
        return parts.reshape(batch, channels // size**2, height * size, width * size)

    return _rearranged(node, x, change)


def space_to_depth(assembly: Assembly, node: Node, x: Value) -> Value:
    size = int(node.attributes["blocksize"])

    def change(array: Places) -> Places:
        batch, channels, height, width = array.shape
        parts = array.reshape(batch, channels, height // size, size, width // size, size)
        return parts.transpose(0, 3, 5, 1, 2, 4).reshape(batch, -1, height // size, width // size)

    return _rearranged(node, x, change)


def shape_of(assembly: Assembly, node: Node, x: Value) -> Value:
    dims = _places(node, x).shape
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return np.array(dims[start:end], np.int64)


def _places(node: Node, value: Value) -> Places:
    if isinstance(value, Activation):
        return value.places
    raise node.refuse("it works on a quantised constant", "store the constant in its final form")


def _rearranged(node: Node, value: Value, change: Callable[[Places], Places]) -> Value:
    if isinstance(value, QuantisedConstant) and value.scale.ndim == 0:
        return replace(value, values=change(value.values))
    if not isinstance(value, Activation):
        raise node.refuse("it rearranges weights quantised per channel", "store the weights in their final form")
    places = change(value.places)
    if places.size and places.ndim and places.shape[0] != 1 and value.dims[0] == 1 and node.op == "Reshape":
        raise node.refuse(f"it makes a batch of {places.shape[0]}", "keep the batch at 1")
    return replace(value, places=places)
