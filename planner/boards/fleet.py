"""The processes of one run: a directory of named pipes, and a process per board, all gone when the run is over."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from planner.boards.configuration import TransportKind, configuration
from planner.boards.firmware import firmware
from planner.boards.machines import LOCAL_BOARD, LOCAL_COMPILER, PLAN_OFFSET_BYTES, Machine
from planner.boards.pipes import HostPipes, make_pipes
from planner.boards.processes import dies_with_parent, emulator_command, flash_options
from planner.data.plan import Plan
from planner.errors import ToolchainError

_KILL_WAIT_S = 10.0
_COMPLAINT_BYTES = 500


@dataclass(frozen=True, slots=True)
class BoardSetup:
    """What one board is started with. `machine` is None for a local process, whose RAM cap is that of its arena."""

    name: str
    machine: Machine | None
    plan: bytes
    ram_cap_bytes: int
    ns_per_work: Fraction
    flags: int

    @property
    def board(self) -> str:
        """Name of the firmware port."""
        return LOCAL_BOARD if self.machine is None else self.machine.name

    def configuration(self, node: int, host: int, paint: int) -> bytes:
        """The configuration record that the firmware reads at boot."""
        return configuration(node, host, TransportKind.PIPES, self.flags, self.ram_cap_bytes, paint, self.ns_per_work)


class Fleet:
    """Context manager: starts every board on entry; on exit kills what still runs and removes the directory.

    Pipes join the nodes that `plan` makes talk to each other, and the host to all. Raises ToolchainError if a compiler
    or an emulator is missing.
    """

    def __init__(self, setups: Sequence[BoardSetup], plan: Plan, paint: int) -> None:
        self.setups = setups
        self.host = len(setups)
        self._pipes = _pipes(plan, self.host)
        self._paint = paint
        self._commands = [_command(setup) for setup in setups]
        self._stack = ExitStack()

    def __enter__(self) -> Fleet:
        with ExitStack() as stack:
            self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="planner-")))
            make_pipes(self.directory, self._pipes)
            self.pipes = HostPipes(self.directory, self.host, range(self.host))
            stack.callback(self.pipes.close)
            self.processes: list[subprocess.Popen[bytes]] = []
            stack.callback(self._kill)
            for node in range(self.host):
                self.processes.append(self._start(node))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def exited(self) -> list[int]:
        """Nodes whose process has ended."""
        return [node for node, process in enumerate(self.processes) if process.poll() is not None]

    def complaint(self, node: int) -> str:
        """How a process ended, and the last that it wrote on its standard error."""
        code = self.processes[node].returncode
        written = self._complaints(node).read_bytes()[-_COMPLAINT_BYTES:].decode(errors="replace").strip()
        ending = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        return f"its process {ending}" + (f": {written}" if written else "")

    def _complaints(self, node: int) -> Path:
        return self.directory / f"{node}.stderr"

    def _start(self, node: int) -> subprocess.Popen[bytes]:
        config, plan = self.directory / f"{node}.config", self.directory / f"{node}.plan"
        config.write_bytes(self.setups[node].configuration(node, self.host, self._paint))
        plan.write_bytes(self.setups[node].plan)
        arguments = _arguments(self.setups[node].machine, config, plan)
        with open(self._complaints(node), "wb") as complaints:
            try:
                # A session of its own keeps Ctrl-C away: it is for us, and we end the process.
                return subprocess.Popen(
                    [*dies_with_parent(), *self._commands[node], *arguments],
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=complaints,
                    start_new_session=True,
                )
            except OSError as problem:
                raise ToolchainError(f"{self._commands[node][0]} cannot be started: {problem.strerror}") from problem

    def _kill(self) -> None:
        """SIGKILL: an emulator that is blocked in a pipe ignores everything less."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(_KILL_WAIT_S)


def _pipes(plan: Plan, host: int) -> set[tuple[int, int]]:
    """Ordered pairs of nodes with a pipe between them."""
    pairs = {(node, host) for node in range(host)}
    pairs |= {(message.source, message.target) for message in plan.messages}
    if plan.bus is not None:
        senders = [message.source for message in plan.messages]
        pairs |= {(sender, following) for sender, following in pairwise(senders) if sender != following}
    return pairs | {(target, source) for source, target in pairs}


def _command(setup: BoardSetup) -> list[str]:
    """The program with all arguments that are the same in every run."""
    if setup.machine is None:
        return [str(firmware(LOCAL_BOARD, LOCAL_COMPILER))]
    return emulator_command(setup.machine, "-serial", "null")


def _arguments(machine: Machine | None, config: Path, plan: Path) -> list[str]:
    """The arguments that hand over configuration and plan."""
    if machine is None:
        return [config.name, plan.name, "."]
    address = machine.flash_address
    return flash_options({address: Path(config.name), address + PLAN_OFFSET_BYTES: Path(plan.name)})
