"""Quantities with units, as they stand in YAML files: `512KiB`, `100Mbit/s`, `0.2us/B`, `150us`, `600MHz`.

Each `parse_*` turns a text into an integer of its base unit and raises `ValueFault` with a remedy. Numbers without a
unit are refused, since nobody can tell bytes from kilobytes. A quantity that is no whole number of base units is
refused, save a bandwidth, which is rounded to the slower picosecond per byte.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction

_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
_PICOSECONDS_PER_BYTE = {f"{unit}/B": 1000 * factor for unit, factor in _NANOSECONDS.items()} | {"ps/B": 1}
_HERTZ = {"Hz": 1, "kHz": 10**3, "MHz": 10**6, "GHz": 10**9}
_BITS_PER_SECOND = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9} | {
    f"{unit}/s": 8 * factor for unit, factor in _BYTES.items()
}
_MILLIWATTS: Mapping[str, int | Fraction] = {"uW": Fraction(1, 1000), "mW": 1, "W": 1000}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z/]*)\s*")


class ValueFault(Exception):
    """A value cannot be used: what is wrong, and what would do. Caught where the path of the value is known."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def parse_bytes(value: object) -> int:
    """`512KiB` to bytes."""
    return _whole(value, _BYTES, "a size", "512KiB")


def parse_ns(value: object) -> int:
    """`150us` to nanoseconds."""
    return _whole(value, _NANOSECONDS, "a time", "150us")


def parse_hz(value: object) -> int:
    """`600MHz` to hertz."""
    return _whole(value, _HERTZ, "a frequency", "600MHz")


def parse_byte_ps(value: object) -> int:
    """`0.2us/B` to picoseconds per byte."""
    return _whole(value, _PICOSECONDS_PER_BYTE, "a time per byte", "0.2us/B")


def parse_bandwidth_ps(value: object) -> int:
    """`100Mbit/s` or `5MB/s` to picoseconds per byte, rounded up."""
    bits_per_second = _exact(value, _BITS_PER_SECOND, "a bandwidth", "100Mbit/s")
    if bits_per_second == 0:
        raise ValueFault("the bandwidth is zero", "give what the link carries, as in 100Mbit/s")
    return math.ceil(8 * 10**12 / bits_per_second)


def parse_mw(value: object) -> float:
    """`12.5mW` to milliwatts."""
    return float(_exact(value, _MILLIWATTS, "a power", "12.5mW"))


def format_bytes(size_bytes: int) -> str:
    """The shortest exact notation that `parse_bytes` reads back."""
    for unit in ("MiB", "KiB"):
        if size_bytes and size_bytes % _BYTES[unit] == 0:
            return f"{size_bytes // _BYTES[unit]}{unit}"
    return f"{size_bytes}B"


def format_hz(frequency_hz: int) -> str:
    """The shortest exact notation that `parse_hz` reads back."""
    for unit in ("GHz", "MHz", "kHz"):
        if frequency_hz and frequency_hz % _HERTZ[unit] == 0:
            return f"{frequency_hz // _HERTZ[unit]}{unit}"
    return f"{frequency_hz}Hz"


def _whole(value: object, units: Mapping[str, int], what: str, example: str) -> int:
    exact = _exact(value, units, what, example)
    if exact.denominator != 1:
        smallest = min(units, key=lambda unit: units[unit])
        raise ValueFault(f"{value} is no whole number of {smallest}", f"round it to a multiple of 1{smallest}")
    return exact.numerator


def _exact(value: object, units: Mapping[str, int | Fraction], what: str, example: str) -> Fraction:
    match = _QUANTITY.fullmatch(str(value))
    if match is None or isinstance(value, bool):
        raise ValueFault(f"{value!r} is not {what}", f"write a number and a unit, as in {example}")
    number, unit = match.groups()
    if unit not in units:
        problem = f"the unit {unit!r} of {value!r} is not one of {what}" if unit else f"{value} has no unit"
        raise ValueFault(problem, f"use one of {', '.join(units)}, as in {example}")
    return Fraction(number) * units[unit]
