"""The lower bound: a shortest path over relaxed layouts.

Every layout of a tensor lies in exactly one relaxed layout (a state), and an arc costs at most as much as the operator
between any two members. So the path is at most as long as every plan. Values are kept for the joint states of a few
*remembered* live tensors; forgetting one (taking the minimum over its states) loosens the bound and keeps it valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.core.cost import FloatArray
from planner.data.split import Axis, Layout
from planner.solvers import kernels
from planner.solvers.clock import Clock
from planner.solvers.costs import gather_arcs
from planner.solvers.layout_set import LayoutSet, layout_of_shares
from planner.solvers.problem import UNREACHABLE, OperatorData, Problem
from planner.solvers.relaxation.arcs import OperatorBound
from planner.solvers.relaxation.fused import FusedBound
from planner.solvers.relaxation.states import States, channel_states, ladder, row_states, single_state
from planner.solvers.relaxation.traffic import Traffic
from planner.solvers.segments.fusions import Fusions, Span

CHANNEL_RATIOS = (1.02, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0)
"""Levels of channel layouts: thresholds of the slowest shard relative to the least possible."""
MEMORY_LIMIT = 4_000_000
"""Most joint states of remembered tensors."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A lower bound over all plans; inf if there is none. `path` has the states that the shortest path visits."""

    value_ns: float
    path: Mapping[str, Layout]
    first_infeasible: str | None = None


@dataclass(frozen=True)
class _Contraction:
    """result[rest, b] = min over a of values[rest, a] + costs[a, b]: how tensor `tensor` was left for `output`."""

    rest: tuple[str, ...]
    tensor: str
    output: str
    values: FloatArray
    costs: FloatArray


@dataclass(frozen=True)
class _Minimum:
    """Tensor `tensor` was forgotten: the minimum over its axis of values[tensors]."""

    tensors: tuple[str, ...]
    tensor: str
    values: FloatArray


@dataclass(frozen=True)
class _Leap:
    """The segments that end at tensor `output`: `chosen` is, by state, the number of the one that is best, or -1.

    A leap is the tensor before the segment, its values, the costs, and the length of the history there.
    """

    output: str
    chosen: NDArray[np.int64]
    leaps: tuple[tuple[str, FloatArray, FloatArray, int], ...]


_Record = _Contraction | _Minimum | _Leap


