"""From a split to a plan with its binaries, and how far that exceeds the caps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from planner.core.lowering import lower
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.split import Split
from planner.files.graph_file import graph_hash
from planner.planfmt.encode import encode
from planner.solvers.offsets import pack_exactly


@dataclass(frozen=True, slots=True)
class Excess:
    """Bytes by device: what a plan takes beyond the caps, or what a search must leave free because plans have."""

    ram_bytes: tuple[int, ...]
    flash_bytes: tuple[int, ...]

    @staticmethod
    def none(instance: Instance) -> Excess:
        return Excess((0,) * len(instance.devices), (0,) * len(instance.devices))

    def __bool__(self) -> bool:
        return any((*self.ram_bytes, *self.flash_bytes))

    def __add__(self, other: Excess) -> Excess:
        return Excess(_sums(self.ram_bytes, other.ram_bytes), _sums(self.flash_bytes, other.flash_bytes))

    def reserved(self, instance: Instance) -> Instance:
        """The instance with its caps lowered by so much."""
        devices = tuple(
            replace(device, ram_cap_bytes=device.ram_cap_bytes - ram, flash_cap_bytes=device.flash_cap_bytes - flash)
            for device, ram, flash in zip(instance.devices, self.ram_bytes, self.flash_bytes, strict=True)
        )
        return replace(instance, devices=devices)


def make_plan(graph: Graph, instance: Instance, split: Split) -> tuple[Plan, tuple[bytes, ...]]:
    """The plan of a split and its binaries, one per device. Raises NoPlanError and ValueError as the lowering does."""
    plan = lower(graph, instance, split, graph_hash(graph), pack_exactly)
    return plan, tuple(encode(plan, graph, node) for node in range(len(instance.devices)))


def excess(instance: Instance, plan: Plan, binaries: Sequence[bytes]) -> Excess:
    """By how much each device's caps are exceeded."""
    devices = instance.devices
    return Excess(
        tuple(max(0, plan.programs[n].arena_bytes - device.arena_cap_bytes) for n, device in enumerate(devices)),
        tuple(max(0, len(binaries[n]) - device.plan_cap_bytes) for n, device in enumerate(devices)),
    )


def _sums(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(first, second, strict=True))
