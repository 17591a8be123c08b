"""Follows which element of which tensor, or which partial sum, every byte of every arena holds.

A byte's label is 0 while it is undefined, positive for the value of a tensor's element, negative for a byte of a
partial sum; the input channels that a sum covers are noted beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from planner.core.regions import required, whole
from planner.core.validate.structure import ELEMENT_BYTES
from planner.data.graph import Conv, Graph, Operator
from planner.data.instance import Instance
from planner.data.plan import (
    Accumulate,
    Await,
    Compute,
    Content,
    Copy,
    Loop,
    Operand,
    PartialSums,
    Plan,
    Program,
    Ready,
    Requantise,
    Scratch,
    Step,
    Transfer,
    View,
)
from planner.data.region import Region
from planner.data.result import Violation

Labels = NDArray[np.int64]
Addends = NDArray[np.int32]
WRITER = 1 << 20
"""Weight of a receiver among the users of a byte in flight; senders weigh 1."""


def check_contents(graph: Graph, instance: Instance, plan: Plan) -> Iterator[Violation]:
    """The first violation of what memory must hold, if any; expects structure and protocol to be sound."""
    tensors = _Tensors(graph)
    nodes = [_Node(tensors, plan, program) for program in plan.programs]
    current = nodes[0]
    try:
        for current in nodes:
            current.place_inputs(instance)
        for number, message in enumerate(plan.messages):
            current = nodes[message.source]
            addends = current.send(number)
            current = nodes[message.target]
            current.receive(number, addends)
        for current in nodes:
            current.finish(instance)
    except _Breach as breach:
        yield Violation(breach.rule, current.program.node, current.step_index, str(breach))


class _Breach(Exception):
    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class _Tensors:
    """Labels of elements, and the sets of input channels that sums cover."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.operators = {operator.name: operator for operator in graph.operators}
        self._first_label: dict[str, int] = {}
        label = 1
        for name, tensor in graph.tensors.items():
            self._first_label[name] = label
            label += tensor.shape.elements
        self._covers: list[frozenset[int]] = [frozenset()]
        self._numbers = {self._covers[0]: 0}

    def labels(self, operand: Operand) -> Labels:
        """Labels of an operand's bytes [rows, columns, channels, bytes of an element] if it is right."""
        shape, region = self.graph.tensors[operand.tensor].shape, operand.region
        rows = np.arange(region.row_start, region.row_stop, dtype=np.int64)[:, None, None]
        columns = np.arange(region.column_start, region.column_stop, dtype=np.int64)[None, :, None]
        channels = np.arange(region.channel_start, region.channel_stop, dtype=np.int64)[None, None, :]
        elements = ((rows * shape.width + columns) * shape.channels + channels)[..., None]
        elements += self._first_label[operand.tensor]
        if operand.content is Content.VALUES:
            return elements
        return -(elements * ELEMENT_BYTES[operand.content] + np.arange(ELEMENT_BYTES[operand.content]))

    def cover(self, channels: frozenset[int]) -> int:
        """The number of a set of input channels."""
        if channels not in self._numbers:
            self._numbers[channels] = len(self._covers)
            self._covers.append(channels)
        return self._numbers[channels]

    def union(self, first: Addends, second: Addends) -> Addends:
        """Elementwise union of covers. Breaks off where a channel would be summed twice."""
        codes, places = np.unique(first.astype(np.int64) * len(self._covers) + second, return_inverse=True)
        pairs = [divmod(int(code), len(self._covers)) for code in codes]
        if any(self._covers[a] & self._covers[b] for a, b in pairs):
            raise _Breach("partial sums", "input channels are added twice")
        unions = [self.cover(self._covers[a] | self._covers[b]) for a, b in pairs]
        result: Addends = np.array(unions, dtype=np.int32)[places.reshape(first.shape)]
        return result


@dataclass(slots=True)
class _Memory:
    """Bytes of one buffer: labels, covers of sums, and users in flight."""

    labels: Labels
    users: NDArray[np.int32]
    addends: Addends = field(default_factory=lambda: np.zeros(0, dtype=np.int32))


