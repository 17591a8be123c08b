"""Random whole problems: a network with one or more ends, a fleet and a split of the one over the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.data.graph import Graph, InputEnd, OutputEnd
from planner.data.hardware import NetworkKind
from planner.data.instance import Instance
from planner.data.split import Split
from tests.builders.fleets import random_instance
from tests.builders.graphs import random_graph
from tests.builders.splits import random_split


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
