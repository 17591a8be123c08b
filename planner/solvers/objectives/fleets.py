"""Parts of a fleet in the order of their price."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import groupby

from planner.data.hardware import NetworkKind
from planner.data.instance import Instance
from planner.solvers.objectives.space import UNLIMITED, Fleet

SYMMETRIC = (NetworkKind.SWITCH, NetworkKind.BUS, NetworkKind.STAR)
"""Networks in which devices that are alike may be swapped."""


def cheapest_first(instance: Instance, prices: Sequence[float]) -> Iterator[tuple[float, Fleet]]:
    """Every price and fleet that has the devices of the ends, the cheapest first and of those the one with most RAM.

    Of fleets that are alike, because neighbouring devices are, one.
    """
    kinds = _kinds(instance, prices)
    ends = {instance.input_node, instance.output_node} - {instance.host}
    least = tuple(int(kind[0] in ends) for kind in kinds)

    def entry(counts: tuple[int, ...]) -> tuple[float, int, tuple[int, ...]]:
        numbered = list(zip(kinds, counts, strict=True))
        ram_bytes = sum(instance.devices[kind[0]].ram_cap_bytes * count for kind, count in numbered)
        return sum(prices[kind[0]] * count for kind, count in numbered), -ram_bytes, counts

    waiting, seen = [entry(least)], {least}
    while waiting:
        price, _, counts = heapq.heappop(waiting)
        if any(counts):
            yield price, tuple(sorted(node for kind, n in zip(kinds, counts, strict=True) for node in kind[:n]))
        for index, kind in enumerate(kinds):
            more = (*counts[:index], counts[index] + 1, *counts[index + 1 :])
            if more[index] <= len(kind) and more not in seen:
                seen.add(more)
                heapq.heappush(waiting, entry(more))


def smaller_and_smaller(instance: Instance, fleet: Fleet, prices: Sequence[float]) -> tuple[Fleet, ...]:
    """Parts of a fleet, each the one before without the device that has the least RAM for its price; ends stay."""
    ends = (instance.input_node, instance.output_node)

    def worth(node: int) -> tuple[bool, float]:
        return node in ends, instance.devices[node].arena_cap_bytes / prices[node] if prices[node] else UNLIMITED

    order = sorted(fleet, key=worth)
    least = max(1, sum(node in ends for node in fleet))
    return tuple(tuple(sorted(order[count:])) for count in range(len(fleet) - least + 1))


def _kinds(instance: Instance, prices: Sequence[float]) -> list[list[int]]:
    """Devices that may stand for each other: equal ones side by side, so that the order of the ranges stays the same.

    A device where the input arises or the output ends stands for itself, and so does one with wires of its own.
    """
    ends = (instance.input_node, instance.output_node)

    def kind(node: int) -> object:
        device = instance.devices[node]
        if node in ends or instance.network.kind not in SYMMETRIC:
            return node
        return device.profile.name, device.ram_cap_bytes, device.flash_cap_bytes, prices[node]

    return [list(alike) for _, alike in groupby(range(len(instance.devices)), kind)]
