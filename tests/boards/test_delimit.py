"""Byte stuffing against bytes worked out by hand, and streams that are damaged in every way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.boards.delimit import Undelimiter, delimit, undelimit
from planner.boards.frames import PAYLOAD_BYTES, Frame, FrameError, FrameKind, encode

frames = st.builds(
    Frame,
    st.sampled_from(FrameKind),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1),
    payload=st.one_of(st.binary(max_size=40), st.binary(min_size=300, max_size=PAYLOAD_BYTES)),
    session=st.integers(0, 255),
    order=st.integers(0, 2**16 - 1),
)
RUN = bytes(range(1, 255))


@pytest.mark.parametrize(
    ("content", "encoded"),
    [
        (b"\x01", b"\x02\x01"),
        (b"\x00", b"\x01\x01"),
        (b"\x01\x00\x02", b"\x02\x01\x02\x02"),
        (RUN, b"\xff" + RUN + b"\x01"),
        (RUN + b"\x00", b"\xff" + RUN + b"\x01\x01"),
        (RUN + b"\x05", b"\xff" + RUN + b"\x02\x05"),
    ],
)
def test_bytes_are_as_worked_out_by_hand(content: bytes, encoded: bytes) -> None:
    assert delimit(content) == b"\x00" + encoded + b"\x00"
    assert undelimit(encoded) == content


@pytest.mark.parametrize("encoded", [b"\x03\x01", b"\xff\x01", b"\xff" + RUN])
def test_what_is_not_well_formed_is_refused(encoded: bytes) -> None:
    with pytest.raises(FrameError):
        undelimit(encoded)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=1500))
def test_stuffing_is_undone(content: bytes) -> None:
    encoded = delimit(content)[1:-1]
    assert 0 not in encoded
    assert undelimit(encoded) == content


@settings(deadline=None, max_examples=50)
@given(st.lists(frames, max_size=4), st.integers(1, 700))
def test_a_stream_cut_anywhere_gives_the_same_frames(sent: list[Frame], piece: int) -> None:
    stream = b"".join(delimit(encode(frame)) for frame in sent)
    reader = Undelimiter()
    received = [frame for at in range(0, len(stream), piece) for frame in reader.feed(stream[at : at + piece])]
    assert received == sent
    assert reader.garbage == 0


@settings(deadline=None, max_examples=100)
@given(st.lists(frames, min_size=3, max_size=5), st.data())
def test_damage_costs_no_more_than_the_frames_that_it_touches(sent: list[Frame], data: st.DataObject) -> None:
    """Bytes changed, left out or put in anywhere within one frame: all others arrive, and it does not."""
    pieces = [delimit(encode(frame)) for frame in sent]
    victim = data.draw(st.integers(0, len(sent) - 1))
    piece = bytearray(pieces[victim])
    at = data.draw(st.integers(1, len(piece) - 2))
    match data.draw(st.sampled_from(["change", "drop", "insert", "truncate"])):
        case "change":
            piece[at] ^= data.draw(st.integers(1, 255))
        case "drop":
            del piece[at]
        case "insert":
            piece.insert(at, data.draw(st.integers(0, 255)))
        case _:
            del piece[at:-1]
    reader = Undelimiter()
    received = list(reader.feed(b"".join([*pieces[:victim], bytes(piece), *pieces[victim + 1 :]])))
    assert received == [*sent[:victim], *sent[victim + 1 :]]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=3000), max_size=5), frames)
def test_noise_is_survived_in_bounded_memory(noise: list[bytes], frame: Frame) -> None:
    reader = Undelimiter()
    for data in noise:
        list(reader.feed(data))
        assert len(reader._pending) <= 2 * PAYLOAD_BYTES
    assert list(reader.feed(delimit(encode(frame)))) == [frame]
