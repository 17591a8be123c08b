"""Testbeds: every form of address, and faults that name file, field and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.data.testbed import (
    EmulatedAddress,
    EmulatedLink,
    LocalAddress,
    SerialAddress,
    TcpAddress,
    Testbed,
    UdpAddress,
)
from planner.errors import TestbedError
from planner.files.testbed_file import read_testbed, write_testbed

MACHINES = ("mps2-an385", "mps2-an500")
ADDRESSES = {
    "a": SerialAddress("/dev/ttyACM0", 2_000_000),
    "b": SerialAddress("COM3"),
    "c": TcpAddress("192.168.0.7", 7000),
    "d": UdpAddress("board.local", 7001),
    "e": EmulatedAddress("mps2-an500"),
    "f": LocalAddress(),
    "g": EmulatedAddress("mps2-an385", EmulatedLink.ETHERNET),
}


def _read(tmp_path: Path, text: str) -> Testbed:
    file = tmp_path / "testbed.yaml"
    file.write_text(text)
    return read_testbed(file, MACHINES)


def test_every_form_is_read(tmp_path: Path) -> None:
    text = """
schema_version: 1
devices:
  a: serial:/dev/ttyACM0?baud=2000000
  b: serial:COM3
  c: tcp:192.168.0.7:7000
  d: udp:board.local:7001
  e: emulated:mps2-an500
  f: "local:"
  g: emulated:mps2-an385?link=ethernet
"""
    assert _read(tmp_path, text).addresses == ADDRESSES


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "testbed.yaml"
    write_testbed(file, Testbed(ADDRESSES))
    assert read_testbed(file, MACHINES).addresses == ADDRESSES


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("usb:3", "is not an address"),
        ("7", "is not an address"),
        ("serial:", "is not an address"),
        ("local:x", "is not an address"),
        ("serial:?baud=9600", "the serial port has no name"),
        ("serial:/dev/x?baud=fast", "'fast' is no baud rate"),
        ("serial:/dev/x?baud=0", "'0' is no baud rate"),
        ("serial:/dev/x?speed=1", "a serial port has no option 'speed'"),
        ("tcp:host", "names no host and port"),
        ("tcp:host:99999", "names no host and port"),
        ("udp::7", "names no host and port"),
        ("udp:host:7/x", "names no host and port"),
        ("emulated:mps2-an500?link=radio", "'radio' is none of serial, ethernet"),
        ("emulated:mps2-an500?speed=1", "an emulated machine has no option 'speed'"),
        ("emulated:mps2-an50", "there is no emulated machine 'mps2-an50'"),
    ],
)
def test_a_fault_names_file_field_and_remedy(tmp_path: Path, address: str, message: str) -> None:
    with pytest.raises(TestbedError, match=rf"testbed\.yaml: \$\.devices\.corner: .*{message}.*\(.+\)"):
        _read(tmp_path, f"schema_version: 1\ndevices:\n  corner: '{address}'\n")


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    text = "devices:\n  a: tcp:x:1\n  b: tcp:x:1\n  c: nowhere\nspeed: 9\n"
    with pytest.raises(TestbedError) as error:
        _read(tmp_path, text)
    found = str(error.value)
    for part in ("schema_version", "tcp:x:1 is a's already", "'nowhere' is not an address", "$.speed: unknown key"):
        assert part in found
