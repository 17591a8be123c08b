"""Use case: solve an instance again and again with less RAM, and with fewer devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.report.notation import us
from planner.report.trade_off import TradeOffPoint
from planner.solvers.interface import CancelCheck
from planner.workflow.solve import solve
from planner.workflow.variants import with_fastest, with_ram_factor

RAM_FACTORS = tuple(Fraction(eighths, 8) for eighths in range(8, 1, -1))
"""Parts of the RAM caps that are tried."""

Progress = Callable[[str], None]


def latency_against_ram(
    graph: Graph,
    instance: Instance,
    solver: str,
    progress: Progress,
    cancelled: CancelCheck,
    factors: Sequence[Fraction] = RAM_FACTORS,
) -> Iterator[TradeOffPoint]:
    """One point for each factor that leaves every device an arena, until the search is cancelled."""
    for factor in factors:
        variant = with_ram_factor(instance, factor)
        if cancelled() or min(device.arena_cap_bytes for device in variant.devices) <= 0:
            return
        progress(f"RAM caps times {float(factor):.3f}")
        yield _point(graph, variant, factor, solver, cancelled)


def latency_against_devices(
    graph: Graph, instance: Instance, solver: str, progress: Progress, cancelled: CancelCheck
) -> Iterator[TradeOffPoint]:
    """One point for each number of devices, the fastest first; none on a network of single wires."""
    for count in range(1, len(instance.devices) + 1):
        variant = with_fastest(graph, instance, count)
        if cancelled() or variant is None:
            return
        if len(variant.devices) == count:
            progress(f"{count} devices")
            yield _point(graph, variant, Fraction(1), solver, cancelled)


def _point(graph: Graph, instance: Instance, factor: Fraction, solver: str, cancelled: CancelCheck) -> TradeOffPoint:
    solved = solve(graph, instance, solver, None, cancelled)
    phase, facts = solved.result.phase, solved.facts
    return TradeOffPoint(
        devices=len(instance.devices),
        ram_factor=float(factor),
        largest_ram_cap_bytes=max(device.ram_cap_bytes for device in instance.devices),
        status=solved.result.status.value,
        latency_us=us(facts.simulation.makespan_ns) if facts else None,
        lower_bound_us=us(solved.lower_bound_ns),
        phase_us=us(phase.makespan_ns),
        phase_lower_bound_us=us(phase.lower_bound_ns),
        phase_gap=phase.gap,
        ram_peak_bytes=max(
            device.profile.firmware.ram_bytes + facts.plan.programs[node].arena_bytes
            for node, device in enumerate(instance.devices)
        )
        if facts
        else None,
    )
