"""Where nodes hold values of tensors, and the steps that bring them what they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.core.lowering.courier import Courier
from planner.core.lowering.program import Block, ProgramBuilder
from planner.core.lowering.timeline import Timeline
from planner.core.lowering.transmissions import ordered_transmissions
from planner.core.step_costs import StepCosts
from planner.core.storage import store
from planner.core.transfers import Delivery, Fetch
from planner.data.hardware import Network
from planner.data.plan import Await, Copy, Operand
from planner.data.region import Region

Pieces = Mapping[Region, Block]
"""Parts of a tensor with the buffers that hold them."""


def stacked(tensor: str, need: Region, pieces: Pieces) -> Operand:
    """The operand that a region is, given pieces that cover it, stacked by rows."""
    parts = sorted((need.intersect(region), block.buffer, block) for region, block in pieces.items())
    return Operand(tensor, need, tuple(block.view(part) for part, _, block in parts if not part.empty))


class Values:
    """What each node owns of each tensor, and the communication phases that move values between nodes."""

    def __init__(
        self,
        network: Network,
        costs: StepCosts,
        timeline: Timeline,
        programs: Sequence[ProgramBuilder],
        courier: Courier,
    ) -> None:
        self._network = network
        self._costs = costs
        self._timeline = timeline
        self._programs = programs
        self._courier = courier
        self._own: dict[tuple[str, int], Block] = {}

    def own(self, tensor: str, node: int) -> Block:
        """The buffer of a node's own part of a tensor."""
        return self._own[tensor, node]

    def place(self, tensor: str, node: int, region: Region) -> Block:
        """Give a node a buffer for its own part of a tensor."""
        self._own[tensor, node] = self._programs[node].block(tensor, tensor, region)
        return self._own[tensor, node]

    def fetch(self, fetch: Fetch) -> dict[int, Pieces]:
        """Bring every node what it needs, by the storage rule; returns by node where it lies, if it needs any."""
        targets: dict[int, Pieces] = {}
        found: dict[int, Pieces] = {}
        copied: dict[int, Region] = {}
        for node, need in enumerate(fetch.needs):
            if need.empty:
                continue
            own = self._own.get((fetch.tensor, node))
            storage = store(own.region if own else need.with_rows(0, 0), need)
            name = f"{fetch.tensor} received"
            targets[node] = {r: self._programs[node].block(name, fetch.tensor, r) for r in storage.received}
            found[node] = dict(targets[node])
            if own and storage.in_place:
                found[node] = {**targets[node], storage.in_place: own}
            if storage.copied:
                copied[node] = storage.copied
        self.bring(fetch, targets, copied)
        return found

    def bring(self, fetch: Fetch, targets: Mapping[int, Pieces], copied: Mapping[int, Region]) -> None:
        """Carry out a communication phase into given buffers, then copy what nodes own into theirs."""

        def outgoing(delivery: Delivery) -> Operand:
            return self._own[fetch.tensor, delivery.source].operand(delivery.region)

        def incoming(delivery: Delivery) -> Operand:
            return stacked(fetch.tensor, delivery.region, targets[delivery.target])

        arrivals: list[tuple[int, Await]] = []

        def arrived(message: int, delivery: Delivery) -> None:
            arrivals.append((delivery.target, Await(message)))

        order = ordered_transmissions(self._network, fetch.deliveries, self._timeline)
        self._courier.exchange(order, outgoing, incoming, arrived)
        for node, awaiting in arrivals:
            self._programs[node].append(awaiting)
        for node, part in copied.items():
            source = self._own[fetch.tensor, node].operand(part)
            target = stacked(fetch.tensor, part, targets[node])
            self._programs[node].append(Copy(source, target, self._costs.copy_ns(node, part)))
