"""From a plan binary to its records, with the same checks as the runtime's loader."""

from __future__ import annotations

from planner.core.variants import VARIANTS
from planner.errors import PlanFormatError
from planner.planfmt import layout
from planner.planfmt.image import OPTIONAL, TABLES, PlanImage, code, crc32_without, name_of
from planner.planfmt.records import RecordValues
from planner.planfmt.rules import check

CAPABILITIES = sum(
    code("capability", name) for name in ("TFLM", "ONNXRUNTIME", "RING_ROWS", "LOOPS", *map(str.upper, VARIANTS))
)
"""What the runtime of this version can do."""

_HEADER_BYTES = layout.PLAN_HEADER.size_bytes
_STRUCTURE = ("magic", "header_size", "total_size", "crc32", "section_count", "reserved", "reserved2")


def decode(data: bytes, arena_bytes: int | None = None) -> PlanImage:
    """The content of a plan binary, for a node with `arena_bytes` of arena (any, if None).

    Raises PlanFormatError, with the status of the runtime's loader, if a rule of docs/PLAN_FORMAT.md is broken.
    """
    header = _header(data)
    sections = _sections(data, header)
    tables = {
        name.lower(): tuple(record.unpack(content, offset) for offset in range(0, len(content), record.size_bytes))
        for name, record in TABLES.items()
        for content in [sections.get(name, b"")]
    }
    names = sections.get("NAMES")
    image = PlanImage(
        header={name: value for name, value in header.items() if name not in _STRUCTURE},
        constants=sections["CONSTANTS"],
        names=() if names is None else tuple(names.decode(errors="replace").split("\n")),
        **tables,
    )
    if arena_bytes is not None and image.header["arena_bytes"] > arena_bytes:
        raise _fault("ARENA", f"needs {image.header['arena_bytes']} bytes of arena, the node has {arena_bytes}")
    check(image)
    return image


def _fault(status: str, message: str, offset_bytes: int | None = None) -> PlanFormatError:
    return PlanFormatError(message, offset_bytes, f"PLAN_{status}")


def _header(data: bytes) -> RecordValues:
    if len(data) < _HEADER_BYTES:
        raise _fault("TRUNCATED", f"{len(data)} bytes are shorter than a header", len(data))
    header = layout.PLAN_HEADER.unpack(data)
    major, minor, total_bytes = header["format_major"], header["format_minor"], header["total_size"]
    if header["magic"] != layout.PLAN_MAGIC.value:
        raise _fault("MAGIC", "this is no plan binary", 0)
    if major != layout.FORMAT_MAJOR.value:
        raise _fault("MAJOR", f"format {major}.{minor} needs another planner; this one reads {_version()}", 4)
    if minor > layout.FORMAT_MINOR.value:
        raise _fault("MINOR", f"format {major}.{minor} is newer than {_version()}; use a newer planner", 6)
    if total_bytes > len(data):
        raise _fault("TRUNCATED", f"its {total_bytes} bytes end at {len(data)}", len(data))
    header_bytes = header["header_size"]
    table_bytes = header["section_count"] * layout.SECTION_ENTRY.size_bytes
    if header_bytes < _HEADER_BYTES or header_bytes % 8 or header_bytes + table_bytes > total_bytes:
        raise _fault("HEADER", "header and section table do not fit", layout.PLAN_HEADER.offset("header_size"))
    crc_offset = layout.PLAN_HEADER.offset("crc32")
    if crc32_without(data[:total_bytes], crc_offset) != header["crc32"]:
        raise _fault("CRC", "the CRC is wrong: the file is damaged", crc_offset)
    _check_capabilities(header["capabilities"])
    _check_header(header)
    return header


def _version() -> str:
    return f"{layout.FORMAT_MAJOR.value}.{layout.FORMAT_MINOR.value}"


def _check_capabilities(needed: int) -> None:
    missing = needed & ~CAPABILITIES
    names = [name_of("capability", 1 << bit) or f"bit {bit}" for bit in range(32) if missing >> bit & 1]
    if names:
        raise _fault("CAPABILITY", f"the runtime lacks {', '.join(names)}", layout.PLAN_HEADER.offset("capabilities"))


def _check_header(header: RecordValues) -> None:
    arithmetic = name_of("arithmetic", header["arithmetic"])
    rules = {
        "node": header["node"] < header["nodes"],
        "port_count": header["port_count"] <= layout.PORTS_MAX.value,
        "arithmetic": arithmetic is not None and bool(header["capabilities"] & code("capability", arithmetic)),
        "reserved": header["reserved"] == 0,
        "reserved2": header["reserved2"] == 0,
    }
    for name, holds in rules.items():
        if not holds:
            raise _fault("HEADER", f"{name} is {header[name]}", layout.PLAN_HEADER.offset(name))


def _sections(data: bytes, header: RecordValues) -> dict[str, bytes]:
    """The known sections by name, as bytes."""
    sections: dict[str, bytes] = {}
    table_start = header["header_size"]
    end = table_start + header["section_count"] * layout.SECTION_ENTRY.size_bytes
    for place in range(table_start, end, layout.SECTION_ENTRY.size_bytes):
        entry = layout.SECTION_ENTRY.unpack(data, place)
        start, size = entry["offset_bytes"], entry["size_bytes"]
        if start % layout.SECTION_ALIGNMENT.value or start < end or size > header["total_size"] - start:
            raise _fault("SECTION", f"section {entry['kind']} is misplaced", place)
        end = start + size
        name = name_of("section", entry["kind"])
        if name is None:
            if entry["flags"] & code("section_flag", "REQUIRED"):
                raise _fault("UNKNOWN_SECTION", f"section {entry['kind']} is required, but unknown", place)
            continue
        if name in sections or entry["reserved"] or (name in TABLES and size % TABLES[name].size_bytes):
            raise _fault("SECTION", f"section {name} is repeated, malformed or no whole number of records", place)
        sections[name] = data[start:end]
    missing = [name for name in (*TABLES, "CONSTANTS") if name not in sections and name not in OPTIONAL]
    if missing:
        raise _fault("SECTION", f"section {missing[0]} is missing", table_start)
    return sections
