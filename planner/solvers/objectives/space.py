"""Which plans a search may still return, as instances for the search for latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from planner.data.hardware import Device
from planner.data.instance import Instance
from planner.data.split import Layout, OperatorSplit, Segment, Split
from planner.solvers.problem import slot_table_bytes

UNLIMITED = 2**62
Fleet = tuple[int, ...]
"""Devices that may take part, ascending."""


@dataclass(frozen=True, slots=True)
class Space:
    """Plans of any one of `fleets` whose devices take at most `ram_bytes` each and whose phases take `makespan_ns`."""

    fleets: tuple[Fleet, ...]
    ram_bytes: int = UNLIMITED
    makespan_ns: int = UNLIMITED


def whole_space(instance: Instance) -> Space:
    """All plans."""
    return Space((tuple(range(len(instance.devices))),))


def restricted(instance: Instance, fleet: Fleet, ram_bytes: int) -> Instance:
    """The instance of the fleet's devices alone, under a common RAM cap besides their own.

    Devices of the ends must be among them. Messages keep their routes; what would pass through others has none.
    """
    kept = (*fleet, instance.host)
    alone = replace(
        instance,
        devices=tuple(instance.devices[node] for node in fleet),
        network=instance.network.among(kept),
        input_node=kept.index(instance.input_node),
        output_node=kept.index(instance.output_node),
    )
    # Among fewer devices the search leaves less for message slots than RAM is counted with.
    reserve_bytes = slot_table_bytes(instance) - slot_table_bytes(alone)
    return replace(alone, devices=tuple(_capped(device, ram_bytes, reserve_bytes) for device in alone.devices))


def lifted(split: Split, fleet: Fleet, nodes: int) -> Split:
    """A split over a fleet's devices as one over all nodes, of which the others own nothing."""
    operators: Mapping[str, OperatorSplit] = {
        name: replace(choice, layout=_lifted(choice.layout, fleet, nodes)) for name, choice in split.operators.items()
    }
    segments: Sequence[Segment] = [
        replace(segment, layout=_lifted(segment.layout, fleet, nodes)) for segment in split.segments
    ]
    return Split(operators, tuple(segments))


def _capped(device: Device, ram_bytes: int, reserve_bytes: int) -> Device:
    return replace(device, ram_cap_bytes=min(device.ram_cap_bytes, ram_bytes) - reserve_bytes)


def _lifted(layout: Layout, fleet: Fleet, nodes: int) -> Layout:
    ranges = [(0, 0)] * nodes
    for node, owned in zip(fleet, layout.ranges, strict=False):
        ranges[node] = owned
    return replace(layout, ranges=tuple(ranges))
