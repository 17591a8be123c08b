"""Lower bounds on a communication phase from what nodes must at least send and receive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.core.cost import FloatArray
from planner.data.hardware import Hop, Network


@dataclass(frozen=True, slots=True)
class Traffic:
    """Cheapest message and byte anywhere, and how much of a network is shared.

    `fan` is the largest number of ports over which one node's messages may spread; `shared_levels` the number of hop
    levels at which every message between devices occupies one common port.
    """

    message_ns: float
    byte_ns: float
    fan: int
    shared_levels: int

    @staticmethod
    def of(network: Network) -> Traffic:
        hops = [hop for route in network.routes.values() for hop in route]
        fans = [1]
        for node in range(network.nodes):
            fans.append(_fan([route[0] for (s, _), route in network.routes.items() if s == node]))
            fans.append(_fan([route[-1] for (_, t), route in network.routes.items() if t == node]))
        between = [route for (s, t), route in network.routes.items() if network.host not in (s, t)]
        levels = min((len(route) for route in between), default=0)
        shared = sum(bool(set.intersection(*(set(route[k].ports) for route in between))) for k in range(levels))
        return Traffic(
            min((hop.cost.message_ns for hop in hops), default=0),
            min((hop.cost.byte_ps for hop in hops), default=0) / 1000,
            max(fans),
            shared,
        )

    def port_ns(self, size_bytes: FloatArray, messages: FloatArray) -> FloatArray:
        """Time that one node needs at least to send, or to receive, so much."""
        return np.asarray((self.message_ns * messages + self.byte_ns * size_bytes) / self.fan)

    def total_ns(self, size_bytes: FloatArray, messages: FloatArray) -> FloatArray:
        """Time that so much traffic between devices needs at least, whoever sends it."""
        return np.asarray((self.message_ns * messages + self.byte_ns * size_bytes) * self.shared_levels)


def _fan(hops: list[Hop]) -> int:
    """How many different ports serve these hops of one node; 1 if all share one."""
    if not hops or set.intersection(*(set(hop.ports) for hop in hops)):
        return 1
    return len({hop.ports for hop in hops})
