"""Messages: their ends, slots and links, and that the programs cannot block each other for ever."""

from __future__ import annotations

from collections.abc import Iterator

from planner.core.validate.structure import ELEMENT_BYTES
from planner.data.hardware import Hop, Network
from planner.data.instance import Instance
from planner.data.plan import Await, Message, Plan, Program, Ready, Transfer
from planner.data.result import Violation

Rendezvous = tuple[str, int]
"""What two nodes meet for, "transfer" or "token", and the message's number."""


def check_protocol(instance: Instance, plan: Plan) -> Iterator[Violation]:
    """Violations of the rules of communication."""
    if plan.bus != instance.network.bus:
        yield Violation("bus", instance.host, None, f"the plan's bus is {plan.bus}")
    hops = {(hop.source, hop.target): hop for route in instance.network.routes.values() for hop in route}
    for number, message in enumerate(plan.messages):
        yield from _check_link(instance.network, hops.get((message.source, message.target)), number, message)
    for program in plan.programs:
        yield from _check_ends(plan, program)
        yield from _check_slots(plan, program)
    yield from _check_blocking(plan)


def _check_link(network: Network, hop: Hop | None, number: int, message: Message) -> Iterator[Violation]:
    node = message.source
    if not (0 <= message.source < network.nodes and 0 <= message.target < network.nodes) or hop is None:
        yield Violation("link", node, None, f"message {number}: no link from {node} to {message.target}")
        return
    if message.size_bytes != message.region.elements * ELEMENT_BYTES[message.content]:
        yield Violation("message size", node, None, f"message {number} has {message.size_bytes} bytes")
    if message.ports != hop.ports:
        yield Violation("ports", node, None, f"message {number} occupies {message.ports}, its link {hop.ports}")
    if message.duration_ns != hop.cost.duration_ns(message.size_bytes):
        yield Violation("duration", node, None, f"message {number} takes {message.duration_ns} ns")


def _check_ends(plan: Plan, program: Program) -> Iterator[Violation]:
    """Each end of each message has Ready, Transfer and Await, once each and in this order, and the same payload."""
    expected = {n for n, m in enumerate(plan.messages) if program.node in (m.source, m.target)}
    stages: dict[int, int] = dict.fromkeys(expected, 0)
    for index, step in enumerate(program.steps):
        if not isinstance(step, Ready | Transfer | Await):
            continue
        stage = (Ready, Transfer, Await).index(type(step))
        if stages.get(step.message) != stage:
            yield Violation("message steps", program.node, index, f"message {step.message} is not due here")
            return
        stages[step.message] = stage + 1
        if isinstance(step, Transfer):
            message, operand = plan.messages[step.message], step.operand
            if (operand.tensor, operand.region, operand.content) != (message.tensor, message.region, message.content):
                yield Violation("payload", program.node, index, f"message {step.message} carries something else")
    for number, stage in stages.items():
        if stage != 3:
            yield Violation("message steps", program.node, None, f"message {number} lacks a step")


def _check_slots(plan: Plan, program: Program) -> Iterator[Violation]:
    """A slot serves one message at a time, from Ready to Await."""
    taken: dict[int, int] = {}
    for index, step in enumerate(program.steps):
        if not isinstance(step, Ready | Await) or not 0 <= step.message < len(plan.messages):
            continue
        message = plan.messages[step.message]
        slot = message.source_slot if message.source == program.node else message.target_slot
        if isinstance(step, Ready):
            if not 0 <= slot < program.slots or slot in taken:
                yield Violation("slots", program.node, index, f"slot {slot} is not free for message {step.message}")
            taken[slot] = step.message
        elif taken.pop(slot, None) != step.message:
            yield Violation("slots", program.node, index, f"slot {slot} does not hold message {step.message}")


def _check_blocking(plan: Plan) -> Iterator[Violation]:
    """Play the rendezvous of all nodes, unbuffered as on the slowest link, to their end.

    A transfer blocks both its ends. On a bus the token blocks giver and taker too: the sender of the next message takes
    it before its own transfer, the sender of this one gives it right after. What can happen never stops being able to
    happen, so one order of play stands for all.
    """
    waiting = [_rendezvous(plan, program) for program in plan.programs]
    positions = [0] * len(waiting)
    arrived: dict[Rendezvous, list[int]] = {}
    runnable = list(range(len(waiting)))
    while runnable:
        node = runnable.pop()
        if positions[node] == len(waiting[node]):
            continue
        rendezvous = waiting[node][positions[node]]
        present = arrived.setdefault(rendezvous, [])
        present.append(node)
        if len(present) == 2:
            for partner in present:
                positions[partner] += 1
            runnable += present
    for node, sequence in enumerate(waiting):
        if positions[node] < len(sequence):
            kind, number = sequence[positions[node]]
            yield Violation("deadlock", node, None, f"blocked for ever at the {kind} of message {number}")


def _rendezvous(plan: Plan, program: Program) -> list[Rendezvous]:
    """Everything at which a node waits for another, in program order."""
    sequence: list[Rendezvous] = []
    for step in program.steps:
        if not isinstance(step, Transfer) or not 0 <= step.message < len(plan.messages):
            continue
        number = step.message
        sends_on_bus = plan.bus is not None and plan.messages[number].source == program.node
        if sends_on_bus and number > 0 and plan.messages[number - 1].source != program.node:
            sequence.append(("token", number - 1))
        sequence.append(("transfer", number))
        if sends_on_bus and number + 1 < len(plan.messages) and plan.messages[number + 1].source != program.node:
            sequence.append(("token", number))
    return sequence
