"""The quantised graph as one file: a JSON description and the raw arrays that it refers to.

Layout: magic `PLGRAPH1`, SHA-256 of all that follows, length of the description (u32), the description (UTF-8), then
the arrays at the offsets that it names. Everything is little-endian. Equal graphs give equal bytes, so the SHA-256 is
the graph's name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.data import graph as data
from planner.data.graph import Graph
from planner.errors import ModelError
from planner.files.atomic import write_bytes

MAGIC = b"PLGRAPH1"
_LENGTH = struct.Struct("<I")
_BODY = len(MAGIC) + hashlib.sha256().digest_size
_CLASSES = {
    kind.__name__: kind
    for kind in (
        *(data.Graph, data.Tensor, data.Shape, data.QuantParams, data.Clamp, data.Padding, data.Window),
        *(
            data.Conv,
            data.Add,
            data.Mul,
            data.Pool,
            data.Concat,
            data.Pad,
            data.Slice,
            data.Gather,
            data.Lookup,
            data.InputEnd,
            data.OutputEnd,
        ),
    )
}
_ENUMERATIONS = {kind.__name__: kind for kind in (data.Arithmetic, data.PoolKind, data.HostStepKind)}
_KIND = "$kind"


def save_graph(graph: Graph, path: Path) -> None:
    """Write the graph. Raises InputError if the file cannot be written."""
    body = _encoded(graph)
    write_bytes(path, MAGIC + hashlib.sha256(body).digest() + body)


def load_graph(path: Path) -> Graph:
    """Read a graph. Raises ModelError if the file cannot be read, is damaged, or comes from another version."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise ModelError(f"{path} cannot be read: {problem.strerror}") from problem
    body = content[_BODY:]
    if content[: len(MAGIC)] != MAGIC:
        raise ModelError(f"{path} is not a graph file of this version; solve again to write it anew")
    if content[len(MAGIC) : _BODY] != hashlib.sha256(body).digest():
        raise ModelError(f"{path} is damaged: its SHA-256 does not agree; solve again to write it anew")
    return _decoded(body)


def graph_hash(graph: Graph) -> str:
    """SHA-256 of everything that the graph is, in hexadecimal."""
    return hashlib.sha256(_encoded(graph)).hexdigest()


def _encoded(graph: Graph) -> bytes:
    arrays = bytearray()
    description = json.dumps(_plain(graph, arrays), sort_keys=True, separators=(",", ":")).encode()
    return _LENGTH.pack(len(description)) + description + bytes(arrays)


def _decoded(body: bytes) -> Graph:
    start = _LENGTH.size + _LENGTH.unpack_from(body)[0]
    graph = _restored(json.loads(body[_LENGTH.size : start]), memoryview(body)[start:])
    assert isinstance(graph, Graph)
    return graph


def _plain(value: object, arrays: bytearray) -> Any:
    """JSON values of a graph's parts; the bytes of numpy arrays are appended to `arrays`."""
    if isinstance(value, np.ndarray):
        ordered = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        offset = len(arrays)
        arrays += ordered.tobytes()
        return {_KIND: "array", "type": ordered.dtype.str, "shape": list(value.shape), "offset": offset}
    if isinstance(value, Enum):
        return {_KIND: type(value).__name__, "value": value.value}
    if dataclasses.is_dataclass(value):
        parts = {field.name: _plain(getattr(value, field.name), arrays) for field in dataclasses.fields(value)}
        return {_KIND: type(value).__name__} | parts
    if isinstance(value, Mapping):
        return {_KIND: "mapping", "items": [[key, _plain(item, arrays)] for key, item in sorted(value.items())]}
    if isinstance(value, tuple):
        return [_plain(item, arrays) for item in value]
    return value


def _restored(value: Any, arrays: memoryview) -> Any:
    if isinstance(value, list):
        return tuple(_restored(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    kind = value[_KIND]
    if kind == "array":
        return _array(value, arrays)
    if kind == "mapping":
        return {key: _restored(item, arrays) for key, item in value["items"]}
    if kind in _ENUMERATIONS:
        return _ENUMERATIONS[kind](value["value"])
    return _CLASSES[kind](**{key: _restored(item, arrays) for key, item in value.items() if key != _KIND})


def _array(entry: Mapping[str, Any], arrays: memoryview) -> NDArray[Any]:
    dtype, shape = np.dtype(entry["type"]), tuple(entry["shape"])
    count = int(np.prod(shape))
    return np.frombuffer(arrays, dtype, count, entry["offset"]).reshape(shape)
