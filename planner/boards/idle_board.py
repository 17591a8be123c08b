"""A board that waits for commands: what it is, and what can be asked of it (docs/LINK_PROTOCOL.md, section 4)."""

from __future__ import annotations

import struct
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
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


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """The plan in force on a board: its header's numbers, when it was sent (seconds since 1970, UTC), its model."""

    plan_bytes: int
    plan_crc32: int
    cluster_id: int
    model_hash: int
    stored_at_s: int
    model: str

    @staticmethod
    def describe(binary: bytes, model: str) -> StoredPlan:
        """What a plan binary will be stored as, now."""
        header = layout.PLAN_HEADER.unpack(binary)
        return StoredPlan(
            len(binary), header["crc32"], header["cluster_id"], header["model_hash"], int(time.time()), model
        )

    @staticmethod
    def parse(payload: bytes) -> StoredPlan | None:
        """Read a STORED frame's payload; None if the board has no plan. Raises struct.error if it is too short."""
        record = layout.STORED_PLAN.unpack(payload)
        if record["magic"] != layout.STORED_PLAN_MAGIC.value:
            return None
        name = payload[layout.STORED_PLAN.size_bytes :].decode("utf-8", errors="replace")
        return StoredPlan(**{field: record[field] for field in _STORED_FIELDS}, model=name)

    def encode(self) -> bytes:
        """A COMMIT frame's payload; the board fills in the rest. A name that is too long is cut."""
        record = dict.fromkeys((field.name for field in layout.STORED_PLAN.fields), 0)
        record |= {field: getattr(self, field) for field in _STORED_FIELDS}
        room = layout.STORED_PLAN_HEAD_BYTES.value - layout.STORED_PLAN.size_bytes
        name = self.model.encode("utf-8")[:room].decode("utf-8", errors="ignore")
        return layout.STORED_PLAN.pack(record) + name.encode("utf-8")

    def slot(self, binary: bytes) -> bytes:
        """What a slot of a board's store holds after it has written the plan, as its first one."""
        head = layout.STORED_PLAN.unpack(self.encode())
        name = self.encode()[layout.STORED_PLAN.size_bytes :]
        head |= {"magic": layout.STORED_PLAN_MAGIC.value, "size": layout.STORED_PLAN.size_bytes}
        head |= {"name_bytes": len(name), "sequence": 1}
        counted = layout.STORED_PLAN.pack(head)[: layout.STORED_PLAN.offset("crc32")] + name
        head["crc32"] = zlib.crc32(counted)
        return (layout.STORED_PLAN.pack(head) + name).ljust(layout.STORED_PLAN_HEAD_BYTES.value, b"\xff") + binary

    def is_same_plan(self, other: StoredPlan) -> bool:
        """Whether both are the same binary, whenever they were sent."""
        return replace(self, stored_at_s=0, model="") == replace(other, stored_at_s=0, model="")


_STORED_FIELDS = ("plan_bytes", "plan_crc32", "cluster_id", "model_hash", "stored_at_s")


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

    def stored_plan(self) -> StoredPlan | None:
        """The plan in force, if there is one."""
        self.send(FrameKind.STORED)
        return StoredPlan.parse(self.receive(FrameKind.STORED).payload)

    def write_plan(self, binary: bytes, model: str = "", progress: Callable[[int], None] = lambda _: None) -> int:
        """Put a plan into the board's store and bring it into force; returns how many bytes had to be sent for that.

        None if it is in force already; only those pages whose CRC is wrong if a transfer was cut short. `progress` is
        told how many bytes the board has. The old plan stays in force until the new one is whole.
        """
        plan = StoredPlan.describe(binary, model)
        before = self.stored_plan()
        if before is not None and before.is_same_plan(plan):
            progress(len(binary))
            return 0
        self.send(FrameKind.STORE, len(binary))
        store = layout.STORE.unpack(self.receive(FrameKind.STORE).payload)
        bounds = _pages(len(binary), store["first_page_bytes"], store["page_bytes"])
        sent_bytes = 0
        for (start, stop), crc32 in zip(bounds, self._page_crcs(len(bounds)), strict=True):
            if zlib.crc32(binary[start:stop]) != crc32:
                sent_bytes += stop - start
                for offset in range(start, stop, PAYLOAD_BYTES):
                    self.send(FrameKind.PLAN, offset, binary[offset : min(offset + PAYLOAD_BYTES, stop)])
                    self.flush()
            progress(stop)
        self.send(FrameKind.COMMIT, payload=plan.encode())
        after = StoredPlan.parse(self.receive(FrameKind.STORED).payload)
        if after is None or not after.is_same_plan(plan):
            raise ProtocolError(self._device, "has another plan than the one that it was sent")
        return sent_bytes

    def _page_crcs(self, pages: int) -> list[int]:
        """What every page of the slot that is to be written holds now."""
        crcs: list[int] = []
        while len(crcs) < pages:
            self.send(FrameKind.PAGES, len(crcs))
            payload = self.receive(FrameKind.PAGES).payload
            if not payload:
                raise ProtocolError(self._device, f"tells of {len(crcs)} pages instead of {pages}")
            crcs += struct.unpack(f"<{len(payload) // 4}I", payload)
        return crcs

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


def _pages(plan_bytes: int, first_page_bytes: int, page_bytes: int) -> list[tuple[int, int]]:
    """The parts of a plan that lie in the pages of a slot."""
    stops = [*range(first_page_bytes, plan_bytes, page_bytes), plan_bytes]
    return list(pairwise([0, *stops]))
