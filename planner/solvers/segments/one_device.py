"""The fastest sequence of segments and single operators that fits one device: a shortest path over the cuts."""

from __future__ import annotations

from collections.abc import Sequence

from planner.core.phase import evaluate
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.result import OPTIMALITY_GAP, PhaseBounds, SolveResult, SolveStatus
from planner.solvers.clock import Clock
from planner.solvers.segments.bound import COVERS, fused_lower_bound_ns
from planner.solvers.segments.chain import Chain, Piece

SLOT_TABLE_BYTES = 64
"""Room for the message slots, which come on top of the buffers."""


def fuse_on_one_device(graph: Graph, instance: Instance, clock: Clock) -> SolveResult | None:
    """The best fused plan found for an instance with one device; None if none fits. Never later than a Piece late."""
    cap_bytes = instance.devices[0].arena_cap_bytes - SLOT_TABLE_BYTES
    chain = Chain(graph, instance)
    path = _shortest_path(chain, cap_bytes, clock)
    if path is None:
        return None
    split = chain.split([_widest(chain, piece, cap_bytes, clock) for piece in path])
    makespan_ns = evaluate(graph, instance, split).makespan_ns
    phase = PhaseBounds(makespan_ns, fused_lower_bound_ns(graph, instance), None, COVERS)
    optimal = phase.gap is not None and phase.gap <= OPTIMALITY_GAP
    status = SolveStatus.OPTIMAL if optimal else SolveStatus.FEASIBLE
    return SolveResult(status, split, phase, clock.elapsed_s, "segments", instance.limits.seed)


def _shortest_path(chain: Chain, cap_bytes: int, clock: Clock) -> Sequence[Piece] | None:
    """Least time from the first operator to the end over pieces that fit; cuts are visited in order."""
    best: dict[int, tuple[int, tuple[Piece, ...]]] = {0: (0, ())}
    cuts = chain.cuts
    for position, first in enumerate(cuts[:-1]):
        if first not in best:
            continue
        time_ns, path = best[first]
        for stop in cuts[position + 1 :]:
            clock.check()
            for piece in chain.pieces(first, stop - 1):
                total_ns = time_ns + piece.time_ns
                if piece.footprint_bytes <= cap_bytes and (stop not in best or total_ns < best[stop][0]):
                    best[stop] = (total_ns, (*path, piece))
    return best[cuts[-1]][1] if cuts[-1] in best else None


def _widest(chain: Chain, piece: Piece, cap_bytes: int, clock: Clock) -> Piece:
    """The piece with stages widened one by one, the most useful first, while it fits."""
    while clock.left_s > 0:
        better = [p for p in chain.widened(piece) if p.footprint_bytes <= cap_bytes and p.time_ns < piece.time_ns]
        if not better:
            break
        piece = min(better, key=lambda p: p.time_ns)
    return piece
