"""Use case: run a plan on local processes, emulated boards or a testbed, and measure it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from planner.boards.fleet import Fleet
from planner.boards.linked_fleet import LinkedFleet
from planner.boards.machines import MACHINES
from planner.boards.session import Outcome, Session, Values
from planner.boards.setup import BoardSetup
from planner.core.executor import execute
from planner.core.simulate import simulate
from planner.data.graph import Graph, Int8Array
from planner.data.hardware import ADDRESSABLE_BYTES, Device
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.run import Boards, DeviceRun, RamPeak, RunResult, StepRun
from planner.data.testbed import Address, EmulatedAddress, LocalAddress, Testbed
from planner.errors import DeviceError, InputError, InternalError
from planner.planfmt.encode import encode
from planner.planfmt.layout import CONFIG_FLAG

PAINTS = (0xA5C35A3C, 0x5A3CA5C3)
"""Two words that differ in every bit: no byte that a program writes hides under both."""

BOUND_TOLERANCE = 0.97
"""Part of the lower bound that a measured latency must reach; costs are fitted, and boards may be a little faster."""
DEFAULT_TIMEOUT_S = 60.0
"""Longest silence of all boards together before a run is given up."""


def run_plan(
    graph: Graph,
    instance: Instance,
    plan: Plan,
    inputs: Mapping[str, Int8Array],
    boards: Boards | Testbed,
    binaries: Sequence[bytes] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> RunResult:
    """Run `plan` twice, with complementary paints, on int8 inputs [rows, columns, channels] by tensor.

    `boards` are local processes or emulated boards, over pipes, or what is at the addresses of a testbed. `binaries`
    are the plan binaries of the devices, made here if None. Raises InputError if a device has no emulated board or
    an input is wrong, ToolchainError if a compiler or an emulator is missing, DeviceError (naming the device) if a
    board fails or hangs.
    """
    _check_inputs(graph, inputs)
    if binaries is None:
        binaries = [encode(plan, graph, node) for node in range(len(instance.devices))]
    places = _places(instance, boards)
    setups = [
        _setup(device, binary, place) for device, binary, place in zip(instance.devices, binaries, places, strict=True)
    ]
    outcomes: list[Outcome] = []
    for paint in PAINTS:
        with _fleet(setups, places, plan, paint, timeout_s) as fleet:
            session = Session(fleet, plan, timeout_s)
            session.greet()
            _check_flash(instance, setups, session.hellos)
            outcomes.append(session.run(inputs))
            session.stop()
    _check_repeated(outcomes)
    kind = boards if isinstance(boards, Boards) else Boards.TESTBED
    return _result(instance, plan, setups, outcomes, kind)


def count_mismatches(result: RunResult, graph: Graph, inputs: Mapping[str, Int8Array]) -> int:
    """Bytes of the outputs that differ from what the integer executor computes for the unsplit network."""
    reference = execute(graph, inputs)
    return sum(int(np.count_nonzero(output != reference[name])) for name, output in result.outputs.items())


def check_against_bound(result: RunResult, bound_ns: float) -> None:
    """Raise InternalError if emulated boards were faster than is proven possible: then the profiles are not theirs."""
    if result.boards is Boards.EMULATED and result.latency_ns < BOUND_TOLERANCE * bound_ns:
        raise InternalError(
            f"the boards took {result.latency_ns} ns, less than the proven {bound_ns:.0f} ns: the costs in their "
            "profiles are too high; measure them again with planner profile"
        )


Place = Boards | Address
"""What stands in for one device."""


def _places(instance: Instance, boards: Boards | Testbed) -> list[Place]:
    if isinstance(boards, Boards):
        return [boards for _ in instance.devices]
    missing = [device.name for device in instance.devices if device.name not in boards.addresses]
    if missing:
        raise InputError(f"the testbed has no address for {', '.join(missing)}; add it under devices")
    return [boards.addresses[device.name] for device in instance.devices]


def _fleet(
    setups: Sequence[BoardSetup], places: Sequence[Place], plan: Plan, paint: int, timeout_s: float
) -> Fleet | LinkedFleet:
    """Over pipes, or over the links to the addresses."""
    addresses = [place for place in places if not isinstance(place, Boards)]
    return LinkedFleet(setups, addresses, paint, timeout_s) if addresses else Fleet(setups, plan, paint)


def _setup(device: Device, binary: bytes, place: Place) -> BoardSetup:
    profile = device.profile
    _check_caps(device, ADDRESSABLE_BYTES, "what a board can address")
    flags = CONFIG_FLAG.members["PROGRESS"][0]
    if place is Boards.LOCAL or isinstance(place, LocalAddress):
        flags |= CONFIG_FLAG.members["PREDICTED_CLOCK"][0]
        return BoardSetup(device.name, None, binary, device.arena_cap_bytes, Fraction(1), flags)
    machine = MACHINES.get(profile.machine or "")
    if machine is None and not isinstance(place, Boards | EmulatedAddress):
        ns_per_cycle = Fraction(10**9, profile.clock_hz)
        return BoardSetup(device.name, None, binary, device.ram_cap_bytes, ns_per_cycle, flags, real=True)
    if machine is None:
        raise InputError(f"device {device.name}: profile {profile.name} has no emulated board; run on local processes")
    _check_caps(device, machine.ram_bytes, f"the RAM of the emulated board {machine.name}")
    ns_per_instruction = profile.cycles_per_instruction * Fraction(10**9, profile.clock_hz)
    return BoardSetup(device.name, machine, binary, device.ram_cap_bytes, ns_per_instruction, flags)


def _check_caps(device: Device, limit_bytes: int, limit: str) -> None:
    if device.ram_cap_bytes > limit_bytes:
        message = f"its RAM cap of {device.ram_cap_bytes} bytes exceeds {limit}, {limit_bytes} bytes"
        raise InputError(f"device {device.name}: {message}; lower its ram in the instance and solve again")


def _check_inputs(graph: Graph, inputs: Mapping[str, Int8Array]) -> None:
    for end in graph.inputs:
        shape = graph.tensors[end.tensor].shape.as_tuple()
        value = inputs.get(end.tensor)
        if value is None or value.dtype != np.int8 or value.shape != shape:
            raise InputError(f"input {end.tensor} must be an int8 array of shape {shape}")


def _check_flash(instance: Instance, setups: Sequence[BoardSetup], hellos: Mapping[int, Values]) -> None:
    """The firmware as built may differ from the profile's; the board itself checks that the arena still suffices."""
    for node, (device, setup) in enumerate(zip(instance.devices, setups, strict=True)):
        taken_bytes = hellos[node]["code_bytes"] + len(setup.plan)
        if not setup.is_process and taken_bytes > device.flash_cap_bytes:
            message = f"firmware and plan take {taken_bytes} bytes of flash, its cap is {device.flash_cap_bytes}"
            raise DeviceError(device.name, message)


