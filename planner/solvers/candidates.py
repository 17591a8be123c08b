"""Which layouts the exact search looks at: families by speed and RAM, and neighbours of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate, permutations

import numpy as np

from planner.core.cost import FloatArray
from planner.core.regions import axis_size
from planner.data.graph import Shape
from planner.data.split import Axis, Layout, Split
from planner.solvers.layout_set import layout_of_shares
from planner.solvers.problem import OperatorData, Problem

FILLS = (0.6, 0.75, 0.85, 0.92, 0.97)
"""Parts of a device's RAM that the tensors of one operator may take in the RAM-aware families."""
WINDOW = 2
"""Operators before and after a tensor's own whose RAM-aware shares are tried on it."""
MOVES = (1, 2, 4, 8)
"""Units that a neighbour moves from one device to another."""
SHIFTS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15)
"""Parts of every tensor that a joint shift moves from one device to another."""


def axes(shape: Shape) -> tuple[Axis, ...]:
    """Axes along which a tensor may be cut; rows of a tensor of one row are the same as channels on one device."""
    return (Axis.ROWS, Axis.CHANNELS) if shape.height > 1 else (Axis.CHANNELS,)


def families(problem: Problem) -> dict[str, tuple[Layout, ...]]:
    """For every tensor equal, speed-proportional and RAM-aware layouts, and every single device."""
    filled = [list(_filled_shares(problem, data)) for data in problem.operators]
    result: dict[str, tuple[Layout, ...]] = {}
    for index, data in enumerate(problem.operators):
        near = [shares for family in filled[max(0, index - WINDOW) : index + WINDOW + 1] for shares in family]
        alone = list(np.eye(problem.devices)[np.argsort(-device_speeds(problem, data), kind="stable")])
        # The first candidates survive where a wide graph allows few: all devices, then the fastest alone.
        ordered = [*reversed(list(_speed_shares(problem, data))), *alone, *near]
        result[data.output] = tuple(
            dict.fromkeys(
                layout_of_shares(axis, axis_size(data.shape, axis), shares)
                for shares in ordered
                for axis in axes(data.shape)
            )
        )
    return result


def device_speeds(problem: Problem, data: OperatorData) -> FloatArray:
    """Shards per nanosecond if each device computed the whole operator: [devices]."""
    size = np.asarray(data.shape.channels)
    whole_ns = [max(1, int(costs.channels_ns(size))) for costs in data.shard_costs]
    return 1.0 / np.array(whole_ns, float)


def neighbours(layout: Layout, devices: int) -> Iterator[Layout]:
    """Layouts in node order that differ by a few units moved from one device to another."""
    for source, target in permutations(range(devices), 2):
        for move in MOVES:
            moved = _moved(layout, source, target, move)
            if moved is not None:
                yield moved


def aligned(layout: Layout, size: int) -> Iterator[Layout]:
    """The layout's boundaries on an axis of another length, rounded to nearest, down and up."""
    bounds = np.concatenate([[0], np.cumsum([stop - start for start, stop in layout.ranges])])
    scaled = bounds * size / layout.size
    for rounded in (np.rint(scaled), np.floor(scaled), np.ceil(scaled)):
        yield Layout.from_bounds(layout.axis, tuple(int(b) for b in rounded))


def split_layouts(problem: Problem, split: Split) -> dict[str, Layout]:
    """The layout of every tensor that an operator computes; inside of a segment, that of its output, scaled."""
    layouts: dict[str, Layout] = {}
    for segment in split.segments:
        for name in segment.operators:
            data = problem.operator(name)
            layouts[data.output] = next(aligned(segment.layout, data.shape.height))
    layouts |= {problem.operator(name).output: choice.layout for name, choice in split.operators.items()}
    return {data.output: layouts[data.output] for data in problem.operators}


