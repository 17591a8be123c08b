"""How numbers are written in reports."""

from __future__ import annotations

UNKNOWN = "-"


def us(time_ns: int | None) -> float | None:
    """Nanoseconds as microseconds."""
    return None if time_ns is None else time_ns / 1000


def milliseconds(time_us: float | None) -> str:
    return UNKNOWN if time_us is None else f"{time_us / 1000:.3f} ms"


def percent(ratio: float | None) -> str:
    return UNKNOWN if ratio is None else f"{100 * ratio:.2f} %"


def kibibytes(size_bytes: int) -> str:
    return f"{size_bytes / 1024:.1f}"


def bytes_of_cap(size_bytes: int | None, cap_bytes: int) -> str:
    """`83.4 of 192.0 KiB`."""
    return f"{UNKNOWN if size_bytes is None else kibibytes(size_bytes)} of {kibibytes(cap_bytes)} KiB"
