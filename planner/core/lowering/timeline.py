"""The plan clock while the plan is being made, so that messages can be ordered by when they can start."""

from __future__ import annotations

from collections import defaultdict

from planner.data.hardware import Hop


class Timeline:
    """Predicted clocks of all nodes and times at which ports get free, after all steps so far."""

    def __init__(self, nodes: int) -> None:
        self.now_ns = [0] * nodes
        self.port_free_ns: defaultdict[str, int] = defaultdict(int)
        self._ready_ns: dict[tuple[int, int], int] = {}
        self._end_ns: dict[int, int] = {}

    def compute(self, node: int, duration_ns: int) -> None:
        """A node computes."""
        self.now_ns[node] += duration_ns

    def ready(self, node: int, message: int) -> None:
        """A node notes that its end of a message is ready."""
        self._ready_ns[node, message] = self.now_ns[node]

    def transmit(self, message: int, hop: Hop, duration_ns: int) -> None:
        """A message for which both ends are ready passes over a hop."""
        ready_ns = (self._ready_ns[hop.source, message], self._ready_ns[hop.target, message])
        end_ns = max(*ready_ns, *(self.port_free_ns[port] for port in hop.ports)) + duration_ns
        self.port_free_ns.update(dict.fromkeys(hop.ports, end_ns))
        self._end_ns[message] = end_ns

    def wait(self, node: int, message: int) -> None:
        """A node waits for the end of a message."""
        self.now_ns[node] = max(self.now_ns[node], self._end_ns[message])
