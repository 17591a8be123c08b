"""Lower bounds on the time of a fused segment between relaxed layouts, for all ways to roll it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np

from planner.core.cost import FloatArray
from planner.solvers.layout_set import IntArray, LayoutSet
from planner.solvers.problem import UNREACHABLE, OperatorData, Problem, Reach
from planner.solvers.relaxation.arcs import OperatorBound, nondecreasing, select
from planner.solvers.relaxation.states import States
from planner.solvers.relaxation.traffic import Traffic
from planner.solvers.segments.fusions import Fusions, Span
from planner.solvers.segments.kernels import stream_pairs


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

    def __init__(self, problem: Problem, span: Span, traffic: Traffic, fusions: Fusions) -> None:
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
        self._band_ns = _band_times(fusions.least_times(span), self.output, starts, stops)
        self._input_rows = fusions.input_rows(span)
        self._first_row, self._stop_row = starts[self.input], stops[self.input]
        self.row_memory_bytes = np.full(problem.nodes, UNREACHABLE)

    @cached_property
    def row_costs(self) -> FloatArray:
        """Least time of some number of rows of the output on each device, wherever they lie."""
        diagonals = [np.diagonal(self._band_ns, count, 1, 2).min(axis=1) for count in range(self._band_ns.shape[1])]
        return nondecreasing(np.stack(diagonals, axis=1))

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
        result = self._on_nodes(output, self.row_costs)
        if output.exact:
            result[: output.exact] = self._cpu_ns(output.layouts).max(axis=1)
        return result

    def _cpu_ns(self, output: LayoutSet) -> IntArray:
        """Least CPU time of every node's band, 0 for the host's: [layouts, nodes]."""
        devices = self._problem.devices
        result = np.zeros((len(output), self._problem.nodes), np.int64)
        starts, stops = output.starts[:, :devices], output.stops[:, :devices]
        result[:, :devices] = self._band_ns[np.arange(devices)[None], starts, stops]
        return result

    def _exactly(self, position: int, source: LayoutSet, output: LayoutSet) -> FloatArray:
        """Least time less that of the slowest computation; of the memory, what every way to roll takes."""
        shape, input_shape, routes = self._data.shape, self._problem.shape(self.input), self._problem.routes
        computed = output.stops > output.starts
        first = np.where(computed, self._first_row[output.starts], 0)
        stop = np.where(computed, self._stop_row[output.stops], 0)
        cpu_ns = self._cpu_ns(output)
        result = np.full((len(source), len(output)), np.inf)
        for input_rows in self._input_rows:
            time, ram = stream_pairs(
                source.rows,
                source.starts,
                source.stops,
                source.footprints(input_shape),
                input_shape.width * input_shape.channels,
                input_shape.width,
                input_shape.channels,
                first,
                stop,
                np.zeros_like(first),
                output.footprints(shape),
                cpu_ns,
                input_rows,
                routes.hops,
                routes.message_ns,
                routes.byte_ps,
                routes.ports,
                routes.via,
                routes.port_count,
                self._problem.copy_cost.table,
            )
            allowed = (ram <= self._problem.ram_cap_bytes).all(axis=2) & (time < UNREACHABLE)
            result = np.minimum(result, np.where(allowed, time, np.inf))
        return np.asarray(result - cpu_ns.max(axis=1)[None])


def _columns(operators: tuple[OperatorData, ...], source: str) -> tuple[int, int]:
    """Columns of the input that the readers among the operators need, at least."""
    reaches = [r for data in operators for n, r in zip(data.operator.inputs, data.reaches, strict=True) if n == source]
    return min(r.column_first for r in reaches), max(r.column_stop for r in reaches)


def _band_times(
    blocks: Iterable[tuple[str, IntArray]], output: str, starts: Mapping[str, IntArray], stops: Mapping[str, IntArray]
) -> IntArray:
    """Least CPU time of the band of output rows [a, b), given that of every block: [devices, a, b], 0 where empty."""
    total = sum(times[:, starts[name][:, None], stops[name][None]] for name, times in blocks)
    return np.where(stops[output][None] <= starts[output][:, None], 0, total)
