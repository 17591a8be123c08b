"""Buffers, views, lifespans, caps: what can be checked without running the programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.plan import (
    ALIGNMENT_BYTES,
    CANARY_BYTES,
    MAX_PIECES,
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
    Plan,
    Program,
    Ready,
    Requantise,
    Scratch,
    Step,
    Transfer,
    View,
)
from planner.data.result import Violation

ELEMENT_BYTES = {Content.VALUES: 1, Content.PARTIAL_SUMS: 4}


def check_structure(graph: Graph, instance: Instance, plan: Plan, plan_bytes: Mapping[int, int]) -> Iterator[Violation]:
    """Violations of the plan's static rules."""
    if plan.arithmetic is not graph.arithmetic:
        yield Violation("arithmetic", instance.host, None, f"the plan rounds as {plan.arithmetic.value}")
    if [program.node for program in plan.programs] != list(range(instance.nodes)):
        yield Violation("programs", instance.host, None, "there is not one program per node in order")
        return
    for program in plan.programs:
        yield from _check_buffers(program)
        yield from _check_caps(instance, program, plan_bytes.get(program.node))
        for index, step in enumerate(program.steps):
            yield from _check_step(program, index, step)
        for operand in program.inputs + program.outputs:
            yield from _check_operand(program, None, operand, MAX_PIECES)


def step_operands(step: Step) -> tuple[Operand, ...]:
    """All operands of a step."""
    match step:
        case Compute():
            return (*(operand for operand in step.inputs if operand is not None), step.output)
        case PartialSums():
            return (step.input, step.output)
        case Requantise():
            return (step.source, step.output)
        case Accumulate() | Copy():
            return (step.source, step.target)
        case Transfer():
            return (step.operand,)
        case Loop():
            return tuple(operand for inner in step.unrolled() for operand in step_operands(inner))
        case Ready() | Await():
            return ()


def _check_buffers(program: Program) -> Iterator[Violation]:
    node, end = program.node, len(program.steps)
    if not program.buffers or program.buffers[0].size_bytes != program.slots * MESSAGE_SLOT_BYTES:
        yield Violation("slot table", node, None, "buffer 0 does not have the size of the slot table")
    elif (program.buffers[0].first_step, program.buffers[0].end_step) != (0, end):
        yield Violation("slot table", node, None, "the slot table is not live throughout")
    for buffer in program.buffers:
        if buffer.size_bytes < 0 or buffer.offset_bytes < 0 or buffer.offset_bytes % ALIGNMENT_BYTES:
            yield Violation("offset", node, None, f"buffer {buffer.name} lies at {buffer.offset_bytes}")
        if not 0 <= buffer.first_step <= buffer.end_step <= end:
            yield Violation(
                "lifespan", node, None, f"buffer {buffer.name} lives in [{buffer.first_step}, {buffer.end_step})"
            )
    yield from _check_overlaps(program)


def _check_overlaps(program: Program) -> Iterator[Violation]:
    """No two buffers, canaries included, share a byte while both are live."""
    live: list[Buffer] = []
    for buffer in sorted(program.buffers, key=lambda b: b.first_step):
        live = [other for other in live if other.end_step > buffer.first_step]
        for other in live:
            if (
                buffer.end_step > buffer.first_step
                and buffer.offset_bytes < other.offset_bytes + other.size_bytes + CANARY_BYTES
                and other.offset_bytes < buffer.offset_bytes + buffer.size_bytes + CANARY_BYTES
            ):
                yield Violation(
                    "overlap", program.node, buffer.first_step, f"buffers {buffer.name} and {other.name} overlap"
                )
        live.append(buffer)


def _check_caps(instance: Instance, program: Program, plan_bytes: int | None) -> Iterator[Violation]:
    if program.node == instance.host:
        return
    device = instance.devices[program.node]
    ram_bytes = program.arena_bytes + device.profile.firmware.ram_bytes
    if ram_bytes > device.ram_cap_bytes:
        yield Violation(
            "RAM", program.node, None, f"{ram_bytes} bytes are needed, {device.ram_cap_bytes} bytes is the cap"
        )
    flash_bytes = (plan_bytes or 0) + device.profile.firmware.code_bytes
    if plan_bytes is not None and flash_bytes > device.flash_cap_bytes:
        yield Violation(
            "flash", program.node, None, f"{flash_bytes} bytes are needed, {device.flash_cap_bytes} bytes is the cap"
        )


