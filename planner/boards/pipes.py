"""The host's ends of the named pipes between nodes; nothing here blocks longer than asked."""

from __future__ import annotations

import fcntl
import os
import selectors
import struct
import termios
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from planner.boards.frames import Frame, FrameDecoder, encode

_READ_BYTES = 65536


def pipe_path(directory: Path, source: int, target: int) -> Path:
    """The pipe that carries frames from `source` to `target`."""
    return directory / f"c_{source}_{target}"


def make_pipes(directory: Path, pairs: Iterable[tuple[int, int]]) -> None:
    """Create a pipe for every ordered pair of nodes."""
    for source, target in pairs:
        os.mkfifo(pipe_path(directory, source, target))


def unread_bytes(directory: Path, source: int, target: int) -> int:
    """Bytes that lie in a pipe because `target` has not read them; 0 where there is no such pipe."""
    path = pipe_path(directory, source, target)
    if not path.exists():
        return 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        answer = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))
        return int(struct.unpack("i", answer)[0])
    finally:
        os.close(descriptor)


class HostPipes:
    """Both directions between the host and every other node."""

    def __init__(self, directory: Path, host: int, nodes: Iterable[int]) -> None:
        self._selector = selectors.DefaultSelector()
        self._incoming: dict[int, int] = {}
        self._outgoing: dict[int, int] = {}
        self._pending: dict[int, deque[bytes]] = {}
        self._decoders: dict[int, FrameDecoder] = {}
        for node in nodes:
            # Opened for both directions, a pipe never blocks at opening and never ends.
            self._incoming[node] = os.open(pipe_path(directory, node, host), os.O_RDWR | os.O_NONBLOCK)
            self._outgoing[node] = os.open(pipe_path(directory, host, node), os.O_RDWR | os.O_NONBLOCK)
            self._pending[node] = deque()
            self._decoders[node] = FrameDecoder()
            self._selector.register(self._incoming[node], selectors.EVENT_READ, node)

    def send(self, node: int, frame: Frame) -> None:
        """Queue a frame; `poll` writes it as the node reads."""
        if not self._pending[node]:
            self._selector.register(self._outgoing[node], selectors.EVENT_WRITE, node)
        self._pending[node].append(encode(frame))

    def poll(self, timeout_s: float) -> Iterator[tuple[int, Iterable[Frame]]]:
        """Write what fits, then yield what has arrived, by node; waits at most `timeout_s` for something to do.

        The frames are decoded as they are taken: that raises FrameError at bytes that are none.
        """
        for key, events in self._selector.select(timeout_s):
            if events & selectors.EVENT_WRITE:
                self._write(key.data)
            if events & selectors.EVENT_READ:
                yield key.data, self._decoders[key.data].feed(os.read(key.fd, _READ_BYTES))

    def _write(self, node: int) -> None:
        pending = self._pending[node]
        try:
            while pending:
                # A frame is shorter than PIPE_BUF: it is written whole or not at all.
                os.write(self._outgoing[node], pending[0])
                pending.popleft()
        except BlockingIOError:
            return
        self._selector.unregister(self._outgoing[node])

    def close(self) -> None:
        self._selector.close()
        for descriptor in (*self._incoming.values(), *self._outgoing.values()):
            os.close(descriptor)
