"""Virtual time of a plan, exact to the nanosecond: the runtime's own semantics (docs/DESIGN.md, section 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from planner.data.instance import Instance
from planner.data.plan import Await, Plan, Program, Ready, Transfer
from planner.data.result import NodeTimes, Simulation
from planner.errors import InternalError


def simulate(instance: Instance, plan: Plan, durations_ns: Sequence[Sequence[int] | None] | None = None) -> Simulation:
    """Run the clocks of all nodes.

    `durations_ns[node][step]`, where given, replaces the predicted times of a node's CPU steps: a measured run is
    replayed so. The makespan is the clock of the output node at its end: its last step awaits or makes the output.
    Raises InternalError if the plan cannot run to its end.
    """
    given = durations_ns if durations_ns is not None else [None] * len(plan.programs)
    nodes = [_NodeClock(p, _predicted_ns(p) if d is None else d) for p, d in zip(plan.programs, given, strict=True)]
    port_free_ns: defaultdict[str, int] = defaultdict(int)
    times: list[tuple[int, int]] = []
    for number, message in enumerate(plan.messages):
        ready_ns = [nodes[node].reach(number, times) for node in (message.source, message.target)]
        start_ns = max(*ready_ns, *(port_free_ns[port] for port in message.ports))
        end_ns = start_ns + message.duration_ns
        port_free_ns.update(dict.fromkeys(message.ports, end_ns))
        times.append((start_ns, end_ns))
    for node in nodes:
        node.finish(times)
    sent, received = [0] * len(nodes), [0] * len(nodes)
    for message in plan.messages:
        sent[message.source] += message.size_bytes
        received[message.target] += message.size_bytes
    return Simulation(
        makespan_ns=nodes[instance.output_node].now_ns,
        nodes=tuple(
            NodeTimes(clock.compute_ns, clock.now_ns, out_bytes, in_bytes)
            for clock, out_bytes, in_bytes in zip(nodes, sent, received, strict=True)
        ),
        step_end_ns=tuple(tuple(clock.step_end_ns) for clock in nodes),
        message_times_ns=tuple(times),
    )


class _NodeClock:
    """The clock of one node, advanced from one transfer to the next."""

    def __init__(self, program: Program, durations_ns: Sequence[int]) -> None:
        self._program = program
        self._durations_ns = durations_ns
        self._ready_ns: dict[int, int] = {}
        self.now_ns = 0
        self.compute_ns = 0
        self.step_end_ns: list[int] = []

    def reach(self, message: int, times: Sequence[tuple[int, int]]) -> int:
        """Run up to and past `Transfer(message)`; returns when this end was ready."""
        step = self._run(times)
        if not isinstance(step, Transfer) or step.message != message or message not in self._ready_ns:
            raise InternalError(f"node {self._program.node} does not reach the transfer of message {message}")
        self.step_end_ns.append(self.now_ns)
        return self._ready_ns[message]

    def finish(self, times: Sequence[tuple[int, int]]) -> None:
        """Run to the end."""
        if self._run(times) is not None:
            raise InternalError(f"node {self._program.node} has a transfer without a message")

    def _run(self, times: Sequence[tuple[int, int]]) -> Transfer | None:
        """Execute steps until a transfer, which is returned, or the end."""
        steps = self._program.steps
        while (index := len(self.step_end_ns)) < len(steps):
            step = steps[index]
            match step:
                case Transfer():
                    return step
                case Ready():
                    self._ready_ns[step.message] = self.now_ns
                case Await():
                    if step.message >= len(times):
                        raise InternalError(f"node {self._program.node} awaits message {step.message} too early")
                    self.now_ns = max(self.now_ns, times[step.message][1])
                case _:
                    self.now_ns += self._durations_ns[index]
                    self.compute_ns += self._durations_ns[index]
            self.step_end_ns.append(self.now_ns)
        return None


def _predicted_ns(program: Program) -> list[int]:
    return [0 if isinstance(step, Ready | Transfer | Await) else step.predicted_ns for step in program.steps]
