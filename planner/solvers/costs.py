"""Exact time, RAM and flash of an operator between all pairs of candidate layouts: the arcs of the layout path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from planner.core.constant_sizes import CHANNEL_BYTES
from planner.core.cost import ROUNDING_SLACK_NS
from planner.data.split import Mode
from planner.solvers import kernels
from planner.solvers.layout_set import IntArray, LayoutSet
from planner.solvers.problem import RECORD_BYTES, UNREACHABLE, OperatorData, Problem

CHUNKS = (1, 2, 4, 8)
"""Chunk counts that the search tries; more than one only where an input is gathered rather than read by rows."""


@dataclass(frozen=True)
class Arcs:
    """All ways to run one operator in one mode and chunk count, between layouts of its inputs (a) and output (b).

    `a` runs over the combinations of the distinct inputs' layouts, the last input fastest. `time_ns` [a, b] is
    `UNREACHABLE` where the mode does not exist; `ram_bytes` [a, b, node] counts inputs, received, sums, relays and
    output, but no other tensors that live; `flash_bytes` [a or 1, b, node].
    """

    mode: Mode
    chunks: int
    time_ns: IntArray
    ram_bytes: NDArray[np.int32]
    flash_bytes: IntArray


def operator_arcs(
    problem: Problem, data: OperatorData, layouts: Mapping[str, LayoutSet], held_bytes: IntArray
) -> Iterator[Arcs]:
    """Every option of an operator while other tensors take at most `held_bytes` of every node.

    More chunks are never faster and take more flash, so they are tried only where fewer may not fit into RAM.
    """
    inputs = [layouts[name] for name in data.inputs]
    output = layouts[data.output]
    whole = own_output_arcs(problem, data, inputs, output)
    yield whole
    if len(data.operator.inputs) == 1:
        gathering = ~np.logical_and.outer(inputs[0].rows, output.rows)
        yield from _chunked(
            problem, data, whole, gathering, held_bytes, partial(own_output_arcs, problem, data, inputs, output)
        )
    if data.accepts_input_channels:
        summing = np.repeat(~inputs[0].rows[:, None], len(output), axis=1)
        sums = input_channels_arcs(problem, data, inputs[0], output, 1, summing)
        yield sums
        yield from _chunked(
            problem, data, sums, summing, held_bytes, partial(input_channels_arcs, problem, data, inputs[0], output)
        )


def _chunked(
    problem: Problem,
    data: OperatorData,
    arcs: Arcs,
    wanted: NDArray[np.bool_],
    held_bytes: IntArray,
    price: Callable[[int, NDArray[np.bool_]], Arcs],
) -> Iterator[Arcs]:
    """Arcs with more and more chunks for the `wanted` pairs of `arcs` that may not fit."""
    for chunks in CHUNKS[1:]:
        tight = (arcs.ram_bytes + held_bytes > problem.ram_cap_bytes).any(axis=2)
        wanted = wanted & tight & (arcs.time_ns < UNREACHABLE)
        if chunks > data.shape.height or not wanted.any():
            return
        arcs = price(chunks, wanted)
        yield arcs


def own_output_arcs(
    problem: Problem,
    data: OperatorData,
    inputs: list[LayoutSet],
    output: LayoutSet,
    chunks: int = 1,
    wanted: NDArray[np.bool_] | None = None,
) -> Arcs:
    """OWN_OUTPUT between all pairs, or only the `wanted` ones. wanted: bool [a, b]."""
    counts = [len(layouts) for layouts in inputs]
    axes = len(inputs)
    shape = (*counts, len(output))
    time = np.zeros(shape, np.int64)
    cpu = np.broadcast_to(compute_ns(problem, data, output, chunks), (*shape, problem.nodes))
    ram = np.zeros((*shape, problem.nodes), np.int64)
    relayed = np.zeros((*shape, problem.nodes), np.int64)
    for position, name in enumerate(data.operator.inputs):
        axis = data.inputs.index(name)
        pairs = fetch(problem, data, position, inputs[axis], output, chunks, wanted)
        spread = tuple(slice(None) if other == axis else None for other in range(axes))
        communication, copies, received, relays = (part[spread] for part in pairs)
        time = np.minimum(time + communication, UNREACHABLE)
        cpu = cpu + copies
        ram = ram + received
        relayed = np.maximum(relayed, relays)
    for axis, name in enumerate(data.inputs):
        spread = tuple(slice(None) if other == axis else None for other in range(axes))
        ram = ram + inputs[axis].footprints(problem.shape(name))[(*spread, None)]
    scratch = np.where(output.stops > output.starts, data.scratch_footprints, 0)
    ram = ram + relayed + output.footprints(data.shape) + scratch
    time = np.minimum(time + cpu.max(axis=-1), UNREACHABLE)
    flash = _output_flash(data, output, chunks)[None]
    combinations = int(np.prod(counts))
    return Arcs(
        Mode.OWN_OUTPUT,
        chunks,
        time.reshape(combinations, len(output)),
        ram.reshape(combinations, len(output), problem.nodes).astype(np.int32),
        flash,
    )


def input_channels_arcs(
    problem: Problem,
    data: OperatorData,
    source: LayoutSet,
    output: LayoutSet,
    chunks: int,
    wanted: NDArray[np.bool_],
) -> Arcs:
    """INPUT_CHANNELS between the `wanted` pairs, of which the input must be cut by channels. wanted: bool [a, b]."""
    by_channels = np.flatnonzero(~source.rows)
    depths = source.units[by_channels].astype(np.int64)
    time = np.full((len(source), len(output)), UNREACHABLE)
    ram = np.zeros((len(source), len(output), problem.nodes), np.int64)
    flash = np.zeros_like(ram)
    if len(by_channels):
        routes = problem.routes
        time[by_channels], sums = kernels.reduce_pairs(
            source.starts[by_channels],
            source.stops[by_channels],
            output.rows,
            output.starts,
            output.stops,
            data.shape.height,
            data.shape.width,
            data.shape.channels,
            chunks,
            wanted[by_channels],
            partial_sums_ns(problem, data, depths, chunks).max(axis=1),
            routes.hops,
            routes.message_ns,
            routes.byte_ps,
            routes.ports,
            routes.via,
            routes.port_count,
            problem.accumulate_cost.table,
            problem.requantise_cost.table,
        )
        own = source.footprints(problem.shape(data.inputs[0]))[by_channels]
        ram[by_channels] = sums + own[:, None] + output.footprints(data.shape)[None]
        weights = depths * data.shape.channels * data.window_taps + (depths > 0) * RECORD_BYTES * chunks
        flash[by_channels] = weights[:, None] + _parameter_flash(data, output)[None]
    return Arcs(Mode.INPUT_CHANNELS, chunks, time, ram.astype(np.int32), flash)


def fetch(
    problem: Problem,
    data: OperatorData,
    position: int,
    source: LayoutSet,
    output: LayoutSet,
    chunks: int = 1,
    wanted: NDArray[np.bool_] | None = None,
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """One input of an OWN_OUTPUT operator between all pairs (a, b) of layouts, or the `wanted` ones.

    Returns communication in ns [a, b] (`UNREACHABLE` where unwanted or without a route), and by node [a, b, node] the
    copies in ns and the footprints of received and of relayed bytes.
    """
    shape = problem.shape(data.operator.inputs[position])
    reach = data.reaches[position]
    routes = problem.routes
    result: tuple[IntArray, IntArray, IntArray, IntArray] = kernels.fetch_pairs(
        source.rows,
        source.starts,
        source.stops,
        shape.height,
        shape.width,
        shape.channels,
        output.rows,
        output.starts,
        output.stops,
        data.shape.height,
        data.shape.channels,
        reach.row_first,
        reach.row_stop,
        reach.channel_first,
        reach.channel_stop,
        reach.column_first,
        reach.column_stop,
        chunks,
        np.ones((len(source), len(output)), np.bool_) if wanted is None else wanted,
        routes.hops,
        routes.message_ns,
        routes.byte_ps,
        routes.ports,
        routes.via,
        routes.port_count,
        problem.copy_cost.table,
    )
    return result


def compute_ns(problem: Problem, data: OperatorData, output: LayoutSet, chunks: int = 1) -> IntArray:
    """Time of every node's shard of every output layout: [layouts, nodes]."""
    starts, stops = output.starts.astype(np.int64), output.stops.astype(np.int64)
    result = np.zeros(starts.shape, np.int64)
    by_rows = output.rows[:, None]
    row_start = np.where(by_rows, starts, 0)
    row_stop = np.where(by_rows, stops, data.shape.height)
    channels = np.where(by_rows, data.shape.channels, stops - starts)
    first_channel = np.where(by_rows, 0, starts)
    size, larger = np.divmod(row_stop - row_start, chunks)
    for k in range(chunks):
        first = row_start + k * size + np.minimum(k, larger)
        last = first + size + (k < larger)
        busy = stops > starts
        for node, costs in enumerate(data.shard_costs):
            shard = costs.box_ns(first[:, node], last[:, node], channels[:, node], first_channel[:, node])
            result[:, node] += np.where(busy[:, node], shard, 0)
    return result


