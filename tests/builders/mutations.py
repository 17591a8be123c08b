"""Faults to inject into plans: each changes a valid plan so that it breaks a rule, or finds nothing to change.

They assume that every row of every tensor is needed, or what they break might not matter. Those that change steps
expect a `roomy` plan, so that the fault does not merely show in a lifespan or at the end of a buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from planner.data.plan import (
    ALIGNMENT_BYTES,
    CANARY_BYTES,
    MESSAGE_SLOT_BYTES,
    Accumulate,
    Await,
    Buffer,
    Compute,
    Content,
    Copy,
    Message,
    Operand,
    PartialSums,
    Plan,
    Program,
    Ready,
    Requantise,
    Step,
    Transfer,
    View,
)

T = TypeVar("T")
Mutation = Callable[[Plan, np.random.Generator], Plan | None]
Place = tuple[int, int]
"""A node and the index of a buffer or a step."""
SPARE_BYTES = 64


def choose(rng: np.random.Generator, items: Sequence[T]) -> T | None:
    return items[int(rng.integers(len(items)))] if items else None


def with_program(plan: Plan, program: Program) -> Plan:
    programs = tuple(program if program.node == other.node else other for other in plan.programs)
    return replace(plan, programs=programs)


def with_buffer(plan: Plan, place: Place, buffer: Buffer) -> Plan:
    program = plan.programs[place[0]]
    buffers = (*program.buffers[: place[1]], buffer, *program.buffers[place[1] + 1 :])
    return with_program(plan, replace(program, buffers=buffers))


def roomy(plan: Plan) -> Plan:
    """The same plan with larger buffers, side by side, which live throughout, and a slot for every message."""
    slots = len(plan.messages)
    messages = tuple(replace(m, source_slot=n, target_slot=n) for n, m in enumerate(plan.messages))
    programs: list[Program] = []
    for program in plan.programs:
        buffers: list[Buffer] = []
        offset = 0
        for buffer in program.buffers:
            size = buffer.size_bytes + SPARE_BYTES if buffers else slots * MESSAGE_SLOT_BYTES
            buffers.append(
                replace(buffer, size_bytes=size, offset_bytes=offset, first_step=0, end_step=len(program.steps))
            )
            offset += (size + CANARY_BYTES + ALIGNMENT_BYTES - 1) // ALIGNMENT_BYTES * ALIGNMENT_BYTES
        programs.append(replace(program, buffers=tuple(buffers), slots=slots))
    return replace(plan, programs=tuple(programs), messages=messages)


def with_steps(plan: Plan, place: Place, *steps: Step) -> Plan:
    """The roomy plan with other steps in place of one."""
    program = plan.programs[place[0]]
    changed = (*program.steps[: place[1]], *steps, *program.steps[place[1] + 1 :])
    buffers = tuple(replace(buffer, end_step=len(changed)) for buffer in program.buffers)
    return with_program(plan, replace(program, steps=changed, buffers=buffers))


def moved_step(plan: Plan, place: Place, target: int) -> Plan:
    """The roomy plan with a step taken out and put in at position `target` of what remains."""
    program = plan.programs[place[0]]
    steps = list(program.steps)
    steps.insert(target, steps.pop(place[1]))
    return with_program(plan, replace(program, steps=tuple(steps)))


def with_message(plan: Plan, number: int, message: Message) -> Plan:
    return replace(plan, messages=(*plan.messages[:number], message, *plan.messages[number + 1 :]))


def steps_of(plan: Plan, *kinds: type[Step]) -> Iterator[tuple[Place, Step]]:
    for program in plan.programs:
        for index, step in enumerate(program.steps):
            if isinstance(step, kinds):
                yield (program.node, index), step


def operand_fields(step: Step) -> list[str]:
    """Names of the fields of a step that are operands; a Compute's inputs are left out."""
    return [name for name in ("input", "source", "target", "output", "operand") if hasattr(step, name)]


def used_buffers(plan: Plan) -> list[tuple[Place, Buffer]]:
    """Buffers with data that live during at least one step."""
    return [
        ((program.node, index), buffer)
        for program in plan.programs
        for index, buffer in enumerate(program.buffers)
        if index > 0 and buffer.end_step > buffer.first_step
    ]


