"""Three convolutions by rows over three boards: halos go both ways between neighbours."""

from __future__ import annotations

import numpy as np

from planner.core.lowering import lower
from planner.data.graph import Arithmetic, Graph, Padding, Shape, Window
from planner.data.hardware import LinkCost, Network
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.split import Axis, Layout, OperatorSplit, Split
from tests.builders.fleets import instance
from tests.builders.graphs import GraphBuilder

BOARDS = 3


def small_network() -> tuple[Graph, Instance, Plan]:
    """The network, its fleet, and the plan."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(12, 6, 4))
    same = Window((3, 3), padding=Padding(1, 1, 1, 1))
    tensor = builder.input
    for _ in range(3):
        tensor = builder.conv(tensor, 4, same)
    graph = builder.graph((tensor,), Arithmetic.TFLM)
    rows = Layout.from_bounds(Axis.ROWS, (0, 4, 8, 12, 12))
    split = Split({operator.name: OperatorSplit(rows) for operator in graph.operators})
    fleet = instance(Network.switch(BOARDS, LinkCost(1000, 1000)))
    return graph, fleet, lower(graph, fleet, split)
