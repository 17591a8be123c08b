"""Instances made from an instance: another network, other caps, fewer or more devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from planner.data.graph import Graph
from planner.data.hardware import LinkCost, Network, NetworkKind
from planner.data.instance import Instance
from planner.solvers.heuristics import device_speeds


def relayed(instance: Instance) -> Instance | None:
    """The same devices, all talking through the host; None if they do already or have wires of different cost."""
    cost = _uniform_cost(instance)
    if cost is None or instance.network.kind is NetworkKind.STAR:
        return None
    return replace(instance, network=Network.star(len(instance.devices), cost))


def with_ram_factor(instance: Instance, factor: Fraction) -> Instance:
    """Every RAM cap scaled, rounded down to whole bytes."""
    devices = tuple(replace(d, ram_cap_bytes=int(d.ram_cap_bytes * factor)) for d in instance.devices)
    return replace(instance, devices=devices)


def with_cap_factor(instance: Instance, factor: Fraction) -> Instance:
    """Every RAM and flash cap scaled, rounded down to whole bytes."""
    richer = with_ram_factor(instance, factor)
    devices = tuple(replace(d, flash_cap_bytes=int(d.flash_cap_bytes * factor)) for d in richer.devices)
    return replace(richer, devices=devices)


def with_fastest(graph: Graph, instance: Instance, count: int) -> Instance | None:
    """The `count` fastest devices in the fleet's order, those of the ends always; None on a network of single wires."""
    if _network_of(instance, len(instance.devices)) is None:
        return None
    speeds = device_speeds(graph, instance)
    ends = {instance.input_node, instance.output_node}
    ranked = sorted(range(len(instance.devices)), key=lambda node: (node not in ends, -speeds[node], node))
    kept = sorted(ranked[: max(count, len(ends - {instance.host}))])
    places = {node: place for place, node in enumerate(kept)} | {instance.host: len(kept)}
    return replace(
        instance,
        devices=tuple(instance.devices[node] for node in kept),
        network=instance.network.among([*kept, instance.host]),
        input_node=places[instance.input_node],
        output_node=places[instance.output_node],
    )


def with_more_memory(instance: Instance, nodes: Sequence[int], resource: str, extra_bytes: int) -> Instance:
    """The instance with more of "RAM" or "flash" on some devices."""
    field = {"RAM": "ram_cap_bytes", "flash": "flash_cap_bytes"}[resource]
    devices = list(instance.devices)
    for node in nodes:
        devices[node] = replace(devices[node], **{field: getattr(devices[node], field) + extra_bytes})
    return replace(instance, devices=tuple(devices))


def with_more_devices(instance: Instance, like: int, count: int) -> Instance | None:
    """The instance with `count` more devices like device `like` beside it; None on a network of single wires."""
    network = _network_of(instance, len(instance.devices) + count)
    if network is None:
        return None
    model = instance.devices[like]
    more = tuple(replace(model, name=f"{model.name}+{number}") for number in range(1, count + 1))

    def moved(node: int) -> int:
        return node + count if node > like else node

    return replace(
        instance,
        devices=(*instance.devices[: like + 1], *more, *instance.devices[like + 1 :]),
        network=network,
        input_node=moved(instance.input_node),
        output_node=moved(instance.output_node),
    )


def _network_of(instance: Instance, devices: int) -> Network | None:
    """A network of the instance's kind and cost for so many devices; None if wires are named."""
    cost = _uniform_cost(instance)
    build = {
        NetworkKind.SWITCH: Network.switch,
        NetworkKind.BUS: Network.shared_bus,
        NetworkKind.STAR: Network.star,
    }.get(instance.network.kind)
    return None if cost is None or build is None else build(devices, cost)


def _uniform_cost(instance: Instance) -> LinkCost | None:
    """The cost of every hop, if all cost the same."""
    costs = {hop.cost for route in instance.network.routes.values() for hop in route}
    return costs.pop() if len(costs) == 1 else None
