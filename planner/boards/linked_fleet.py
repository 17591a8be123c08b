"""The boards of one run over lossy links: started or found at their addresses, and told to run their plans."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from planner.boards.blame import activity
from planner.boards.configuration import TransportKind, idle_configuration
from planner.boards.firmware import firmware
from planner.boards.frames import Frame, FrameKind
from planner.boards.idle_board import BoardInfo, IdleBoard, StoredPlan
from planner.boards.machines import LOCAL_BOARD, LOCAL_COMPILER, MACHINES, PLAN_OFFSET_BYTES
from planner.boards.processes import complaint, dies_with_parent, emulator_command, flash_options
from planner.boards.setup import BoardSetup
from planner.boards.star import Star
from planner.boards.transports import EthernetTransport, SocketTransport, Transport, open_transport
from planner.data.testbed import Address, EmulatedAddress, EmulatedLink, LocalAddress
from planner.errors import DeviceError, InputError, ProtocolError

_KILL_WAIT_S = 10.0

Distort = Callable[[Transport], Transport]
"""Puts something between the host and a board's line, for tests."""


class LinkedFleet:
    """Context manager: boards that are about to say HELLO, with the host as the centre of their star.

    On entry, boards at `emulated:` and `local:` are started, with their plans in their stores; all others are connected
    to, and get their plan if they have another. On exit, what was started is killed. No wait is longer than
    `timeout_s` without progress. Raises ToolchainError if a tool is missing, DeviceError if a board cannot be reached
    or is not what its setup says.
    """

    def __init__(
        self,
        setups: Sequence[BoardSetup],
        addresses: Sequence[Address],
        paint: int,
        timeout_s: float,
        distort: Distort = lambda transport: transport,
    ) -> None:
        self.setups = setups
        self.host = len(setups)
        self._addresses = addresses
        self._paint = paint
        self._timeout_s = timeout_s
        self._distort = distort
        self._stack = ExitStack()

    def __enter__(self) -> LinkedFleet:
        with ExitStack() as stack:
            self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="planner-")))
            self.processes: dict[int, subprocess.Popen[bytes]] = {}
            stack.callback(self._kill)
            transports = []
            for node in range(self.host):
                transport = self._distort(self._open(node))
                stack.callback(transport.close)
                transports.append(transport)
            self.links = Star(transports, [setup.name for setup in self.setups])
            stack.callback(self.links.close)
            self._introduce()
            for node, setup in enumerate(self.setups):
                configuration = setup.configuration(node, self.host, TransportKind.SERIAL, self._paint)
                self.links.send(node, Frame(FrameKind.RUN, self.host, node, payload=configuration))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def exited(self) -> list[int]:
        """Nodes whose process has ended or whose line is broken."""
        ended = {node for node, process in self.processes.items() if process.poll() is not None}
        return sorted(ended | self.links.faults.keys())

    def complaint(self, node: int) -> str:
        """How a process ended, or why its line broke."""
        process = self.processes.get(node)
        if process is not None and process.poll() is None:
            process.kill()  # it has closed its line, and is about to end or useless
            process.wait(_KILL_WAIT_S)
        if process is not None:
            return complaint(process, self._output(node))
        return f"its link {self._addresses[node]} broke: {self.links.faults[node]}"

    def has_stopped(self, node: int) -> bool:
        """Whether a board has acknowledged STOP, upon which it waits for commands again."""
        return self.links.sent(node)

    def failed(self, node: int) -> bool:
        """A board that acknowledges has not failed."""
        return False

    def suspicion(self, node: int, suspects: Sequence[int]) -> tuple[float, ...]:
        """A board that waits repeats itself, one that hangs says nothing; a process that is stopped needs no proof."""
        process = self.processes.get(node)
        return (process is not None and activity(process.pid) == "T", self.links.silence_s(node))

    def _introduce(self) -> None:
        """Begin a session, and compare what the boards are with what they should be."""
        for setup, address, introduction in zip(
            self.setups, self._addresses, self.links.connect(self._timeout_s), strict=True
        ):
            try:
                info = BoardInfo.parse(introduction)
            except ValueError as problem:
                raise ProtocolError(setup.name, str(problem)) from problem
            if not setup.real and info.name != setup.board:
                message = f"{address} is {info.name}, but its profile is for {setup.board}"
                raise DeviceError(setup.name, f"{message}; correct the testbed")

    def _output(self, node: int) -> Path:
        return self.directory / f"{node}.stderr"

    def _open(self, node: int) -> Transport:
        """The line to a board, which is started if it has to be."""
        setup, address = self.setups[node], self._addresses[node]
        config, plan = self.directory / f"{node}.config", self.directory / f"{node}.plan"
        if not isinstance(address, EmulatedAddress | LocalAddress):
            with IdleBoard.open(address, setup.name, self._timeout_s) as board:
                board.write_plan(setup.plan)
            return open_transport(address, setup.name)
        over_ethernet = isinstance(address, EmulatedAddress) and address.link is EmulatedLink.ETHERNET
        transport = TransportKind.ETHERNET if over_ethernet else TransportKind.SERIAL
        config.write_bytes(idle_configuration(transport))
        plan.write_bytes(StoredPlan.describe(setup.plan, "").slot(setup.plan))
        ours, theirs = socket.socketpair()
        with theirs:
            if isinstance(address, LocalAddress):
                program = str(firmware(LOCAL_BOARD, LOCAL_COMPILER))
                command = [program, str(config), str(plan), str(theirs.fileno())]
            else:
                machine = MACHINES[address.machine]
                contents = {machine.flash_address: config, machine.flash_address + PLAN_OFFSET_BYTES: plan}
                if over_ethernet and not machine.has_ethernet:
                    raise InputError(
                        f"device {setup.name}: {machine.name} has no Ethernet; write emulated:{machine.name}"
                    )
                line = _line_options(theirs.fileno(), over_ethernet)
                command = emulator_command(machine, *line, *flash_options(contents))
            with open(self._output(node), "wb") as output:
                # A session of its own keeps Ctrl-C away: it is for us, and we end the process.
                self.processes[node] = subprocess.Popen(
                    [*dies_with_parent(), *command],
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=(theirs.fileno(),),
                )
        return EthernetTransport(ours) if over_ethernet else SocketTransport(ours)

    def _kill(self) -> None:
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait(_KILL_WAIT_S)


def _line_options(descriptor: int, over_ethernet: bool) -> tuple[str, ...]:
    """The emulator's options that join a machine's serial port or Ethernet controller to a socket."""
    if over_ethernet:
        return ("-serial", "null", "-netdev", f"socket,id=line,fd={descriptor}", "-net", "nic,netdev=line")
    return ("-chardev", f"socket,id=line,fd={descriptor}", "-serial", "chardev:line")
