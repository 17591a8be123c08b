"""Testbeds (`testbed.yaml`): where each device of an instance is."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from planner.data.testbed import (
    DEFAULT_BAUD,
    Address,
    EmulatedAddress,
    EmulatedLink,
    LocalAddress,
    SerialAddress,
    TcpAddress,
    Testbed,
    UdpAddress,
)
from planner.errors import TestbedError
from planner.files.atomic import write_text
from planner.files.units import ValueFault
from planner.files.yaml_document import Document, member, nearest, schema_version

SCHEMA_VERSION = 1
_FORMS = "serial:/dev/ttyACM0?baud=2000000, tcp:HOST:PORT, udp:HOST:PORT, emulated:MACHINE (?link=ethernet) or local:"
_MOST_BAUD = 100_000_000


def read_testbed(path: Path, machines: Collection[str]) -> Testbed:
    """Read a testbed; `machines` can be emulated. Raises TestbedError with all faults."""
    document = Document(path, TestbedError)
    top = document.read()
    top.required("schema_version", schema_version(SCHEMA_VERSION), SCHEMA_VERSION)
    devices = top.section("devices")
    stand_in: Address = LocalAddress()
    addresses = {
        name: devices.required(name, lambda value: parse_address(value, machines), stand_in) for name in devices
    }
    top.finish()
    taken: dict[Address, str] = {}
    for name, address in addresses.items():
        if not isinstance(address, EmulatedAddress | LocalAddress) and address in taken:
            devices.fault(name, f"{address} is {taken[address]}'s already", "give each device an address of its own")
        taken[address] = name
    document.check()
    return Testbed(addresses)


def write_testbed(path: Path, testbed: Testbed) -> None:
    """Write a testbed for `read_testbed`."""
    lines = [f"schema_version: {SCHEMA_VERSION}", "devices:"]
    lines += [f"  {name}: '{address}'" for name, address in testbed.addresses.items()]
    write_text(path, "\n".join(lines) + "\n")


def parse_address(value: object, machines: Collection[str]) -> Address:
    """`serial:/dev/ttyACM0?baud=2000000` and the other forms. Raises ValueFault."""
    if not isinstance(value, str):
        raise ValueFault(f"{value!r} is not an address", f"write {_FORMS}")
    kind, separator, rest = value.partition(":")
    match kind:
        case "serial" if rest:
            return _serial(rest)
        case "tcp":
            return TcpAddress(*_host_and_port(value, rest))
        case "udp":
            return UdpAddress(*_host_and_port(value, rest))
        case "emulated":
            return _emulated(rest, machines)
        case "local" if separator and not rest:
            return LocalAddress()
        case _:
            raise ValueFault(f"{value!r} is not an address", f"write {_FORMS}")


def _emulated(rest: str, machines: Collection[str]) -> EmulatedAddress:
    machine, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    link = options.pop("link", EmulatedLink.SERIAL.value)
    if machine not in machines:
        raise ValueFault(f"there is no emulated machine {machine!r}", nearest(machine, machines))
    if options:
        raise ValueFault(
            f"an emulated machine has no option {next(iter(options))!r}", "write ?link=ethernet or nothing"
        )
    return EmulatedAddress(machine, member(EmulatedLink)(link))


def _serial(rest: str) -> SerialAddress:
    port, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    baud = options.pop("baud", str(DEFAULT_BAUD))
    if options:
        raise ValueFault(f"a serial port has no option {next(iter(options))!r}", "write ?baud=2000000 or nothing")
    if not baud.isdecimal() or not 0 < int(baud) <= _MOST_BAUD:
        raise ValueFault(f"{baud!r} is no baud rate", f"write a whole number from 1 to {_MOST_BAUD}")
    if not port:
        raise ValueFault("the serial port has no name", "write serial:/dev/ttyACM0")
    return SerialAddress(port, int(baud))


def _host_and_port(value: str, rest: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.path or parts.query:
        raise ValueFault(f"{value!r} names no host and port", "write, for instance, tcp:192.168.0.7:7000")
    return host, port