class _Node:
    """One node's memory and its place in its program."""

    def __init__(self, tensors: _Tensors, plan: Plan, program: Program) -> None:
        self.program = program
        self.step_index: int | None = None
        self._tensors = tensors
        self._plan = plan
        self._next = 0
        self._memory: dict[int, _Memory] = {}
        self._places = {step.message: step.operand for step in program.steps if isinstance(step, Transfer)}

    def place_inputs(self, instance: Instance) -> None:
        """Define the graph inputs on the input node."""
        graph = self._tensors.graph
        expected = {end.tensor for end in graph.inputs} if self.program.node == instance.input_node else set()
        self._check_ends("inputs", expected, self.program.inputs)
        for operand in self.program.inputs:
            if any(self.program.buffers[piece.buffer].first_step for piece in operand.pieces):
                raise _Breach("inputs", f"the buffer of input {operand.tensor} is not live at the start")
            self._write(operand)

    def send(self, message: int) -> Addends | None:
        """Run to the transfer of a message; returns the covers of sums that it carries."""
        operand = self._reach(message)
        covers = self._covers(operand) if operand.content is Content.PARTIAL_SUMS else None
        self._next += 1
        return covers

    def receive(self, message: int, addends: Addends | None) -> None:
        """Run to the transfer of a message and define its place, which stays locked until the Await."""
        self._store(self._reach(message), addends)
        self._next += 1

    def finish(self, instance: Instance) -> None:
        """Run to the end, where the outputs must be complete on the output node."""
        self._run()
        self.step_index = None
        graph = self._tensors.graph
        expected = {end.tensor for end in graph.outputs} if self.program.node == instance.output_node else set()
        self._check_ends("outputs", expected, self.program.outputs)
        for operand in self.program.outputs:
            if any(self.program.buffers[p.buffer].end_step != len(self.program.steps) for p in operand.pieces):
                raise _Breach("outputs", f"the buffer of output {operand.tensor} is not live at the end")
            self._read(operand)

    def _check_ends(self, rule: str, expected: set[str], operands: Sequence[Operand]) -> None:
        if sorted(operand.tensor for operand in operands) != sorted(expected):
            raise _Breach(rule, f"{[operand.tensor for operand in operands]} in place of {sorted(expected)}")
        for operand in operands:
            if operand.region != whole(self._tensors.graph.tensors[operand.tensor].shape):
                raise _Breach(rule, f"{operand.tensor} is not whole")
            if operand.content is not Content.VALUES:
                raise _Breach(rule, f"{operand.tensor} is not complete")

    def _reach(self, message: int) -> Operand:
        step = self._run()
        if step is None or step.message != message:
            raise _Breach("message order", f"message {message} is not the next transfer")
        return step.operand

    def _run(self) -> Transfer | None:
        """Execute steps up to the next transfer, which is returned; None at the end."""
        while self._next < len(self.program.steps):
            step = self.program.steps[self._next]
            self.step_index = self._next
            if isinstance(step, Transfer):
                return step
            self._execute(step)
            self._drop_dead()
            self._next += 1
        return None

    def _execute(self, step: Step) -> None:
        match step:
            case Ready():
                self._lock(step.message)
            case Await():
                self._unlock(step.message)
            case Compute():
                self._compute(step)
            case PartialSums():
                self._partial_sums(step)
            case Loop():
                for inner in step.unrolled():
                    self._execute(inner)
            case Accumulate():
                self._accumulate(step)
            case Requantise():
                self._requantise(step)
            case Copy():
                self._expect(step.source.content is Content.VALUES, "copy", "partial sums are never copied")
                self._expect_same_place(step.source, step.target)
                self._read(step.source)
                self._write(step.target, apart_from=[step.source])

    def _compute(self, step: Compute) -> None:
        operator = self._operator(step.operator, step.output)
        self._expect(len(step.inputs) == len(operator.inputs), "operands", "wrong number of inputs")
        operands: list[Operand] = []
        for index, operand in enumerate(step.inputs):
            need = required(self._tensors.graph, operator, index, step.output.region)
            if operand is None:
                self._expect(need.empty, "operands", f"input {index} is needed but missing")
                continue
            self._expect_values(operand, operator.inputs[index], need)
            operands.append(operand)
        self._scratch(step.scratch, [*operands, step.output])
        self._expect(step.output.content is Content.VALUES, "operands", "the output is not of values")
        for operand in operands:
            self._read(operand)
        self._write(step.output, apart_from=operands)

    def _partial_sums(self, step: PartialSums) -> None:
        operator = self._operator(step.operator, step.output)
        self._expect(isinstance(operator, Conv) and operator.groups == 1, "operands", "no sums over channels exist")
        channels = step.input.region
        need = required(self._tensors.graph, operator, 0, step.output.region)
        self._expect(
            need.channel_start <= channels.channel_start and channels.channel_stop <= need.channel_stop,
            "operands",
            "there are no such input channels",
        )
        part = need.with_channels(channels.channel_start, channels.channel_stop)
        self._expect_values(step.input, operator.inputs[0], part)
        self._expect(step.output.content is Content.PARTIAL_SUMS, "operands", "the output is not of sums")
        self._scratch(step.scratch, [step.input, step.output])
        self._read(step.input)
        cover = self._tensors.cover(frozenset(range(channels.channel_start, channels.channel_stop)))
        region = step.output.region
        self._write(
            step.output,
            np.full((region.rows, region.columns, region.channels), cover, dtype=np.int32),
            apart_from=[step.input],
        )

    def _accumulate(self, step: Accumulate) -> None:
        for operand in (step.source, step.target):
            self._expect(operand.content is Content.PARTIAL_SUMS, "operands", "only sums are accumulated")
        self._expect_same_place(step.source, step.target)
        covers = self._tensors.union(self._covers(step.source), self._covers(step.target))
        self._write(step.target, covers, apart_from=[step.source])

    def _requantise(self, step: Requantise) -> None:
        operator = self._operator(step.operator, step.output)
        self._expect(isinstance(operator, Conv), "operands", "only sums of convolutions are requantised")
        self._expect(step.source.content is Content.PARTIAL_SUMS, "operands", "the source is not of sums")
        self._expect(step.output.content is Content.VALUES, "operands", "the output is not of values")
        self._expect_same_place(step.source, step.output)
        inputs = self._tensors.graph.tensors[operator.inputs[0]].shape.channels
        complete = self._tensors.cover(frozenset(range(inputs)))
        self._expect(
            bool((self._covers(step.source) == complete).all()), "partial sums", "the sums lack input channels"
        )
        self._write(step.output, apart_from=[step.source])

    def _operator(self, name: str, output: Operand) -> Operator:
        operator = self._tensors.operators.get(name)
        if operator is None:
            raise _Breach("operands", f"there is no operator {name}")
        self._expect(output.tensor == operator.output, "operands", f"{name} does not compute {output.tensor}")
        everything = whole(self._tensors.graph.output_tensor(operator).shape)
        self._expect(everything.contains(output.region), "operands", f"{output.tensor} has no such region")
        return operator

    def _expect(self, condition: bool, rule: str, message: str) -> None:
        if not condition:
            raise _Breach(rule, message)

    def _expect_values(self, operand: Operand, tensor: str, region: Region) -> None:
        self._expect(
            (operand.tensor, operand.region, operand.content) == (tensor, region, Content.VALUES),
            "operands",
            f"the operand is {operand.region} of {operand.tensor}, the kernel reads {region} of {tensor}",
        )

    def _expect_same_place(self, source: Operand, target: Operand) -> None:
        self._expect(
            (source.tensor, source.region) == (target.tensor, target.region),
            "operands",
            "source and target are different parts",
        )

    def _scratch(self, scratch: Scratch | None, operands: Sequence[Operand]) -> None:
        """Scratch memory loses what it held and must be nobody else's."""
        if scratch is None:
            return
        used = {piece.buffer for operand in operands for piece in operand.pieces}
        self._expect(scratch.buffer not in used, "scratch", "scratch memory shares a buffer with an operand")
        memory = self._buffer(scratch.buffer)
        self._expect(not memory.users[: scratch.size_bytes].any(), "in flight", "scratch memory is in flight")
        memory.labels[: scratch.size_bytes] = 0

    def _lock(self, message: int) -> None:
        """Ready: a payload must be complete and a place free; both stay so until the Await."""
        self._expect_live(message)
        operand = self._places[message]
        sends = self._plan.messages[message].source == self.program.node
        if sends:
            self._read(operand)
        for memory, addresses, _ in self._cells(operand):
            users = memory.users[addresses]
            self._expect(
                not (users >= WRITER).any() if sends else not users.any(),
                "in flight",
                f"message {message} shares bytes with another",
            )
            memory.users[addresses] += 1 if sends else WRITER

    def _unlock(self, message: int) -> None:
        self._expect_live(message)
        sends = self._plan.messages[message].source == self.program.node
        for memory, addresses, _ in self._cells(self._places[message]):
            memory.users[addresses] -= 1 if sends else WRITER

    def _expect_live(self, message: int) -> None:
        buffers = [self.program.buffers[piece.buffer] for piece in self._places[message].pieces]
        self._expect(
            all(buffer.first_step <= self._next < buffer.end_step for buffer in buffers),
            "lifespan",
            f"the buffer of message {message} is not live from Ready to Await",
        )

    def _read(self, operand: Operand) -> None:
        """The operand's bytes must hold what it says and not be in flight to here."""
        labels = self._tensors.labels(operand)
        for memory, addresses, rows in self._cells(operand):
            self._expect(
                not (memory.users[addresses] >= WRITER).any(), "in flight", f"{operand.tensor} has not arrived yet"
            )
            if not np.array_equal(memory.labels[addresses], labels[rows]):
                raise _Breach("contents", f"the buffer does not hold {operand.region} of {operand.tensor}")

    def _covers(self, operand: Operand) -> Addends:
        """Read sums; returns the numbers of their covers [rows, columns, channels]."""
        self._read(operand)
        return np.concatenate([memory.addends[addresses[..., 0]] for memory, addresses, _ in self._cells(operand)])

    def _write(self, operand: Operand, addends: Addends | None = None, apart_from: Sequence[Operand] = ()) -> None:
        """Define the operand's bytes, none of which may be in flight or belong to `apart_from`."""
        for memory, addresses, _ in self._cells(operand):
            self._expect(not memory.users[addresses].any(), "in flight", f"{operand.tensor} is written while in flight")
        for other in apart_from:
            self._expect(not self._meet(operand, other), "operands", "the output overwrites an input")
        self._store(operand, addends)

    def _store(self, operand: Operand, addends: Addends | None) -> None:
        labels = self._tensors.labels(operand)
        for memory, addresses, rows in self._cells(operand):
            memory.labels[addresses] = labels[rows]
            if addends is not None:
                if memory.addends.size == 0:
                    memory.addends = np.zeros(memory.labels.size, dtype=np.int32)
                memory.addends[addresses] = addends[rows][..., None]

    def _meet(self, first: Operand, second: Operand) -> bool:
        """Whether two operands share a byte."""
        shared = {p.buffer for p in first.pieces} & {p.buffer for p in second.pieces}
        return any(
            np.intersect1d(_addresses(a), _addresses(b)).size > 0
            for a in first.pieces
            for b in second.pieces
            if a.buffer == b.buffer and a.buffer in shared
        )

    def _cells(self, operand: Operand) -> Iterator[tuple[_Memory, NDArray[np.int64], slice]]:
        """For each piece: its buffer's memory, the addresses in it, and the operand's rows that it holds."""
        row = 0
        for piece in operand.pieces:
            yield self._buffer(piece.buffer), _addresses(piece), slice(row, row + piece.rows)
            row += piece.rows

    def _buffer(self, index: int) -> _Memory:
        if index not in self._memory:
            size = self.program.buffers[index].size_bytes
            self._memory[index] = _Memory(np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int32))
        return self._memory[index]

    def _drop_dead(self) -> None:
        """Forget the buffers that end after this step."""
        after = self._next + 1
        if after < len(self.program.steps):
            for index in [i for i in self._memory if self.program.buffers[i].end_step <= after]:
                del self._memory[index]


def _addresses(view: View) -> NDArray[np.int64]:
    """Buffer addresses of a view's bytes [rows, columns, channels, bytes of an element]."""
    rows = np.arange(view.ring_first_row, view.ring_first_row + view.rows, dtype=np.int64)
    columns = np.arange(view.ring_first_column, view.ring_first_column + view.columns, dtype=np.int64)
    if view.ring_rows:
        rows %= view.ring_rows
    if view.ring_columns:
        columns %= view.ring_columns
    return (
        view.offset_bytes
        + rows[:, None, None, None] * view.row_stride_bytes
        + columns[None, :, None, None] * view.pixel_stride_bytes
        + np.arange(view.channels * view.element_bytes, dtype=np.int64).reshape(view.channels, view.element_bytes)
    )
