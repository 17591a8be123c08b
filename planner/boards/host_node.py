"""The host's own program: the same steps, memory and clock as on a board, with the boards at the other ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from planner.boards.frames import PAYLOAD_BYTES, Frame, FrameKind, carry
from planner.data.graph import Int8Array
from planner.data.plan import Await, Copy, Message, Operand, Plan, Ready, Step, Transfer, View
from planner.errors import InternalError


class Link(Protocol):
    """What the host's program needs of the connection to the boards. Both calls raise DeviceError."""

    def send(self, frame: Frame) -> None:
        """Hand a frame over; it arrives in order."""
        ...

    def receive(self, node: int, kind: FrameKind, tag: int, sequence: int = 0, size_bytes: int = 0) -> Frame:
        """The next frame from a node, which must be this one, with a payload of this size."""
        ...


class HostNode:
    """Executes the last program of a plan.

    `begun` is the last message whose transfer has begun, None before the first; `now_ns` is the clock.
    """

    def __init__(self, plan: Plan, link: Link) -> None:
        self._program = plan.programs[-1]
        self._messages = plan.messages
        self._host = len(plan.programs) - 1
        self._link = link
        self._memory = np.zeros(self._program.arena_bytes, dtype=np.uint8)
        self._ready_ns: dict[int, int] = {}
        self._end_ns: dict[int, int] = {}
        self._port_free_ns: dict[str, int] = {}
        self._bus = plan.bus is not None
        self.now_ns = 0
        self.begun: int | None = None
        self.finished = False

    def run(self, inputs: Mapping[str, Int8Array]) -> dict[str, Int8Array]:
        """Run once from the clock's 0; the graph outputs that end on the host, as [rows, columns, channels]."""
        for operand in self._program.inputs:
            self._store(operand, inputs[operand.tensor])
        for step in self._program.steps:
            self._execute(step)
        self.finished = True
        return {operand.tensor: self._load(operand).view(np.int8) for operand in self._program.outputs}

    def _execute(self, step: Step) -> None:
        match step:
            case Ready():
                self._ready_ns[step.message] = self.now_ns
            case Transfer():
                self.begun = step.message
                message = self._messages[step.message]
                if message.source == self._host:
                    self._send(step.message, message, self._load(step.operand).tobytes())
                else:
                    self._store(step.operand, np.frombuffer(self._receive(step.message, message), np.uint8))
            case Await():
                self.now_ns = max(self.now_ns, self._end_ns.pop(step.message))
            case Copy():
                self._store(step.target, self._load(step.source))
                self.now_ns += step.predicted_ns
            case _:
                raise InternalError(f"the host cannot execute a {type(step).__name__} step")

    def _send(self, tag: int, message: Message, payload: bytes) -> None:
        """The source's end of a message: the token of the bus, the grant, the data, the token for the next sender."""
        before, after = self._other_sender(tag - 1), self._other_sender(tag + 1)
        token_ns = 0 if before is None else self._link.receive(before, FrameKind.TOKEN, tag - 1).virtual_ns
        grant_ns = self._link.receive(message.target, FrameKind.GRANT, tag).virtual_ns
        start_ns = max(token_ns, grant_ns, self._ready_ns.pop(tag), self._port_free(message.ports[:1]))
        end_ns = self._occupy(tag, message.ports[:1], start_ns + message.duration_ns)
        for frame in carry(payload, Frame(FrameKind.DATA, self._host, message.target, tag, virtual_ns=end_ns)):
            self._link.send(frame)
        if after is not None:
            self._link.send(Frame(FrameKind.TOKEN, self._host, after, tag, virtual_ns=end_ns))

    def _receive(self, tag: int, message: Message) -> bytes:
        """The target's end of a message: the grant, then the data."""
        granted_ns = max(self._ready_ns.pop(tag), self._port_free(message.ports[1:]))
        self._link.send(Frame(FrameKind.GRANT, self._host, message.source, tag, virtual_ns=granted_ns))
        pieces = [
            self._link.receive(message.source, FrameKind.DATA, tag, sequence, min(PAYLOAD_BYTES, left_bytes))
            for sequence, left_bytes in enumerate(range(message.size_bytes, 0, -PAYLOAD_BYTES))
        ]
        self._occupy(tag, message.ports[1:], pieces[-1].virtual_ns)
        return b"".join(piece.payload for piece in pieces)

    def _other_sender(self, tag: int) -> int | None:
        """On a bus, the sender of message `tag` if it is another node."""
        if not self._bus or not 0 <= tag < len(self._messages):
            return None
        source = self._messages[tag].source
        return None if source == self._host else source

    def _port_free(self, ports: Sequence[str]) -> int:
        """When the port at this end is free: a message's first port is its source's, the second its target's."""
        return max((self._port_free_ns.get(port, 0) for port in ports), default=0)

    def _occupy(self, tag: int, ports: Sequence[str], end_ns: int) -> int:
        self._end_ns[tag] = end_ns
        self._port_free_ns.update(dict.fromkeys(ports, end_ns))
        return end_ns

    def _load(self, operand: Operand) -> NDArray[np.uint8]:
        """A copy of an operand's bytes, [rows, columns, bytes of a pixel]."""
        return np.concatenate([self._box(piece) for piece in operand.pieces])

    def _store(self, operand: Operand, values: NDArray[np.generic]) -> None:
        """Fill an operand with contiguous values. Raises ValueError if their size differs from the operand's."""
        boxes = [self._box(piece) for piece in operand.pieces]
        rows = values.reshape(-1).view(np.uint8).reshape(sum(map(len, boxes)), *boxes[0].shape[1:])
        for box in boxes:
            box[:] = rows[: len(box)]
            rows = rows[len(box) :]

    def _box(self, view: View) -> NDArray[np.uint8]:
        """The bytes of a view, writable."""
        if view.ring_rows or view.ring_columns:
            raise InternalError("the host's program has a ring")
        start = self._program.buffers[view.buffer].offset_bytes + view.offset_bytes
        return np.lib.stride_tricks.as_strided(
            self._memory[start:],
            (view.rows, view.columns, view.channels * view.element_bytes),
            (view.row_stride_bytes, view.pixel_stride_bytes, 1),
        )
