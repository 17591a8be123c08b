"""Reading YAML so that *all* faults of a file are reported at once, each with its path and a remedy.

A `Document` collects faults; a `Section` is one mapping of it. `required` and `optional` take a key, convert its value
and, where that fails, note the fault and return a stand-in, so that reading goes on to the next fault. `finish` notes
the keys that nobody took. `Document.check` raises if there are any faults; only after it are the values to be used.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import yaml

from planner.errors import Fault, FileFaults
from planner.files.units import ValueFault

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
Convert = Callable[[object], T]


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which also refuses a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.MarkedYAMLError(problem=f"the key {twice!r} stands twice", problem_mark=node.start_mark)
        return mapping


class Document:
    """One YAML file and the faults found in it so far; `error` is the class that `check` raises."""

    def __init__(self, file: Path, error: type[FileFaults]) -> None:
        self.file = file
        self._error = error
        self._faults: list[Fault] = []

    def read(self) -> Section:
        """The top-level mapping. Raises the document's error if the file cannot be read at all."""
        try:
            value = yaml.load(self.file.read_text(encoding="utf-8"), Loader=_StrictLoader)
        except OSError as problem:
            self._give_up(f"cannot be read: {problem.strerror}", "check the path")
        except UnicodeDecodeError:
            self._give_up("is not UTF-8 text", "save it as UTF-8")
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark
            where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            self._give_up(f"is not valid YAML{where}: {problem.problem}", "mend the syntax")
        except yaml.YAMLError as problem:
            self._give_up(f"is not valid YAML: {problem}", "mend the syntax")
        except RecursionError:
            self._give_up("is nested too deep", "mend the brackets")
        return self.section("$", value)

    def section(self, path: str, value: object) -> Section:
        """The mapping `value` at `path`; anything else is a fault and yields an empty section."""
        if isinstance(value, dict):
            return Section(self, path, {str(key): item for key, item in value.items()})
        self.fault(path, f"{_shown(value)} is not a mapping", "write keys and values")
        return Section(self, path, {}, broken=True)

    def fault(self, path: str, message: str, remedy: str = "") -> None:
        self._faults.append(Fault(path, message, remedy))

    def faulty(self, path: str) -> bool:
        """Whether a fault has been noted at `path` or below, so that what follows from it need not be noted again."""
        return any(fault.path.startswith(path) for fault in self._faults)

    def check(self) -> None:
        """Raise all faults noted so far, if any."""
        if self._faults:
            raise self._error(str(self.file), self._faults)

    def _give_up(self, message: str, remedy: str) -> None:
        self.fault("$", message, remedy)
        self.check()


class Section:
    """One mapping of a document; see the module."""

    def __init__(self, document: Document, path: str, values: Mapping[str, object], broken: bool = False) -> None:
        self.document = document
        self.path = path
        self._values = values
        self._known: set[str] = set()
        self._broken = broken

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def required(self, key: str, convert: Convert[T], stand_in: T) -> T:
        """The converted value of `key`; its absence is a fault."""
        self._known.add(key)
        if key not in self._values:
            if not self._broken:
                self.document.fault(self.path, f"the key {key!r} is missing", f"add {key}:")
            return stand_in
        return self._converted(key, convert, stand_in)

    def optional(self, key: str, convert: Convert[T], default: T) -> T:
        """The converted value of `key`, or `default` if it is absent."""
        self._known.add(key)
        return self._converted(key, convert, default) if key in self._values else default

    def section(self, key: str) -> Section:
        """The mapping under a required `key`."""
        value = self.required(key, lambda item: item, None)
        if key not in self._values:
            return Section(self.document, f"{self.path}.{key}", {}, broken=True)
        return self.document.section(f"{self.path}.{key}", value)

    def optional_section(self, key: str) -> Section:
        """The mapping under `key`; an empty one if it is absent."""
        self._known.add(key)
        return self.document.section(f"{self.path}.{key}", self._values.get(key, {}))

    def sections(self, key: str) -> Iterator[Section]:
        """The mappings of the non-empty list under a required `key`."""
        items: list[object] = self.required(key, _non_empty_list, [])
        for index, item in enumerate(items):
            yield self.document.section(f"{self.path}.{key}[{index}]", item)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def finish(self) -> None:
        """Note every key that was not asked for."""
        for key in self._values:
            if key not in self._known:
                self.document.fault(f"{self.path}.{key}", "unknown key", nearest(key, self._known))

    def fault(self, key: str, message: str, remedy: str = "") -> None:
        """Note a fault of the value of `key`."""
        self.document.fault(f"{self.path}.{key}", message, remedy)

    def _converted(self, key: str, convert: Convert[T], stand_in: T) -> T:
        try:
            return convert(self._values[key])
        except ValueFault as problem:
            self.fault(key, problem.message, problem.remedy)
            return stand_in


def text(value: object) -> str:
    """A non-empty string."""
    if not isinstance(value, str) or not value.strip():
        raise ValueFault(f"{_shown(value)} is not a text", "write a name, in quotes if it looks like a number")
    return value


def integer(minimum: int, maximum: int = 2**31 - 1) -> Convert[int]:
    """A whole number from `minimum` to `maximum`."""

    def convert(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise ValueFault(f"{_shown(value)} is out of range", f"write a whole number from {minimum} to {maximum}")
        return value

    return convert


def number(value: object) -> float:
    """A finite number that is not negative."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise ValueFault(f"{_shown(value)} is not a number", "write a number that is not negative")
    return float(value)


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueFault(f"{_shown(value)} is neither true nor false", "write true or false")
    return value


def member(kind: type[E]) -> Convert[E]:
    """A member of an enumeration, by its value."""
    values = [str(item.value) for item in kind]

    def convert(value: object) -> E:
        if value not in values:
            raise ValueFault(f"{_shown(value)} is none of {', '.join(values)}", nearest(str(value), values))
        return kind(value)

    return convert


def schema_version(supported: int) -> Convert[int]:
    """The version of the file's schema, which must be `supported`."""

    def convert(value: object) -> int:
        if value != supported or isinstance(value, bool):
            raise ValueFault(f"schema version {_shown(value)} is not supported", f"write schema_version: {supported}")
        return supported

    return convert


def nearest(word: str, known: Iterable[str]) -> str:
    """Remedy for a misspelt word: the nearest known one, or all of them."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(choices)}"


def _non_empty_list(value: object) -> list[object]:
    if not isinstance(value, list) or not value:
        raise ValueFault(f"{_shown(value)} is not a list with an entry", "write at least one entry that begins with -")
    return value


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)
