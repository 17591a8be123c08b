"""Every layout of tiny tensors, and tiny problems to search them all."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from planner.core.regions import axis_size
from planner.core.transfers import tensor_layouts
from planner.data.graph import Arithmetic, Graph, Padding, Shape, Window
from planner.data.hardware import LinkCost, Network
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, Mode, OperatorSplit, Split
from planner.solvers.costs import CHUNKS
from planner.solvers.problem import RECORD_BYTES, Problem
from tests.builders import reference_fleets as fleets
from tests.builders.graphs import GraphBuilder


def all_layouts(shape: Shape, nodes: int) -> tuple[Layout, ...]:
    """All contiguous ranges in node order, over both axes."""
    found: dict[Layout, None] = {}
    for axis in Axis:
        size = axis_size(shape, axis)
        for cuts in combinations_with_replacement(range(size + 1), nodes - 2):
            found[Layout.from_bounds(axis, (0, *cuts, size, size))] = None
    return tuple(found)


def all_candidates(graph: Graph, instance: Instance) -> dict[str, tuple[Layout, ...]]:
    return {
        operator.output: all_layouts(graph.output_tensor(operator).shape, instance.nodes)
        for operator in graph.operators
    }


def tiny_graph(seed: int, operators: int = 4, largest: int = 6) -> Graph:
    """A few operators of the kinds that matter: halos, gathers, partial sums, a skip, a strided window."""
    rng = np.random.default_rng(seed)
    height, width, depth = (int(rng.integers(low, high)) for low, high in ((2, largest + 1), (2, 5), (1, 4)))
    builder = GraphBuilder(rng, Shape(height, width, depth))
    current = builder.input
    while len(builder.operators) < operators:
        shape = builder.shape(current)
        kind = int(rng.integers(6))
        channels = int(rng.integers(1, largest))
        same = Window((3, 3), padding=Padding(1, 1, 1, 1))
        if kind == 0:
            current = builder.conv(current, channels, same)
        elif kind == 1:
            current = builder.conv(current, channels, Window((1, 1)))
        elif kind == 2:
            current = builder.conv(current, shape.channels, same, groups=shape.channels)
        elif kind == 3 and len(builder.operators) + 2 <= operators:
            current = builder.add(current, builder.conv(current, shape.channels, Window((1, 1))))
        elif kind == 4 and min(shape.height, shape.width) >= 3:
            window = Window((3, 3), (2, 2), padding=Padding(0, 0, 1, 1))
            current = builder.conv(current, shape.channels, window, groups=shape.channels)
        elif kind == 5 and len(builder.operators) == operators - 1:
            current = builder.fully_connected(current, channels) if rng.integers(2) else builder.mean(current)
    return builder.graph((current,), Arithmetic.ONNXRUNTIME)


def tiny_instance(seed: int, devices: int = 2, alike: bool = False) -> Instance:
    """Two or three boards whose RAM and flash may or may not bind, over any network."""
    rng = np.random.default_rng(seed)
    cores = list(fleets.CORES)
    first = cores[int(rng.integers(len(cores)))]
    boards = []
    tight = bool(rng.integers(2))
    for _ in range(devices):
        core = first if alike else cores[int(rng.integers(len(cores)))]
        ram = fleets.FIRMWARE.ram_bytes + (int(rng.integers(100, 500)) if tight else fleets.MIB)
        boards.append(fleets.device(core, ram))
    if alike:
        boards = [boards[0]] * devices
    cost = LinkCost(int(rng.integers(0, 3_000)), int(rng.integers(1, 200_000)))
    ring = {(s, (s + 1) % (devices + 1)): cost for s in range(devices + 1)}
    networks = (Network.switch(devices, cost), Network.shared_bus(devices, cost), Network.star(devices, cost))
    network = (*networks, Network.links(devices, ring))[int(rng.integers(4))]
    instance = fleets.fleet(boards, network)
    ends = [devices if rng.integers(3) else int(rng.integers(devices)) for _ in range(2)]
    return Instance("tiny", "model", instance.devices, network, ends[0], ends[1])


def every_split(graph: Graph, instance: Instance) -> list[Split]:
    """All splits of the searched space: chunks where an input is gathered, partial sums where they exist."""
    problem = Problem(graph, instance)
    candidates = all_candidates(graph, instance)
    result: list[dict[str, OperatorSplit]] = [{}]
    axes: list[dict[str, Axis]] = [{name: Axis.ROWS for name in problem.inputs}]
    for data in problem.operators:
        longer, longer_axes = [], []
        for split, axis_of in zip(result, axes, strict=True):
            for layout in candidates[data.output]:
                source = axis_of[data.operator.inputs[0]]
                gathers = len(data.operator.inputs) == 1 and Axis.CHANNELS in (source, layout.axis)
                ways = [(Mode.OWN_OUTPUT, k) for k in CHUNKS if k == 1 or (gathers and k <= data.shape.height)]
                if data.accepts_input_channels and source is Axis.CHANNELS:
                    ways += [(Mode.INPUT_CHANNELS, k) for k in CHUNKS if k <= data.shape.height]
                for mode, chunks in ways:
                    longer.append(split | {data.name: OperatorSplit(layout, mode, chunks)})
                    longer_axes.append(axis_of | {data.output: layout.axis})
        result, axes = longer, longer_axes
    return [Split(split) for split in result]


def record_bytes(problem: Problem, split: Split) -> np.ndarray:
    """Estimated plan records by node: one per operator and chunk of who computes, one per owner of summed output.

    Of segments, none.
    """
    total = np.zeros(problem.nodes, int)
    layouts = tensor_layouts(problem.graph, problem.instance, split)
    for data in problem.operators:
        if data.name not in split.operators:
            continue
        choice = split.operators[data.name]
        computing = choice.layout.active
        if choice.mode is Mode.INPUT_CHANNELS:
            total[list(computing)] += RECORD_BYTES
            computing = layouts[data.inputs[0]].active
        total[list(computing)] += RECORD_BYTES * choice.chunks
    return total
