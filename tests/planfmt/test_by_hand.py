"""One plan and one frame that were written by hand, byte by byte, against both codecs."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.boards.frames import Frame, FrameDecoder, FrameKind, encode
from planner.planfmt.decode import decode
from planner.planfmt.encode import assemble

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
NO_INDEX = 0xFFFFFFFF


def written(path: Path) -> bytes:
    """The bytes of a commented hex file; each line begins with its offset."""
    data = b""
    for line in path.read_text(encoding="utf-8").splitlines():
        if content := line.split("#")[0]:
            offset, *numbers = content.split()
            assert int(offset, 16) == len(data), line
            data += bytes.fromhex("".join(numbers))
    return data


@pytest.mark.parametrize("name", ["plan/by_hand.plan", "frame/by_hand.frame"])
def test_the_binary_is_what_is_written(name: str) -> None:
    path = VECTORS / name
    assert path.read_bytes() == written(path.with_suffix(".hex"))


def test_plan() -> None:
    data = (VECTORS / "plan" / "by_hand.plan").read_bytes()
    image = decode(data)
    assert image.header == {
        **{"format_major": 1, "format_minor": 0, "node": 1, "nodes": 5, "capabilities": 5, "cluster_id": 0xA1B2C3D4},
        **{"model_hash": 0x8877665544332211, "arena_bytes": 56, "slot_count": 1, "port_count": 2, "arithmetic": 1},
    }
    assert [list(buffer.values()) for buffer in image.buffers] == [[0, 16, 0, 4], [24, 6, 0, 4], [40, 12, 1, 4]]
    assert [step["opcode"] for step in image.steps] == [2, 1, 3, 4]
    assert image.steps[1] == {
        **{"opcode": 1, "kernel": 10, "variant": 0, "packing": 0, "parameters": 0, "first_operand": 0},
        **{"operand_count": 2, "message": NO_INDEX, "scratch_buffer": NO_INDEX, "scratch_bytes": 0, "iterations": 0},
        "predicted_ns": 0xAAAA,
    }
    assert [list(operand.values()) for operand in image.operands] == [
        [0, NO_INDEX, 3, 3, 1, 1, 1],
        [1, NO_INDEX, 3, 3, 2, 1, 1],
    ]
    assert [list(view.values()) for view in image.views] == [
        [1, 0, 3, 2, 2, 1, 0, 0, 0],
        [2, 0, 6, 2, 0, 0, 0, 0, 0],
    ]
    used = {name: value for name, value in image.parameters[0].items() if value not in (0, NO_INDEX)}
    assert used == {"pad_left": 1, "output_zero_point": -9}
    assert list(image.messages[0].values()) == [0x1122334455, 0xD1, 6, 0, 0, 2, 3, 2, 3, 2, 0, 1]
    assert list(image.ends[0].values()) == [1, 0, 0, 0]
    assert image.constants == b"\xc1\xc2\xc3"
    assert assemble(image) == data


def test_frame() -> None:
    data = (VECTORS / "frame" / "by_hand.frame").read_bytes()
    frame = Frame(FrameKind.DATA, 0x0201, 0x0403, 0x0C0B0A09, 0x08070605, 0x1716151413121110, b"12345")
    assert list(FrameDecoder().feed(data)) == [frame]
    assert encode(frame) == data
