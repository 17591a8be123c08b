"""Collects the steps of one node; buffers' lifespans, message slots and offsets follow from the steps."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.core.lowering.timeline import Timeline
from planner.core.memory import Lifespan, Packer
from planner.core.transfers import SUM_BYTES
from planner.data.plan import (
    MESSAGE_SLOT_BYTES,
    Accumulate,
    Await,
    Buffer,
    Compute,
    Content,
    Copy,
    Loop,
    Operand,
    PartialSums,
    Program,
    Ready,
    Requantise,
    Scratch,
    Step,
    Transfer,
    View,
)
from planner.data.region import Region


@dataclass(frozen=True, slots=True)
class Block:
    """A dense box of a tensor's elements that fills a buffer; with `ring_rows`, row r lies in slot r mod ring_rows."""

    buffer: int
    tensor: str
    region: Region
    content: Content = Content.VALUES
    ring_rows: int = 0

    def view(self, part: Region) -> View:
        """The view of a part of the box."""
        element_bytes = SUM_BYTES if self.content is Content.PARTIAL_SUMS else 1
        pixel_bytes = self.region.channels * element_bytes
        row_bytes = self.region.columns * pixel_bytes
        first_row = 0 if self.ring_rows else part.row_start - self.region.row_start
        offset_bytes = (
            first_row * row_bytes
            + (part.column_start - self.region.column_start) * pixel_bytes
            + (part.channel_start - self.region.channel_start) * element_bytes
        )
        return View(
            buffer=self.buffer,
            offset_bytes=offset_bytes,
            rows=part.rows,
            columns=part.columns,
            channels=part.channels,
            row_stride_bytes=row_bytes,
            pixel_stride_bytes=pixel_bytes,
            element_bytes=element_bytes,
            ring_rows=self.ring_rows,
            ring_first_row=part.row_start % self.ring_rows if self.ring_rows else 0,
        )

    def operand(self, part: Region) -> Operand:
        """A part of the box as an operand of one piece."""
        return Operand(self.tensor, part, (self.view(part),), self.content)


class ProgramBuilder:
    """Steps of one node so far. Buffer 0 is the slot table, whose size is known at the end."""

    def __init__(self, node: int, timeline: Timeline) -> None:
        self.node = node
        self._timeline = timeline
        self._steps: list[Step] = []
        self._names: list[str] = ["message slots"]
        self._sizes: list[int] = [0]

    def block(self, name: str, tensor: str, region: Region, content: Content = Content.VALUES) -> Block:
        """A new buffer of the size of a box; it lives from its first use to its last."""
        self._names.append(name)
        self._sizes.append(region.elements * (SUM_BYTES if content is Content.PARTIAL_SUMS else 1))
        return Block(len(self._sizes) - 1, tensor, region, content)

    def scratch(self, name: str, size_bytes: int) -> Scratch:
        """Working memory in a buffer of its own, for the step that is given it."""
        self._names.append(name)
        self._sizes.append(size_bytes)
        return Scratch(len(self._sizes) - 1, size_bytes)

    def ring(self, name: str, tensor: str, region: Region, rows: int) -> Block:
        """A new buffer for the latest `rows` rows of a box."""
        block = self.block(name, tensor, region.with_rows(0, rows))
        return replace(block, region=region, ring_rows=rows)

    def append(self, step: Step) -> None:
        """Add a step, and its effect on the node's clock."""
        self._steps.append(step)
        match step:
            case Ready():
                self._timeline.ready(self.node, step.message)
            case Await():
                self._timeline.wait(self.node, step.message)
            case Transfer():
                pass
            case _:
                self._timeline.compute(self.node, step.predicted_ns)

    def build(
        self, pack: Packer, inputs: Sequence[Operand], outputs: Sequence[Operand]
    ) -> tuple[Program, Mapping[int, int]]:
        """The program and the slot of each of its messages. `inputs` live from step 0, `outputs` to the end."""
        slots = self._message_slots()
        slot_count = max(slots.values(), default=-1) + 1
        self._sizes[0] = slot_count * MESSAGE_SLOT_BYTES
        lifespans = self._lifespans(inputs, outputs)
        offsets = pack(lifespans)
        buffers = tuple(
            Buffer(name, span.size_bytes, offset, span.first_step, span.end_step)
            for name, span, offset in zip(self._names, lifespans, offsets, strict=True)
        )
        return Program(self.node, buffers, slot_count, tuple(self._steps), tuple(inputs), tuple(outputs)), slots

    def _message_slots(self) -> Mapping[int, int]:
        """Give every message the lowest slot that is free between its Ready and its Await."""
        slots: dict[int, int] = {}
        free: list[int] = []
        count = 0
        for step in self._steps:
            if isinstance(step, Ready):
                if not free:
                    heapq.heappush(free, count)
                    count += 1
                slots[step.message] = heapq.heappop(free)
            elif isinstance(step, Await):
                heapq.heappush(free, slots[step.message])
        return slots

    def _lifespans(self, inputs: Sequence[Operand], outputs: Sequence[Operand]) -> list[Lifespan]:
        """From first to last use; a message uses its buffers from Ready to Await."""
        end = len(self._steps)
        spans: dict[int, tuple[int, int]] = {0: (0, end)}

        def extend(buffer: int, first: int, stop: int) -> None:
            known_first, known_stop = spans.get(buffer, (first, stop))
            spans[buffer] = (min(first, known_first), max(stop, known_stop))

        def use(operands: Iterable[Operand], first: int, stop: int) -> None:
            for operand in operands:
                for piece in operand.pieces:
                    extend(piece.buffer, first, stop)

        def use_scratch(step: Step, index: int) -> None:
            for inner in step.body if isinstance(step, Loop) else (step,):
                if isinstance(inner, Compute | PartialSums) and inner.scratch is not None:
                    extend(inner.scratch.buffer, index, index + 1)

        transfers = {step.message: step for step in self._steps if isinstance(step, Transfer)}
        use(inputs, 0, min(1, end))
        for index, step in enumerate(self._steps):
            use(_operands(transfers[step.message] if isinstance(step, Ready | Await) else step), index, index + 1)
            use_scratch(step, index)
        use(outputs, end, end)
        return [Lifespan(size, *spans[buffer]) for buffer, size in enumerate(self._sizes)]


def _operands(step: Step) -> Sequence[Operand]:
    match step:
        case Compute():
            return [*(operand for operand in step.inputs if operand is not None), step.output]
        case PartialSums():
            return [step.input, step.output]
        case Requantise():
            return [step.source, step.output]
        case Accumulate() | Copy():
            return [step.source, step.target]
        case Transfer():
            return [step.operand]
        case Loop():
            return [operand for inner in step.body for operand in _operands(inner)]
        case Ready() | Await():
            return []