def partial_sums_ns(problem: Problem, data: OperatorData, depths: IntArray, chunks: int) -> IntArray:
    """Time of every node's sums from `depths` [layouts, nodes] input channels, all chunks: [layouts, nodes]."""
    result = np.zeros(depths.shape, np.int64)
    size, larger = divmod(data.shape.height, chunks)
    for k in range(min(chunks, data.shape.height)):
        first = k * size + min(k, larger)
        line = data.partial_sum_line(first, first + size + (k < larger))
        time = line[:, 0] + depths[:, : problem.devices] * line[:, 1]
        whole_ns = np.maximum(np.ceil(time - ROUNDING_SLACK_NS), 0)
        result[:, : problem.devices] += np.where(depths[:, : problem.devices] > 0, whole_ns, 0).astype(np.int64)
    return result


def gather_arcs(problem: Problem, tensor: str, layouts: LayoutSet) -> tuple[IntArray, IntArray, IntArray]:
    """Bringing a graph output to the output node: time [layouts], received and relayed footprints [layouts, nodes]."""
    shape = problem.shape(tensor)
    target = LayoutSet(
        np.array([True]),
        np.zeros((1, problem.nodes), np.int32),
        np.zeros((1, problem.nodes), np.int32),
    )
    target.stops[0, problem.instance.output_node] = shape.height
    rows = np.arange(shape.height + 1)
    channels = np.arange(shape.channels + 1)
    everything = np.ones((len(layouts), 1), np.bool_)
    routes = problem.routes
    communication, _, received, relays = kernels.fetch_pairs(
        layouts.rows,
        layouts.starts,
        layouts.stops,
        shape.height,
        shape.width,
        shape.channels,
        target.rows,
        target.starts,
        target.stops,
        shape.height,
        shape.channels,
        rows,
        rows,
        channels,
        channels,
        0,
        shape.width,
        1,
        everything,
        routes.hops,
        routes.message_ns,
        routes.byte_ps,
        routes.ports,
        routes.via,
        routes.port_count,
        problem.copy_cost.table,
    )
    return communication[:, 0], received[:, 0], relays[:, 0]


def _output_flash(data: OperatorData, output: LayoutSet, chunks: int) -> IntArray:
    """Flash of every node's shard in mode OWN_OUTPUT: [layouts, nodes]."""
    units = output.units.astype(np.int64)
    channels = np.where(output.rows[:, None], np.where(units > 0, data.shape.channels, 0), units)
    channel_bytes, fixed_bytes = data.constant_bytes.T
    return np.asarray(channels * channel_bytes + (units > 0) * (fixed_bytes + RECORD_BYTES * chunks))


def _parameter_flash(data: OperatorData, output: LayoutSet) -> IntArray:
    """Flash of bias and requantisation, and of records, of every owner of output in mode INPUT_CHANNELS."""
    units = output.units.astype(np.int64)
    channels = np.where(output.rows[:, None], np.where(units > 0, data.shape.channels, 0), units)
    return np.asarray(channels * CHANNEL_BYTES + (units > 0) * RECORD_BYTES)
