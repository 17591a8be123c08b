"""A plan binary as records: what `encode` assembles and `decode` takes apart."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from planner.planfmt import layout
from planner.planfmt.records import Record, RecordValues

Records = tuple[RecordValues, ...]

TABLES: dict[str, Record] = {
    "BUFFERS": layout.BUFFER,
    "STEPS": layout.STEP,
    "OPERANDS": layout.OPERAND,
    "VIEWS": layout.VIEW,
    "PARAMETERS": layout.PARAMETERS,
    "MESSAGES": layout.MESSAGE,
    "ENDS": layout.END,
    "BODIES": layout.STEP,
}
"""The sections that are tables, by name, with their records."""
OPTIONAL = ("BODIES", "NAMES")
"""The sections that may be absent."""


@dataclass(frozen=True)
class PlanImage:
    """The content of a plan binary.

    `header` lacks the fields that follow from the layout of the file (magic, sizes, CRC). `names` is one line per step,
    or empty if the plan has none.
    """

    header: RecordValues
    buffers: Records
    steps: Records
    operands: Records
    views: Records
    parameters: Records
    messages: Records
    ends: Records
    constants: bytes
    bodies: Records
    names: tuple[str, ...]

    def table(self, section: str) -> Records:
        """The records of a section of `TABLES`."""
        records: Records = getattr(self, section.lower())
        return records


def code(enumeration: str, member: str) -> int:
    """Number of a member of an enumeration of the layout, both by name."""
    return _CODES[enumeration][member]


def name_of(enumeration: str, number: int) -> str | None:
    """Name of the member with that number, None if there is none."""
    return next((name for name, value in _CODES[enumeration].items() if value == number), None)


_CODES = {
    enumeration.name: {name: value for name, (value, _) in enumeration.members.items()}
    for enumeration in layout.ENUMERATIONS
}


def crc32_without(data: bytes, offset_bytes: int) -> int:
    """CRC-32 (IEEE) of `data` with the four bytes at `offset_bytes` taken as 0."""
    return zlib.crc32(data[offset_bytes + 4 :], zlib.crc32(bytes(4), zlib.crc32(data[:offset_bytes])))


def align(size_bytes: int) -> int:
    """The next multiple of the section alignment."""
    return -(-size_bytes // layout.SECTION_ALIGNMENT.value) * layout.SECTION_ALIGNMENT.value
