"""Runs a plan over byte arenas with the integer executor: what the C runtime does, in Python, for tests of lowering."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from planner.core.executor import compute_region, finish_sums, partial_sums
from planner.data.graph import Conv, Graph, Int8Array, Operator
from planner.data.plan import (
    Accumulate,
    Compute,
    Content,
    Copy,
    Loop,
    Operand,
    PartialSums,
    Plan,
    Program,
    Requantise,
    Step,
    Transfer,
    View,
)
from planner.data.region import Region

Elements = NDArray[np.int8] | NDArray[np.int32]


class Node:
    """One node's arena, full of garbage, and its place in its program."""

    def __init__(self, graph: Graph, program: Program, rng: np.random.Generator) -> None:
        self._graph = graph
        self._operators = {operator.name: operator for operator in graph.operators}
        self._rng = rng
        self.program = program
        self._arena = rng.integers(0, 256, program.arena_bytes + 8).astype(np.uint8)
        self._position = 0

    def run_to_transfer(self) -> Transfer | None:
        """Execute steps up to the next transfer, which is returned and passed; None at the end."""
        while self._position < len(self.program.steps):
            step = self.program.steps[self._position]
            self._position += 1
            if isinstance(step, Transfer):
                return step
            for plain in step.unrolled() if isinstance(step, Loop) else (step,):
                self._execute(plain)
        return None

    def _execute(self, step: Step) -> None:
        match step:
            case Compute():
                self._compute(step)
            case PartialSums():
                channels = range(step.input.region.channel_start, step.input.region.channel_stop)
                sums = partial_sums(
                    self._graph, self._conv(step.operator), self._widened(step.input), step.output.region, channels
                )
                self.write(step.output, sums)
            case Accumulate():
                self.write(step.target, self.read(step.target) + self.read(step.source))
            case Requantise():
                sums = self.read(step.source).astype(np.int32)
                conv = self._conv(step.operator)
                self.write(step.output, finish_sums(self._graph, conv, sums, step.output.region))
            case Copy():
                self.write(step.target, self.read(step.source))

    def read(self, operand: Operand) -> Elements:
        """The elements of an operand, its pieces stacked by rows."""
        kind = np.int32 if operand.content is Content.PARTIAL_SUMS else np.int8
        pieces = [self._arena[self._addresses(view)].view(kind)[..., 0] for view in operand.pieces]
        return np.concatenate(pieces, axis=0)

    def write(self, operand: Operand, elements: Elements) -> None:
        """Store elements into an operand."""
        row = 0
        for view in operand.pieces:
            part = np.ascontiguousarray(elements[row : row + view.rows])
            self._arena[self._addresses(view)] = part.view(np.uint8).reshape(*part.shape, view.element_bytes)
            row += view.rows

    def _addresses(self, view: View) -> NDArray[np.int64]:
        """Arena offsets of all bytes of a view: [rows, columns, channels, bytes of an element]."""
        places = np.arange(view.ring_first_row, view.ring_first_row + view.rows)
        if view.ring_rows:
            places %= view.ring_rows
        rows = places[:, None, None, None] * view.row_stride_bytes
        columns = np.arange(view.columns)[None, :, None, None] * view.pixel_stride_bytes
        elements = np.arange(view.channels)[None, None, :, None] * view.element_bytes
        start = self.program.buffers[view.buffer].offset_bytes + view.offset_bytes
        return start + rows + columns + elements + np.arange(view.element_bytes)[None, None, None, :]

    def _compute(self, step: Compute) -> None:
        operator = self._operators[step.operator]
        inputs = [
            self._garbage(name) if operand is None else self._widened(operand)
            for name, operand in zip(operator.inputs, step.inputs, strict=True)
        ]
        self.write(step.output, compute_region(self._graph, operator, inputs, step.output.region))

    def _widened(self, operand: Operand) -> Int8Array:
        """The whole tensor, garbage outside the operand's region."""
        values = self._garbage(operand.tensor)
        values[_slices(operand.region)] = self.read(operand)
        return values

    def _garbage(self, tensor: str) -> Int8Array:
        return self._rng.integers(-128, 128, self._graph.tensors[tensor].shape.as_tuple()).astype(np.int8)

    def _conv(self, name: str) -> Conv:
        operator: Operator = self._operators[name]
        assert isinstance(operator, Conv)
        return operator


def interpret(graph: Graph, plan: Plan, inputs: Mapping[str, Int8Array], seed: int = 0) -> dict[str, Int8Array]:
    """The graph's outputs as the plan computes them, from whole inputs, both int8 [height, width, channels]."""
    rng = np.random.default_rng(seed)
    nodes = [Node(graph, program, rng) for program in plan.programs]
    for node in nodes:
        for operand in node.program.inputs:
            node.write(operand, inputs[operand.tensor])
    for number, message in enumerate(plan.messages):
        source, target = nodes[message.source], nodes[message.target]
        sent, received = source.run_to_transfer(), target.run_to_transfer()
        assert sent is not None and received is not None and sent.message == received.message == number
        target.write(received.operand, source.read(sent.operand))
    for node in nodes:
        assert node.run_to_transfer() is None
    return {operand.tensor: node.read(operand).astype(np.int8) for node in nodes for operand in node.program.outputs}


def _slices(region: Region) -> tuple[slice, slice, slice]:
    return (
        slice(region.row_start, region.row_stop),
        slice(region.column_start, region.column_stop),
        slice(region.channel_start, region.channel_stop),
    )
