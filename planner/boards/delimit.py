"""Frames in a stream of bytes that may be damaged: consistent overhead byte stuffing (docs/LINK_PROTOCOL.md, 2)."""

from __future__ import annotations

from collections.abc import Iterator

from planner.boards.frames import HEADER_BYTES, PAYLOAD_BYTES, Frame, FrameError, decode

_BLOCK_BYTES = 254
_MOST_ENCODED_BYTES = HEADER_BYTES + PAYLOAD_BYTES + (HEADER_BYTES + PAYLOAD_BYTES) // _BLOCK_BYTES + 1


def delimit(frame: bytes) -> bytes:
    """The bytes of a frame without a zero, between two zeros."""
    encoded = bytearray(b"\0")
    for run in frame.split(b"\0"):
        full = len(run) // _BLOCK_BYTES * _BLOCK_BYTES
        for at in range(0, full, _BLOCK_BYTES):
            encoded += b"\xff" + run[at : at + _BLOCK_BYTES]
        encoded.append(len(run) - full + 1)
        encoded += run[full:]
    return bytes(encoded + b"\0")


def undelimit(encoded: bytes) -> bytes:
    """What `delimit` encoded, given what lies between the zeros. Raises FrameError if that is not well formed."""
    content = bytearray()
    at = 0
    while at < len(encoded):
        code = encoded[at]
        block = encoded[at + 1 : at + code]
        if len(block) != code - 1:
            raise FrameError("a frame ends within a block")
        content += block
        if code <= _BLOCK_BYTES:
            content.append(0)
        at += code
    if content[-1:] != b"\0":
        raise FrameError("a frame lacks its last block")
    return bytes(content[:-1])


class Undelimiter:
    """Cuts a stream of bytes, in pieces of any size, into frames; `garbage` counts what was none."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self.garbage = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes."""
        self._pending += data
        *complete, rest = self._pending.split(b"\0")
        # A frame that never ends is none: what is kept of it only has to show that it is too long.
        self._pending = rest[: _MOST_ENCODED_BYTES + 1]
        for encoded in filter(None, complete):
            try:
                yield decode(undelimit(bytes(encoded)))
            except FrameError:
                self.garbage += 1
