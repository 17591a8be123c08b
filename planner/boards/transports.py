"""Bytes to and from a board, by whatever they travel; nothing here blocks, and nothing is promised to arrive."""

from __future__ import annotations

import socket
from typing import Protocol

import serial

from planner.data.testbed import Address, SerialAddress, TcpAddress, UdpAddress
from planner.errors import DeviceError, InternalError

_READ_BYTES = 65536
_CONNECT_TIMEOUT_S = 5.0


class Transport(Protocol):
    """One line to a board. Reading and writing raise OSError if the line is gone."""

    def fileno(self) -> int:
        """A descriptor to select on."""
        ...

    def read(self) -> bytes:
        """What has arrived, maybe nothing."""
        ...

    def write(self, data: bytes) -> int:
        """Send some of one encoded frame; how many bytes were taken. Packets are sent whole or dropped."""
        ...

    def close(self) -> None: ...


class SerialTransport:
    """A serial port, also that of an emulator (a pseudo terminal)."""

    def __init__(self, port: str, baud: int) -> None:
        self._port = serial.Serial(port, baud, timeout=0, write_timeout=0, exclusive=True)
        self._port.reset_input_buffer()

    def fileno(self) -> int:
        return int(self._port.fileno())

    def read(self) -> bytes:
        return bytes(self._port.read(_READ_BYTES))

    def write(self, data: bytes) -> int:
        return int(self._port.write(data))

    def close(self) -> None:
        self._port.close()


class SocketTransport:
    """A connected socket: a stream, or datagrams of one encoded frame each."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._is_stream = connection.type == socket.SOCK_STREAM

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes:
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, ConnectionRefusedError):  # refused: a datagram met nobody, which is a loss
            return b""
        if not data and self._is_stream:
            raise ConnectionResetError("the other end has closed the connection")
        return data

    def write(self, data: bytes) -> int:
        try:
            return self._socket.send(data)
        except (BlockingIOError, ConnectionRefusedError):
            return 0 if self._is_stream else len(data)

    def close(self) -> None:
        self._socket.close()


class EthernetTransport:
    """Ethernet frames to and from an emulator, each after its length, over a stream. Each carries one encoded frame."""

    _HEADER = bytes.fromhex("ffffffffffff 02504c000001 88b5")
    """To everyone, from a locally administered address, of the type for local experiments."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = SocketTransport(connection)
        self._arriving = bytearray()
        self._leaving = b""

    def fileno(self) -> int:
        return self._stream.fileno()

    def read(self) -> bytes:
        self._arriving += self._stream.read()
        payload = bytearray()
        while len(self._arriving) >= 4:
            end = 4 + int.from_bytes(self._arriving[:4], "big")
            if len(self._arriving) < end:
                break
            start = 4 + len(self._HEADER)
            if self._arriving[start - 2 : start] == self._HEADER[-2:]:
                payload += self._arriving[start:end]
            del self._arriving[:end]
        return bytes(payload)

    def write(self, data: bytes) -> int:
        """Takes a whole frame, or drops it while another is still leaving, as a busy network does."""
        if not self._leaving:
            frame = self._HEADER + data
            self._leaving = len(frame).to_bytes(4, "big") + frame
        self._leaving = self._leaving[self._stream.write(self._leaving) :]
        return len(data)

    def close(self) -> None:
        self._stream.close()


def open_transport(address: Address, device: str) -> Transport:
    """Open the line to a board that runs already. Raises DeviceError, naming `device`, if that fails."""
    try:
        match address:
            case SerialAddress():
                return SerialTransport(address.port, address.baud)
            case TcpAddress():
                return SocketTransport(socket.create_connection((address.host, address.port), _CONNECT_TIMEOUT_S))
            case UdpAddress():
                connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                connection.connect((address.host, address.port))
                return SocketTransport(connection)
            case _:
                raise InternalError(f"{address} is started, not opened")
    except (OSError, ValueError) as problem:  # serial.SerialException is an OSError
        raise DeviceError(device, f"{address} cannot be opened: {problem}") from problem
