"""What more memory or more devices would buy, found by solving again with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.result import SolveStatus
from planner.report.explanation import MoreDevices, Relaxation
from planner.solvers.interface import CancelCheck
from planner.workflow.solve import solve
from planner.workflow.variants import with_cap_factor, with_more_devices, with_more_memory

STEPS_BYTES = (4 << 10, 16 << 10, 64 << 10)
"""What a device is given more, the least first."""
PINNED = 0.9
"""Part of its cap that a device must use for more of it to be worth trying."""
LEAST_GAIN = 0.005
"""Gain in latency below which a relaxation is not worth telling: searches differ by as much."""
MOST_DEVICES = 8
"""How many more devices of a kind are tried."""
FIRST_FACTOR = Fraction(5, 4)
LARGEST_FACTOR = Fraction(64)
PRECISION = Fraction(1, 100)
PROBE_SHARE = 8
"""Part (one in so many) of the time that one probe may take."""


@dataclass(frozen=True, slots=True)
class CapFactor:
    """Caps times `enough` have a plan (None if none was found in time), caps times `proven_short` provably have none.

    Factors in between are unknown. Without a proof `proven_short` is None.
    """

    enough: float | None
    proven_short: float | None


@dataclass(frozen=True, eq=False)
class Made:
    """A plan that was made for an instance, with its binaries."""

    graph: Graph
    instance: Instance
    plan: Plan
    binaries: tuple[bytes, ...]


def relaxations(
    made: Made,
    limit_s: float,
    progress: Callable[[str], None] | None = None,
    cancelled: CancelCheck | None = None,
) -> tuple[Relaxation, ...]:
    """What a little more memory on the devices whose caps bind buys, the least memory first; only what gains.

    Of each kind a device that uses most of a cap gets more of it, and all such devices together; each is solved again.
    """
    graph, instance = made.graph, made.instance
    options = [
        (step_bytes, resource, nodes)
        for step_bytes in STEPS_BYTES
        for resource, pinned in _pinned(made).items()
        for nodes in dict.fromkeys([*_one_of_each_kind(instance, pinned), tuple(pinned)])
        if nodes
    ]
    share_s = limit_s / (len(options) + 1)
    end_s = time.monotonic() + limit_s
    tight = _phase_ns(graph, instance, share_s, cancelled)
    found: list[Relaxation] = []
    for step_bytes, resource, nodes in options if tight is not None else ():
        if time.monotonic() > end_s or (cancelled and cancelled()):
            break
        names = tuple(instance.devices[node].name for node in nodes)
        relaxed = _phase_ns(graph, with_more_memory(instance, nodes, resource, step_bytes), share_s, cancelled)
        gain = 1 - relaxed / tight if relaxed is not None and tight else 0.0
        if progress is not None:
            progress(f"{step_bytes} bytes of {resource} more on {', '.join(names)}: {100 * gain:.2f} % faster")
        if relaxed is not None and gain >= LEAST_GAIN:
            found.append(Relaxation(names, resource, step_bytes, relaxed / 1000, gain))
    return tuple(sorted(found, key=lambda option: (option.extra_bytes * len(option.devices), -option.gain)))


def fewest_more_devices(
    graph: Graph,
    instance: Instance,
    limit_s: float,
    progress: Callable[[str], None] | None = None,
    cancelled: CancelCheck | None = None,
) -> tuple[MoreDevices, ...]:
    """By kind of device, the fewest more with which a plan is found; nothing on a network of single wires."""
    end_s = time.monotonic() + limit_s
    limits = replace(instance.limits, time_limit_s=max(1.0, limit_s / PROBE_SHARE))
    found: list[MoreDevices] = []
    kinds = {device.profile.name: node for node, device in reversed(list(enumerate(instance.devices)))}
    for count in range(1, MOST_DEVICES + 1):
        for node in kinds.values():
            larger = with_more_devices(instance, node, count)
            if larger is None or time.monotonic() > end_s or (cancelled and cancelled()):
                return tuple(found)
            solved = solve(graph, replace(larger, limits=limits), cancelled=cancelled)
            if progress is not None:
                progress(f"{count} more like {instance.devices[node].name}: {solved.result.status.value}")
            if solved.facts is not None:
                found.append(MoreDevices(instance.devices[node].name, count))
        if found:
            return tuple(found)
    return ()


def smallest_cap_factor(
    graph: Graph,
    instance: Instance,
    limit_s: float,
    progress: Callable[[str], None] | None = None,
    cancelled: CancelCheck | None = None,
) -> CapFactor:
    """Search for the smallest factor on all RAM and flash caps with which a plan is found: doubling, then bisection."""
    end_s = time.monotonic() + limit_s
    limits = replace(instance.limits, time_limit_s=max(1.0, limit_s / PROBE_SHARE))
    short, proven, enough = Fraction(1), None, None
    factor = FIRST_FACTOR
    while time.monotonic() < end_s and not (cancelled and cancelled()):
        solved = solve(graph, replace(with_cap_factor(instance, factor), limits=limits), cancelled=cancelled)
        if progress is not None:
            progress(f"caps times {float(factor):.4g}: {solved.result.status.value}")
        if solved.facts is not None:
            enough = factor
        elif solved.result.status is SolveStatus.INFEASIBLE:
            short, proven = factor, max(factor, proven or factor)
        else:
            short = factor
        if enough is None:
            factor = 2 * factor
            if factor > LARGEST_FACTOR:
                break
        elif enough - short <= PRECISION * short:
            break
        else:
            factor = (short + enough) / 2
    return CapFactor(None if enough is None else float(enough), None if proven is None else float(proven))


def _pinned(made: Made) -> Mapping[str, list[int]]:
    """Devices that use most of their caps, by resource."""
    devices = made.instance.devices
    used = {
        "RAM": [(p.arena_bytes, d.arena_cap_bytes) for p, d in zip(made.plan.programs, devices, strict=False)],
        "flash": [(len(b), d.plan_cap_bytes) for b, d in zip(made.binaries, devices, strict=True)],
    }
    return {
        resource: [node for node, (taken, cap) in enumerate(sizes) if taken >= PINNED * cap]
        for resource, sizes in used.items()
    }


def _one_of_each_kind(instance: Instance, nodes: Sequence[int]) -> list[tuple[int, ...]]:
    """The first of the devices that are alike, each by itself."""

    def kind(node: int) -> tuple[object, ...]:
        device = instance.devices[node]
        return device.profile.name, device.ram_cap_bytes, device.flash_cap_bytes

    kinds = {kind(node): node for node in reversed(nodes)}
    return [(node,) for node in sorted(kinds.values())]


def _phase_ns(graph: Graph, instance: Instance, limit_s: float, cancelled: CancelCheck | None) -> int | None:
    """The makespan in the phase model of the best plan found in the time."""
    limits = replace(instance.limits, time_limit_s=max(1.0, limit_s))
    solved = solve(graph, replace(instance, limits=limits), cancelled=cancelled)
    return solved.result.phase.makespan_ns
