"""Use case: put each device's plan into the flash of its board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planner.boards.idle_board import BoardInfo, IdleBoard
from planner.data.instance import Instance
from planner.data.testbed import Address, EmulatedAddress, LocalAddress, Testbed
from planner.errors import DeviceError, InputError
from planner.planfmt import layout

FLASH_TIMEOUT_S = 60.0
"""Longest wait for a board that erases or checks a plan."""

Progress = Callable[[str, int, int], None]
"""Told of a device, how many bytes of its plan the board has, and how many there are."""


@dataclass(frozen=True, slots=True)
class Flashed:
    """A device whose board has its plan: `sent_bytes` of `plan_bytes` had to be sent for that."""

    device: str
    address: str
    plan_bytes: int
    plan_crc32: int
    sent_bytes: int


def flash_plans(
    instance: Instance,
    binaries: Sequence[bytes],
    cluster_id: int,
    testbed: Testbed,
    only: str | None = None,
    progress: Progress = lambda *_: None,
    timeout_s: float = FLASH_TIMEOUT_S,
) -> list[Flashed]:
    """Send every device, or `only` one, its plan. What a board has already is not sent again.

    Raises InputError if the testbed lacks a device or a plan belongs to another cluster; DeviceError, naming the
    device, if its board cannot be reached or cannot run its plan. All boards are asked before the first is written.
    """
    addresses = _addresses(instance, testbed, only)
    plans = {device.name: binary for device, binary in zip(instance.devices, binaries, strict=True)}
    for device in addresses:
        if layout.PLAN_HEADER.unpack(plans[device])["cluster_id"] != cluster_id:
            raise InputError(f"the plan binary of {device} belongs to another cluster; solve the instance again")
        with IdleBoard.open(addresses[device], device, timeout_s) as board:
            check_plan(device, plans[device], board.info)
    flashed = []
    for device, address in addresses.items():
        binary = plans[device]

        def tell(done_bytes: int, device: str = device, whole_bytes: int = len(binary)) -> None:
            progress(device, done_bytes, whole_bytes)

        with IdleBoard.open(address, device, timeout_s) as board:
            sent_bytes = board.write_plan(binary, instance.model.rpartition("/")[2], tell)
        crc32 = layout.PLAN_HEADER.unpack(binary)["crc32"]
        flashed.append(Flashed(device, str(address), len(binary), crc32, sent_bytes))
    return flashed


def check_plan(device: str, binary: bytes, board: BoardInfo) -> None:
    """Raise DeviceError if a board cannot take a plan, and say why."""
    header = layout.PLAN_HEADER.unpack(binary)
    version = (header["format_major"], header["format_minor"])
    lacking = header["capabilities"] & ~board.capabilities
    if version[0] != board.format_major or version[1] > board.format_minor:
        fault = (
            f"its runtime reads plans of version {board.format_major}.{board.format_minor}, not {version[0]}."
            f"{version[1]}; flash its firmware again"
        )
    elif lacking:
        fault = (
            f"its runtime lacks {_capabilities(lacking)}; solve with a profile of its kernels, or flash its firmware"
        )
    elif len(binary) > board.store_bytes:
        fault = f"its plan has {len(binary)} bytes, a slot of its store {board.store_bytes}; lower the device's flash"
    elif header["arena_bytes"] > board.ram_bytes:
        fault = f"its plan needs {header['arena_bytes']} bytes of RAM, it has {board.ram_bytes}; lower the device's ram"
    else:
        return
    raise DeviceError(device, fault)


def _capabilities(bits: int) -> str:
    known = [name for name, (bit, _) in layout.CAPABILITY.members.items() if bits & bit]
    unknown = bits & ~sum(bit for bit, _ in layout.CAPABILITY.members.values())
    return ", ".join(known + ([f"capabilities {unknown:#x}"] if unknown else []))


def _addresses(instance: Instance, testbed: Testbed, only: str | None) -> Mapping[str, Address]:
    names = [device.name for device in instance.devices]
    if only is not None and only not in names:
        raise InputError(f"the plan has no device {only!r}; it has {', '.join(names)}")
    chosen = names if only is None else [only]
    missing = [name for name in chosen if name not in testbed.addresses]
    if missing:
        raise InputError(f"the testbed has no address for {', '.join(missing)}; add it under devices")
    started = [name for name in chosen if isinstance(testbed.addresses[name], EmulatedAddress | LocalAddress)]
    if started:
        raise InputError(
            f"{', '.join(started)} is started for each run and keeps no plan; give it a serial, tcp or udp address"
        )
    return {name: testbed.addresses[name] for name in chosen}
