"""Commands that start boards as processes, and keep none of them longer than they should live."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from planner.boards.firmware import firmware, require_tool
from planner.boards.machines import ICOUNT_SHIFT, Machine

_COMPLAINT_BYTES = 500


def complaint(process: subprocess.Popen[bytes], output: Path) -> str:
    """How a process ended, and the last that it wrote into `output`."""
    code = process.returncode
    written = output.read_bytes()[-_COMPLAINT_BYTES:].decode(errors="replace").strip()
    ending = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
    return f"its process {ending}" + (f": {written}" if written else "")


def emulator_command(machine: Machine, *options: str) -> list[str]:
    """An emulator with a machine and its firmware; `options` are the emulator's, beside what all boards have."""
    return [
        require_tool(machine.emulator),
        *machine.arguments,
        *("-display", "none", "-monitor", "none"),
        *("-semihosting-config", "enable=on,target=native"),
        *("-icount", f"shift={ICOUNT_SHIFT},sleep=off"),
        *("-kernel", str(firmware(machine.name, machine.compiler))),
        *options,
    ]


def flash_options(contents: Mapping[int, Path]) -> list[str]:
    """The emulator's options that put files into its memory, by address."""
    return [
        argument
        for address, file in contents.items()
        for argument in ("-device", f"loader,file={file},addr={address:#x},force-raw=on")
    ]


def dies_with_parent() -> list[str]:
    """A prefix that lets Linux kill the process should this one be killed without a chance to clean up.

    The signal is asked for after the fork, too late for a parent that is dead by then; such an orphan has another
    parent, and the shell between ends it.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    unless_orphan = 'parent=$1; shift; test "$PPID" -eq "$parent" && exec "$@"'
    return [setpriv, "--pdeathsig", "KILL", "sh", "-c", unless_orphan, "sh", str(os.getpid())]
