"""Measure a reference board: run the benchmark on it, fit the cost model, and make the profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from planner import __version__
from planner.boards.idle_board import BoardInfo, IdleBoard
from planner.boards.measure import Measurement, measure, measure_at
from planner.core.cost import portable_cycles
from planner.core.variants import PORTABLE, VARIANTS
from planner.data.graph import Arithmetic, Int8Array
from planner.data.hardware import CostProfile, FirmwareFootprint, Provenance, Source
from planner.data.testbed import Address
from planner.errors import InputError
from planner.planfmt.layout import CAPABILITY
from planner.profiling.fit import KernelFit, Observation, fit
from planner.profiling.reference_boards import ASSUMED, REFERENCE_BOARDS, ReferenceBoard
from planner.profiling.sweep import DATA, FIRST_STEP, FULL, QUICK, Sweep, build_sweep
from planner.workflow.partial_profile import load_measurement, save_measurement

CASES_PER_KERNEL = 64
QUICK_CASES_PER_KERNEL = 16
FULL_SWEEP_RAM_BYTES = 640 * 1024
"""RAM from which a board holds the buffers of the full benchmark."""
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
    sweeps = [build_sweep(arithmetic, CASES_PER_KERNEL, _SEED, board.kernels) for arithmetic in Arithmetic]
    measurements = [measure(board.machine, sweep.plan, sweep.graph, _inputs(sweep)) for sweep in sweeps]
    fits = fit(_observations(sweeps, measurements))
    return Profiled(_profile(board, measurements[-1], fits, is_emulated=True), fits)


def profile_port(address: Address, partial: Path, quick: bool, progress: Callable[[str], None]) -> Profiled:
    """Run the benchmark on the board at an address, whose own timer measures; `quick` takes fewer and smaller cases.

    What has been measured is kept in the file `partial` until all has been, so that a benchmark that was cut short goes
    on. `progress` is told what is done. Raises DeviceError as a run does.
    """
    with IdleBoard.open(address, str(address)) as idle:
        info = idle.info
    board, is_emulated = _board_of(info)
    is_small = quick or info.ram_bytes < FULL_SWEEP_RAM_BYTES
    cases = QUICK_CASES_PER_KERNEL if quick else CASES_PER_KERNEL
    sweeps, measurements = [], []
    for arithmetic in Arithmetic:
        sweep = build_sweep(arithmetic, cases, _SEED, board.kernels, QUICK if is_small else FULL)

        def tell(done_bytes: int, whole_bytes: int, name: str = arithmetic.value) -> None:
            progress(f"{name}: {100 * done_bytes // whole_bytes} % of the benchmark sent")

        key = f"{board.name} {info.firmware_version} {cases} {arithmetic.value}"
        measurement = load_measurement(partial, key)
        if measurement is None:
            measurement = measure_at(address, sweep.plan, sweep.graph, _inputs(sweep), info.ram_bytes, tell)
            save_measurement(partial, key, measurement)
        progress(f"{arithmetic.value}: {len(sweep.cases)} cases measured")
        sweeps.append(sweep)
        measurements.append(measurement)
    fits = fit(_observations(sweeps, measurements))
    partial.unlink(missing_ok=True)
    return Profiled(_profile(board, measurements[-1], fits, is_emulated), fits)


def _board_of(info: BoardInfo) -> tuple[ReferenceBoard, bool]:
    """What the board says of itself, and whether an emulator makes it; real boards count clock cycles."""
    for reference in REFERENCE_BOARDS.values():
        if reference.machine == info.name:
            return reference, True
    variants = [name for name in VARIANTS if info.capabilities & CAPABILITY.members[name.upper()][0]]
    kernels = variants[0] if variants else PORTABLE
    numbers = (info.clock_hz, Fraction(1), info.ram_bytes, info.flash_bytes)
    return ReferenceBoard(info.name, info.name, info.core.lower(), *numbers, kernels), False


def _observations(sweeps: Sequence[Sweep], measurements: Sequence[Measurement]) -> list[Observation]:
    return [
        Observation(case.key, case.features, work)
        for sweep, measurement in zip(sweeps, measurements, strict=True)
        for case, work in zip(sweep.cases, measurement.work[FIRST_STEP:], strict=True)
    ]


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
    return inputs | {DATA.name: rng.integers(-128, 128, inputs[DATA.name].shape).astype(np.int8)}


def _profile(
    board: ReferenceBoard, measurement: Measurement, fits: Mapping[str, KernelFit], is_emulated: bool
) -> CostProfile:
    unit = "instructions" if is_emulated else "clock cycles"
    note = f"{unit} counted on {board.machine}, benchmark of planner {__version__}"
    cycles_per_instruction = float(board.cycles_per_instruction)
    provenance = Provenance.EMULATED if is_emulated else Provenance.MEASURED
    if is_emulated:
        note = f"{note}, times {cycles_per_instruction:g} cycles per instruction (assumed)"
    return CostProfile(
        name=board.name,
        core=board.core,
        clock_hz=board.clock_hz,
        cycles_per_instruction=board.cycles_per_instruction,
        machine=board.machine if is_emulated else None,
        ram_bytes=board.ram_bytes,
        flash_bytes=board.flash_bytes,
        kernels=board.kernels,
        cycles={
            key: {name: float(f"{value * cycles_per_instruction:.6g}") for name, value in kernel.coefficients.items()}
            for key, kernel in fits.items()
        },
        cycles_source=Source(provenance, note),
        firmware=FirmwareFootprint(
            static_bytes=_rounded_up(measurement.static_bytes, STATIC_STEP_BYTES),
            stack_bytes=measurement.stack_reserve_bytes,
            link_buffer_bytes=measurement.link_buffer_bytes,
            code_bytes=_rounded_up(measurement.code_bytes, CODE_STEP_BYTES),
            source=Source(
                provenance,
                f"as the firmware of {board.machine} reports it; static rounded up to {STATIC_STEP_BYTES} bytes and "
                f"code to {CODE_STEP_BYTES}, for other compilers",
            ),
        ),
        hardware_source=ASSUMED if is_emulated else Source(Provenance.MEASURED, "as its firmware reports it"),
    )


def _rounded_up(size_bytes: int, step_bytes: int) -> int:
    return -(-size_bytes // step_bytes) * step_bytes
