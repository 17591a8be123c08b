"""The frame codec against bytes computed by hand, and against every way of cutting and damaging a stream."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.boards.frames import PAYLOAD_BYTES, Frame, FrameDecoder, FrameError, FrameKind, encode

# Every byte by hand; the CRC is of the header with its own field 0, then the payload.
HEADER = bytes.fromhex("504c0500010203040a0b0c0d1112131403000000")
TAIL = bytes.fromhex("2122232425262728a1a2a3")
BYTES = HEADER + zlib.crc32(HEADER + bytes(4) + TAIL).to_bytes(4, "little") + TAIL
FRAME = Frame(
    FrameKind.DATA,
    source=0x0201,
    target=0x0403,
    tag=0x14131211,
    sequence=0x0D0C0B0A,
    virtual_ns=0x2827262524232221,
    payload=b"\xa1\xa2\xa3",
)

frames = st.builds(
    Frame,
    st.sampled_from(FrameKind),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=40),
)


def test_bytes_are_as_computed_by_hand() -> None:
    assert encode(FRAME) == BYTES
    assert list(FrameDecoder().feed(BYTES)) == [FRAME]


@settings(deadline=None, max_examples=50)
@given(st.lists(frames, max_size=5), st.integers(1, 50))
def test_a_stream_cut_anywhere_gives_the_same_frames(sent: list[Frame], piece: int) -> None:
    stream = b"".join(map(encode, sent))
    decoder = FrameDecoder()
    received = [
        frame for start in range(0, len(stream), piece) for frame in decoder.feed(stream[start : start + piece])
    ]
    assert received == sent


@pytest.mark.parametrize("position", range(len(BYTES)))
def test_a_damaged_byte_is_noticed(position: int) -> None:
    damaged = bytearray(BYTES)
    damaged[position] ^= 0x40
    # A longer length leaves the frame incomplete: what follows completes it.
    with pytest.raises(FrameError):
        list(FrameDecoder().feed(bytes(damaged) + bytes(64 + PAYLOAD_BYTES)))


def test_an_unknown_kind_is_refused() -> None:
    header = HEADER[:2] + b"\x63" + HEADER[3:]
    data = header + zlib.crc32(header + bytes(4) + TAIL).to_bytes(4, "little") + TAIL
    with pytest.raises(FrameError, match="unknown kind 99"):
        list(FrameDecoder().feed(data))


def test_a_payload_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="exceeds"):
        encode(Frame(FrameKind.DATA, 0, 1, payload=bytes(PAYLOAD_BYTES + 1)))
