"""The order of the messages of one communication phase, as a good open-shop schedule."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from planner.core.lowering.timeline import Timeline
from planner.core.phase import route
from planner.core.transfers import Delivery
from planner.data.hardware import Hop, Network

SHUFFLES = 8


@dataclass(frozen=True, slots=True)
class Transmission:
    """Hop number `level` of `delivery`, number `delivery_index` of its phase."""

    delivery: Delivery
    delivery_index: int
    level: int
    hop: Hop
    last: bool

    @property
    def duration_ns(self) -> int:
        return self.hop.cost.duration_ns(self.delivery.size_bytes)


def ordered_transmissions(
    network: Network, deliveries: Sequence[Delivery], timeline: Timeline
) -> tuple[Transmission, ...]:
    """All hops of all deliveries in the order of their starts in the shortest of several list schedules.

    Nodes and ports are taken to be ready when the timeline says. Raises NoPlanError if there is no route.
    """
    transmissions: list[Transmission] = []
    for index, delivery in enumerate(deliveries):
        hops = route(network, delivery)
        transmissions += [Transmission(delivery, index, n, hop, n == len(hops) - 1) for n, hop in enumerate(hops)]
    if not transmissions:
        return ()
    least_ns = _least_end_ns(transmissions, timeline)
    best: tuple[int, tuple[Transmission, ...]] | None = None
    for tie_break in _tie_breaks(transmissions):
        schedule = _list_schedule([transmissions[index] for index in tie_break], timeline)
        if best is None or schedule[0] < best[0]:
            best = schedule
        if best[0] <= least_ns:
            break
    assert best is not None
    return best[1]


def _least_end_ns(transmissions: Sequence[Transmission], timeline: Timeline) -> int:
    """When the last of all transmissions ends at the earliest: each port has to serve its load."""
    by_port: defaultdict[str, list[Transmission]] = defaultdict(list)
    for transmission in transmissions:
        for port in transmission.hop.ports:
            by_port[port].append(transmission)
    return max(
        max(timeline.port_free_ns[port], min(_ready_ns(t, timeline) for t in load)) + sum(t.duration_ns for t in load)
        for port, load in by_port.items()
    )


def _ready_ns(transmission: Transmission, timeline: Timeline) -> int:
    """When both ends of a transmission can be ready at the earliest."""
    return max(timeline.now_ns[transmission.hop.source], timeline.now_ns[transmission.hop.target])


def _tie_breaks(transmissions: Sequence[Transmission]) -> Iterator[list[int]]:
    """Orders to prefer between transmissions of equal load: in rounds, which suits an exchange of all with all, then
    shuffled ones."""
    nodes = sorted({node for t in transmissions for node in (t.hop.source, t.hop.target)})
    rank = {node: index for index, node in enumerate(nodes)}
    order = sorted(
        range(len(transmissions)),
        key=lambda i: (rank[transmissions[i].hop.target] - rank[transmissions[i].hop.source]) % len(rank),
    )
    yield order
    generator = random.Random(0)
    for _ in range(SHUFFLES):
        generator.shuffle(order)
        yield order


def _list_schedule(waiting: Sequence[Transmission], timeline: Timeline) -> tuple[int, tuple[Transmission, ...]]:
    """End and order of a list schedule.

    Whenever ports are free, the transmission whose ports have the longest remaining load goes first; a hop can start
    when the hop before it has ended.
    """
    loads_ns: defaultdict[str, int] = defaultdict(int)
    for transmission in waiting:
        for port in transmission.hop.ports:
            loads_ns[port] += transmission.duration_ns
    free_ns = {port: timeline.port_free_ns[port] for port in loads_ns}
    arrived_ns = {(transmission.delivery_index, -1): 0 for transmission in waiting}
    order: list[Transmission] = []
    now_ns = 0
    while waiting:
        started: set[Transmission] = set()
        events_ns: list[int] = []
        for transmission in sorted(waiting, key=lambda t: -max(loads_ns[port] for port in t.hop.ports)):
            released_ns = arrived_ns.get((transmission.delivery_index, transmission.level - 1))
            if released_ns is None:
                continue
            start_ns = max(
                released_ns, _ready_ns(transmission, timeline), *(free_ns[port] for port in transmission.hop.ports)
            )
            if start_ns > now_ns:
                events_ns.append(start_ns)
                continue
            end_ns = now_ns + transmission.duration_ns
            events_ns.append(end_ns)
            arrived_ns[transmission.delivery_index, transmission.level] = end_ns
            for port in transmission.hop.ports:
                free_ns[port] = end_ns
                loads_ns[port] -= transmission.duration_ns
            started.add(transmission)
            order.append(transmission)
        waiting = [transmission for transmission in waiting if transmission not in started]
        now_ns = min(events_ns)
    return max(free_ns.values()), tuple(order)
