"""Measure a reference board: run the benchmark on it, fit the cost model, and make the profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from planner import __version__
from planner.boards.measure import Measurement, measure
from planner.core.cost import portable_cycles
from planner.core.variants import PORTABLE
from planner.data.graph import Arithmetic, Int8Array
from planner.data.hardware import CostProfile, FirmwareFootprint, Provenance, Source
from planner.errors import InputError
from planner.profiling.fit import KernelFit, Observation, fit
from planner.profiling.reference_boards import ASSUMED, REFERENCE_BOARDS, ReferenceBoard
from planner.profiling.sweep import DATA, FIRST_STEP, Sweep, build_sweep

CASES_PER_KERNEL = 64
STATIC_STEP_BYTES = 64
CODE_STEP_BYTES = 4096
_SEED = 0


@dataclass(frozen=True, eq=False)
class Profiled:
    """A measured profile, and how well the model fits, by cost key."""

    profile: CostProfile
    fits: Mapping[str, KernelFit]


def reference_board(name: str) -> ReferenceBoard:
    """A reference board by its name or its machine's. Raises InputError if there is none."""
    for board in REFERENCE_BOARDS.values():
        if name in (board.name, board.machine):
            return board
    known = ", ".join(f"{board.name} ({board.machine})" for board in REFERENCE_BOARDS.values())
    raise InputError(f"there is no reference board {name!r}; known are {known}")


def profile_board(board: ReferenceBoard) -> Profiled:
    """Run the benchmark in both arithmetics. Raises ToolchainError and DeviceError as a run does."""
    observations: list[Observation] = []
    for arithmetic in Arithmetic:
        sweep = build_sweep(arithmetic, CASES_PER_KERNEL, _SEED, board.kernels)
        measurement = measure(board.machine, sweep.plan, sweep.graph, _inputs(sweep))
        observations += [
            Observation(case.key, case.features, work)
            for case, work in zip(sweep.cases, measurement.work[FIRST_STEP:], strict=True)
        ]
    fits = fit(observations)
    return Profiled(_profile(board, measurement, fits), fits)


def portable_profile(profile: CostProfile) -> CostProfile:
    """The same board with the portable kernels alone."""
    cycles = portable_cycles(profile.cycles)
    return replace(profile, name=f"{profile.name}-{PORTABLE}", kernels=PORTABLE, cycles=cycles)


def _inputs(sweep: Sweep) -> dict[str, Int8Array]:
    """Random bytes as the data; the operators' own inputs are declared, but nobody reads them."""
    rng = np.random.default_rng(_SEED)
    inputs: dict[str, Int8Array] = {
        end.tensor: np.zeros(sweep.graph.tensors[end.tensor].shape.as_tuple(), np.int8) for end in sweep.graph.inputs
    }
    return inputs | {DATA.name: rng.integers(-128, 128, DATA.shape.as_tuple()).astype(np.int8)}


def _profile(board: ReferenceBoard, measurement: Measurement, fits: Mapping[str, KernelFit]) -> CostProfile:
    note = f"instructions counted on {board.machine}, benchmark of planner {__version__}"
    cycles_per_instruction = float(board.cycles_per_instruction)
    return CostProfile(
        name=board.name,
        core=board.core,
        clock_hz=board.clock_hz,
        cycles_per_instruction=board.cycles_per_instruction,
        machine=board.machine,
        ram_bytes=board.ram_bytes,
        flash_bytes=board.flash_bytes,
        kernels=board.kernels,
        cycles={
            key: {name: float(f"{value * cycles_per_instruction:.6g}") for name, value in kernel.coefficients.items()}
            for key, kernel in fits.items()
        },
        cycles_source=Source(
            Provenance.EMULATED, f"{note}, times {cycles_per_instruction:g} cycles per instruction (assumed)"
        ),
        firmware=FirmwareFootprint(
            static_bytes=_rounded_up(measurement.static_bytes, STATIC_STEP_BYTES),
            stack_bytes=measurement.stack_reserve_bytes,
            link_buffer_bytes=measurement.link_buffer_bytes,
            code_bytes=_rounded_up(measurement.code_bytes, CODE_STEP_BYTES),
            source=Source(
                Provenance.EMULATED,
                f"as the firmware of {board.machine} reports it; static rounded up to {STATIC_STEP_BYTES} bytes and "
                f"code to {CODE_STEP_BYTES}, for other compilers",
            ),
        ),
        hardware_source=ASSUMED,
    )


def _rounded_up(size_bytes: int, step_bytes: int) -> int:
    return -(-size_bytes // step_bytes) * step_bytes
