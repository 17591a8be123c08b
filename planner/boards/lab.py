"""A lab: the emulated boards of an instance, left running in the background at the addresses of a testbed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from planner.boards.emulated_board import EmulatedBoard
from planner.boards.machines import MACHINES
from planner.data.instance import Instance
from planner.data.testbed import Testbed
from planner.errors import DeviceError, InputError
from planner.files.atomic import write_text
from planner.files.testbed_file import write_testbed

TESTBED_FILE = "testbed.yaml"
_PROCESSES_FILE = "processes.json"
_END_S = 10.0


def start_lab(instance: Instance, directory: Path) -> Testbed:
    """Start a board per device, and write `testbed.yaml` and what `stop_lab` needs into `directory`.

    Raises InputError if a device has no emulated board or a lab runs there already; then nothing is left running.
    """
    if (directory / _PROCESSES_FILE).exists():
        raise InputError(f"{directory} has a lab already; end it with: planner boards stop {directory}")
    machines = [MACHINES.get(device.profile.machine or "") for device in instance.devices]
    for device, machine in zip(instance.devices, machines, strict=True):
        if machine is None:
            raise InputError(f"device {device.name}: profile {device.profile.name} has no emulated board")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"{directory} cannot be made: {problem.strerror}") from problem
    boards: dict[str, EmulatedBoard] = {}
    try:
        for device, machine in zip(instance.devices, machines, strict=True):
            assert machine is not None
            boards[device.name] = EmulatedBoard(machine, device.name, directory, outlives=True)
        processes = {name: [board.process.pid, _birth(board.process.pid)] for name, board in boards.items()}
        write_text(directory / _PROCESSES_FILE, json.dumps(processes) + "\n")
        testbed = Testbed({name: board.address for name, board in boards.items()})
        write_testbed(directory / TESTBED_FILE, testbed)
    except BaseException:
        for board in boards.values():
            board.kill()
        raise
    return testbed


def stop_lab(directory: Path) -> list[str]:
    """End what `start_lab` started; the names of the devices that still ran. What they have in flash stays.

    Raises InputError if there is no lab.
    """
    file = directory / _PROCESSES_FILE
    try:
        processes = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InputError(f"{directory} has no lab; start one with: planner boards start INSTANCE") from problem
    # A number may have gone to another process since: only one that was born when ours was is ours.
    running = {name: pid for name, (pid, birth) in processes.items() if birth == _birth(pid)}
    for pid in running.values():
        os.kill(pid, signal.SIGKILL)
    deadline_s = time.monotonic() + _END_S
    for name, pid in running.items():
        while _birth(pid) == processes[name][1]:
            if time.monotonic() > deadline_s:
                raise DeviceError(name, f"its process {pid} does not end")
            time.sleep(0.01)
    (directory / TESTBED_FILE).unlink(missing_ok=True)
    file.unlink()
    return sorted(running)


def _birth(pid: int) -> str | None:
    """When a process was started, in ticks since boot; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