def _check_repeated(outcomes: Sequence[Outcome]) -> None:
    """Equal plans and inputs give equal outputs and clocks, whatever the timing of the processes."""
    first, second = outcomes
    same_outputs = all(np.array_equal(output, second.outputs[name]) for name, output in first.outputs.items())
    ends_ns = [[*(board.report["end_ns"] for board in run.boards), run.host_end_ns] for run in outcomes]
    if not same_outputs or ends_ns[0] != ends_ns[1]:
        raise InternalError("two runs of one plan on one input differ")


def _result(
    instance: Instance,
    plan: Plan,
    setups: Sequence[BoardSetup],
    outcomes: Sequence[Outcome],
    boards: Boards,
) -> RunResult:
    devices = tuple(
        _device_run(device, setup, plan.programs[node].arena_bytes, outcomes, node)
        for node, (device, setup) in enumerate(zip(instance.devices, setups, strict=True))
    )
    on_host = instance.output_node == instance.host
    return RunResult(
        boards=boards,
        outputs=outcomes[0].outputs,
        latency_ns=outcomes[0].host_end_ns if on_host else devices[instance.output_node].end_ns,
        predicted_latency_ns=simulate(instance, plan).makespan_ns,
        devices=devices,
    )


def _device_run(
    device: Device, setup: BoardSetup, arena_bytes: int, outcomes: Sequence[Outcome], node: int
) -> DeviceRun:
    runs = [outcome.boards[node] for outcome in outcomes]
    hello, report = outcomes[0].hellos[node], runs[0].report
    on_board = not setup.is_process
    return DeviceRun(
        name=device.name,
        board=setup.board,
        ram_cap_bytes=setup.ram_cap_bytes,
        predicted_ram_peak_bytes=arena_bytes + (device.profile.firmware.ram_bytes if on_board else 0),
        ram_peak=RamPeak(
            arena_bytes=max(run.report["arena_peak_bytes"] for run in runs),
            stack_bytes=max(run.report["stack_peak_bytes"] for run in runs),
            static_bytes=hello["static_bytes"],
            link_buffer_bytes=hello["link_buffer_bytes"] if on_board else 0,
        ),
        compute_ns=report["compute_ns"],
        end_ns=report["end_ns"],
        sent_bytes=report["sent_bytes"],
        received_bytes=report["received_bytes"],
        steps=tuple(StepRun(step["work"], step["end_ns"]) for step in runs[0].steps),
    )
