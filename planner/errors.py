"""The exception tree. Every error a user can meet says what is wrong, where, and what would do.

Exit codes are decided by the class: 1 no plan, 2 bad input, 3 device or link fault, 70 a bug of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PlannerError(Exception):
    """Base of all errors that planner raises on purpose."""

    exit_code = 70


class InputError(PlannerError):
    """Something the user gave is wrong: a model, an instance, a profile, a plan, an argument."""

    exit_code = 2


class ModelError(InputError):
    """The model cannot be read, or uses an operator or attribute that planner does not support."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an input file.

    `path` locates it inside the file (`$.devices[2].ram`), `remedy` says what would do.
    """

    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{self.path}: {self.message}{remedy}"


class FileFaults(InputError):
    """All faults of one input file, reported together."""

    def __init__(self, file: str, faults: Sequence[Fault]) -> None:
        self.file = file
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{file}: {fault}" for fault in self.faults))


class InstanceError(FileFaults):
    """An instance file is wrong."""


class ProfileError(FileFaults):
    """A profile file is wrong."""


class TestbedError(FileFaults):
    """A testbed file is wrong."""

    __test__ = False


class PlanFormatError(InputError):
    """A plan binary is malformed; `offset_bytes` is where the reader noticed, `status` the runtime's name for it."""

    def __init__(self, message: str, offset_bytes: int | None = None, status: str | None = None) -> None:
        self.offset_bytes = offset_bytes
        self.status = status
        where = "" if offset_bytes is None else f" at byte {offset_bytes}"
        super().__init__(f"plan binary{where}: {message}")


class NoPlanError(PlannerError):
    """There is no plan: proven infeasible, or none found within the limits."""

    exit_code = 1


class DeviceError(PlannerError):
    """A board or a link failed; `device` names it."""

    exit_code = 3

    def __init__(self, device: str, message: str) -> None:
        self.device = device
        super().__init__(f"{device}: {message}")


class DeviceTimeout(DeviceError):
    """A board did not answer within its timeout."""


class ProtocolError(DeviceError):
    """A board answered something that the protocol does not allow."""


class DeviceReported(DeviceError):
    """A board reported an error status of its own."""


class ToolchainError(PlannerError):
    """A compiler or an emulator is missing or failed; the message says what to install or shows its output."""

    exit_code = 3


class InternalError(PlannerError):
    """A bug of ours: the validator rejects a plan, a solver calls a model invalid."""
