"""The search's vectorised arithmetic against the slow evaluator, to the nanosecond and byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.phase import evaluate
from planner.core.regions import axis_size
from planner.data.graph import Arithmetic, Graph, Shape, Window
from planner.data.hardware import LinkCost, Network
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, OperatorSplit, Split
from planner.errors import NoPlanError
from planner.solvers.costs import gather_arcs, operator_arcs
from planner.solvers.layout_set import LayoutSet
from planner.solvers.path import LayoutGraph, Path
from planner.solvers.problem import RECORD_BYTES, UNREACHABLE, Problem
from tests.builders import reference_fleets as fleets
from tests.builders.graphs import GraphBuilder, random_graph

ROOMY = 4 * fleets.MIB


def random_layout(rng: np.random.Generator, graph: Graph, tensor: str, nodes: int) -> Layout:
    axis = list(Axis)[int(rng.integers(2))]
    size = axis_size(graph.tensors[tensor].shape, axis)
    cuts = np.sort(rng.integers(0, size + 1, nodes - 2))
    return Layout.from_bounds(axis, (0, *(int(c) for c in cuts), size, size))


def networks(devices: int) -> tuple[Network, ...]:
    cost = LinkCost(1_500, 7_333)
    ring = {(s, t): cost for s in range(devices + 1) for t in ((s + 1) % (devices + 1), (s - 1) % (devices + 1))}
    return (
        Network.switch(devices, cost),
        Network.shared_bus(devices, cost),
        Network.star(devices, cost),
        Network.links(devices, ring),
    )


def random_instance(rng: np.random.Generator, ram_bytes: int = ROOMY) -> Instance:
    cores = list(fleets.CORES)
    devices = [fleets.device(cores[int(rng.integers(len(cores)))], ram_bytes, ROOMY) for _ in range(rng.integers(1, 5))]
    network = networks(len(devices))[int(rng.integers(4))]
    instance = fleets.fleet(devices, network)
    ends = [int(node) for node in rng.integers(0, instance.nodes, 2)]
    return Instance("test", "model", instance.devices, network, ends[0], ends[1])


@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 2**32 - 1))
def test_arcs_cost_what_the_evaluator_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph, instance = random_graph(seed, operators=5), random_instance(rng)
    problem = Problem(graph, instance)
    layouts = {data.output: random_layout(rng, graph, data.output, instance.nodes) for data in problem.operators}
    for name in problem.inputs:
        layouts[name] = Layout.single(Axis.ROWS, problem.shape(name).height, instance.input_node, instance.nodes)
    sets = {name: LayoutSet.of([layout]) for name, layout in layouts.items()}
    splits, chosen = {}, []
    crowded = np.full(instance.nodes, 2**40)  # so that all chunk counts are priced
    for data in problem.operators:
        options = [arcs for arcs in operator_arcs(problem, data, sets, crowded) if arcs.time_ns[0, 0] < UNREACHABLE]
        if not options:
            with pytest.raises(NoPlanError):
                evaluate(graph, instance, Split({d.name: OperatorSplit(layouts[d.output]) for d in problem.operators}))
            return
        chosen.append(options[int(rng.integers(len(options)))])
        splits[data.name] = OperatorSplit(layouts[data.output], chosen[-1].mode, chosen[-1].chunks)
    if any(gather_arcs(problem, name, sets[name])[0][0] >= UNREACHABLE for name in problem.outputs):
        return
    evaluation = evaluate(graph, instance, Split(splits))
    for data, arcs, phases in zip(problem.operators, chosen, evaluation.phases, strict=False):
        assert arcs.time_ns[0, 0] == phases.communication_ns + phases.computation_ns
        others = [name for name in problem.held(data.index) if name not in data.inputs]
        held = sum((sets[name].footprints(problem.shape(name))[0] for name in others), np.zeros(instance.nodes, int))
        assert tuple(arcs.ram_bytes[0, 0] + held) == phases.footprint_bytes
    flash = sum(arcs.flash_bytes[0, 0] for arcs in chosen)
    records = sum(RECORD_BYTES * arcs.chunks for arcs in chosen)
    assert all(0 <= mine - weights <= 2 * records for mine, weights in zip(flash, evaluation.flash_bytes, strict=True))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_path_costs_what_the_evaluator_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph, instance = random_graph(seed, operators=4), random_instance(rng)
    problem = Problem(graph, instance)
    candidates = {
        data.output: tuple({random_layout(rng, graph, data.output, instance.nodes) for _ in range(3)})
        for data in problem.operators
    }
    path = LayoutGraph(problem, candidates).shortest_path()
    if path is None:
        return
    evaluation = evaluate(graph, instance, path.split)
    assert path.time_ns == path.value_ns == evaluation.makespan_ns
    assert (np.array(evaluation.peak_footprint_bytes) <= problem.ram_cap_bytes).all()


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_several_outputs_gather_one_after_another(seed: int) -> None:
    rng = np.random.default_rng(seed)
    builder = GraphBuilder(rng, Shape(4, 3, 2))
    outputs = tuple(builder.conv(builder.input, int(rng.integers(1, 5)), Window((1, 1))) for _ in range(3))
    graph, instance = builder.graph(outputs, Arithmetic.TFLM), random_instance(rng)
    problem = Problem(graph, instance)
    candidates = {name: (random_layout(rng, graph, name, instance.nodes),) for name in outputs}
    path = shortest(problem, candidates)
    if path is None:
        return
    evaluation = evaluate(graph, instance, path.split)
    assert path.time_ns == evaluation.makespan_ns
    for node in range(problem.devices):
        peak = evaluation.peak_footprint_bytes[node]
        problem.ram_cap_bytes[node] = peak
        assert shortest(problem, candidates) is not None
        if peak:
            problem.ram_cap_bytes[node] = peak - 1
            other = shortest(problem, candidates)
            assert other is None or other.split != path.split
        problem.ram_cap_bytes[node] = ROOMY


def shortest(problem: Problem, candidates: dict[str, tuple[Layout, ...]]) -> Path | None:
    return LayoutGraph(problem, candidates).shortest_path()
