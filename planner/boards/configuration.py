"""The configuration record of a board, which makes one firmware image many boards."""

from __future__ import annotations

import zlib
from enum import IntEnum
from fractions import Fraction

from planner.planfmt.layout import CONFIG, CONFIG_MAGIC, NO_NODE, TRANSPORT


class TransportKind(IntEnum):
    """By what a board talks; see the format's `transport`."""

    PIPES = TRANSPORT.members["PIPES"][0]
    SERIAL = TRANSPORT.members["SERIAL"][0]
    ETHERNET = TRANSPORT.members["ETHERNET"][0]


def configuration(
    node: int, host: int, transport: TransportKind, flags: int, ram_cap_bytes: int, paint: int, ns_per_work: Fraction
) -> bytes:
    """The bytes of a configuration; `ns_per_work` turns units of work into nanoseconds."""
    values = {
        "magic": CONFIG_MAGIC.value,
        "size": CONFIG.size_bytes,
        "node": node,
        "host": host,
        "flags": flags,
        "transport": transport,
        "ram_cap_bytes": ram_cap_bytes,
        "paint": paint,
        "ns_numerator": ns_per_work.numerator,
        "ns_denominator": ns_per_work.denominator,
        "crc32": 0,
    }
    values["crc32"] = zlib.crc32(CONFIG.pack(values)[: CONFIG.offset("crc32")])
    return CONFIG.pack(values)


def idle_configuration(transport: TransportKind) -> bytes:
    """That of a board which waits for commands; the rest comes with RUN."""
    return configuration(NO_NODE.value, NO_NODE.value, transport, 0, 0, 0, Fraction(1))
