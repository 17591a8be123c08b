"""The order of the messages of one communication phase, as a good open-shop schedule."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from planner.core.lowering.timeline import Timeline
from planner.core.phase import route
from planner.core.transfers import Delivery
from planner.data.hardware import Hop, Network

NEVER_NS = np.iinfo(np.int64).max
SENT_NS = -1
SHUFFLED_TRANSMISSIONS = 1000
"""Work put into trying shuffled orders: so many transmissions are scheduled again, once at least."""


@dataclass(frozen=True, slots=True)
class Transmission:
    """Hop number `level` of `delivery`, number `delivery_index` of its phase."""

    delivery: Delivery
    delivery_index: int
    level: int
    hop: Hop
    last: bool
    duration_ns: int


def ordered_transmissions(
    network: Network, deliveries: Sequence[Delivery], timeline: Timeline
) -> tuple[Transmission, ...]:
    """All hops of all deliveries in the order of their starts in the shortest of several list schedules.

    Nodes and ports are taken to be ready when the timeline says. Raises NoPlanError if there is no route.
    """
    transmissions: list[Transmission] = []
    for index, delivery in enumerate(deliveries):
        hops = route(network, delivery)
        for level, hop in enumerate(hops):
            duration_ns = hop.cost.duration_ns(delivery.size_bytes)
            transmissions.append(Transmission(delivery, index, level, hop, level == len(hops) - 1, duration_ns))
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
    for _ in range(-(-SHUFFLED_TRANSMISSIONS // len(order))):
        generator.shuffle(order)
        yield order


def _list_schedule(transmissions: Sequence[Transmission], timeline: Timeline) -> tuple[int, tuple[Transmission, ...]]:
    """End and order of a list schedule.

    Whenever ports are free, the transmission whose ports have the longest remaining load goes first; a hop can start
    when the hop before it has ended.
    """
    names = sorted({port for transmission in transmissions for port in transmission.hop.ports})
    number = {name: index for index, name in enumerate(names)}
    ports = [[number[name] for name in transmission.hop.ports] for transmission in transmissions]
    most = max(len(used) for used in ports)
    # Every transmission has as many ports as any: the last one is repeated.
    port_table = np.array([used + used[-1:] * (most - len(used)) for used in ports])
    durations_ns = np.array([transmission.duration_ns for transmission in transmissions], dtype=np.int64)
    free_ns = np.array([timeline.port_free_ns[name] for name in names], dtype=np.int64)
    loads_ns = np.zeros(len(names), dtype=np.int64)
    for used, duration_ns in zip(ports, durations_ns, strict=True):
        loads_ns[used] += duration_ns
    position = {(t.delivery_index, t.level): index for index, t in enumerate(transmissions)}
    ready_ns = np.array([_ready_ns(transmission, timeline) for transmission in transmissions], dtype=np.int64)
    open_ns = np.where([transmission.level == 0 for transmission in transmissions], ready_ns, NEVER_NS)
    order: list[Transmission] = []
    waiting = np.arange(len(transmissions))
    while waiting.size:
        starts_ns = np.maximum(open_ns[waiting], free_ns[port_table[waiting]].max(axis=1))
        now_ns = starts_ns.min()
        candidates = waiting[starts_ns == now_ns]
        priority = np.argsort(-loads_ns[port_table[candidates]].max(axis=1), kind="stable")
        for index in candidates[priority]:
            if (free_ns[ports[index]] > now_ns).any():
                continue
            transmission = transmissions[index]
            end_ns = now_ns + durations_ns[index]
            free_ns[ports[index]] = end_ns
            loads_ns[ports[index]] -= durations_ns[index]
            open_ns[index] = SENT_NS
            following = position.get((transmission.delivery_index, transmission.level + 1))
            if following is not None:
                open_ns[following] = max(end_ns, ready_ns[following])
            order.append(transmission)
        waiting = waiting[open_ns[waiting] != SENT_NS]
    return int(free_ns.max()), tuple(order)