def neighbourhood(
    problem: Problem, split: Split, rng: np.random.Generator, sample: int
) -> dict[str, tuple[Layout, ...]]:
    """For every tensor its layout, `sample` neighbours, `sample` joint shifts, and the boundaries beside it."""
    layouts = split_layouts(problem, split)
    result = around_hints(problem, layouts)
    shifts = [tuple(rng.choice(problem.devices, 2, replace=False)) for _ in range(sample if problem.devices > 1 else 0)]
    parts = rng.choice(SHIFTS, len(shifts))
    for name, layout in layouts.items():
        around = list(neighbours(layout, problem.devices))
        chosen = [around[int(i)] for i in rng.permutation(len(around))[:sample]]
        for (source, target), part in zip(shifts, parts, strict=True):
            moved = _moved(layout, int(source), int(target), max(1, round(part * layout.size)))
            if moved is not None:
                chosen.append(moved)
        result[name] = tuple(dict.fromkeys((*result[name], *chosen)))
    return result


def around_hints(problem: Problem, hints: Mapping[str, Layout]) -> dict[str, tuple[Layout, ...]]:
    """For every tensor its hint and the boundaries of the hints of the tensors beside it."""
    beside = _beside(problem)
    result: dict[str, tuple[Layout, ...]] = {}
    for data in problem.operators:
        near = [hints[name] for name in (data.output, *beside[data.output]) if name in hints]
        copies = (copy for layout in near for copy in _copies(layout, data.shape))
        own = (hints[data.output],) if data.output in hints else ()
        result[data.output] = tuple(dict.fromkeys((*own, *copies)))
    return result


def merge(problem: Problem, *sets: Mapping[str, tuple[Layout, ...]]) -> dict[str, tuple[Layout, ...]]:
    """Union of candidate sets, without repetitions."""
    return {
        data.output: tuple(dict.fromkeys(layout for candidates in sets for layout in candidates.get(data.output, ())))
        for data in problem.operators
    }


def _beside(problem: Problem) -> dict[str, list[str]]:
    """The tensors that share an operator with each tensor, as its input or output."""
    beside: dict[str, list[str]] = {data.output: [] for data in problem.operators}
    for data in problem.operators:
        for name in data.inputs:
            if name in beside:
                beside[data.output].append(name)
                beside[name].append(data.output)
    return beside


def _copies(layout: Layout, shape: Shape) -> Iterator[Layout]:
    if layout.axis in axes(shape):
        yield from aligned(layout, axis_size(shape, layout.axis))


def _speed_shares(problem: Problem, data: OperatorData) -> Iterator[FloatArray]:
    speeds = device_speeds(problem, data)
    order = np.argsort(-speeds, kind="stable")
    for count in range(2, problem.devices + 1):
        chosen = np.zeros(problem.devices)
        chosen[order[:count]] = 1.0
        yield chosen
        yield chosen * speeds


def _filled_shares(problem: Problem, data: OperatorData) -> Iterator[FloatArray]:
    """Shares in proportion to speed as far as RAM lets them, if all live tensors are cut alike."""
    speeds = device_speeds(problem, data)
    live_bytes = sum(problem.shape(name).elements for name in {*problem.held(data.index), data.output})
    ram = np.maximum(problem.ram_cap_bytes[:-1], 0).astype(float)
    for fill in FILLS:
        shares = fill_up(speeds, ram * fill / live_bytes)
        if shares is not None:
            yield shares


def fill_up(speeds: FloatArray, caps: FloatArray) -> FloatArray | None:
    """Shares in proportion to speed but at most `caps`, summing to 1; None if the caps do not allow it."""
    if caps.sum() < 1:
        return None
    shares = np.zeros_like(speeds)
    free = np.ones(len(speeds), bool)
    while True:
        rest = 1.0 - caps[~free].sum()
        shares[free] = speeds[free] / speeds[free].sum() * rest
        over = free & (shares > caps)
        if not over.any():
            return shares
        shares[over] = caps[over]
        free &= ~over
        if not free.any():
            return shares


def _moved(layout: Layout, source: int, target: int, units: int) -> Layout | None:
    """The layout in node order with some units moved; None if `source` has fewer."""
    lengths = [stop - start for start, stop in layout.ranges]
    if lengths[source] < units:
        return None
    lengths[source] -= units
    lengths[target] += units
    return Layout.from_bounds(layout.axis, (0, *accumulate(lengths)))
