"""What every node of a plan sends and receives, worked out in Python, as scripts for the C runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from planner.boards.frames import PAYLOAD_BYTES, Frame, FrameKind
from planner.core.simulate import simulate
from planner.data.graph import Int8Array
from planner.data.plan import Message, Plan
from planner.data.result import Simulation
from planner.planfmt.encode import encode
from tests.builders.cases import Case as Problem
from tests.builders.interpreter import Node
from tests.runtime.replay import Case


class Script:
    """One run of a plan: the payload of every message, the outputs that nodes hold at the end, and the clocks."""

    def __init__(self, problem: Problem, plan: Plan, inputs: Mapping[str, Int8Array]) -> None:
        self.problem = problem
        self.plan = plan
        self.inputs = inputs
        self.host = len(plan.programs) - 1
        self.simulation: Simulation = simulate(problem.instance, plan)
        rng = np.random.default_rng(0)
        nodes = [Node(problem.graph, program, rng) for program in plan.programs]
        for node in nodes:
            for operand in node.program.inputs:
                node.write(operand, inputs[operand.tensor])
        self.payloads: list[bytes] = []
        for message in plan.messages:
            sent = nodes[message.source].run_to_transfer()
            received = nodes[message.target].run_to_transfer()
            assert sent is not None and received is not None
            elements = nodes[message.source].read(sent.operand)
            nodes[message.target].write(received.operand, elements)
            self.payloads.append(elements.tobytes())
        for node in nodes:
            assert node.run_to_transfer() is None
        self.outputs = [
            [node.read(operand).astype(np.int8).tobytes() for operand in node.program.outputs] for node in nodes
        ]

    def case(self, node: int) -> Case:
        """The script of one run of `node`, from START to STOP."""
        received = [Frame(FrameKind.START, self.host, node)]
        for tag, operand in enumerate(self.plan.programs[node].inputs):
            received += _pieces(FrameKind.INPUT, self.host, node, tag, 0, self.inputs[operand.tensor].tobytes())
        for number, message in enumerate(self.plan.messages):
            received += self._received(number, message, node)
        received.append(Frame(FrameKind.STOP, self.host, node))
        arena_bytes = -(-self.plan.programs[node].arena_bytes // 4) * 4
        return Case(node, self.host, encode(self.plan, self.problem.graph, node), arena_bytes, received)

    def sent(self, node: int) -> list[Frame]:
        """All that `node` sends about messages and outputs, in order."""
        sent: list[Frame] = []
        for number, message in enumerate(self.plan.messages):
            end_ns = self.simulation.message_times_ns[number][1]
            if message.source == node:
                sent += _pieces(FrameKind.DATA, node, message.target, number, end_ns, self.payloads[number])
                follower = self._other_sender(number + 1, node)
                if follower is not None:
                    sent.append(Frame(FrameKind.TOKEN, node, follower, number, virtual_ns=end_ns))
            elif message.target == node:
                sent.append(Frame(FrameKind.GRANT, node, message.source, number))
        for tag, content in enumerate(self.outputs[node]):
            sent += _pieces(FrameKind.OUTPUT, node, self.host, tag, 0, content)
        return sent

    def _received(self, number: int, message: Message, node: int) -> list[Frame]:
        start_ns, end_ns = self.simulation.message_times_ns[number]
        if message.source == node:
            leader = self._other_sender(number - 1, node)
            token_ns = 0 if leader is None else self.simulation.message_times_ns[number - 1][1]
            tokens = [] if leader is None else [Frame(FrameKind.TOKEN, leader, node, number - 1, virtual_ns=token_ns)]
            # Any grant time up to the start gives the same clock as long as something else defines the start.
            return [*tokens, Frame(FrameKind.GRANT, message.target, node, number, virtual_ns=start_ns)]
        if message.target == node:
            return _pieces(FrameKind.DATA, message.source, node, number, end_ns, self.payloads[number])
        return []

    def _other_sender(self, number: int, node: int) -> int | None:
        if self.plan.bus is None or not 0 <= number < len(self.plan.messages):
            return None
        source = self.plan.messages[number].source
        return None if source == node else source


def _pieces(kind: FrameKind, source: int, target: int, tag: int, virtual_ns: int, payload: bytes) -> list[Frame]:
    starts = range(0, len(payload), PAYLOAD_BYTES)
    return [
        Frame(kind, source, target, tag, sequence, virtual_ns, payload[start : start + PAYLOAD_BYTES])
        for sequence, start in enumerate(starts)
    ]
