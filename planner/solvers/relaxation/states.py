"""Relaxed layouts: sets of layouts that together are all layouts of a tensor.

Row layouts are told apart by *levels*: devices fall into groups, and each group has an increasing list of ceilings, a
number of rows for every device of it. A layout is at the lowest level whose ceilings it keeps, so at that level every
device owns at most its ceiling and some device more than its ceiling of the level below. Channel layouts are told apart
by the number of active devices and one level for the whole fleet. Small layouts are states of their own, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from planner.core.cost import FloatArray
from planner.solvers import kernels
from planner.solvers.layout_set import LayoutSet

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """Relaxed layouts of one tensor; the first `exact` ones are single row layouts, `layouts`.

    State s is of row layouts if `rows[s]`, else of channel layouts. In every layout of it node n owns between
    `low[s, n]` and `high[s, n]` units, in every group that has a positive `level[s, n]` some node n owns at least that,
    and between `active_low[s]` and `active_high[s]` nodes own something. `group[n]` is -1 for the host.
    """

    layouts: LayoutSet
    rows: NDArray[np.bool_]
    low: IntArray
    high: IntArray
    level: IntArray
    active_low: IntArray
    active_high: IntArray
    group: IntArray

    @property
    def exact(self) -> int:
        return len(self.layouts)

    def __len__(self) -> int:
        return len(self.rows)

    def some_node(self, values: FloatArray) -> FloatArray:
        """What holds for some node: max over groups of the least of `values` [..., states, nodes] that holds there.

        `values[s, n]` must follow from node n owning its level; -inf where no group has a level.
        """
        result = np.full(values.shape[:-1], -np.inf)
        possible = np.where((self.level > 0) & (self.level <= self.high), values, np.inf)
        for group in range(int(self.group.max()) + 1):
            least = possible[..., self.group == group].min(axis=-1)
            result = np.maximum(result, np.where(np.isfinite(least), least, -np.inf))
        return result

    def capped(self, size: int, ceilings: IntArray) -> tuple[States, NDArray[np.bool_]]:
        """The same states if node n cannot own more than `ceilings[n]`, and which of them still have layouts."""
        high = np.minimum(self.high, ceilings)
        low = np.maximum(self.low, size - (high.sum(axis=1, keepdims=True) - high))
        low[:, self.group < 0] = self.low[:, self.group < 0]
        feasible = (high.sum(axis=1) >= size) & (low <= high).all(axis=1)
        for group in range(int(self.group.max()) + 1):
            members = self.group == group
            reachable = (self.level[:, members] <= high[:, members]).any(axis=1)
            feasible &= reachable
        changed = States(self.layouts, self.rows, low, high, self.level, self.active_low, self.active_high, self.group)
        return changed, feasible


@dataclass(frozen=True)
class Ladder:
    """Levels of one group: `ceilings[k, member]`, increasing in k; the last holds everything the members can own."""

    members: tuple[int, ...]
    ceilings: IntArray

    @property
    def floors(self) -> IntArray:
        """What some member owns at least at each level (0 at a level where all own nothing)."""
        below = np.vstack([np.full((1, len(self.members)), -1), self.ceilings[:-1]])
        return np.asarray(below + 1)


def single_state(layout: LayoutSet, group: IntArray) -> States:
    """One known layout, a graph input's, as the only state."""
    units = layout.units.astype(np.int64)
    active = (units > 0).sum(axis=1)
    return States(layout, layout.rows, units, units, np.zeros_like(units), active, active, group)


def thresholds(costs: FloatArray, least_ns: float, ratios: tuple[float, ...]) -> FloatArray:
    """Cost thresholds of levels: fine above `least_ns`, coarser further off. costs: all costs that occur."""
    values = np.unique(costs[np.isfinite(costs)])
    wanted = [values[np.searchsorted(values, least_ns * ratio, side="right") - 1] for ratio in ratios]
    return np.unique(np.array([*wanted, values[-1]]))


def ladder(costs: FloatArray, members: tuple[int, ...], cuts: FloatArray) -> Ladder:
    """Ceilings of `members` for increasing cost thresholds. costs: [members, units + 1], inf where RAM forbids."""
    ceilings = np.array([[np.searchsorted(row, cut, side="right") - 1 for row in costs] for cut in cuts], np.int64)
    keep = np.ones(len(ceilings), np.bool_)
    keep[1:] = (ceilings[1:] != ceilings[:-1]).any(axis=1)
    return Ladder(members, np.maximum(ceilings[keep], 0))


