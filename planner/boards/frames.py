"""Frames, the unit of every link: encoding, and decoding from a stream of bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from planner.planfmt.layout import FRAME_HEADER, FRAME_KIND, FRAME_MAGIC, FRAME_PAYLOAD_BYTES, STATUS

HEADER_BYTES = FRAME_HEADER.size_bytes
PAYLOAD_BYTES = FRAME_PAYLOAD_BYTES.value


class FrameKind(IntEnum):
    """What a frame is for; see the format's `frame_kind`."""

    HELLO = FRAME_KIND.members["HELLO"][0]
    START = FRAME_KIND.members["START"][0]
    STOP = FRAME_KIND.members["STOP"][0]
    GRANT = FRAME_KIND.members["GRANT"][0]
    DATA = FRAME_KIND.members["DATA"][0]
    TOKEN = FRAME_KIND.members["TOKEN"][0]
    PROGRESS = FRAME_KIND.members["PROGRESS"][0]
    TRACE = FRAME_KIND.members["TRACE"][0]
    REPORT = FRAME_KIND.members["REPORT"][0]
    ERROR = FRAME_KIND.members["ERROR"][0]
    INPUT = FRAME_KIND.members["INPUT"][0]
    OUTPUT = FRAME_KIND.members["OUTPUT"][0]
    ACK = FRAME_KIND.members["ACK"][0]
    CREDIT = FRAME_KIND.members["CREDIT"][0]
    CONNECT = FRAME_KIND.members["CONNECT"][0]
    BOARD = FRAME_KIND.members["BOARD"][0]
    PLAN = FRAME_KIND.members["PLAN"][0]
    RUN = FRAME_KIND.members["RUN"][0]
    RESTART = FRAME_KIND.members["RESTART"][0]
    STORE = FRAME_KIND.members["STORE"][0]
    PAGES = FRAME_KIND.members["PAGES"][0]
    COMMIT = FRAME_KIND.members["COMMIT"][0]
    STORED = FRAME_KIND.members["STORED"][0]


class FrameError(ValueError):
    """Bytes that are no frame; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame between two nodes; `payload` has at most `PAYLOAD_BYTES`. `session` and `order` are the link's."""

    kind: FrameKind
    source: int
    target: int
    tag: int = 0
    sequence: int = 0
    virtual_ns: int = 0
    payload: bytes = b""
    session: int = 0
    order: int = 0


def encode(frame: Frame) -> bytes:
    """The bytes of a frame. Raises ValueError if its payload is too long."""
    if len(frame.payload) > PAYLOAD_BYTES:
        raise ValueError(f"a payload of {len(frame.payload)} bytes exceeds {PAYLOAD_BYTES}")
    values = {
        "magic": FRAME_MAGIC.value,
        "kind": frame.kind,
        "session": frame.session,
        "source": frame.source,
        "target": frame.target,
        "sequence": frame.sequence,
        "tag": frame.tag,
        "length": len(frame.payload),
        "order": frame.order,
        "crc32": 0,
        "virtual_ns": frame.virtual_ns,
    }
    values["crc32"] = zlib.crc32(FRAME_HEADER.pack(values) + frame.payload)
    return FRAME_HEADER.pack(values) + frame.payload


def carry(content: bytes, first: Frame) -> Iterator[Frame]:
    """The frames that carry `content`: copies of `first`, numbered, with a piece each."""
    for sequence, offset in enumerate(range(0, len(content), PAYLOAD_BYTES)):
        yield replace(first, sequence=sequence, payload=content[offset : offset + PAYLOAD_BYTES])


def decode(data: bytes) -> Frame:
    """The frame that `data` is. Raises FrameError if it is none."""
    if len(data) < HEADER_BYTES:
        raise FrameError(f"a frame of {len(data)} bytes is shorter than its header")
    header = _header(data)
    if len(data) != HEADER_BYTES + header["length"]:
        raise FrameError(f"a frame of {len(data)} bytes claims a payload of {header['length']}")
    return _checked(header, data[HEADER_BYTES:])


class FrameDecoder:
    """Cuts a stream of bytes, in pieces of any size, into frames."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes. Raises FrameError at the first bytes that are none; then give up."""
        self._pending += data
        while len(self._pending) >= HEADER_BYTES:
            header = _header(bytes(self._pending[:HEADER_BYTES]))
            size_bytes = HEADER_BYTES + header["length"]
            if len(self._pending) < size_bytes:
                return
            payload = bytes(self._pending[HEADER_BYTES:size_bytes])
            del self._pending[:size_bytes]
            yield _checked(header, payload)


def _header(data: bytes) -> dict[str, int]:
    header = FRAME_HEADER.unpack(data)
    if header["magic"] != FRAME_MAGIC.value:
        raise FrameError(f"a frame begins with {header['magic']:#06x} instead of {FRAME_MAGIC.value:#06x}")
    if header["length"] > PAYLOAD_BYTES:
        raise FrameError(f"a frame claims a payload of {header['length']} bytes")
    return header


def _checked(header: dict[str, int], payload: bytes) -> Frame:
    if zlib.crc32(FRAME_HEADER.pack(header | {"crc32": 0}) + payload) != header["crc32"]:
        raise FrameError("a frame has a wrong CRC")
    try:
        kind = FrameKind(header["kind"])
    except ValueError as problem:
        raise FrameError(f"a frame has the unknown kind {header['kind']}") from problem
    return Frame(
        kind,
        header["source"],
        header["target"],
        header["tag"],
        header["sequence"],
        header["virtual_ns"],
        payload,
        header["session"],
        header["order"],
    )


def status_name(status: int) -> str:
    """Name of a runtime status code."""
    return next((name for name, (value, _) in STATUS.members.items() if value == status), f"status {status}")
