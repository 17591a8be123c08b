"""A small notation for fixed little-endian records and enums, and their byte codec.

`layout` describes the formats in this notation; `generate` turns the description into C and Markdown.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

RecordValues = Mapping[str, Any]
"""A record's fields by name: int, or float where the field is f32."""

_STRUCT_CODES = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "f32": "f"}


@dataclass(frozen=True, slots=True)
class Field:
    """One scalar of a record: `kind` is u8, i8, u16, i16, u32, i32, u64 or f32."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class Record:
    """Fields in order, without implicit padding; every field lies at a multiple of its own size."""

    name: str
    meaning: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        for field in self.fields:
            size = struct.calcsize(_STRUCT_CODES[field.kind])
            if self.offset(field.name) % size:
                raise ValueError(f"{self.name}.{field.name} is misaligned")

    @cached_property
    def _struct(self) -> struct.Struct:
        return struct.Struct("<" + "".join(_STRUCT_CODES[field.kind] for field in self.fields))

    @property
    def size_bytes(self) -> int:
        return self._struct.size

    def offset(self, name: str) -> int:
        """Byte offset of a field."""
        before: list[str] = []
        for field in self.fields:
            if field.name == name:
                return struct.calcsize("<" + "".join(before))
            before.append(_STRUCT_CODES[field.kind])
        raise KeyError(name)

    def pack(self, values: RecordValues) -> bytes:
        """Encode; every field must be given. Raises struct.error if a value does not fit."""
        if len(values) != len(self.fields):
            raise KeyError(f"{self.name}: {set(values) ^ {field.name for field in self.fields}}")
        return self._struct.pack(*(values[field.name] for field in self.fields))

    def unpack(self, data: bytes | memoryview, offset_bytes: int = 0) -> dict[str, Any]:
        """Decode the record at an offset. Raises struct.error if the data end too early."""
        values = self._struct.unpack_from(data, offset_bytes)
        return {field.name: value for field, value in zip(self.fields, values, strict=True)}


@dataclass(frozen=True, slots=True)
class Constant:
    """A named number of the format."""

    name: str
    value: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A set of named numbers; `members` maps a name to its value and meaning."""

    name: str
    meaning: str
    members: Mapping[str, tuple[int, str]]
