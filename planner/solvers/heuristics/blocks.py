"""Blocks as Megatron cuts them: one reduction a block instead of gathering every input."""

from __future__ import annotations

from dataclasses import replace

from planner.core.transfers import accepts_input_channels
from planner.data.graph import Graph, Operator
from planner.data.instance import Instance
from planner.data.split import Mode, Split
from planner.solvers.heuristics.shares import speed_proportional_kernels


def megatron_blocks(graph: Graph, instance: Instance) -> Split:
    """Expansions cut by kernels, depthwise local, projections as partial sums of the own input channels."""
    by_kernels = speed_proportional_kernels(graph, instance).operators
    return Split(
        {
            operator.name: replace(
                by_kernels[operator.name],
                mode=Mode.INPUT_CHANNELS if _projects(graph, operator) else Mode.OWN_OUTPUT,
            )
            for operator in graph.operators
        }
    )


def _projects(graph: Graph, operator: Operator) -> bool:
    """Whether an operator narrows channels that were computed, and thus cut, on the devices."""
    source, output = graph.tensors[operator.inputs[0]], graph.output_tensor(operator)
    return (
        source.name in graph.producers
        and accepts_input_channels(graph, operator)
        and output.shape.channels <= source.shape.channels
    )
