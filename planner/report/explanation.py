"""Why a plan is as it is: what pins every device's RAM peak, and what binds its latency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from planner.core.critical_path import ComputeLink, CriticalLink, critical_path
from planner.core.occupancy import live_buffers, live_bytes, peak_step
from planner.data.instance import Instance
from planner.data.plan import Await, Plan, Program, Ready, Transfer
from planner.data.result import Simulation
from planner.report.notation import bytes_of_cap, kibibytes, milliseconds, percent
from planner.report.timeline import step_name

SHOWN_LINKS = 12
SHOWN_BUFFERS = 4


@dataclass(frozen=True, slots=True)
class LiveBuffer:
    """A buffer that is live at a device's peak."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DeviceExplanation:
    """One device. RAM is all of it; `live_bytes` is what its buffers take at the peak, `during` its work then."""

    name: str
    ram_cap_bytes: int
    ram_peak_bytes: int
    live_bytes: int
    during: str
    buffers: tuple[LiveBuffer, ...]
    compute_us: float
    busy_share: float
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class BindingLink:
    """A link of the critical path: a computation on `where`, or a message of `size_bytes` from one node to another."""

    start_us: float
    end_us: float
    where: str
    what: str
    size_bytes: int | None

    @property
    def duration_us(self) -> float:
        return self.end_us - self.start_us


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A plan found with `extra_bytes` more `resource` ("RAM" or "flash") on each of `devices`, in the phase model.

    `gain` is the part of the latency that it saves against the same search under the caps as they are.
    """

    devices: tuple[str, ...]
    resource: str
    extra_bytes: int
    phase_us: float
    gain: float


@dataclass(frozen=True, slots=True)
class MoreDevices:
    """`count` more devices like `like`, all with its caps, have a plan."""

    like: str
    count: int


@dataclass(frozen=True, slots=True)
class PlanExplanation:
    """`computing_us` and `sending_us` share out the makespan over the critical path's computations and messages.

    `relaxations` are what more memory would buy, the least first; None if nobody searched for it.
    """

    makespan_us: float
    computing_us: float
    sending_us: float
    devices: tuple[DeviceExplanation, ...]
    critical_path: tuple[BindingLink, ...]
    relaxations: tuple[Relaxation, ...] | None = None


def explain_plan(instance: Instance, plan: Plan, simulation: Simulation) -> PlanExplanation:
    """Look for what binds a plan."""
    links = tuple(_link(instance, plan, link) for link in critical_path(instance, plan, simulation))
    sending_us = sum(link.duration_us for link in links if link.size_bytes is not None)
    devices = tuple(_device(instance, plan.programs[node], simulation, node) for node in range(len(instance.devices)))
    makespan_us = simulation.makespan_ns / 1000
    computing_us = sum(link.duration_us for link in links if link.size_bytes is None)
    return PlanExplanation(makespan_us, computing_us, sending_us, devices, links)


def explanation_text(explanation: PlanExplanation) -> str:
    """For people: devices, their peaks, and the longest links of the critical path."""
    total_us = explanation.makespan_us
    return "\n\n".join(
        [
            _device_table(explanation.devices),
            "\n".join(_peak_line(device) for device in explanation.devices),
            f"latency {milliseconds(total_us)}: on the critical path, computing takes "
            f"{percent(explanation.computing_us / total_us)}, messages {percent(explanation.sending_us / total_us)}",
            f"the critical path spends its time\n{_totals(explanation.critical_path, total_us)}",
            f"and its {SHOWN_LINKS} longest links are\n{_longest(explanation.critical_path)}",
            *([] if explanation.relaxations is None else [_relaxation_lines(explanation.relaxations)]),
        ]
    )


def _device(instance: Instance, program: Program, simulation: Simulation, node: int) -> DeviceExplanation:
    device, times = instance.devices[node], simulation.nodes[node]
    step = peak_step(program)
    return DeviceExplanation(
        name=device.name,
        ram_cap_bytes=device.ram_cap_bytes,
        ram_peak_bytes=device.profile.firmware.ram_bytes + program.arena_bytes,
        live_bytes=0 if step is None else live_bytes(program)[step],
        during="nothing" if step is None else _during(program, step),
        buffers=()
        if step is None
        else tuple(LiveBuffer(buffer.name, buffer.size_bytes) for buffer in live_buffers(program, step)),
        compute_us=times.compute_ns / 1000,
        busy_share=times.compute_ns / simulation.makespan_ns if simulation.makespan_ns else 0.0,
        sent_bytes=times.sent_bytes,
        received_bytes=times.received_bytes,
    )


def _during(program: Program, step: int) -> str:
    """The computation at or next after a step."""
    following = (s for s in program.steps[step:] if not isinstance(s, Ready | Transfer | Await))
    return next((step_name(action) for action in following), "the last messages")


def _link(instance: Instance, plan: Plan, link: CriticalLink) -> BindingLink:
    start_us, end_us = link.start_ns / 1000, link.end_ns / 1000
    if isinstance(link, ComputeLink):
        step = plan.programs[link.node].steps[link.step]
        assert not isinstance(step, Ready | Transfer | Await)
        return BindingLink(start_us, end_us, instance.node_name(link.node), step_name(step), None)
    message = plan.messages[link.message]
    where = f"{instance.node_name(message.source)} > {instance.node_name(message.target)}"
    what = message.tensor + (", after waiting for a port" if link.behind_port else "")
    return BindingLink(start_us, end_us, where, what, message.size_bytes)


def _device_table(devices: Sequence[DeviceExplanation]) -> str:
    rows = [
        (
            device.name,
            bytes_of_cap(device.ram_peak_bytes, device.ram_cap_bytes),
            percent(device.busy_share),
            device.sent_bytes,
            device.received_bytes,
        )
        for device in devices
    ]
    return tabulate(rows, ("device", "RAM peak of cap", "busy", "sent B", "received B"), colalign=("left", "right"))


def _peak_line(device: DeviceExplanation) -> str:
    shown = ", ".join(f"{buffer.name} {kibibytes(buffer.size_bytes)}" for buffer in device.buffers[:SHOWN_BUFFERS])
    more = f", and {len(device.buffers) - SHOWN_BUFFERS} smaller" if len(device.buffers) > SHOWN_BUFFERS else ""
    return f"{device.name} is fullest during {device.during}: {kibibytes(device.live_bytes)} KiB ({shown}{more})"


def _relaxation_lines(relaxations: Sequence[Relaxation]) -> str:
    """The cheapest first, and after it only what gains more."""
    if not relaxations:
        return "no cap was found to bind: more memory on the fullest devices gained nothing"
    shown: list[Relaxation] = []
    for relaxation in relaxations:
        if not shown or relaxation.gain > shown[-1].gain:
            shown.append(relaxation)
    return "\n".join(
        f"{kibibytes(r.extra_bytes)} KiB more {r.resource} on {' and '.join(r.devices)} gives -{percent(r.gain)} "
        f"(phases {milliseconds(r.phase_us)})"
        for r in shown
    )


def _totals(links: Sequence[BindingLink], total_us: float) -> str:
    spent_us: defaultdict[str, float] = defaultdict(float)
    for link in links:
        spent_us[f"computing on {link.where}" if link.size_bytes is None else f"sending {link.where}"] += (
            link.duration_us
        )
    ranked = sorted(spent_us.items(), key=lambda item: -item[1])[:SHOWN_LINKS]
    return tabulate(
        [(where, milliseconds(time_us), percent(time_us / total_us)) for where, time_us in ranked],
        tablefmt="plain",
        colalign=("left", "right", "right"),
    )


def _longest(links: Sequence[BindingLink]) -> str:
    ranked = sorted(links, key=lambda link: -link.duration_us)[:SHOWN_LINKS]
    rows = [
        (milliseconds(link.start_us), milliseconds(link.duration_us), link.where, link.what, link.size_bytes)
        for link in ranked
    ]
    return tabulate(rows, ("from", "takes", "where", "what", "bytes"), colalign=("right", "right"))
