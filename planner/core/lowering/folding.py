"""Turns runs of steps that differ in their columns alone into loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from planner.data.plan import Compute, Copy, Loop, LoopedStep, Operand, View

Body = tuple[LoopedStep, ...]


def folded(bodies: Sequence[Body]) -> Iterator[LoopedStep | Loop]:
    """The steps of all bodies in order; runs of bodies that a loop can stand for are loops."""
    position = 0
    while position < len(bodies):
        body = bodies[position]
        looped = _advancing(body, bodies[position + 1]) if position + 1 < len(bodies) else None
        if looped is None:
            yield from body
            position += 1
            continue
        count = 2
        while position + count < len(bodies) and Loop(count, looped).iteration(count) == bodies[position + count]:
            count += 1
        yield Loop(count, looped)
        position += count


def _advancing(body: Body, following: Body) -> Body | None:
    """The body, with advances such that its next iteration is `following`; None if there are none."""
    if len(body) != len(following):
        return None
    looped: list[LoopedStep] = []
    for step, next_step in zip(body, following, strict=True):
        match step, next_step:
            case Copy(), Copy():
                looped.append(
                    replace(
                        step,
                        source=_operand_advancing(step.source, next_step.source),
                        target=_operand_advancing(step.target, next_step.target),
                    )
                )
            case Compute(), Compute():
                inputs = tuple(
                    _operand_advancing(a, b) if a and b else a
                    for a, b in zip(step.inputs, next_step.inputs, strict=False)
                )
                looped.append(replace(step, inputs=inputs, output=_operand_advancing(step.output, next_step.output)))
    result = tuple(looped)
    return result if len(result) == len(body) and Loop(2, result).iteration(1) == following else None


def _operand_advancing(operand: Operand, following: Operand) -> Operand:
    """The operand with the advances that lead to `following` if any do; whether they do is for the caller to check."""
    return replace(
        operand,
        pieces=tuple(_view_advancing(a, b) for a, b in zip(operand.pieces, following.pieces, strict=False)),
        advance_columns=following.region.column_start - operand.region.column_start,
    )


def _view_advancing(view: View, following: View) -> View:
    columns = (following.offset_bytes - view.offset_bytes) // view.pixel_stride_bytes
    return replace(view, advance_columns=max(0, columns))
