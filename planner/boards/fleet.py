"""The processes of one run over pipes: a directory of named pipes and a process per board, gone when it is over."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import TracebackType

from planner.boards.blame import activity
from planner.boards.configuration import TransportKind
from planner.boards.firmware import firmware
from planner.boards.machines import LOCAL_BOARD, LOCAL_COMPILER, PLAN_OFFSET_BYTES, Machine
from planner.boards.pipes import HostPipes, make_pipes, unread_bytes
from planner.boards.processes import complaint, dies_with_parent, emulator_command, flash_options
from planner.boards.setup import BoardSetup
from planner.data.plan import Plan
from planner.errors import ToolchainError

_KILL_WAIT_S = 10.0


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
            self.links = HostPipes(self.directory, self.host, range(self.host))
            stack.callback(self.links.close)
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

    def has_stopped(self, node: int) -> bool:
        """Whether a board has obeyed STOP: its process ends."""
        return self.processes[node].poll() is not None

    def failed(self, node: int) -> bool:
        """Whether a board that has stopped did so as it should not."""
        return self.processes[node].returncode != 0

    def suspicion(self, node: int, suspects: Sequence[int]) -> tuple[float, ...]:
        """Orders the two ends of a transfer that stands still: stopped, busy, deaf."""
        state = activity(self.processes[node].pid)
        unread = sum(unread_bytes(self.directory, other, node) for other in suspects if other != node)
        return (state == "T", state == "R", unread)

    def complaint(self, node: int) -> str:
        """How a process ended, and the last that it wrote on its standard error."""
        return complaint(self.processes[node], self._complaints(node))

    def _complaints(self, node: int) -> Path:
        return self.directory / f"{node}.stderr"

    def _start(self, node: int) -> subprocess.Popen[bytes]:
        config, plan = self.directory / f"{node}.config", self.directory / f"{node}.plan"
        config.write_bytes(self.setups[node].configuration(node, self.host, TransportKind.PIPES, self._paint))
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
