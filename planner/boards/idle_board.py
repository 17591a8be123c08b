"""A board that waits for commands: what it is, and what can be asked of it (docs/LINK_PROTOCOL.md, section 4)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from planner.boards.frames import PAYLOAD_BYTES, Frame, FrameKind, status_name
from planner.boards.star import Star
from planner.boards.transports import Transport, open_transport
from planner.data.testbed import Address
from planner.errors import DeviceError, DeviceReported, DeviceTimeout, ProtocolError
from planner.planfmt import layout

NODE, HOST = 0, 1
"""Numbers of a board and the host that talk alone."""

CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class BoardInfo:
    """What a board says of itself. `plan_crc32` is that of the plan in its store, 0 if there is none."""

    name: str
    core: str
    format_major: int
    format_minor: int
    firmware_version: tuple[int, int, int]
    capabilities: int
    clock_hz: int
    ram_bytes: int
    flash_bytes: int
    store_bytes: int
    code_bytes: int
    plan_crc32: int

    @staticmethod
    def parse(frame: Frame) -> BoardInfo:
        """Read a BOARD frame. Raises ValueError if its payload is malformed."""
        record, text = frame.payload[: layout.BOARD.size_bytes], frame.payload[layout.BOARD.size_bytes :]
        if len(record) < layout.BOARD.size_bytes or len(lines := text.decode("utf-8").splitlines()) < 2:
            raise ValueError("its BOARD frame is too short")
        values = layout.BOARD.unpack(record)
        version = values.pop("firmware_version")
        return BoardInfo(
            name=lines[0],
            core=lines[1],
            firmware_version=(version >> 16, version >> 8 & 0xFF, version & 0xFF),
            **values,
        )


class IdleBoard:
    """One board, connected; a context manager that closes the line. Every failure is a DeviceError naming the device.

    Commands are frames: `send` queues them, `flush` waits until the board has them, `receive` gives its answers. A new
    command is a new member of `layout.FRAME_KIND` and `FrameKind`, and a case in `obey` of runtime_c/src/board.c.
    """

    def __init__(self, transport: Transport, device: str, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        self._star = Star([transport], [device])
        self._device = device
        self._timeout_s = timeout_s
        self._inbox: deque[Frame] = deque()
        try:
            (introduction,) = self._star.connect(timeout_s)
            self.info = BoardInfo.parse(introduction)
        except ValueError as problem:
            self._star.close()
            raise ProtocolError(device, str(problem)) from problem
        except BaseException:
            self._star.close()
            raise

    @staticmethod
    def open(address: Address, device: str, timeout_s: float = CONNECT_TIMEOUT_S) -> IdleBoard:
        """Connect to the board at an address. `timeout_s` bounds every later wait, too."""
        return IdleBoard(open_transport(address, device), device, timeout_s)

    def __enter__(self) -> IdleBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._star.close()

    def send(self, kind: FrameKind, tag: int = 0, payload: bytes = b"") -> None:
        """Queue a command."""
        self._star.send(NODE, Frame(kind, HOST, NODE, tag, payload=payload))

    def receive(self, kind: FrameKind) -> Frame:
        """The board's next frame, which must be of this kind. Raises DeviceReported if it is an ERROR."""
        self._wait(lambda: bool(self._inbox))
        frame = self._inbox.popleft()
        if frame.kind is FrameKind.ERROR:
            raise DeviceReported(self._device, f"reported {status_name(layout.ERROR.unpack(frame.payload)['status'])}")
        if frame.kind is not kind:
            raise ProtocolError(self._device, f"sent {frame.kind.name} where {kind.name} was due")
        return frame

    def flush(self) -> None:
        """Wait until the board has everything. Raises DeviceReported if it has reported an error meanwhile."""
        self._wait(lambda: self._star.sent(NODE) or bool(self._inbox))
        if self._inbox:
            self.receive(FrameKind.ERROR)

    def write_plan(self, binary: bytes, progress: Callable[[int], None] = lambda _: None) -> None:
        """Put a plan into the board's store; `progress` is told how many bytes it has."""
        for offset in range(0, len(binary), PAYLOAD_BYTES):
            self.send(FrameKind.PLAN, offset, binary[offset : offset + PAYLOAD_BYTES])
            self.flush()
            progress(min(offset + PAYLOAD_BYTES, len(binary)))

    def restart(self) -> None:
        """Let the board start again as after power on, and connect to it anew."""
        self._star.restart(NODE)
        (introduction,) = self._star.connect(self._timeout_s)
        self.info = BoardInfo.parse(introduction)

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + self._timeout_s
        while not done():
            for _, frames in self._star.poll(max(0.0, deadline_s - time.monotonic())):
                self._inbox += frames
            if self._star.faults:
                raise DeviceError(self._device, f"its link broke: {self._star.faults[NODE]}")
            if time.monotonic() > deadline_s:
                raise DeviceTimeout(self._device, f"has not answered for {self._timeout_s:g} s")
