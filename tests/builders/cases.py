"""Random whole problems: a network with one or more ends, a fleet and a split of the one over the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.data.graph import Arithmetic, Graph, InputEnd, OutputEnd, Padding, Shape, Window
from planner.data.hardware import NetworkKind
from planner.data.instance import Instance
from planner.data.split import Axis, Overlap, Segment, Split, Stage
from tests.builders.fleets import random_instance
from tests.builders.graphs import GraphBuilder, random_graph
from tests.builders.splits import random_layout, random_split


@dataclass(frozen=True, slots=True)
class Case:
    """A graph, an instance and a valid split."""

    graph: Graph
    instance: Instance
    split: Split


def random_case(seed: int, operators: int = 7, kind: NetworkKind | None = None, segments: bool = False) -> Case:
    """A random problem, with fused segments if asked for; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    graph = random_graph(seed, int(rng.integers(2, operators + 1)))
    if rng.integers(4) == 0:
        graph = with_second_output(graph, int(rng.integers(len(graph.operators))))
    if rng.integers(4) == 0 and len(graph.operators) > 1:
        graph = with_second_input(graph, int(rng.integers(len(graph.operators) - 1)))
    instance = random_instance(seed, kind=kind)
    return Case(graph, instance, random_split(graph, instance, seed, segments))


def with_second_output(graph: Graph, index: int) -> Graph:
    """The graph with an operator's output wanted as well."""
    name = graph.operators[index].output
    return replace(graph, outputs=(*graph.outputs, OutputEnd(name, _shape(graph, name), "int8", False)))


def with_second_input(graph: Graph, index: int) -> Graph:
    """The graph without an operator, whose output is given from outside instead."""
    name = graph.operators[index].output
    return replace(
        graph,
        operators=graph.operators[:index] + graph.operators[index + 1 :],
        inputs=(*graph.inputs, InputEnd(name, _shape(graph, name), "int8", False)),
    )


def _shape(graph: Graph, tensor: str) -> tuple[int, ...]:
    return (1, *graph.tensors[tensor].shape.as_tuple())


def rolled_block(seed: int) -> Case:
    """An inverted residual block of random window, stride and chunks on up to three devices."""
    rng = np.random.default_rng(seed)
    kernel, stride = int(rng.choice([1, 3, 5])), int(rng.integers(1, 3))
    window = Window((kernel, kernel), (stride, stride), padding=Padding(*(kernel // 2,) * 4))
    builder = GraphBuilder(rng, Shape(int(rng.integers(6, 12)), 90, 3))
    expanded = builder.conv(builder.input, 6, Window((1, 1)))
    depthwise = builder.conv(expanded, 6, window, groups=6)
    graph = builder.graph((builder.conv(depthwise, 4, Window((1, 1))),), Arithmetic.TFLM)
    instance = random_instance(seed, devices=int(rng.integers(1, 4)))
    names = tuple(operator.name for operator in graph.operators)
    overlap = list(Overlap)[int(rng.integers(2))]
    stage = Stage(names, int(rng.integers(1, 4)), int(rng.integers(kernel, kernel + 3)), overlap)
    height = graph.output_tensor(graph.operators[-1]).shape.height
    layout = random_layout(rng, Axis.ROWS, height, instance.nodes)
    return Case(graph, instance, Split({}, (Segment((stage,), layout, int(rng.integers(1, 4))),)))
