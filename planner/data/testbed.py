"""Where boards are: the addresses of a testbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar


class EmulatedLink(Enum):
    """By what an emulated machine talks."""

    SERIAL = "serial"
    ETHERNET = "ethernet"


DEFAULT_BAUD = 115_200


@dataclass(frozen=True, slots=True)
class SerialAddress:
    """A serial port of this computer; `baud` is in bits per second."""

    port: str
    baud: int = DEFAULT_BAUD

    def __str__(self) -> str:
        return f"serial:{self.port}?baud={self.baud}"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A board, or a serial server in front of it, that listens for a connection."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UdpAddress:
    """A board that answers datagrams."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"udp:{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class EmulatedAddress:
    """An emulated machine, started for the run, which talks over its serial port or its Ethernet controller."""

    machine: str
    link: EmulatedLink = EmulatedLink.SERIAL

    def __str__(self) -> str:
        option = "" if self.link is EmulatedLink.SERIAL else f"?link={self.link.value}"
        return f"emulated:{self.machine}{option}"


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """A process of this computer, started for the run."""

    def __str__(self) -> str:
        return "local:"


Address = SerialAddress | TcpAddress | UdpAddress | EmulatedAddress | LocalAddress


@dataclass(frozen=True, slots=True)
class Testbed:
    """The address of each device, by name."""

    __test__: ClassVar = False
    addresses: Mapping[str, Address]
