"""What bands of a fused segment cost, for many bands at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.data.split import Stage
from planner.solvers.layout_set import IntArray, LayoutSet, stacked_bytes
from planner.solvers.problem import Problem
from planner.solvers.segments.kernels import roll_bands
from planner.solvers.segments.stages import StageTable, StageTables


@dataclass(frozen=True)
class Bands:
    """What every node does for every layout of a segment's output: all arrays are [layouts, nodes].

    Rows [first_row, stop_row) of the input are read; if they are streamed, `input_ring` rows of them are held.
    `buffers` is the footprint of all other buffers of the segment, scratch memory included.
    """

    first_row: IntArray
    stop_row: IntArray
    input_ring: IntArray
    buffers: IntArray
    cpu_ns: IntArray
    advances: IntArray


class RolledSegment:
    """Stages over one tensor from outside, as arrays. Raises ValueError if they cannot roll."""

    def __init__(self, problem: Problem, tables: StageTables, stages: tuple[Stage, ...], input_rows: int) -> None:
        self.stages = stages
        self.input_rows = input_rows
        self._problem = problem
        self._kind_of = tables.kind_of
        listed = [tables.table(stage) for stage in stages]
        inside = {table.output: number for number, table in enumerate(listed, 1)}
        outside = {name for table in listed for name in table.inputs} - inside.keys()
        if len(outside) != 1:
            raise ValueError(f"the segment from {stages[0].operators[0]} reads {len(outside)} tensors from outside")
        (self.input,) = outside
        self.output = listed[-1].output
        heights = [problem.shape(name).height for name in (self.input, *inside)]
        self._arrays = _stacked(listed, {self.input: 0, **inside}, problem, max(heights) + 1)

    def bands(self, layouts: LayoutSet) -> Bands:
        """Every node's band of every layout, which must be cut by rows."""
        devices = self._problem.devices
        starts, stops = layouts.starts[:, :devices].reshape(-1), layouts.stops[:, :devices].reshape(-1)
        keys, index = np.unique(starts.astype(np.int64) << 32 | stops, return_inverse=True)
        arguments = (keys >> 32, keys & (2**32 - 1), *self._arrays, self.input_rows)
        first, stop, ring, buffers, scratch, cpu, advances = roll_bands(*arguments)
        kinds = np.tile(self._kind_of, len(layouts))
        buffers = buffers[index] + stacked_bytes(scratch[index, kinds])

        def spread(values: IntArray) -> IntArray:
            result = np.zeros((len(layouts), self._problem.nodes), np.int64)
            result[:, :devices] = values.reshape(len(layouts), devices)
            return result

        return Bands(
            spread(first[index]),
            spread(stop[index]),
            spread(ring[index]),
            spread(buffers),
            spread(cpu[index, kinds]),
            spread(advances[index]),
        )


def _stacked(
    tables: Sequence[StageTable], numbers: dict[str, int], problem: Problem, rows: int
) -> tuple[IntArray, ...]:
    """The arguments of `roll_bands` that describe the stages; rows are padded to the same number."""
    stages, fan = len(tables), max(len(table.inputs) for table in tables)
    inputs = np.full((stages, fan), -1, np.int64)
    read_first, read_stop = np.zeros((2, stages, fan, rows), np.int64)
    hidden_first, hidden_stop = np.zeros((2, stages, rows), np.int64)
    kinds, most = tables[0].cost_ns.shape[0], max(table.rows for table in tables) + 1
    cost = np.zeros((stages, kinds, rows, most, 2, 2), np.int64)
    for s, table in enumerate(tables):
        for i, (name, reach) in enumerate(zip(table.inputs, table.reads, strict=True)):
            inputs[s, i] = numbers[name]
            read_first[s, i, : len(reach.row_first)] = reach.row_first
            read_stop[s, i, : len(reach.row_stop)] = reach.row_stop
        if table.hidden is not None:
            hidden_first[s, : len(table.hidden.row_first)] = table.hidden.row_first
            hidden_stop[s, : len(table.hidden.row_stop)] = table.hidden.row_stop
        cost[s, :, : table.cost_ns.shape[1], : table.rows + 1] = table.cost_ns
    source = problem.shape(next(name for name, number in numbers.items() if number == 0))
    return (
        inputs,
        read_first,
        read_stop,
        hidden_first,
        hidden_stop,
        np.array([table.rolling for table in tables], np.int64),
        np.array([table.rows for table in tables], np.int64),
        cost,
        np.array([source.width * source.channels, *(table.ring_row_bytes for table in tables)], np.int64),
        np.array([table.patch_row_bytes for table in tables], np.int64),
        np.array([table.strip_row_bytes for table in tables], np.int64),
        np.array([table.tile_row_bytes for table in tables], np.int64),
        np.array([table.scratch_bytes for table in tables], np.int64),
    )