def row_states(height: int, ladders: list[Ladder], group: IntArray, exact_limit: int) -> States:
    """Exact row layouts, as many levels of them as `exact_limit` allows, and lumps for all others."""
    nodes = len(group)
    steps = _exact_levels(height, ladders, exact_limit)
    vectors = np.zeros((0, nodes - 1), np.int32)
    if steps is not None:
        caps = np.zeros(nodes - 1, np.int64)
        for rungs, step in zip(ladders, steps, strict=True):
            caps[list(rungs.members)] = rungs.ceilings[step]
        vectors = kernels.bounded_compositions(height, caps, exact_limit)
    layouts = LayoutSet.of_row_vectors(vectors)
    units = layouts.units.astype(np.int64)
    lows, highs, levels = [units], [units], [np.zeros_like(units)]
    for position in product(*(range(len(rungs.ceilings)) for rungs in ladders)):
        if steps is not None and all(p <= s for p, s in zip(position, steps, strict=True)):
            continue
        high, level = np.zeros((1, nodes), np.int64), np.zeros((1, nodes), np.int64)
        for rungs, p in zip(ladders, position, strict=True):
            high[0, list(rungs.members)] = np.minimum(rungs.ceilings[p], height)
            level[0, list(rungs.members)] = rungs.floors[p]
        least = sum(
            int(level[0, members][level[0, members] <= high[0, members]].min())
            for members in (list(rungs.members) for rungs in ladders)
        )
        if high.sum() < height or least > height:
            continue
        lows.append(np.maximum(height - (high.sum() - high), 0) * (group >= 0))
        highs.append(high)
        levels.append(level)
    low, high, level = np.vstack(lows), np.vstack(highs), np.vstack(levels)
    needed = 1 + (np.cumsum(-np.sort(-high, axis=1), axis=1) < height).sum(axis=1)
    active_low = np.maximum(needed, (low > 0).sum(axis=1))
    active_high = np.minimum((high > 0).sum(axis=1), height)
    return States(layouts, np.ones(len(low), np.bool_), low, high, level, active_low, active_high, group)


def channel_states(channels: int, costs: FloatArray, group: IntArray, ratios: tuple[float, ...]) -> States:
    """Channel layouts by number of active devices and level of the whole fleet. costs: [devices, channels + 1]."""
    devices = len(costs)
    values = np.unique(costs[np.isfinite(costs)])
    lows, highs, levels, active = [], [], [], []
    for count in range(1, min(devices, channels) + 1):
        ceilings = _ceilings(costs, values)
        enough = np.sort(ceilings, axis=1)[:, ::-1][:, :count].sum(axis=1) >= channels
        if not enough.any():
            continue
        least = values[int(enough.argmax())]
        steps = ladder(costs, tuple(range(devices)), thresholds(costs, least, ratios))
        below = np.array([np.searchsorted(row, least, side="left") for row in costs])
        for k in range(len(steps.ceilings)):
            high = np.minimum(steps.ceilings[k], channels - count + 1)
            others = np.array([np.sort(np.delete(high, d))[::-1] for d in range(devices)])
            idle = others[:, :count].sum(axis=1) >= channels
            low = np.where(idle, 0, np.maximum(channels - others[:, : count - 1].sum(axis=1), 0))
            level = below if k == 0 else steps.floors[k]
            if np.sort(high)[::-1][:count].sum() < channels or (level > high).all():
                continue
            lows.append([*low, 0])
            highs.append([*high, 0])
            levels.append([*level, 0])
            active.append(count)
    shape = (-1, devices + 1)
    all_low, all_high, all_level = (np.array(part, np.int64).reshape(shape) for part in (lows, highs, levels))
    nothing = LayoutSet.of_row_vectors(np.zeros((0, devices), np.int32))
    number = np.array(active, np.int64)
    together = np.where(group >= 0, 0, -1)
    return States(nothing, np.zeros(len(number), np.bool_), all_low, all_high, all_level, number, number, together)


def _ceilings(costs: FloatArray, cuts: FloatArray) -> IntArray:
    """Units that each device can own within each cost: [cuts, devices]."""
    return np.maximum(np.stack([np.searchsorted(row, cuts, side="right") - 1 for row in costs], axis=1), 0)


def _exact_levels(height: int, ladders: list[Ladder], limit: int) -> tuple[int, ...] | None:
    """The highest joint step, equally far up every ladder, below which there are at most `limit` layouts."""
    best = None
    for step in range(max(len(rungs.ceilings) for rungs in ladders)):
        steps = tuple(min(step, len(rungs.ceilings) - 1) for rungs in ladders)
        caps = np.zeros(sum(len(rungs.members) for rungs in ladders), np.int64)
        for rungs, s in zip(ladders, steps, strict=True):
            caps[list(rungs.members)] = rungs.ceilings[s]
        if kernels.count_compositions(height, caps) > limit:
            break
        best = steps
    return best
