"""An idle board in an emulator, with its serial port as a pseudo terminal of this computer."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from planner.boards.configuration import TransportKind, idle_configuration
from planner.boards.machines import PLAN_OFFSET_BYTES, Machine
from planner.boards.processes import dies_with_parent, emulator_command, flash_options
from planner.data.testbed import SerialAddress
from planner.errors import DeviceError

_START_S = 20.0
_KILL_WAIT_S = 10.0
_BAUD = 2_000_000


class EmulatedBoard:
    """A started machine which waits for commands at `address`.

    It keeps its configuration, its output and its flash in a folder of `directory` with its name: a board that is
    started there again has the plans that it had. With `outlives`, it goes on when this process ends. Raises
    ToolchainError if a tool is missing, DeviceError if the emulator does not come up.
    """

    def __init__(self, machine: Machine, name: str, directory: Path, outlives: bool = False) -> None:
        self._machine, self._name, self._outlives = machine, name, outlives
        self._folder = directory / name
        self._folder.mkdir(exist_ok=True)
        (self._folder / "config").write_bytes(idle_configuration(TransportKind.SERIAL))
        flash = self._folder / "flash"
        if not flash.exists():
            flash.write_bytes(b"\xff" * (machine.flash_bytes - PLAN_OFFSET_BYTES))
        self._start()

    def power_cycle(self) -> None:
        """Cut the power at once, and switch it on again; the address changes."""
        self.kill()
        self._start()

    def _start(self) -> None:
        config = flash_options({self._machine.flash_address: Path("config")})
        command = emulator_command(self._machine, "-serial", "pty", *config)
        with open(self._folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                [*([] if self._outlives else dies_with_parent()), *command],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            self.address = SerialAddress(self._terminal(), _BAUD)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the emulator, whatever it does."""
        self.process.kill()
        self.process.wait(_KILL_WAIT_S)

    def _terminal(self) -> str:
        """The pseudo terminal that the emulator has told of."""
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s:
            written = (self._folder / "output").read_text(errors="replace")
            if found := re.search(r"redirected to (\S+)", written):
                return found[1]
            if self.process.poll() is not None:
                raise DeviceError(
                    self._name, f"the emulator ended with exit status {self.process.returncode}: {written}"
                )
            time.sleep(0.01)
        raise DeviceError(self._name, f"the emulator has not opened its serial port for {_START_S:g} s")
