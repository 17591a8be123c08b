"""Devices, their measured costs, and the network between them.

Times are integers in nanoseconds where they are exact (links, clocks) and floats where they are fitted (costs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction


class Provenance(Enum):
    """Where a number comes from."""

    MEASURED = "measured"
    EMULATED = "emulated"
    DATASHEET = "datasheet"
    GUESSED = "guessed"


@dataclass(frozen=True, slots=True)
class Source:
    """Provenance of the numbers beside it, with what one needs to get them again."""

    provenance: Provenance
    note: str


@dataclass(frozen=True, slots=True)
class FirmwareFootprint:
    """RAM and flash that the runtime itself takes on a board."""

    static_bytes: int
    stack_bytes: int
    link_buffer_bytes: int
    code_bytes: int
    source: Source

    @property
    def ram_bytes(self) -> int:
        return self.static_bytes + self.stack_bytes + self.link_buffer_bytes


@dataclass(frozen=True, slots=True)
class Power:
    """What a board draws while it computes, and at all other times."""

    active_mw: float
    idle_mw: float
    source: Source


@dataclass(frozen=True, slots=True)
class CostProfile:
    """What a board is and what work costs on it.

    `cycles[kernel][feature]` are coefficients of a linear model in clock cycles; the features of a shard are counted
    by `planner.core.cost`. `machine` names the firmware port (`mps2-an500`), None for a board without one.
    """

    name: str
    core: str
    clock_hz: int
    cycles_per_instruction: Fraction
    machine: str | None
    ram_bytes: int
    flash_bytes: int
    kernels: str
    cycles: Mapping[str, Mapping[str, float]]
    cycles_source: Source
    firmware: FirmwareFootprint
    hardware_source: Source
    power: Power | None = None


ADDRESSABLE_BYTES = (1 << 32) - 1
"""The largest size that a 32-bit microcontroller can count: no cap is larger."""


@dataclass(frozen=True, slots=True)
class Device:
    """One board of the fleet with its caps: RAM counts static data, stack, link buffers, scratch and arena.

    `price` is in any unit, the same for the whole fleet; None if nobody asked.
    """

    name: str
    profile: CostProfile
    ram_cap_bytes: int
    flash_cap_bytes: int
    price: float | None = None

    @property
    def arena_cap_bytes(self) -> int:
        """RAM that a plan may use; negative if the cap does not even hold the firmware."""
        return self.ram_cap_bytes - self.profile.firmware.ram_bytes

    @property
    def plan_cap_bytes(self) -> int:
        """Flash that a plan binary may use."""
        return self.flash_cap_bytes - self.profile.firmware.code_bytes


@dataclass(frozen=True, slots=True)
class LinkCost:
    """Time that one message occupies its ports: per message plus per byte."""

    message_ns: int
    byte_ps: int

    def duration_ns(self, size_bytes: int) -> int:
        """Occupancy in nanoseconds, rounded up; the runtime computes the same integer."""
        return self.message_ns + -(-size_bytes * self.byte_ps // 1000)


@dataclass(frozen=True, slots=True)
class Hop:
    """One transmission from `source` to `target` (nodes). It occupies both `ports` at once for the link's duration."""

    source: int
    target: int
    ports: tuple[str, ...]
    cost: LinkCost


class NetworkKind(Enum):
    """Topologies an instance can name."""

    SWITCH = "switch"
    BUS = "bus"
    STAR = "star"
    LINKS = "links"


@dataclass(frozen=True, slots=True)
class Network:
    """Routes between nodes. The host is node `nodes - 1`.

    `routes[source, target]` is the chain of hops of a message, store and forward; a pair that cannot talk is absent.
    Ports are named; two messages that share a port never overlap in time. `bus` names the shared medium if there is
    one: its order is arbitrated by a token that travels in plan order.
    """

    kind: NetworkKind
    nodes: int
    routes: Mapping[tuple[int, int], tuple[Hop, ...]]
    bus: str | None = None

    @property
    def host(self) -> int:
        return self.nodes - 1

    def among(self, kept: Sequence[int]) -> Network:
        """The network without the nodes that are not kept; those that are, in their order, are numbered anew."""
        number = {node: index for index, node in enumerate(kept)}
        routes = {
            (number[route[0].source], number[route[-1].target]): tuple(
                replace(hop, source=number[hop.source], target=number[hop.target]) for hop in route
            )
            for route in self.routes.values()
            if all(hop.source in number and hop.target in number for hop in route)
        }
        return replace(self, nodes=len(kept), routes=routes)

    @staticmethod
    def switch(devices: int, cost: LinkCost) -> Network:
        """Full-duplex ports: a message occupies its sender's out-port and its receiver's in-port."""
        nodes = devices + 1
        return Network(
            NetworkKind.SWITCH,
            nodes,
            {(s, t): (_switch_hop(s, t, cost),) for s in range(nodes) for t in range(nodes) if s != t},
        )

    @staticmethod
    def shared_bus(devices: int, cost: LinkCost) -> Network:
        """One medium for all, the host included."""
        nodes = devices + 1
        return Network(
            NetworkKind.BUS,
            nodes,
            {(s, t): (Hop(s, t, ("bus",), cost),) for s in range(nodes) for t in range(nodes) if s != t},
            bus="bus",
        )

    @staticmethod
    def star(devices: int, cost: LinkCost) -> Network:
        """Every device has one full-duplex port to the host, which relays between them."""
        host = devices
        routes: dict[tuple[int, int], tuple[Hop, ...]] = {}
        for s in range(devices):
            routes[s, host] = (_switch_hop(s, host, cost),)
            routes[host, s] = (_switch_hop(host, s, cost),)
        for s in range(devices):
            for t in range(devices):
                if s != t:
                    routes[s, t] = (*routes[s, host], *routes[host, t])
        return Network(NetworkKind.STAR, devices + 1, routes)

    @staticmethod
    def links(devices: int, links: Mapping[tuple[int, int], LinkCost]) -> Network:
        """Explicit one-way wires, each a port of its own; other pairs are routed over the fewest hops."""
        nodes = devices + 1
        hops = {(s, t): Hop(s, t, (f"link:{s}>{t}",), cost) for (s, t), cost in links.items()}
        routes: dict[tuple[int, int], tuple[Hop, ...]] = {}
        for start in range(nodes):
            reached: dict[int, tuple[Hop, ...]] = {start: ()}
            frontier = [start]
            while frontier:
                following: list[int] = []
                for node in frontier:
                    for (s, t), hop in sorted(hops.items()):
                        if s == node and t not in reached:
                            reached[t] = (*reached[node], hop)
                            following.append(t)
                frontier = following
            routes |= {(start, t): route for t, route in reached.items() if t != start}
        return Network(NetworkKind.LINKS, nodes, routes)


def _switch_hop(source: int, target: int, cost: LinkCost) -> Hop:
    return Hop(source, target, (f"out:{source}", f"in:{target}"), cost)