def move_onto_neighbour(plan: Plan, rng: np.random.Generator) -> Plan | None:
    buffers = used_buffers(plan)
    pairs = [
        (place, buffer, other)
        for place, buffer in buffers
        for other_place, other in buffers
        if place[0] == other_place[0]
        and place[1] != other_place[1]
        and buffer.first_step < other.end_step
        and other.first_step < buffer.end_step
    ]
    chosen = choose(rng, pairs)
    if chosen is None:
        return None
    place, buffer, other = chosen
    inside = int(rng.integers(0, other.size_bytes + 4)) // ALIGNMENT_BYTES * ALIGNMENT_BYTES
    return with_buffer(plan, place, replace(buffer, offset_bytes=other.offset_bytes + inside))


def misalign(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, used_buffers(plan))
    return chosen and with_buffer(plan, chosen[0], replace(chosen[1], offset_bytes=chosen[1].offset_bytes + 4))


def end_too_early(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, used_buffers(plan))
    return chosen and with_buffer(plan, chosen[0], replace(chosen[1], end_step=chosen[1].end_step - 1))


def begin_too_late(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, used_buffers(plan))
    return chosen and with_buffer(plan, chosen[0], replace(chosen[1], first_step=chosen[1].first_step + 1))


def shrink_buffer(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, used_buffers(plan))
    return chosen and with_buffer(plan, chosen[0], replace(chosen[1], size_bytes=chosen[1].size_bytes - 1))


def shrink_slot_table(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, [program for program in plan.programs if program.slots])
    if chosen is None:
        return None
    table = replace(chosen.buffers[0], size_bytes=chosen.buffers[0].size_bytes - 1)
    return with_buffer(plan, (chosen.node, 0), table)


def drop_message_step(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, list(steps_of(plan, Ready, Transfer, Await)))
    return chosen and with_steps(plan, chosen[0])


def drop_cpu_step(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, list(steps_of(plan, Compute, PartialSums, Accumulate, Requantise, Copy)))
    return chosen and with_steps(plan, chosen[0])


def accumulate_twice(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, list(steps_of(plan, Accumulate)))
    return chosen and with_steps(plan, chosen[0], chosen[1], chosen[1])


