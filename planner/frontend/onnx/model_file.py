"""An ONNX file as plain nodes and numpy constants, checked, with QOperator nodes rewritten as QDQ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import Error as ProtobufError  # type: ignore[import-untyped]
from numpy.typing import NDArray

from planner.errors import ModelError

Array = NDArray[Any]

MINIMUM_OPSET = 13
DOMAINS = ("", "ai.onnx", "com.microsoft")
_FOREIGN_ERRORS = (
    ProtobufError,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
)


@dataclass(frozen=True, eq=False)
class Node:
    """One operation. Absent optional inputs are ''. `proto` is the file's own node; None if it was made here."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    proto: onnx.NodeProto | None = None

    def refuse(self, what: str, remedy: str) -> ModelError:
        """The error that says that this node cannot be read, and what would do."""
        return ModelError(f"node {self.name} ({self.op}): {what}; {remedy}")


@dataclass(frozen=True, eq=False)
class FileTensor:
    """An input or output of the model: its name, dimensions (None where symbolic) and numpy type."""

    name: str
    dims: tuple[int | None, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What the file holds. Nodes are in topological order."""

    name: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[FileTensor, ...]
    outputs: tuple[FileTensor, ...]


def load(path: Path) -> ModelFile:
    """Read and check an ONNX file. Raises ModelError if it is unreadable, invalid, or too old."""
    try:
        proto = onnx.load(str(path))
        onnx.checker.check_model(proto)
        return _model_file(proto, path)
    except _FOREIGN_ERRORS as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"{path} is no readable ONNX model: {reason[0] if reason else type(error).__name__}"
        ) from error


def _model_file(proto: onnx.ModelProto, path: Path) -> ModelFile:
    opset = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset < MINIMUM_OPSET:
        raise ModelError(
            f"{path} uses opset {opset}; export it with opset {MINIMUM_OPSET} or newer (onnx.version_converter may do)"
        )
    graph = proto.graph
    if graph.sparse_initializer:
        raise ModelError(f"{path} has sparse initialisers; store them dense")
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = []
    names: set[str] = set()
    for index, entry in enumerate(graph.node):
        name = _unique(entry.name or f"{entry.op_type}_{index}", names)
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in entry.attribute}
        node = Node(name, entry.op_type, tuple(entry.input), tuple(entry.output), attributes, entry)
        if entry.domain not in DOMAINS:
            raise node.refuse(f"unknown domain {entry.domain!r}", "use standard ONNX operators")
        if entry.op_type == "Constant":
            constants[entry.output[0]] = _constant(node)
        else:
            nodes.append(node)
    return ModelFile(
        name=graph.name or path.stem,
        nodes=tuple(nodes),
        constants=constants,
        inputs=tuple(_file_tensor(value) for value in graph.input if value.name not in constants),
        outputs=tuple(_file_tensor(value) for value in graph.output),
    )


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate


def _constant(node: Node) -> Array:
    match node.attributes:
        case {"value": value}:
            return onnx.numpy_helper.to_array(value)
        case {"value_float": value} | {"value_floats": value}:
            return np.array(value, np.float32)
        case {"value_int": value} | {"value_ints": value}:
            return np.array(value, np.int64)
    raise node.refuse("this kind of constant is not supported", "store it as a tensor")


def _file_tensor(value: onnx.ValueInfoProto) -> FileTensor:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise ModelError(f"{value.name} is no tensor of known rank; give inputs and outputs a shape")
    dims = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in kind.shape.dim)
    return FileTensor(value.name, dims, onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
