"""Splits that people make by hand: what optimised plans are compared with.

Only `greedy` looks at caps, so the plan of a heuristic may not fit; `clip` makes a split fit by the same rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.split import Split
from planner.solvers.heuristics.blocks import megatron_blocks
from planner.solvers.heuristics.clipping import clip
from planner.solvers.heuristics.fusing import fused_rows, patches
from planner.solvers.heuristics.greedy import greedy
from planner.solvers.heuristics.pipeline import layer_pipeline
from planner.solvers.heuristics.shares import (
    device_speeds,
    equal_kernels,
    equal_rows,
    ram_proportional_kernels,
    ram_proportional_rows,
    single_device,
    speed_proportional_kernels,
    speed_proportional_rows,
)

Heuristic = Callable[[Graph, Instance], Split]

HEURISTICS: Mapping[str, Heuristic] = {
    "equal-kernels": equal_kernels,
    "speed-proportional-kernels": speed_proportional_kernels,
    "ram-proportional-kernels": ram_proportional_kernels,
    "equal-rows": equal_rows,
    "speed-proportional-rows": speed_proportional_rows,
    "ram-proportional-rows": ram_proportional_rows,
    "megatron-blocks": megatron_blocks,
    "greedy": greedy,
    "layer-pipeline": layer_pipeline,
}


FUSING: Mapping[str, Callable[[Graph, Instance], Iterator[Split]]] = {"fused-rows": fused_rows, "patches": patches}
"""Rules that fuse operators: the first split is the rule's, those after it take ever less memory."""


def heuristics(instance: Instance) -> Mapping[str, Heuristic]:
    """All heuristics for a fleet by name: `HEURISTICS`, and each kind of device alone."""
    ends = (instance.input_node, instance.output_node)
    kinds: dict[tuple[object, ...], int] = {}
    for node, device in enumerate(instance.devices):
        caps = (device.ram_cap_bytes, device.flash_cap_bytes)
        kinds.setdefault((device.profile.name, *caps, *(node == end for end in ends)), node)
    alone = {f"only-{instance.devices[n].name}": partial(single_device, device=n) for n in kinds.values()}
    return {**HEURISTICS, **alone}


def describe(heuristic: Callable[..., object]) -> str:
    """The rule in one sentence."""
    function = heuristic.func if isinstance(heuristic, partial) else heuristic
    return " ".join((inspect.getdoc(function) or "").split())


__all__ = [
    "FUSING",
    "HEURISTICS",
    "Heuristic",
    "clip",
    "describe",
    "device_speeds",
    "heuristics",
    "single_device",
    "speed_proportional_kernels",
    "speed_proportional_rows",
]
