"""Fleets of assumed boards, for solver tests: plain kernels, round numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from planner.core.cost import KERNELS, cost_key
from planner.data.graph import Arithmetic
from planner.data.hardware import CostProfile, Device, FirmwareFootprint, LinkCost, Network, Provenance, Source
from planner.data.instance import Instance

KIB = 1024
MIB = 1024 * KIB
SWITCH = LinkCost(message_ns=150_000, byte_ps=200_000)
BUS = LinkCost(message_ns=200_000, byte_ps=5_000_000)
CORES = {
    "m7": (600_000_000, Fraction(3, 5)),
    "m4": (168_000_000, Fraction(5, 4)),
    "m33": (160_000_000, Fraction(23, 20)),
    "m55": (250_000_000, Fraction(8, 5)),
    "m3": (120_000_000, Fraction(5, 4)),
    "rv32": (160_000_000, Fraction(13, 10)),
}
"""Clock and cycles per instruction."""
ASSUMED = Source(Provenance.GUESSED, "test")
FIRMWARE = FirmwareFootprint(4096, 2048, 2048, 48 * KIB, ASSUMED)


def instructions() -> Mapping[str, Mapping[str, float]]:
    """Instructions per feature of plain C kernels."""
    table = {}
    for kernel in KERNELS:
        features = {"call": 500.0, "rows": 100.0, "pixels": 10.0, "outputs": 30.0}
        if kernel in {"convolution", "pointwise", "fully_connected", "partial_sums"}:
            features |= {"macs": 5.0}
        elif kernel in {"depthwise", "average_pool", "maximum_pool", "mean"}:
            features |= {"macs": 10.0}
        elif kernel == "copy":
            features = {"call": 200.0, "rows": 20.0, "outputs": 1.0}
        elif kernel in {"accumulate", "requantise"}:
            features = {"call": 200.0, "rows": 20.0, "outputs": 6.0 if kernel == "accumulate" else 25.0}
        table[kernel] = features
    return table


def profile(core: str, firmware: FirmwareFootprint = FIRMWARE) -> CostProfile:
    clock_hz, cpi = CORES[core]
    cycles = {
        cost_key(kernel, arithmetic): {name: float(count * cpi) for name, count in features.items()}
        for kernel, features in instructions().items()
        for arithmetic in Arithmetic
    }
    return CostProfile(
        core, core, clock_hz, cpi, None, 512 * KIB, 8 * MIB, "portable", cycles, ASSUMED, firmware, ASSUMED
    )


def device(core: str, ram_bytes: int, flash_bytes: int = 8 * MIB) -> Device:
    return Device(core, profile(core), ram_bytes, flash_bytes)


def fleet(devices: Sequence[Device], network: Network | None = None) -> Instance:
    """An instance over numbered devices, on a switch unless a network is given; input and output at the host."""
    named = tuple(Device(f"{d.name}-{i}", d.profile, d.ram_cap_bytes, d.flash_cap_bytes) for i, d in enumerate(devices))
    return Instance("test", "model", named, network or Network.switch(len(named), SWITCH), len(named), len(named))


def m7s(count: int, ram_bytes: int) -> Instance:
    return fleet([device("m7", ram_bytes)] * count)


def mixed8() -> Instance:
    return fleet(
        [device("m7", 512 * KIB)] * 2
        + [device("m4", 192 * KIB, MIB)] * 2
        + [device("m33", 256 * KIB, 2 * MIB)] * 2
        + [device("m55", 512 * KIB, 4 * MIB), device("m3", 96 * KIB, MIB)]
    )


def mixed3() -> Instance:
    return fleet([device("m4", 96 * KIB, MIB), device("m33", 128 * KIB, 2 * MIB), device("rv32", 160 * KIB, 4 * MIB)])
