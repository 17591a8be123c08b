"""The plan: one program per node over buffers with fixed offsets and lifespans.

Program model. Every node runs its steps in order. Compute steps take CPU time; the three message steps do not:

- `Ready(m)` notes the node's clock: at the source the payload is complete, at the target the buffer is free.
- `Transfer(m)` moves the bytes. It blocks until the peer is at its own `Transfer(m)`. In time, the transmission starts
  when both ends are ready and all ports of the message are free, and occupies the ports for the link's duration;
  neither CPU waits for it.
- `Await(m)` waits until the transmission has ended: after it the target may read, the source may reuse its buffer.

Messages are numbered in one global order, and every node executes its transfers in that order, so the node programs
form a network that cannot deadlock: both ends of the lowest unfinished message reach it without waiting for a higher
one. The same order arbitrates ports and buses, which makes time a function of the plan alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from planner.data.graph import Arithmetic
from planner.data.region import Region


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes of a node's arena at a fixed offset, live during the steps [first_step, end_step).

    A canary of `CANARY_BYTES` follows `size_bytes`; packing counts both. Offsets are multiples of `ALIGNMENT_BYTES`.
    """

    name: str
    size_bytes: int
    offset_bytes: int
    first_step: int
    end_step: int


CANARY_BYTES = 4
ALIGNMENT_BYTES = 8
MESSAGE_SLOT_BYTES = 16
"""Arena bytes per message slot (ready and end time); the slot table is buffer 0 of every program."""


@dataclass(frozen=True, slots=True)
class View:
    """A box of elements inside a buffer; channels are contiguous.

    Element [r, c, k] lies at offset_bytes + R * row_stride_bytes + C * pixel_stride_bytes + k * element_bytes, where
    R = r, or (ring_first_row + r) mod ring_rows if the view is a ring; C likewise. In iteration i of a loop, it begins
    i * advance_columns columns further.
    """

    buffer: int
    offset_bytes: int
    rows: int
    columns: int
    channels: int
    row_stride_bytes: int
    pixel_stride_bytes: int
    element_bytes: int = 1
    ring_rows: int = 0
    ring_first_row: int = 0
    ring_columns: int = 0
    ring_first_column: int = 0
    advance_columns: int = 0

    def at(self, iteration: int) -> View:
        """The view in one iteration of a loop."""
        shift_bytes = iteration * self.advance_columns * self.pixel_stride_bytes
        return replace(self, offset_bytes=self.offset_bytes + shift_bytes, advance_columns=0)


class Content(Enum):
    """What the elements of an operand are."""

    VALUES = "values"
    """int8 values of the tensor."""
    PARTIAL_SUMS = "partial_sums"
    """int32 sums over some of the input channels of the operator that computes the tensor, without bias."""


@dataclass(frozen=True, slots=True)
class Operand:
    """The part `region` of a tensor as it lies in memory: up to `MAX_PIECES` views, stacked by rows.

    In iteration i of a loop, the region begins i * advance_columns columns further.
    """

    tensor: str
    region: Region
    pieces: tuple[View, ...]
    content: Content = Content.VALUES
    advance_columns: int = 0

    def at(self, iteration: int) -> Operand:
        """The operand in one iteration of a loop."""
        shift = iteration * self.advance_columns
        region = self.region.with_columns(self.region.column_start + shift, self.region.column_stop + shift)
        return replace(self, region=region, pieces=tuple(p.at(iteration) for p in self.pieces), advance_columns=0)


