"""Fleets of emulated machines, and skipping where their tools are missing."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from planner.boards.machines import LOCAL_COMPILER, MACHINES
from planner.data.hardware import Device, NetworkKind
from planner.data.instance import Instance
from tests.builders.fleets import instance, profile, random_network

RAM_CAP_BYTES = 256 << 10


def missing_tools(*tools: str) -> list[str]:
    """Which of the programs are not installed."""
    return [tool for tool in tools if shutil.which(tool) is None]


def needs_local() -> pytest.MarkDecorator:
    """Skips a test of local processes where they cannot be built."""
    missing = missing_tools("make", LOCAL_COMPILER)
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def needs_machines(*names: str) -> pytest.MarkDecorator:
    """Skips a test of emulated machines where they cannot be built or run."""
    tools = {tool for name in names for tool in (MACHINES[name].compiler, MACHINES[name].emulator)}
    missing = missing_tools("make", *sorted(tools))
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def emulated_instance(
    machines: Sequence[str], kind: NetworkKind = NetworkKind.SWITCH, ram_cap_bytes: int = RAM_CAP_BYTES
) -> Instance:
    """A fleet of emulated machines of various speeds; input and output are on the host."""
    rng = np.random.default_rng(len(machines))
    profiles = tuple(
        replace(
            profile(name, clock_hz=(120 + 40 * n) * 1_000_000),
            machine=name,
            cycles_per_instruction=Fraction(5 + n, 4),
        )
        for n, name in enumerate(machines)
    )
    fleet = instance(random_network(rng, len(machines), kind), profiles)
    devices = tuple(Device(device.name, device.profile, ram_cap_bytes, 16 << 20) for device in fleet.devices)
    return replace(fleet, devices=devices)
