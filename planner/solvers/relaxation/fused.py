"""Lower bounds on the time of a fused segment between relaxed layouts, however it rolls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from planner.core.bounds import alternatives_ns
from planner.core.cost import FloatArray
from planner.solvers.costs import fetch
from planner.solvers.layout_set import IntArray, LayoutSet
from planner.solvers.problem import UNREACHABLE, OperatorData, Problem, Reach
from planner.solvers.relaxation.arcs import OperatorBound, select
from planner.solvers.relaxation.states import States
from planner.solvers.relaxation.traffic import Traffic
from planner.solvers.segments.fusions import Span


class RowTimes:
    """Least times of single rows of every operator: what no shard, chunk or iteration that computes them undercuts."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        kinds = {device.profile.name: device for device in problem.instance.devices}
        self._fleet = replace(problem.instance, devices=tuple(kinds.values()))
        self._kind_of = [list(kinds).index(device.profile.name) for device in problem.instance.devices]
        self._sums: dict[str, FloatArray] = {}

    def sums_ns(self, data: OperatorData) -> FloatArray:
        """Of the first rows of an operator's output: [devices, rows + 1]."""
        if data.name not in self._sums:
            every = np.ones(data.shape.height, np.bool_)
            rows, *_ = alternatives_ns(self._problem.graph, self._fleet, data.operator, every)
            self._sums[data.name] = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)]).T
        return self._sums[data.name][self._kind_of]


class _FusedData(OperatorData):
    """A segment as if it were one operator: it reads of its input what all of its operators together do."""

    def __init__(self, problem: Problem, span: Span, reach: Reach) -> None:
        first, last = (problem.operators[index] for index in span)
        self.index, self.operator, self.name = last.index, first.operator, last.name
        self.output, self.shape, self.inputs = last.output, last.shape, first.inputs
        self.reaches = (reach,) * len(first.operator.inputs)
        self.accepts_input_channels = False


class FusedBound(OperatorBound):
    """Bounds of the operators of a span as one segment. Of its memory, only the parts owned count."""

    def __init__(self, problem: Problem, span: Span, traffic: Traffic, times: RowTimes) -> None:
        first, last = (problem.operators[index] for index in span)
        self.input, self.output = first.inputs[0], last.output
        height = last.shape.height
        starts: dict[str, IntArray] = {self.output: np.arange(height + 1)}
        stops: dict[str, IntArray] = {self.output: np.arange(height + 1)}
        operators = problem.operators[span[0] : span[1] + 1]
        for data in reversed(operators):
            for name, reach in zip(data.operator.inputs, data.reaches, strict=True):
                start = reach.row_first[np.minimum(starts[data.output], data.shape.height)]
                stop = reach.row_stop[np.maximum(stops[data.output], 0)]
                starts[name] = np.minimum(starts.get(name, start), start)
                stops[name] = np.maximum(stops.get(name, stop), stop)
        source = problem.shape(self.input)
        channels = np.zeros(last.shape.channels + 1, np.int64)
        reach = Reach(
            starts[self.input],
            stops[self.input],
            channels,
            channels + source.channels,
            *_columns(operators, self.input),
        )
        super().__init__(problem, _FusedData(problem, span, reach), traffic)
        self._band_ns = _band_times(operators, starts, stops, times)
        self.row_memory_bytes = np.full(problem.nodes, UNREACHABLE)

    @cached_property
    def row_costs(self) -> FloatArray:
        """Least time of some number of rows of the output on each device, wherever they lie."""
        diagonals = [np.diagonal(self._band_ns, count, 1, 2).min(axis=1) for count in range(self._band_ns.shape[1])]
        return np.maximum.accumulate(np.stack(diagonals, axis=1), axis=1)

    def row_ceilings(self, from_rows: bool) -> IntArray:
        shape = self._data.shape
        return self.output_ceilings(shape.height, shape.width * shape.channels)

    def arcs(self, source: States, output: States) -> FloatArray:
        """Communication and computation, inf where RAM forbids or the output is cut by channels: [source, output]."""
        result = np.full((len(source), len(output)), np.inf)
        chosen = np.flatnonzero(output.rows)
        if len(chosen):
            by_rows = select(output, chosen)
            result[:, chosen] = self.fetch(0, source, by_rows) + self._compute_rows(by_rows)[None]
        return result

    def _compute_rows(self, output: States) -> FloatArray:
        costs = self.row_costs
        result = self._on_nodes(output, costs)
        if output.exact:
            devices = self._problem.devices
            starts, stops = output.layouts.starts[:, :devices], output.layouts.stops[:, :devices]
            result[: output.exact] = self._band_ns[np.arange(devices)[None], starts, stops].max(axis=1)
        return result

    def _exactly(self, position: int, source: LayoutSet, output: LayoutSet) -> FloatArray:
        communication, _, _, _ = fetch(self._problem, self._data, position, source, output)
        own = source.footprints(self._problem.shape(self.input))[:, None] + output.footprints(self._data.shape)[None]
        allowed = (own <= self._problem.ram_cap_bytes).all(axis=2) & (communication < UNREACHABLE)
        return np.where(allowed, communication, np.inf)


def _columns(operators: tuple[OperatorData, ...], source: str) -> tuple[int, int]:
    """Columns of the input that the readers among the operators need, at least."""
    reaches = [r for data in operators for n, r in zip(data.operator.inputs, data.reaches, strict=True) if n == source]
    return min(r.column_first for r in reaches), max(r.column_stop for r in reaches)


def _band_times(
    operators: tuple[OperatorData, ...], starts: Mapping[str, IntArray], stops: Mapping[str, IntArray], times: RowTimes
) -> FloatArray:
    """Least CPU time of the band of output rows [a, b): [devices, a, b], 0 where it is empty."""
    last = operators[-1].output
    total: FloatArray = np.zeros(())
    for data in operators:
        sums = times.sums_ns(data)
        total = total + np.maximum(sums[:, None, stops[data.output]] - sums[:, starts[data.output], None], 0.0)
    empty = stops[last][None] <= starts[last][:, None]
    return np.where(empty[None], 0.0, total)
