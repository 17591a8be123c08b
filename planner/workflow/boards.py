"""Use case: who answers at the serial ports of this computer and at the addresses of a testbed."""

from __future__ import annotations

from serial.tools import list_ports

from planner.boards.idle_board import IdleBoard
from planner.data.testbed import Address, EmulatedAddress, LocalAddress, SerialAddress, Testbed
from planner.errors import DeviceError
from planner.report.board_table import BoardsReport, BoardSummary, summarise


def serial_ports() -> Testbed:
    """Every serial port of this computer, by its own name."""
    return Testbed({port.device: SerialAddress(port.device) for port in list_ports.comports()})


def find_boards(testbed: Testbed, timeout_s: float) -> BoardsReport:
    """Ask at every address; a board that is started for each run only is not asked."""
    return BoardsReport(tuple(_ask(device, address, timeout_s) for device, address in testbed.addresses.items()))


def _ask(device: str, address: Address, timeout_s: float) -> BoardSummary:
    if isinstance(address, EmulatedAddress | LocalAddress):
        return BoardSummary(device, str(address), problem="started for each run")
    try:
        with IdleBoard.open(address, device, timeout_s) as board:
            return summarise(device, str(address), board.info, board.stored_plan())
    except DeviceError as error:
        return BoardSummary(device, str(address), problem=str(error).removeprefix(f"{device}: "))
