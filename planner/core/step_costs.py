"""Predicted time of each kind of CPU step on each node."""

from __future__ import annotations

from planner.core.cost import (
    Features,
    compute_features,
    copy_features,
    cost_key,
    duration_ns,
    element_features,
    implementation_of,
    kernel_of,
    operator_features,
)
from planner.core.variants import PORTABLE, scratch_bytes
from planner.data.graph import Graph, Operator
from planner.data.instance import Instance
from planner.data.region import Region


class StepCosts:
    """Times in nanoseconds of CPU steps over a region, by node; the host's are zero."""

    def __init__(self, graph: Graph, instance: Instance) -> None:
        self._graph = graph
        self._devices = instance.devices

    def compute_ns(self, node: int, operator: Operator, output: Region) -> int:
        """Computing `output` of an operator from values."""
        if node == len(self._devices):
            return 0
        variant = self.variant(node)
        features = compute_features(self._graph, operator, output, variant)
        return self._duration_ns(node, implementation_of(self._graph, operator, variant), features)

    def scratch_bytes(self, node: int, operator: Operator) -> int:
        """Scratch memory of computing any part of an operator."""
        return scratch_bytes(self._graph, operator, kernel_of(self._graph, operator), self.variant(node))

    def variant(self, node: int) -> str:
        """The kernel variant of a node's firmware; the host has the portable one."""
        return self._devices[node].profile.kernels if node < len(self._devices) else PORTABLE

    def partial_sums_ns(self, node: int, operator: Operator, output: Region, input_channels: int) -> int:
        """Sums for `output` over some input channels."""
        return self._duration_ns(node, "partial_sums", operator_features(self._graph, operator, output, input_channels))

    def accumulate_ns(self, node: int, region: Region) -> int:
        """Adding received sums to others."""
        return self._duration_ns(node, "accumulate", element_features(region))

    def requantise_ns(self, node: int, region: Region) -> int:
        """Turning complete sums into values."""
        return self._duration_ns(node, "requantise", element_features(region))

    def copy_ns(self, node: int, region: Region) -> int:
        """Copying values between buffers."""
        return self._duration_ns(node, "copy", copy_features(region))

    def _duration_ns(self, node: int, kernel: str, features: Features) -> int:
        if node == len(self._devices):
            return 0
        return duration_ns(self._devices[node].profile, cost_key(kernel, self._graph.arithmetic), features)