MAX_PIECES = 3
"""Halo rows above, own rows, halo rows below."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """Working memory of a kernel: `size_bytes` at the start of a buffer."""

    buffer: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Compute:
    """Compute output.region of `operator`; each input operand is exactly the clipped region that it needs.

    An input of which nothing is needed (a concatenation's other input) is None.
    """

    operator: str
    inputs: tuple[Operand | None, ...]
    output: Operand
    predicted_ns: int
    scratch: Scratch | None = None
    variant: str = "portable"


@dataclass(frozen=True, slots=True)
class PartialSums:
    """int32 sums of `operator` over the input channels of `input`, for output.region; no bias, no requantisation."""

    operator: str
    input: Operand
    output: Operand
    predicted_ns: int
    scratch: Scratch | None = None


@dataclass(frozen=True, slots=True)
class Accumulate:
    """target += source, elementwise int32, over equal regions."""

    source: Operand
    target: Operand
    predicted_ns: int


@dataclass(frozen=True, slots=True)
class Requantise:
    """Bias, requantisation and clamp of `operator` applied to complete sums: int32 source to int8 output."""

    operator: str
    source: Operand
    output: Operand
    predicted_ns: int


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy int8 values between two operands of equal region."""

    source: Operand
    target: Operand
    predicted_ns: int


LoopedStep = Compute | Copy


@dataclass(frozen=True, slots=True)
class Loop:
    """`iterations` times the steps of `body`, each time with their operands advanced."""

    iterations: int
    body: tuple[LoopedStep, ...]

    @property
    def predicted_ns(self) -> int:
        return self.iterations * sum(step.predicted_ns for step in self.body)

    def iteration(self, number: int) -> tuple[LoopedStep, ...]:
        """The steps of iteration `number` as they would stand without the loop."""
        return tuple(_looped_at(step, number) for step in self.body)

    def unrolled(self) -> Iterator[LoopedStep]:
        """All steps in order, as they would stand without the loop."""
        for number in range(self.iterations):
            yield from self.iteration(number)


def _looped_at(step: LoopedStep, iteration: int) -> LoopedStep:
    if isinstance(step, Copy):
        return replace(step, source=step.source.at(iteration), target=step.target.at(iteration))
    inputs = tuple(None if operand is None else operand.at(iteration) for operand in step.inputs)
    return replace(step, inputs=inputs, output=step.output.at(iteration))


@dataclass(frozen=True, slots=True)
class Ready:
    """Note the clock in the message's slot: this end is ready."""

    message: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send from, or receive into, `operand`."""

    message: int
    operand: Operand


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until the message's transmission has ended; frees its slot."""

    message: int


CpuStep = Compute | PartialSums | Accumulate | Requantise | Copy | Loop
MessageStep = Ready | Transfer | Await
Step = CpuStep | MessageStep


@dataclass(frozen=True, slots=True)
class Message:
    """One transmission over one hop. Its number is its place in `Plan.messages`.

    It occupies all of `ports` (names of the network's ports) for `duration_ns`.
    """

    source: int
    target: int
    tensor: str
    region: Region
    content: Content
    size_bytes: int
    duration_ns: int
    ports: tuple[str, ...]
    source_slot: int
    target_slot: int


@dataclass(frozen=True, slots=True)
class Program:
    """What one node does. Buffer 0 is the slot table of `slots` message slots, live throughout.

    `inputs` are the graph inputs that lie in this node's buffers before step 0, `outputs` the graph outputs, whole,
    that lie there after the last step.
    """

    node: int
    buffers: tuple[Buffer, ...]
    slots: int
    steps: tuple[Step, ...]
    inputs: tuple[Operand, ...] = ()
    outputs: tuple[Operand, ...] = ()

    @property
    def arena_bytes(self) -> int:
        """Highest byte of the arena that the program may touch, canaries included."""
        return max((b.offset_bytes + b.size_bytes + CANARY_BYTES for b in self.buffers), default=0)


@dataclass(frozen=True, slots=True)
class Plan:
    """Programs of all nodes (the host is the last) and the messages between them.

    `model_hash` and `cluster_id` tie the plan to its quantised graph and its fleet; a runtime refuses a peer with
    another cluster id. `bus` names the port, if any, that all nodes share: a token carries its free time from sender
    to sender in message order.
    """

    model_hash: str
    cluster_id: int
    arithmetic: Arithmetic
    programs: tuple[Program, ...]
    messages: tuple[Message, ...]
    bus: str | None = None
