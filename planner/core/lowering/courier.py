"""Writes the message steps of a communication phase into the programs of all its nodes."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence

from planner.core.lowering.program import ProgramBuilder
from planner.core.lowering.timeline import Timeline
from planner.core.lowering.transmissions import Transmission
from planner.core.transfers import Delivery
from planner.data.plan import Await, Message, Operand, Ready, Transfer


class Courier:
    """Numbers the messages of the whole plan and keeps account of what was sent but not yet awaited."""

    def __init__(self, programs: Sequence[ProgramBuilder], timeline: Timeline) -> None:
        self._programs = programs
        self._timeline = timeline
        self._sent: list[Transmission] = []
        self._unconfirmed: list[tuple[int, int]] = []

    def exchange(
        self,
        order: Sequence[Transmission],
        outgoing: Callable[[Delivery], Operand],
        incoming: Callable[[Delivery], Operand],
        arrived: Callable[[int, Delivery], None],
    ) -> None:
        """Carry out the transmissions of one phase in their order.

        `outgoing` and `incoming` give the payload's place at its first source and its last target. `arrived` is called
        with the number of each last message, to append the steps that await and consume it; only after them is the
        next message readied that goes to the same place.
        """
        first = len(self._sent)
        self._sent += order
        places = self._places(order, outgoing, incoming)
        queues = self._ready_ends(order, first, places)
        number_of = {(t.delivery_index, t.level): number for number, t in enumerate(order, first)}
        relayed: list[tuple[int, int]] = []
        for number, transmission in enumerate(order, first):
            index, level = transmission.delivery_index, transmission.level
            sender, receiver = transmission.hop.source, transmission.hop.target
            source, target = self._programs[sender], self._programs[receiver]
            if level > 0:
                source.append(Await(number_of[index, level - 1]))
                source.append(Ready(number))
            source.append(Transfer(number, places[index, level]))
            target.append(Transfer(number, places[index, level + 1]))
            self._timeline.transmit(number, transmission.hop, transmission.duration_ns)
            (relayed if level > 0 else self._unconfirmed).append((sender, number))
            if transmission.last:
                arrived(number, transmission.delivery)
                queue = queues[receiver, places[index, level + 1]]
                queue.popleft()
                if queue:
                    target.append(Ready(queue[0]))
        self._confirm(relayed)

    def confirm_sent(self) -> None:
        """Let every first source await what it sent, so that its buffers are free again; relays did so already."""
        self._confirm(self._unconfirmed)
        self._unconfirmed.clear()

    def _confirm(self, sent: Sequence[tuple[int, int]]) -> None:
        for node, number in sent:
            self._programs[node].append(Await(number))

    def messages(self, slots: Sequence[Mapping[int, int]]) -> tuple[Message, ...]:
        """All messages, given by node the slots of its messages."""
        return tuple(
            Message(
                source=transmission.hop.source,
                target=transmission.hop.target,
                tensor=transmission.delivery.tensor,
                region=transmission.delivery.region,
                content=transmission.delivery.content,
                size_bytes=transmission.delivery.size_bytes,
                duration_ns=transmission.duration_ns,
                ports=transmission.hop.ports,
                source_slot=slots[transmission.hop.source][number],
                target_slot=slots[transmission.hop.target][number],
            )
            for number, transmission in enumerate(self._sent)
        )

    def _ready_ends(
        self, order: Sequence[Transmission], first: int, places: Mapping[tuple[int, int], Operand]
    ) -> Mapping[tuple[int, Operand], deque[int]]:
        """Ready all ends that can be; returns, by node and place, the messages that go there, the ready one first."""
        queues: defaultdict[tuple[int, Operand], deque[int]] = defaultdict(deque)
        for number, transmission in enumerate(order, first):
            if transmission.level == 0:
                self._programs[transmission.hop.source].append(Ready(number))
            target = transmission.hop.target
            queue = queues[target, places[transmission.delivery_index, transmission.level + 1]]
            if not queue:
                self._programs[target].append(Ready(number))
            queue.append(number)
        return queues

    def _places(
        self,
        order: Sequence[Transmission],
        outgoing: Callable[[Delivery], Operand],
        incoming: Callable[[Delivery], Operand],
    ) -> Mapping[tuple[int, int], Operand]:
        """Where delivery number i lies after h hops, for every (i, h); relays get a buffer of their own."""
        places: dict[tuple[int, int], Operand] = {}
        for transmission in order:
            delivery, index, level = transmission.delivery, transmission.delivery_index, transmission.level
            if level == 0:
                places[index, 0] = outgoing(delivery)
            if transmission.last:
                places[index, level + 1] = incoming(delivery)
            else:
                relay = self._programs[transmission.hop.target]
                name = f"{delivery.tensor} relayed"
                block = relay.block(name, delivery.tensor, delivery.region, delivery.content)
                places[index, level + 1] = block.operand(delivery.region)
        return places
