"""Frozen dataclasses to JSON values and back, by their type annotations.

A dataclass becomes an object of its fields, and where several classes may stand (a step of a program), with its class
under `type`. Tuples become lists, enumerations their values, fractions text, mappings objects, or lists of pairs if
their keys are no text. Decoding checks every type, so what it returns has the shape that the annotations say.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from planner.files.units import ValueFault

T = TypeVar("T")
_TYPE = "type"


def encode(value: object, kind: object) -> Any:
    """The JSON value of `value`, an instance of the annotation `kind`."""
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        chosen = next((k for k in get_args(kind) if isinstance(value, get_origin(k) or k)), None)
        encoded = encode(value, chosen)
        return {_TYPE: type(value).__name__} | encoded if _tagged(kind) else encoded
    if dataclasses.is_dataclass(kind):
        return {name: encode(getattr(value, name), hint) for name, hint in _fields(cast(type, kind)).items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, Mapping):
        key_kind, item_kind = get_args(kind)
        if key_kind is str:
            return {key: encode(item, item_kind) for key, item in value.items()}
        return [[encode(key, key_kind), encode(item, item_kind)] for key, item in value.items()]
    if isinstance(value, tuple):
        return [encode(item, hint) for item, hint in zip(value, _item_kinds(kind, len(value)), strict=True)]
    return value


def decode(kind: type[T], value: object, path: str = "$") -> T:
    """The instance of `kind` that `encode` made `value` of. Raises ValueFault, with the path, if it cannot be one."""
    return cast(T, _decode(kind, value, path))


def _decode(kind: Any, value: object, path: str) -> object:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(kind, value, path)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(cast(type, kind), value, path)
    if origin is tuple:
        items = _checked(value, list, path)
        kinds = _item_kinds(kind, len(items))
        if len(kinds) != len(items):
            raise ValueFault(f"{path}: {len(items)} items where {len(kinds)} belong")
        return tuple(_decode(k, item, f"{path}[{i}]") for i, (k, item) in enumerate(zip(kinds, items, strict=True)))
    if origin is not None and issubclass(origin, Mapping):
        key_kind, item_kind = get_args(kind)
        return _decode_mapping(key_kind, item_kind, value, path)
    if issubclass(kind, Enum | Fraction):
        try:
            return kind(value)
        except (ValueError, TypeError, ZeroDivisionError) as problem:
            raise ValueFault(f"{path}: {problem}") from problem
    if kind is float and type(value) is int:
        return float(value)
    return _checked(value, kind, path)


def _decode_union(kind: Any, value: object, path: str) -> object:
    choices = {k for k in get_args(kind) if k is not types.NoneType}
    if value is None and len(choices) < len(get_args(kind)):
        return None
    if not _tagged(kind):
        return _decode(choices.pop(), value, path)
    content = dict(_checked(value, dict, path))
    name = content.pop(_TYPE, None)
    for choice in choices:
        if choice.__name__ == name:
            return _decode(choice, content, path)
    raise ValueFault(f"{path}: unknown {_TYPE} {name!r}")


def _decode_dataclass(kind: type, value: object, path: str) -> object:
    content = _checked(value, dict, path)
    hints = _fields(kind)
    if content.keys() != hints.keys():
        raise ValueFault(f"{path}: keys {sorted(content.keys() ^ hints.keys())} are missing or unknown")
    arguments = {name: _decode(hint, content[name], f"{path}.{name}") for name, hint in hints.items()}
    try:
        return kind(**arguments)
    except ValueError as problem:
        raise ValueFault(f"{path}: {problem}") from problem


def _decode_mapping(key_kind: Any, item_kind: Any, value: object, path: str) -> object:
    if key_kind is str:
        return {key: _decode(item_kind, item, f"{path}.{key}") for key, item in _checked(value, dict, path).items()}
    pairs = _decode(tuple[tuple[key_kind, item_kind], ...], value, path)
    return dict(cast(tuple[tuple[Any, Any], ...], pairs))


def _checked(value: object, kind: type, path: str) -> Any:
    if type(value) is not kind:
        raise ValueFault(f"{path}: {type(value).__name__} where {kind.__name__} belongs")
    return value


def _item_kinds(kind: Any, length: int) -> tuple[Any, ...]:
    """Annotations of a tuple's items, `tuple[X, ...]` spread out."""
    kinds = get_args(kind)
    return (kinds[0],) * length if kinds[1:] == (...,) else kinds


def _tagged(kind: Any) -> bool:
    """Whether more than one class may stand where the union `kind` is annotated."""
    return sum(k is not types.NoneType for k in get_args(kind)) > 1


@cache
def _fields(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