def _check_step(program: Program, index: int, step: Step) -> Iterator[Violation]:
    if isinstance(step, Loop):
        if step.iterations < 1 or not step.body:
            yield Violation("loop", program.node, index, "the loop is empty")
        for inner in step.unrolled():
            yield from _check_step(program, index, inner)
        return
    inputs = step.inputs if isinstance(step, Compute) else ()
    for operand in step_operands(step):
        pieces = MAX_PIECES if any(operand is given for given in inputs) else 1
        yield from _check_operand(program, index, operand, pieces)
    if isinstance(step, Compute | PartialSums) and step.scratch is not None:
        yield from _check_scratch(program, index, step.scratch)
    if not isinstance(step, Ready | Transfer | Await) and step.predicted_ns < 0:
        yield Violation("time", program.node, index, "the predicted time is negative")


def _check_scratch(program: Program, index: int, scratch: Scratch) -> Iterator[Violation]:
    if not 0 < scratch.buffer < len(program.buffers):
        yield Violation("scratch", program.node, index, f"there is no buffer {scratch.buffer}")
        return
    buffer = program.buffers[scratch.buffer]
    if scratch.size_bytes > buffer.size_bytes or not buffer.first_step <= index < buffer.end_step:
        yield Violation("scratch", program.node, index, f"scratch memory does not fit buffer {buffer.name}")


def _check_operand(program: Program, index: int | None, operand: Operand, max_pieces: int) -> Iterator[Violation]:
    """The pieces make up the region, lie in their buffers, and the buffers are live at the step."""

    def violation(message: str) -> Violation:
        return Violation("view", program.node, index, f"operand of {operand.tensor}: {message}")

    region, pieces = operand.region, operand.pieces
    if region.empty or not 1 <= len(pieces) <= max_pieces:
        yield violation(f"{len(pieces)} pieces for {region.elements} elements")
        return
    shape = (sum(piece.rows for piece in pieces), {p.columns for p in pieces}, {p.channels for p in pieces})
    if min(piece.rows for piece in pieces) < 1 or shape != (region.rows, {region.columns}, {region.channels}):
        yield violation("the pieces do not make up the region")
        return
    if len({piece.pixel_stride_bytes for piece in pieces}) != 1:
        yield violation("the pieces differ in their distance of columns")
    for piece in pieces:
        if piece.element_bytes != ELEMENT_BYTES[operand.content]:
            yield violation(f"elements of {piece.element_bytes} bytes")
        elif not 0 < piece.buffer < len(program.buffers):
            yield violation(f"there is no buffer {piece.buffer} for data")
        elif not _view_fits(piece, program.buffers[piece.buffer]):
            yield violation(f"the view leaves buffer {program.buffers[piece.buffer].name}")
        elif index is not None and not _live(program.buffers[piece.buffer], index):
            yield Violation(
                "lifespan", program.node, index, f"buffer {program.buffers[piece.buffer].name} is used but not live"
            )


def _live(buffer: Buffer, index: int) -> bool:
    return buffer.first_step <= index < buffer.end_step


def _view_fits(view: View, buffer: Buffer) -> bool:
    """Whether every element lies in the buffer, at a multiple of its size; rings wrap at their own size."""
    strides = (view.offset_bytes, view.row_stride_bytes, view.pixel_stride_bytes)
    if min(strides) < 0 or any(stride % view.element_bytes for stride in strides):
        return False
    rows, columns = view.ring_rows or view.rows, view.ring_columns or view.columns
    if not (view.rows <= rows and view.columns <= columns):
        return False
    if not (
        0 <= view.ring_first_row < max(1, view.ring_rows) and 0 <= view.ring_first_column < max(1, view.ring_columns)
    ):
        return False
    last = view.offset_bytes + (rows - 1) * view.row_stride_bytes + (columns - 1) * view.pixel_stride_bytes
    return last + view.channels * view.element_bytes <= buffer.size_bytes
