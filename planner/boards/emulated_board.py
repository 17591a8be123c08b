"""An idle board in an emulator, with its serial port as a pseudo terminal of this computer."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from planner.boards.configuration import TransportKind, idle_configuration
from planner.boards.machines import Machine
from planner.boards.processes import dies_with_parent, emulator_command, flash_options
from planner.data.testbed import SerialAddress
from planner.errors import DeviceError

_START_S = 20.0
_KILL_WAIT_S = 10.0
_BAUD = 2_000_000


class EmulatedBoard:
    """A started machine which waits for commands at `address`; it keeps its configuration and output in `directory`.

    With `outlives`, it goes on when this process ends. Raises ToolchainError if a tool is missing, DeviceError if the
    emulator does not come up.
    """

    def __init__(self, machine: Machine, name: str, directory: Path, outlives: bool = False) -> None:
        self._output = directory / f"{name}.output"
        config = directory / f"{name}.config"
        config.write_bytes(idle_configuration(TransportKind.SERIAL))
        options = ["-serial", "pty", *flash_options({machine.flash_address: config})]
        with open(self._output, "wb") as output:
            self.process = subprocess.Popen(
                [*([] if outlives else dies_with_parent()), *emulator_command(machine, *options)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            self.address = SerialAddress(self._terminal(name), _BAUD)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the emulator, whatever it does."""
        self.process.kill()
        self.process.wait(_KILL_WAIT_S)

    def _terminal(self, name: str) -> str:
        """The pseudo terminal that the emulator has told of."""
        deadline_s = time.monotonic() + _START_S
        while time.monotonic() < deadline_s:
            written = self._output.read_text(errors="replace")
            if found := re.search(r"redirected to (\S+)", written):
                return found[1]
            if self.process.poll() is not None:
                raise DeviceError(name, f"the emulator ended with exit status {self.process.returncode}: {written}")
            time.sleep(0.01)
        raise DeviceError(name, f"the emulator has not opened its serial port for {_START_S:g} s")
