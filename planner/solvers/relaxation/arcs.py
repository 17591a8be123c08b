"""Lower bounds on the time of an operator between relaxed layouts: below the exact time of every pair of members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from planner.core.cost import FloatArray
from planner.solvers import kernels
from planner.solvers.costs import CHUNKS, compute_ns, fetch, partial_sums_ns
from planner.solvers.layout_set import IntArray, LayoutSet, stacked_bytes
from planner.solvers.problem import UNREACHABLE, ElementCost, OperatorData, Problem
from planner.solvers.relaxation.spans import Spans
from planner.solvers.relaxation.states import States
from planner.solvers.relaxation.traffic import Traffic

SUM_BYTES = 4


class ChannelNeed(Enum):
    """Which channels of an input some output channels read."""

    SAME = "same"
    ALL = "all"
    OTHER = "other"


@dataclass(frozen=True)
class _Input:
    """One input of an operator: sizes in bytes of what is read, and of what an owner keeps."""

    spans: Spans
    need: ChannelNeed
    height: int
    channels: int
    read_row_bytes: int
    own_row_bytes: int

    @property
    def hull_bytes(self) -> int:
        """All that the whole output reads."""
        return self.spans.hull * self.read_row_bytes

    @property
    def channel_bytes(self) -> int:
        """What is read of one channel."""
        return self.hull_bytes // self.channels

    @property
    def whole_hull(self) -> bool:
        return self.spans.hull == self.height

    @property
    def always(self) -> bool:
        """Whether every output row reads something."""
        return bool(self.spans.fewest[1] > 0)


class OperatorBound:
    """Bounds of one operator. States are given as they come from `states`; all times are floats in nanoseconds."""

    def __init__(self, problem: Problem, data: OperatorData, traffic: Traffic) -> None:
        self._problem = problem
        self._data = data
        self._traffic = traffic
        self._inputs = [self._describe(position) for position in range(len(data.operator.inputs))]
        self.row_memory_bytes = problem.ram_cap_bytes

    @cached_property
    def row_costs(self) -> FloatArray:
        """Least time of some number of output rows on each device, wherever they lie: [devices, height + 1]."""
        height = self._data.shape.height
        rows = np.arange(height + 1)
        start, stop = np.meshgrid(rows, rows, indexing="ij")
        result = np.zeros((self._problem.devices, height + 1))
        for device, costs in enumerate(self._data.shard_costs):
            table = np.where(stop > start, costs.rows_ns(start, np.maximum(start, stop)), UNREACHABLE)
            result[device, 1:] = [np.diagonal(table, count).min() for count in range(1, height + 1)]
        return nondecreasing(result)

    @cached_property
    def channel_costs(self) -> FloatArray:
        """Time of some number of output channels on each device: [devices, channels + 1]."""
        counts = np.arange(self._data.shape.channels + 1)
        return nondecreasing(np.array([costs.channels_ns(counts) for costs in self._data.shard_costs], float))

    def row_ceilings(self, from_rows: bool) -> IntArray:
        """Most output rows that fit into each node's RAM with what they read, of inputs cut by rows or not."""
        rows = np.arange(self._data.shape.height + 1)
        need = np.zeros(len(rows), np.int64)
        for source in self._inputs:
            chunk = rows if from_rows or len(self._inputs) > 1 else -(-rows // CHUNKS[-1])
            need += stacked_bytes(source.spans.fewest[chunk] * source.read_row_bytes)
        return self._fitting(stacked_bytes(rows * self._data.shape.width * self._data.shape.channels) + need)

    def channel_ceilings(self) -> IntArray:
        """Most output channels that fit into each node's RAM with what they read."""
        counts = np.arange(self._data.shape.channels + 1)
        need = np.zeros(len(counts), np.int64)
        chunk_rows = self._data.shape.height
        if len(self._inputs) == 1:
            chunk_rows = -(-chunk_rows // CHUNKS[-1])
        for source in self._inputs:
            read = source.spans.fewest[chunk_rows] * source.read_row_bytes
            if source.need is ChannelNeed.ALL:
                need += np.where(counts > 0, stacked_bytes(read), 0)
            elif source.need is ChannelNeed.SAME:
                need += stacked_bytes(counts * (read // source.channels))
        return self._fitting(stacked_bytes(counts * self._data.shape.height * self._data.shape.width) + need)

    def output_ceilings(self, units: int, unit_bytes: int) -> IntArray:
        """Most units of the output alone that fit into each node's RAM."""
        return self._fitting(stacked_bytes(np.arange(units + 1) * unit_bytes))

    def compute(self, output: States) -> FloatArray:
        """OWN_OUTPUT computation by output state."""
        result = np.zeros(len(output))
        if output.exact:
            result[: output.exact] = compute_ns(self._problem, self._data, output.layouts).max(axis=1)
        for rows, costs in ((True, self.row_costs), (False, self.channel_costs)):
            chosen = np.flatnonzero((output.rows == rows) & (np.arange(len(output)) >= output.exact))
            if len(chosen):
                result[chosen] = self._on_nodes(select(output, chosen), costs)
        return result

    def fetch(self, position: int, source: States, output: States) -> FloatArray:
        """OWN_OUTPUT communication of one input, inf where RAM forbids: [source states, output states]."""
        result = np.zeros((len(source), len(output)))
        by_rows, by_channels = np.flatnonzero(output.rows), np.flatnonzero(~output.rows)
        from_rows, from_channels = np.flatnonzero(source.rows), np.flatnonzero(~source.rows)
        if len(from_rows) and len(by_rows):
            result[np.ix_(from_rows, by_rows)] = self._rows_to_rows(position, source, output)
        for inputs, outputs in ((from_channels, by_rows), (from_rows, by_channels), (from_channels, by_channels)):
            if len(inputs) and len(outputs):
                first, second = select(source, inputs), select(output, outputs)
                result[np.ix_(inputs, outputs)] = self._across(position, first, second)
        if source.exact and output.exact:
            result[: source.exact, : output.exact] = self._exactly(position, source.layouts, output.layouts)
        return result

    def _exactly(self, position: int, source: LayoutSet, output: LayoutSet) -> FloatArray:
        communication, copies, received, relays = fetch(self._problem, self._data, position, source, output)
        own = source.footprints(self._problem.shape(self._data.operator.inputs[position]))
        used = received + relays + own[:, None] + output.footprints(self._data.shape)[None]
        allowed = (used <= self._problem.ram_cap_bytes).all(axis=2) & (communication < UNREACHABLE)
        if len(self._inputs) == 1:
            computation = compute_ns(self._problem, self._data, output)
            communication = communication + (computation[None] + copies).max(axis=2) - computation.max(axis=1)[None]
        return np.where(allowed, communication, np.inf)

    def input_channels(self, source: States, output: States) -> FloatArray:
        """INPUT_CHANNELS, computation included, inf for other layouts: [source states, output states]."""
        result = np.full((len(source), len(output)), np.inf)
        chosen = np.flatnonzero(~source.rows)
        if not len(chosen):
            return result
        first = select(source, chosen)
        depths = np.arange(self._inputs[0].channels + 1)
        repeated = np.repeat(depths[:, None], self._problem.nodes, axis=1)
        by_depth = partial_sums_ns(self._problem, self._data, repeated, 1)[:, :-1].T.astype(float)
        sums_ns = self._on_nodes(first, nondecreasing(by_depth))
        shape = self._data.shape
        whole_bytes = SUM_BYTES * shape.elements
        active = first.active_low[:, None].astype(float)
        outputs_low, outputs_high = output.active_low[None].astype(float), output.active_high[None].astype(float)
        received_units = np.where(output.rows, shape.width * shape.channels, shape.height * shape.width)
        largest = output.some_node(output.level.astype(float)[None])[0]
        largest = np.maximum(np.maximum(largest, output.low.max(axis=1)), 0) * received_units * SUM_BYTES
        moved = whole_bytes * (active - 1)
        receive = self._traffic.port_ns(np.maximum(moved / outputs_high, largest[None] * (active - 1)), active - 1)
        kept = output.high.max(axis=1) / np.where(output.rows, shape.height, shape.channels)
        sent = whole_bytes * np.maximum(np.maximum(1.0 - kept, 0.0)[None], (active - 1) / active)
        send = self._traffic.port_ns(sent, np.maximum(outputs_low - 1, 0))
        total = self._traffic.total_ns(moved, (active - 1) * outputs_low)
        communication = np.maximum(np.maximum(receive, send), total)
        finish = self._finish(first, output)
        result[chosen] = sums_ns[:, None] + communication + finish
        result[chosen] = np.where(self._sums_fit(first), result[chosen].T, np.inf).T
        return result

    def _finish(self, source: States, output: States) -> FloatArray:
        """Adding up and requantising, by states: [source states, output states]."""
        shape = self._data.shape

        def lines(cost: ElementCost) -> tuple[FloatArray, FloatArray]:
            call, row, pixel, element, _ = cost.table[:-1].T
            rows = np.arange(shape.height + 1)[None]
            channels = np.arange(shape.channels + 1)[None]
            by_row = row[:, None] + (pixel[:, None] + element[:, None] * shape.channels) * shape.width
            fixed = call + row * shape.height + pixel * shape.height * shape.width
            by_channel = element[:, None] * shape.height * shape.width
            return (
                np.where(rows > 0, call[:, None] + by_row * rows, 0.0),
                np.where(channels > 0, fixed[:, None] + by_channel * channels, 0.0),
            )

        adding, requantising = lines(self._problem.accumulate_cost), lines(self._problem.requantise_cost)
        result = np.zeros((len(source), len(output)))
        for active in np.unique(source.active_low):
            for index, rows in enumerate((True, False)):
                costs = requantising[index] + (active - 1) * adding[index]
                chosen = np.flatnonzero(output.rows == rows)
                if len(chosen):
                    block = self._on_nodes(select(output, chosen), nondecreasing(np.maximum(costs - 1.0, 0.0)))
                    result[np.ix_(source.active_low == active, chosen)] = block[None]
        return result

    def _sums_fit(self, source: States) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether the input's owners can hold their part and the sums of the smallest chunk."""
        shape = self._data.shape
        sums = SUM_BYTES * shape.width * shape.channels * -(-shape.height // CHUNKS[-1])
        unit = self._inputs[0].own_row_bytes * self._inputs[0].height // self._inputs[0].channels
        counts = np.arange(self._inputs[0].channels + 1)
        ceilings = self._fitting(np.where(counts > 0, counts * unit + sums, 0))
        return source.capped(self._inputs[0].channels, ceilings)[1]

    def _rows_to_rows(self, position: int, source: States, output: States) -> FloatArray:
        data, info = self._data, self._inputs[position]
        first = select(source, np.flatnonzero(source.rows))
        second, feasible = select(output, np.flatnonzero(output.rows)).capped(
            data.shape.height, self.row_ceilings(from_rows=True)
        )
        received, receivers, worst = kernels.row_traffic(
            first.low,
            first.high,
            first.level,
            first.active_high,
            second.low,
            second.high,
            second.level,
            second.active_low,
            second.group,
            info.spans.fewest,
            info.spans.most,
            info.spans.union,
            info.spans.overlap,
            info.spans.complete,
            info.height,
            data.shape.height,
            info.own_row_bytes,
            info.read_row_bytes,
            data.shape.width * data.shape.channels,
            self.row_memory_bytes,
        )
        size = worst * float(info.read_row_bytes)
        time = self._traffic.port_ns(size, (worst > 0).astype(float))
        if self._owner(first) is not None:
            time = np.maximum(time, self._from_one_owner(info, first, second)[None])
        else:
            total = received * float(info.read_row_bytes)
            time = np.maximum(time, self._traffic.total_ns(total, receivers.astype(float)))
        time[worst < 0] = np.inf
        time[:, ~feasible] = np.inf
        return time

    def _from_one_owner(self, info: _Input, source: States, output: States) -> FloatArray:
        """An input that is whole on one known node: everything leaves through that node's port."""
        owner = self._owner(source)
        assert owner is not None
        kept = output.high[:, owner]
        others = np.maximum(output.active_low - (kept > 0), 0)
        rows = info.spans.union[np.maximum(self._data.shape.height - kept, 0)]
        # The owner's own range may lie between two of the others, which then do not overlap.
        rows = rows + np.maximum(others - 1 - (kept > 0), 0) * info.spans.overlap
        return self._traffic.port_ns(rows * float(info.read_row_bytes), others * float(info.always))

    def _owner(self, states: States) -> int | None:
        """The node that owns everything, if the states are one layout, on one node."""
        if len(states) == 1 and states.exact == 1 and states.active_high[0] == 1:
            return int(states.high[0].argmax())
        return None

    def _across(self, position: int, source: States, output: States) -> FloatArray:
        """Bounds where at least one side is cut by channels."""
        if source.rows[0] and not output.rows[0]:
            time = self._rows_to_channels(position, source, output)
        elif output.rows[0]:
            time = self._channels_to_rows(position, source, output)
        else:
            time = self._channels_to_channels(position, source, output)
        size = self._data.shape.height if output.rows[0] else self._data.shape.channels
        ceilings = self.row_ceilings(from_rows=False) if output.rows[0] else self.channel_ceilings()
        time[:, ~output.capped(size, ceilings)[1]] = np.inf
        info, shape = self._inputs[position], self._data.shape
        kept_unit = info.own_row_bytes if source.rows[0] else info.own_row_bytes * info.height // info.channels
        made_unit = shape.width * (shape.channels if output.rows[0] else shape.height)
        used = source.low[:, None] * kept_unit + output.low[None] * made_unit
        time[(used > self._problem.ram_cap_bytes).any(axis=2)] = np.inf
        return time

    def _channels_to_rows(self, position: int, source: States, output: States) -> FloatArray:
        info = self._inputs[position]
        row = float(info.read_row_bytes)
        share = source.high.max(axis=1)[:, None] / info.channels
        rest = self._data.shape.height - output.high.max(axis=1)
        moved = row * np.maximum(
            info.spans.union[np.maximum(rest, 0)][None], info.spans.union[-1] * np.maximum(1.0 - share, 0.0)
        )
        levels = info.spans.fewest[np.minimum(output.level, self._data.shape.height)]
        largest = np.maximum(output.some_node(levels[None].astype(float))[0], info.spans.fewest[output.low].max(axis=1))
        worst = row * np.maximum(largest, 0)[None] * np.maximum(1.0 - share, 0.0)
        return self._exchange(source, output, moved, worst, info.always)

    def _rows_to_channels(self, position: int, source: States, output: States) -> FloatArray:
        info = self._inputs[position]
        if info.need is ChannelNeed.OTHER:
            return np.zeros((len(source), len(output)))
        if info.need is ChannelNeed.ALL:
            return self._gather(info, source, output, info.read_row_bytes)
        row = float(info.read_row_bytes)
        share = output.high.max(axis=1)[None] / self._data.shape.channels
        rows = np.maximum(info.spans.hull - source.high.max(axis=1), 0)[:, None]
        moved = row * np.maximum(rows, info.spans.hull * np.maximum(1.0 - share, 0.0))
        return self._exchange(source, output, moved, np.zeros((1, 1)), info.whole_hull)

    def _channels_to_channels(self, position: int, source: States, output: States) -> FloatArray:
        info = self._inputs[position]
        if info.need is ChannelNeed.OTHER:
            return np.zeros((len(source), len(output)))
        if info.need is ChannelNeed.ALL:
            return self._gather(info, source, output, info.channel_bytes)
        missing = output.low[None] - source.high[:, None]
        levels = output.level[None] - source.high[:, None]
        channels = np.maximum(missing.max(axis=2), output.some_node(levels.astype(float)))
        differ = (source.active_low[:, None] > output.active_high[None]) | (
            source.active_high[:, None] < output.active_low[None]
        )
        differ |= channels > 0
        return self._traffic.port_ns(np.maximum(channels, 0) * float(info.channel_bytes), differ.astype(float))

    def _gather(self, info: _Input, source: States, output: States, unit_bytes: int) -> FloatArray:
        """Every active output node needs everything."""
        whole = float(info.hull_bytes)
        receivers = output.active_low[None].astype(float)
        moved = whole * np.maximum(receivers - 1, 0) + np.zeros((len(source), 1))
        lacking = np.maximum(whole - source.high * float(unit_bytes), 0)[:, None]
        certain = np.where(output.low[None] > 0, lacking, 0).max(axis=2)
        likely = output.some_node(np.broadcast_to(lacking, (len(source), len(output), lacking.shape[2])))
        worst = np.maximum(certain, np.maximum(likely, 0))
        return self._exchange(source, output, moved, worst, info.whole_hull or not source.rows[0])

    def _exchange(
        self,
        source: States,
        output: States,
        moved: FloatArray,
        worst: FloatArray,
        everyone: bool,
    ) -> FloatArray:
        """Time if `moved` bytes change nodes and some node receives `worst`.

        `everyone` says that every output node needs something of every source node.
        """
        few_sources, many_sources = source.active_low[:, None].astype(float), source.active_high[:, None].astype(float)
        few_targets, many_targets = output.active_low[None].astype(float), output.active_high[None].astype(float)
        any_traffic = ((moved > 0) | (worst > 0)).astype(float)
        into = np.maximum(few_sources - 1, any_traffic) if everyone else any_traffic
        out_of = np.maximum(few_targets - 1, any_traffic) if everyone else any_traffic
        receive = self._traffic.port_ns(np.maximum(moved / many_targets, worst), into)
        send = self._traffic.port_ns(moved / many_sources, out_of)
        owner = self._owner(source)
        if owner is not None:
            others = few_targets - (output.high[:, owner] > 0)[None]
            return np.maximum(receive, self._traffic.port_ns(moved, np.maximum(others, 0) * float(everyone)))
        messages = (few_sources - 1) * few_targets if everyone else any_traffic
        return np.maximum(np.maximum(receive, send), self._traffic.total_ns(moved, np.maximum(messages, any_traffic)))

    def _on_nodes(self, states: States, costs: FloatArray) -> FloatArray:
        """Largest certain cost over devices and groups. costs: [devices, units + 1]."""
        devices = np.arange(self._problem.devices)[None]
        certain = costs[devices, states.low[:, :-1]].max(axis=1)
        level = np.minimum(states.level, costs.shape[1] - 1)[:, :-1]
        likely = np.zeros((len(states), self._problem.nodes))
        likely[:, :-1] = costs[devices, level]
        return np.asarray(np.maximum(certain, states.some_node(likely[None])[0]))

    def _fitting(self, sizes: IntArray) -> IntArray:
        """For each node the largest index of `sizes`, not decreasing, that its RAM holds; at least 0."""
        return np.asarray(np.maximum(np.searchsorted(sizes, self._problem.ram_cap_bytes, side="right") - 1, 0))

    def _describe(self, position: int) -> _Input:
        reach = self._data.reaches[position]
        source = self._problem.shape(self._data.operator.inputs[position])
        shape = self._data.shape
        channels = np.arange(shape.channels)
        first, stop = reach.channel_first[:-1], reach.channel_stop[1:]
        if (first == 0).all() and (stop == source.channels).all():
            need = ChannelNeed.ALL
        elif source.channels == shape.channels and (first == channels).all() and (stop == channels + 1).all():
            need = ChannelNeed.SAME
        else:
            need = ChannelNeed.OTHER
        return _Input(
            Spans.of(reach, source.height),
            need,
            source.height,
            source.channels,
            reach.columns * source.channels,
            source.width * source.channels,
        )


def nondecreasing(costs: FloatArray) -> FloatArray:
    """The largest function below `costs` that does not decrease with the number of units (the last axis)."""
    return np.asarray(np.minimum.accumulate(costs[:, ::-1], axis=1)[:, ::-1])


def select(states: States, chosen: IntArray | Sequence[int]) -> States:
    """Some of the states, by number."""
    layouts = states.layouts
    exact = np.asarray(chosen)[np.asarray(chosen) < states.exact]
    kept = type(layouts)(layouts.rows[exact], layouts.starts[exact], layouts.stops[exact])
    return States(
        kept,
        states.rows[chosen],
        states.low[chosen],
        states.high[chosen],
        states.level[chosen],
        states.active_low[chosen],
        states.active_high[chosen],
        states.group,
    )