def swap_transfers(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Exchange two consecutive transfers of a node."""
    candidates: list[tuple[Place, Place]] = []
    for program in plan.programs:
        places = [(program.node, i) for i, step in enumerate(program.steps) if isinstance(step, Transfer)]
        candidates += pairwise(places)
    chosen = choose(rng, candidates)
    if chosen is None:
        return None
    (node, first), (_, second) = chosen
    steps = plan.programs[node].steps
    return with_steps(with_steps(plan, (node, first), steps[second]), (node, second), steps[first])


def await_too_late(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Use what a message brings before it has been awaited: put the Await behind the first use."""
    candidates: list[tuple[Place, int]] = []
    for (node, index), step in steps_of(plan, Await):
        assert isinstance(step, Await)
        steps = plan.programs[node].steps
        if plan.messages[step.message].target != node:
            continue
        place = next(s.operand for s in steps if isinstance(s, Transfer) and s.message == step.message)
        buffer = place.pieces[0].buffer
        for later in range(index + 1, len(steps)):
            used = steps[later]
            if isinstance(used, Compute) and any(
                operand is not None and any(piece.buffer == buffer for piece in operand.pieces)
                for operand in used.inputs
            ):
                candidates.append(((node, index), later))
                break
    chosen = choose(rng, candidates)
    if chosen is None:
        return None
    return moved_step(plan, *chosen)


def ready_too_early(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Promise a payload before it is computed."""
    candidates: list[tuple[Place, int]] = []
    for (node, index), step in steps_of(plan, Ready):
        assert isinstance(step, Ready)
        steps = plan.programs[node].steps
        if plan.messages[step.message].source != node:
            continue
        payload = next(s.operand for s in steps if isinstance(s, Transfer) and s.message == step.message)
        for earlier in range(index - 1, -1, -1):
            made = steps[earlier]
            if (
                isinstance(made, Compute | Requantise | PartialSums)
                and made.output.pieces[0].buffer == payload.pieces[0].buffer
                and not made.output.region.intersect(payload.region).empty
            ):
                candidates.append(((node, index), earlier))
                break
    chosen = choose(rng, candidates)
    if chosen is None:
        return None
    return moved_step(plan, *chosen)


def share_slot(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Give a message the slot of another that is in flight at the same time."""
    candidates: list[tuple[int, bool, int]] = []
    for program in plan.programs:
        flying: list[int] = []
        for step in program.steps:
            if isinstance(step, Await):
                flying.remove(step.message)
            elif isinstance(step, Ready):
                for other in flying:
                    sends = plan.messages[step.message].source == program.node
                    message = plan.messages[other]
                    slot = message.source_slot if message.source == program.node else message.target_slot
                    candidates.append((step.message, sends, slot))
                flying.append(step.message)
    chosen = choose(rng, candidates)
    if chosen is None:
        return None
    number, sends, slot = chosen
    message = plan.messages[number]
    changed = replace(message, source_slot=slot) if sends else replace(message, target_slot=slot)
    return with_message(plan, number, changed)


def slot_beyond_table(plan: Plan, rng: np.random.Generator) -> Plan | None:
    number = int(rng.integers(len(plan.messages))) if plan.messages else None
    if number is None:
        return None
    message = plan.messages[number]
    return with_message(plan, number, replace(message, target_slot=plan.programs[message.target].slots))


def wrong_duration(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_message(plan, rng, lambda m: replace(m, duration_ns=m.duration_ns + 1))


def wrong_ports(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_message(plan, rng, lambda m: replace(m, ports=m.ports[:-1]))


def wrong_message_size(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_message(plan, rng, lambda m: replace(m, size_bytes=m.size_bytes + 1))


def reversed_message(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_message(plan, rng, lambda m: replace(m, source=m.target, target=m.source))


def wrong_message_region(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_message(
        plan, rng, lambda m: replace(m, region=m.region.with_rows(m.region.row_start + 1, m.region.row_stop + 1))
    )


def _change_message(plan: Plan, rng: np.random.Generator, change: Callable[[Message], Message]) -> Plan | None:
    if not plan.messages:
        return None
    number = int(rng.integers(len(plan.messages)))
    return with_message(plan, number, change(plan.messages[number]))


def shift_output_region(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, list(steps_of(plan, Compute, PartialSums, Requantise)))
    if chosen is None:
        return None
    place, step = chosen
    assert isinstance(step, Compute | PartialSums | Requantise)
    return with_steps(plan, place, replace(step, output=_shifted(step.output, rng)))


def shift_input_region(plan: Plan, rng: np.random.Generator) -> Plan | None:
    candidates = [
        (place, step, index)
        for place, step in steps_of(plan, Compute)
        if isinstance(step, Compute)
        for index, operand in enumerate(step.inputs)
        if operand is not None
    ]
    chosen = choose(rng, candidates)
    if chosen is None:
        return None
    place, step, index = chosen
    inputs = tuple(
        _shifted(operand, rng) if n == index and operand is not None else operand
        for n, operand in enumerate(step.inputs)
    )
    return with_steps(plan, place, replace(step, inputs=inputs))


def _shifted(operand: Operand, rng: np.random.Generator) -> Operand:
    region = operand.region
    if rng.integers(2):
        return replace(operand, region=region.with_rows(region.row_start + 1, region.row_stop + 1))
    return replace(operand, region=region.with_channels(region.channel_start + 1, region.channel_stop + 1))


def forget_input(plan: Plan, rng: np.random.Generator) -> Plan | None:
    candidates = [
        (place, step) for place, step in steps_of(plan, Compute) if isinstance(step, Compute) and any(step.inputs)
    ]
    chosen = choose(rng, candidates)
    return chosen and with_steps(plan, chosen[0], replace(chosen[1], inputs=(None,) * len(chosen[1].inputs)))


def shift_view(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_view(plan, rng, lambda view: replace(view, offset_bytes=view.offset_bytes + view.element_bytes))


def stretch_rows(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_view(
        plan,
        rng,
        lambda view: (
            replace(view, row_stride_bytes=view.row_stride_bytes + view.element_bytes) if view.rows > 1 else None
        ),
    )


def stretch_columns(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_view(
        plan,
        rng,
        lambda view: (
            replace(view, pixel_stride_bytes=view.pixel_stride_bytes + view.element_bytes) if view.columns > 1 else None
        ),
    )


def other_buffer(plan: Plan, rng: np.random.Generator) -> Plan | None:
    return _change_view(plan, rng, lambda view: replace(view, buffer=view.buffer - 1))


def _change_view(plan: Plan, rng: np.random.Generator, change: Callable[[View], View | None]) -> Plan | None:
    """Change a view of a step's operand, a Compute's inputs left out."""
    candidates = [
        (place, step, name) for place, step in steps_of(plan, *STEPS_WITH_OPERANDS) for name in operand_fields(step)
    ]
    chosen = choose(rng, candidates)
    if chosen is None:
        return None
    place, step, name = chosen
    operand: Operand = getattr(step, name)
    view = change(operand.pieces[0])
    if view is None:
        return None
    changed = replace(operand, pieces=(view, *operand.pieces[1:]))
    return with_steps(plan, place, replace(step, **{name: changed}))


STEPS_WITH_OPERANDS = (Compute, PartialSums, Accumulate, Requantise, Copy, Transfer)


def forget_result(plan: Plan, rng: np.random.Generator) -> Plan | None:
    chosen = choose(rng, [program for program in plan.programs if program.outputs])
    return chosen and with_program(plan, replace(chosen, outputs=()))


def values_for_sums(plan: Plan, rng: np.random.Generator) -> Plan | None:
    """Requantise something that is no sum."""
    chosen = choose(rng, list(steps_of(plan, Requantise)))
    if chosen is None:
        return None
    place, step = chosen
    assert isinstance(step, Requantise)
    return with_steps(plan, place, replace(step, source=replace(step.source, content=Content.VALUES)))


def with_some_number_changed(plan: Plan, rng: np.random.Generator) -> Plan:
    """The plan with one number anywhere in it raised or lowered a little: perhaps still valid."""
    changed = _changed(plan, rng)
    assert isinstance(changed, Plan)
    return changed


def _changed(value: object, rng: np.random.Generator) -> object:
    """`value` with one number inside changed: in a random field or item that holds any."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value + int(rng.choice([-8, -4, -1, 1, 4, 8]))
    if isinstance(value, tuple):
        index = choose(rng, [n for n, item in enumerate(value) if _has_number(item)])
        return value if index is None else (*value[:index], _changed(value[index], rng), *value[index + 1 :])
    if is_dataclass(value) and not isinstance(value, type):
        name = choose(rng, [f.name for f in fields(value) if _has_number(getattr(value, f.name))])
        return value if name is None else replace(value, **{name: _changed(getattr(value, name), rng)})
    return value


def _has_number(value: object) -> bool:
    if isinstance(value, tuple):
        return any(_has_number(item) for item in value)
    return isinstance(value, int) or (is_dataclass(value) and not isinstance(value, type))


BUFFER_MUTATIONS: Mapping[Mutation, set[str]] = {
    move_onto_neighbour: {"overlap"},
    misalign: {"offset"},
    end_too_early: {"lifespan", "outputs", "scratch"},
    begin_too_late: {"lifespan", "inputs", "scratch"},
    shrink_buffer: {"view", "scratch"},
    shrink_slot_table: {"slot table"},
}
"""Mutations of buffers, and the rules that each may break."""

STEP_MUTATIONS: Mapping[Mutation, set[str]] = {
    drop_message_step: {"message steps"},
    drop_cpu_step: {"contents", "partial sums"},
    accumulate_twice: {"partial sums"},
    swap_transfers: {"message steps", "message order", "deadlock"},
    await_too_late: {"in flight"},
    ready_too_early: {"contents", "in flight"},
    share_slot: {"slots"},
    slot_beyond_table: {"slots"},
    wrong_duration: {"duration"},
    wrong_ports: {"ports"},
    wrong_message_size: {"message size"},
    reversed_message: {"link", "ports", "slots", "contents", "in flight", "duration"},
    wrong_message_region: {"payload"},
    shift_output_region: {"operands", "contents"},
    shift_input_region: {"operands"},
    forget_input: {"operands"},
    shift_view: {"contents", "in flight", "view"},
    stretch_rows: {"contents", "in flight"},
    stretch_columns: {"contents", "in flight", "view"},
    other_buffer: {"contents", "in flight", "operands", "partial sums", "view"},
    forget_result: {"outputs"},
    values_for_sums: {"view"},
}
"""Mutations of steps and messages of a roomy plan, and the rules that each may break."""
