"""Runs the C runtime of one node on recorded frames, under sanitizers: `runtime_c/test/replay.c`."""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from planner.boards.frames import Frame, FrameDecoder, encode
from planner.planfmt import layout
from tests.runtime.native import program

PAINT = 0x5AC3E187
SEND_WITHOUT_LIMIT = 2**32 - 1


@dataclass(frozen=True)
class Case:
    """A node with its plan, and what it will receive: frames, or the raw bytes of what may be none."""

    node: int
    host: int
    plan: bytes
    arena_bytes: int
    received: Sequence[Frame | tuple[int, bytes]]
    flags: int = layout.CONFIG_FLAG.members["PREDICTED_CLOCK"][0]
    send_limit: int = SEND_WITHOUT_LIMIT


@dataclass(frozen=True)
class Answer:
    """What the runtime did: how it ended, the frames that it sent, the arena that it left."""

    status: str
    sent: tuple[Frame, ...]
    arena: bytes


def configuration(case: Case) -> bytes:
    """The configuration record of a case's node."""
    values = {
        "magic": layout.CONFIG_MAGIC.value,
        "size": layout.CONFIG.size_bytes,
        "node": case.node,
        "host": case.host,
        "flags": case.flags,
        "transport": 0,
        "ram_cap_bytes": case.arena_bytes,
        "paint": PAINT,
        "ns_numerator": 3,
        "ns_denominator": 2,
        "crc32": 0,
    }
    return with_crc(layout.CONFIG.pack(values))


def with_crc(config: bytes) -> bytes:
    """A configuration record with its CRC set right."""
    offset = layout.CONFIG.offset("crc32")
    return config[:offset] + struct.pack("<I", zlib.crc32(config[:offset]))


def replay(cases: Sequence[Case]) -> list[Answer]:
    """What the runtime does in each case. Raises AssertionError if a sanitizer objects."""
    data = b"".join(map(_encode, cases))
    result = subprocess.run([program("replay")], input=data, capture_output=True, timeout=120)
    assert result.returncode == 0, result.stderr.decode()
    answers, offset = [], 0
    for _ in cases:
        answer, offset = _decode(result.stdout, offset)
        answers.append(answer)
    return answers


def _encode(case: Case) -> bytes:
    numbers = struct.pack("<4I", case.arena_bytes, len(case.plan), len(case.received), case.send_limit)
    frames = [(frame.source, encode(frame)) if isinstance(frame, Frame) else frame for frame in case.received]
    recorded = b"".join(struct.pack("<II", peer, len(data)) + data for peer, data in frames)
    return numbers + configuration(case) + case.plan + recorded


def _decode(data: bytes, offset: int) -> tuple[Answer, int]:
    status, frames, arena_bytes = struct.unpack_from("<iII", data, offset)
    offset += 12
    sent = []
    for _ in range(frames):
        peer, size = struct.unpack_from("<II", data, offset)
        (frame,) = FrameDecoder().feed(data[offset + 8 : offset + 8 + size])
        assert frame.target == peer
        sent.append(frame)
        offset += 8 + size
    arena = data[offset : offset + arena_bytes]
    return Answer(_status_name(status), tuple(sent), arena), offset + arena_bytes


def _status_name(status: int) -> str:
    if status == 0:
        return "OK"
    return next(name for name, (value, _) in layout.STATUS.members.items() if value == status)
