"""What binds the latency of a plan: the chain of computations and messages that leaves no slack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.data.instance import Instance
from planner.data.plan import Await, Plan, Ready, Transfer
from planner.data.result import Simulation


@dataclass(frozen=True, slots=True)
class ComputeLink:
    """A CPU step on the path."""

    node: int
    step: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class MessageLink:
    """A message on the path. `behind_port` says that it waited for a port, and so follows another message."""

    message: int
    start_ns: int
    end_ns: int
    behind_port: bool


CriticalLink = ComputeLink | MessageLink


def critical_path(instance: Instance, plan: Plan, simulation: Simulation) -> tuple[CriticalLink, ...]:
    """The links from time 0 to the makespan; each starts when the one before it ends.

    Found backwards from the end of the output node's program. Where several causes end at the same time, a message is
    preferred to a computation, and of those for a message's start its source, its target, its ports, in this order.
    """
    return _Trace(plan, simulation).back_from(instance.output_node)


class _Trace:
    def __init__(self, plan: Plan, simulation: Simulation) -> None:
        self._plan = plan
        self._end_ns = simulation.step_end_ns
        self._times_ns: Sequence[tuple[int, int]] = simulation.message_times_ns
        self._ready_step: Mapping[tuple[int, int], int] = {
            (program.node, step.message): index
            for program in plan.programs
            for index, step in enumerate(program.steps)
            if isinstance(step, Ready)
        }

    def back_from(self, node: int) -> tuple[CriticalLink, ...]:
        links: list[CriticalLink] = []
        step = len(self._plan.programs[node].steps) - 1
        while step >= 0 and self._end_ns[node][step] > 0:
            start_ns = self._end_ns[node][step - 1] if step else 0
            end_ns = self._end_ns[node][step]
            action = self._plan.programs[node].steps[step]
            if isinstance(action, Await) and end_ns > start_ns:
                first, chain = self._messages_before(action.message)
                links += chain
                node, step = self._cause(first)
            elif end_ns > start_ns and not isinstance(action, Await | Ready | Transfer):
                links.append(ComputeLink(node, step, start_ns, end_ns))
            step -= 1
        return tuple(reversed(links))

    def _messages_before(self, message: int) -> tuple[int, list[CriticalLink]]:
        """A message and those that it queued behind, latest first; the first of them waited for a node only."""
        chain: list[CriticalLink] = []
        while True:
            start_ns, end_ns = self._times_ns[message]
            blocker = None if self._ready_ns(message) == start_ns else self._blocker(message)
            chain.append(MessageLink(message, start_ns, end_ns, blocker is not None))
            if blocker is None:
                return message, chain
            message = blocker

    def _blocker(self, message: int) -> int:
        """The message before that left a port of this one exactly when it could start."""
        ports, start_ns = set(self._plan.messages[message].ports), self._times_ns[message][0]
        return next(
            other
            for other in reversed(range(message))
            if self._times_ns[other][1] == start_ns and ports & set(self._plan.messages[other].ports)
        )

    def _ready_ns(self, message: int) -> int:
        return max(self._node_ready_ns(node, message) for node in self._ends(message))

    def _cause(self, message: int) -> tuple[int, int]:
        """The end (node and its Ready step) that was ready last; the source if both were at once."""
        node = max(self._ends(message), key=lambda end: self._node_ready_ns(end, message))
        return node, self._ready_step[node, message]

    def _ends(self, message: int) -> tuple[int, int]:
        return self._plan.messages[message].source, self._plan.messages[message].target

    def _node_ready_ns(self, node: int, message: int) -> int:
        return self._end_ns[node][self._ready_step[node, message]]
