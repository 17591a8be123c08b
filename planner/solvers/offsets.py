"""Exact packing of buffers by CP-SAT, for when first fit does not reach the live peak."""

from __future__ import annotations

from collections.abc import Sequence

from ortools.sat.python import cp_model

from planner.core.memory import Lifespan, pack, packed_bytes, peak_footprint_bytes
from planner.core.storage import footprint_bytes
from planner.data.plan import ALIGNMENT_BYTES
from planner.errors import InternalError

WORK_LIMIT = 5.0
"""In CP-SAT's deterministic time, about seconds: the same buffers get the same offsets on any machine."""


def pack_exactly(lifespans: Sequence[Lifespan]) -> tuple[int, ...]:
    """Offsets of the smallest arena that is found within the work limit, never larger than that of first fit."""
    offsets = pack(lifespans)
    if packed_bytes(lifespans, offsets) == peak_footprint_bytes(lifespans):
        return offsets
    return _improve(lifespans, offsets)


def _improve(lifespans: Sequence[Lifespan], hint: Sequence[int]) -> tuple[int, ...]:
    """Minimise the arena over all offsets, in units of the alignment; never worse than the hint."""
    units = [footprint_bytes(span.size_bytes) // ALIGNMENT_BYTES for span in lifespans]
    horizon = packed_bytes(lifespans, hint) // ALIGNMENT_BYTES
    model = cp_model.CpModel()
    starts = [model.new_int_var(0, horizon - size, f"offset{n}") for n, size in enumerate(units)]
    arena = model.new_int_var(peak_footprint_bytes(lifespans) // ALIGNMENT_BYTES, horizon, "arena")
    rectangles = [
        (
            model.new_fixed_size_interval_var(start, size, f"place{n}"),
            model.new_fixed_size_interval_var(span.first_step, span.end_step - span.first_step, f"time{n}"),
        )
        for n, (span, start, size) in enumerate(zip(lifespans, starts, units, strict=True))
        if span.end_step > span.first_step
    ]
    model.add_no_overlap_2d([place for place, _ in rectangles], [time for _, time in rectangles])
    for start, size, offset in zip(starts, units, hint, strict=True):
        model.add(arena >= start + size)
        model.add_hint(start, offset // ALIGNMENT_BYTES)
    model.minimize(arena)
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = WORK_LIMIT
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    status = solver.solve(model)
    if status == cp_model.UNKNOWN:
        return tuple(hint)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise InternalError(f"packing {len(lifespans)} buffers is {solver.status_name(status)}")
    return tuple(solver.value(start) * ALIGNMENT_BYTES for start in starts)