class Relaxation:
    """The relaxed layered graph of a problem; at most `exact_limit` row layouts of a tensor are states of their own.

    The operators of each span of `fusions` may also run as a fused segment.
    """

    def __init__(self, problem: Problem, exact_limit: int = 1100, fusions: Fusions | None = None) -> None:
        self._problem = problem
        self._exact_limit = exact_limit
        self._traffic = Traffic.of(problem.instance.network)
        self._group = np.array([0] * problem.devices + [-1], np.int64)
        self._bounds: dict[object, OperatorBound] = {}
        self._states_of: dict[object, States] = {}
        self._arcs: dict[object, FloatArray] = {}
        self.states: dict[str, States] = {}
        for name in problem.inputs:
            self.states[name] = single_state(
                LayoutSet.of(
                    [Layout.single(Axis.ROWS, problem.shape(name).height, problem.instance.input_node, problem.nodes)]
                ),
                self._group,
            )
        self._fusions = fusions
        self._spans = spans = fusions.spans if fusions else ()
        self._impossible: set[str] = set()
        ends = {last for _, last in spans}
        for data in problem.operators:
            if data.signature not in self._bounds:
                self._bounds[data.signature] = OperatorBound(problem, data, self._traffic)
            key = (data.signature, data.index in ends)
            if key not in self._states_of:
                self._states_of[key] = self._build_states(data, self._bounds[data.signature], data.index in ends)
            self.states[data.output] = self._states_of[key]
            if not len(self._states_of[key]) and spans:
                # Nobody can hold any part of it; a segment around it needs not.
                self.states[data.output] = channel_states(1, np.zeros((problem.devices, 2)), self._group, (1.0,))
                self._impossible.add(data.output)
        self._fused_costs: dict[Span, FloatArray] = {}

    def solve(self, clock: Clock, incumbent_ns: int | None = None, limit_s: float = np.inf) -> Bound | None:
        """The shortest path; states that cannot lie on a path shorter than the incumbent are left out.

        None if time ran out. Raises Cancelled.
        """
        for data in self._problem.operators:
            if not len(self.states[data.output]):
                return Bound(np.inf, {}, data.name)
        self._clock, self._end_s = clock, clock.elapsed_s + limit_s
        self._most_ns = np.inf if incumbent_ns is None else incumbent_ns + 1.0
        self._gather_ns = {name: self._gather_bounds(name) for name in self._problem.outputs}
        to_end_ns = self._least_to_end()
        if to_end_ns is None:
            return None
        self._to_end_ns = to_end_ns
        live: tuple[str, ...] = tuple(name for name in self._problem.inputs if name in self._problem.last_use)
        values: FloatArray = np.zeros(tuple(len(self.states[name]) for name in live))
        history: list[_Record] = []
        cuts: dict[int, tuple[str, FloatArray, int]] = {}
        stuck: str | None = None
        for data in self._problem.operators:
            if self._out_of_time():
                return None
            if any(first == data.index for first, _ in self._spans):
                cuts[data.index] = (live[0], values, len(history))
            live, values = self._advance(data, live, values, history)
            values = self._leap(data, values, cuts, history)
            values = np.where(values + self._to_end_ns[data.index] > self._most_ns, np.inf, values)
            if np.isfinite(values).any():
                stuck = None
                continue
            stuck = stuck or data.name
            if not any(np.isfinite(cuts[first][1]).any() for first, _ in self._open_spans(data.index)):
                return Bound(np.inf, {}, stuck) if incumbent_ns is None else Bound(float(incumbent_ns), {})
        for name, costs in self._gather_ns.items():
            values = values + (costs.reshape(self._along(name, live)) if name in live else costs.min())
        best = int(values.argmin())
        chosen = dict(zip(live, (int(i) for i in np.unravel_index(best, values.shape)), strict=True))
        return Bound(float(values.flat[best]), self._layouts(self._trace(history, chosen)))

    def _open_spans(self, index: int) -> tuple[Span, ...]:
        """Those that lead beyond operator `index`."""
        return tuple(span for span in self._spans if span[0] <= index < span[1])

    def _leap(
        self,
        data: OperatorData,
        values: FloatArray,
        cuts: Mapping[int, tuple[str, FloatArray, int]],
        history: list[_Record],
    ) -> FloatArray:
        """Values after an operator if segments may end there too."""
        ending = [span for span in self._spans if span[1] == data.index]
        if not ending:
            return values
        leaps, chosen = [], np.full(values.shape, -1)
        for number, span in enumerate(ending):
            tensor, before, position = cuts[span[0]]
            costs = self.fused_costs(span)
            fused = self._contract(before, costs, self._to_end_ns[data.index])
            leaps.append((tensor, before, costs, position))
            chosen[fused < values] = number
            values = np.minimum(values, fused)
        history.append(_Leap(data.output, chosen, tuple(leaps)))
        return values

    def fused_costs(self, span: Span) -> FloatArray:
        """Bounds of a segment between the states of its input and its output: [state, state]."""
        if span not in self._fused_costs and self._fusions:
            bound = FusedBound(self._problem, span, self._traffic, self._fusions)
            self._fused_costs[span] = bound.arcs(self.states[bound.input], self.states[bound.output])
        return self._fused_costs[span]

    def _out_of_time(self) -> bool:
        return self._clock.left_s == 0 or self._clock.elapsed_s > self._end_s

    def _least_to_end(self) -> list[FloatArray] | None:
        """For every operator and state of its output: what follows costs at least, each tensor seen once.

        None if time ran out.
        """
        last = self._problem.operators[-1].output
        rest = sum(costs.min() for name, costs in self._gather_ns.items() if name != last)
        current = self._gather_ns.get(last, np.zeros(len(self.states[last]))) + rest
        result: dict[int, FloatArray] = {}
        for data in reversed(self._problem.operators):
            if self._out_of_time():
                return None
            result[data.index] = current
            costs = self.arc_bounds(data)
            before = self._problem.operators[data.index - 1].output if data.index else None
            total = current + sum(matrix.min(axis=0) for name, matrix in costs.items() if name != before)
            if before in costs:
                current = (costs[before] + total[None]).min(axis=1)
            elif before is not None:
                current = np.full(len(self.states[before]), total.min())
            for span in self._spans if before is not None else ():
                if span[0] == data.index:
                    fused = (self.fused_costs(span) + result[span[1]][None]).min(axis=1)
                    current = np.minimum(current, fused)
        return [result[data.index] for data in self._problem.operators]

    def _advance(
        self,
        data: OperatorData,
        live: tuple[str, ...],
        values: FloatArray,
        history: list[_Record],
    ) -> tuple[tuple[str, ...], FloatArray]:
        """Values over the live tensors after an operator."""
        costs = self.arc_bounds(data)
        live, values = self._make_room(data, live, values, history)
        dying = [name for name in data.inputs if name in live and self._problem.last_use[name] <= data.index]
        first, *rest = sorted(data.inputs, key=lambda name: (name not in dying, name not in live))
        if first in dying:
            values = np.moveaxis(values, live.index(first), -1)
            live = tuple(name for name in live if name != first)
            history.append(_Contraction(live, first, data.output, values, costs[first]))
            values = self._contract(values, costs[first], self._to_end_ns[data.index])
        else:
            values = values[..., None] + self._spread(first, costs[first], live)
        live = (*live, data.output)
        for name in rest:
            values = values + self._spread(name, costs[name], live[:-1])
            if name in dying:
                live, values = self._forget(name, live, values, history)
        return live, values

    def _make_room(
        self,
        data: OperatorData,
        live: tuple[str, ...],
        values: FloatArray,
        history: list[_Record],
    ) -> tuple[tuple[str, ...], FloatArray]:
        """Forget tensors, the oldest first and the newest never, until the operator's joint states are few enough."""
        while len(live) > 1:
            dying = any(self._problem.last_use[name] <= data.index for name in data.inputs if name in live)
            kept = live if not dying else [name for name in live if name != data.inputs[-1]]
            states = len(self.states[data.output]) * float(np.prod([len(self.states[name]) for name in kept]))
            if states <= MEMORY_LIMIT:
                break
            live, values = self._forget(live[0], live, values, history)
        return live, values

    def _contract(self, values: FloatArray, costs: FloatArray, to_end_ns: FloatArray) -> FloatArray:
        """Minimum over the last axis of values plus costs [a, b], only where it may beat the incumbent."""
        flat = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
        useful = np.isfinite(flat).any(axis=0)
        flat, costs = flat[:, useful], costs[useful]
        hopeful = (flat.min(axis=0)[:, None] + costs).min(axis=0, initial=np.inf) + to_end_ns <= self._most_ns
        result = np.full((len(flat), costs.shape[1]), np.inf)
        result[:, hopeful] = kernels.min_plus(np.ascontiguousarray(flat), np.ascontiguousarray(costs[:, hopeful]))
        return result.reshape(*values.shape[:-1], -1)

    def _spread(self, name: str, costs: FloatArray, live: tuple[str, ...]) -> FloatArray:
        """Costs [a, b] of input `name`, broadcast over the live tensors' axes and b; the least over a if forgotten."""
        if name not in live:
            return np.asarray(costs.min(axis=0))
        return costs.reshape(*self._along(name, live), -1)

    def _along(self, name: str, live: tuple[str, ...]) -> tuple[int, ...]:
        """Shape that lays a tensor's states along its own axis of `live`."""
        return tuple(len(self.states[name]) if other == name else 1 for other in live)

    def _forget(
        self, name: str, live: tuple[str, ...], values: FloatArray, history: list[_Record]
    ) -> tuple[tuple[str, ...], FloatArray]:
        history.append(_Minimum(live, name, values))
        axis = live.index(name)
        return (*live[:axis], *live[axis + 1 :]), np.asarray(values.min(axis=axis))

    def arc_bounds(self, data: OperatorData) -> dict[str, FloatArray]:
        """Bounds [state, state] by distinct input, the computation counted with the first; inf where RAM forbids."""
        bound, output = self._bounds[data.signature], self.states[data.output]
        if data.output in self._impossible:
            return {name: np.full((len(self.states[name]), len(output)), np.inf) for name in data.inputs}
        result: dict[str, FloatArray] = {}
        for position, name in enumerate(data.operator.inputs):
            source = self.states[name]
            key = (data.signature, position, id(source), id(output))
            if key not in self._arcs:
                costs = bound.fetch(position, source, output)
                if position == 0:
                    costs = costs + bound.compute(output)[None]
                    if data.accepts_input_channels:
                        costs = np.minimum(costs, bound.input_channels(source, output))
                self._arcs[key] = costs
            result[name] = result[name] + self._arcs[key] if name in result else self._arcs[key]
        return result

    def _gather_bounds(self, name: str) -> FloatArray:
        """Bringing a graph output to the output node, by state."""
        states, shape = self.states[name], self._problem.shape(name)
        unit = np.where(states.rows, shape.width * shape.channels, shape.height * shape.width)
        target = self._problem.instance.output_node
        moved = np.maximum(shape.elements - states.high[:, target] * unit, 0).astype(float)
        senders = states.active_low - (states.high[:, target] > 0)
        costs = self._traffic.port_ns(moved, np.maximum(senders, 0).astype(float))
        if states.exact:
            exact, _, _ = gather_arcs(self._problem, name, states.layouts)
            costs[: states.exact] = np.where(exact < UNREACHABLE, exact, np.inf)
        return costs

    def _trace(self, history: list[_Record], chosen: dict[str, int]) -> dict[str, int]:
        position = len(history)
        while position > 0:
            position -= 1
            record = history[position]
            if isinstance(record, _Contraction):
                at = tuple(chosen[name] for name in record.rest)
                chosen[record.tensor] = int((record.values[at] + record.costs[:, chosen[record.output]]).argmin())
            elif isinstance(record, _Minimum):
                at_all = tuple(slice(None) if name == record.tensor else chosen[name] for name in record.tensors)
                chosen[record.tensor] = int(record.values[at_all].argmin())
            elif record.chosen[chosen[record.output]] >= 0:
                tensor, values, costs, position = record.leaps[record.chosen[chosen[record.output]]]
                chosen[tensor] = int((values + costs[:, chosen[record.output]]).argmin())
        return chosen

    def _layouts(self, chosen: Mapping[str, int]) -> dict[str, Layout]:
        """A layout for every state of a path: itself if it is exact, else the ceilings' proportions."""
        result: dict[str, Layout] = {}
        for data in self._problem.operators:
            if data.output not in chosen:
                continue
            states, index = self.states[data.output], chosen[data.output]
            if index < states.exact:
                bounds = np.concatenate([[0], np.cumsum(states.layouts.units[index])])
                result[data.output] = Layout.from_bounds(Axis.ROWS, tuple(int(b) for b in bounds))
            elif states.rows[index]:
                result[data.output] = layout_of_shares(
                    Axis.ROWS, data.shape.height, states.high[index, :-1].astype(float)
                )
            else:
                active = np.argsort(-states.high[index, :-1], kind="stable")[: int(states.active_low[index])]
                shares = np.zeros(self._problem.devices)
                shares[active] = states.high[index, active]
                result[data.output] = layout_of_shares(Axis.CHANNELS, data.shape.channels, shares)
        return result

    def _build_states(self, data: OperatorData, bound: OperatorBound, fused: bool) -> States:
        """States of an operator's output; segments that end there need less memory than the operator alone."""
        rows, channels = data.shape.height, data.shape.channels
        parts = []
        if rows > 1:
            ceilings = bound.output_ceilings(rows, data.shape.width * channels)
            if not (data.accepts_input_channels or fused):
                ceilings = np.minimum(ceilings, bound.row_ceilings(from_rows=False))
            costs = _limited(bound.row_costs, ceilings)
            cuts = np.unique(costs[np.isfinite(costs)])
            rungs = ladder(costs, tuple(range(self._problem.devices)), cuts)
            parts.append(row_states(rows, [rungs], self._group, self._exact_limit))
        ceilings = bound.output_ceilings(channels, rows * data.shape.width)
        if not data.accepts_input_channels:
            ceilings = np.minimum(ceilings, bound.channel_ceilings())
        parts.append(channel_states(channels, _limited(bound.channel_costs, ceilings), self._group, CHANNEL_RATIOS))
        return _stack(parts)


def _limited(costs: FloatArray, ceilings: NDArray[np.int64]) -> FloatArray:
    """Costs with inf above each device's ceiling."""
    units = np.arange(costs.shape[1])[None]
    return np.where(units <= ceilings[:-1, None], costs, np.inf)


def _stack(parts: list[States]) -> States:
    """Union of disjoint state sets, of which only the first has exact layouts."""
    return States(
        parts[0].layouts,
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.level for part in parts]),
        np.concatenate([part.active_low for part in parts]),
        np.concatenate([part.active_high for part in parts]),
        parts[0].group,
    )
