"""Rewrites a freshly read graph into fewer operators that give the same bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.core.arithmetic import INT8_VALUES
from planner.data.graph import INT8_MIN, Add, Clamp, Conv, Graph, Lookup, Mul, Operator, Pad, Padding, Pool, PoolKind


def simplify(graph: Graph) -> Graph:
    """The graph with paddings folded into the windows that read them, and clips into the operators that they clip."""
    return _without_clips(_without_pads(graph))


def _without_pads(graph: Graph) -> Graph:
    operators = [_with_padding(graph, operator) for operator in graph.operators]
    return _needed(graph, operators)


def _with_padding(graph: Graph, operator: Operator) -> Operator:
    """A convolution or maximum pool that reads the input of the Pad before it, if padding means the same to it."""
    place = graph.producers.get(operator.inputs[0])
    pad = None if place is None else graph.operators[place]
    if not isinstance(pad, Pad):
        return operator
    match operator:
        case Conv():
            neutral = graph.tensors[pad.inputs[0]].quant.zero_point
        case Pool(kind=PoolKind.MAXIMUM):
            neutral = INT8_MIN
        case _:
            return operator
    if pad.value != neutral:
        return operator
    inner, outer = operator.window.padding, pad.padding
    padding = Padding(
        inner.top + outer.top, inner.left + outer.left, inner.bottom + outer.bottom, inner.right + outer.right
    )
    window = replace(operator.window, padding=padding)
    return operator if window.padding_holds_window else replace(operator, inputs=pad.inputs, window=window)


def _without_clips(graph: Graph) -> Graph:
    operators = {operator.output: operator for operator in graph.operators}
    ends = {end.tensor for end in graph.outputs}
    for lookup in graph.operators:
        if not isinstance(lookup, Lookup):
            continue
        source = lookup.inputs[0]
        clipped = operators.get(source)
        clamp = _clamp(lookup)
        if clamp is None or source in ends or len(graph.consumers[source]) != 1:
            continue
        if (
            isinstance(clipped, Conv | Add | Mul | Pool)
            and graph.tensors[source].quant == graph.output_tensor(lookup).quant
        ):
            levels = (clipped.clamp.minimum, clipped.clamp.maximum)
            low, high = (min(max(level, clamp.minimum), clamp.maximum) for level in levels)
            operators[lookup.output] = replace(clipped, output=lookup.output, clamp=Clamp(low, high))
            del operators[source]
    return _needed(graph, list(operators.values()))


def _clamp(lookup: Lookup) -> Clamp | None:
    """The range that the table clips to; None if it does anything else."""
    clamp = Clamp(int(lookup.table.min()), int(lookup.table.max()))
    clipped = np.clip(INT8_VALUES, clamp.minimum, clamp.maximum)
    return clamp if np.array_equal(lookup.table, clipped) else None


def _needed(graph: Graph, operators: list[Operator]) -> Graph:
    """The graph with these operators instead, less those that no output depends on."""
    needed = {end.tensor for end in graph.outputs}
    kept: list[Operator] = []
    for operator in reversed(operators):
        if operator.output in needed:
            kept.append(operator)
            needed.update(operator.inputs)
    needed.update(end.tensor for end in graph.inputs)
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in needed}
    return replace(graph, tensors=tensors, operators=tuple(reversed(kept)))
