"""When each node computes, sends and receives: a picture in text, and the full list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from tabulate import tabulate

from planner.data.instance import Instance
from planner.data.plan import (
    Accumulate,
    Await,
    Compute,
    Copy,
    CpuStep,
    Loop,
    PartialSums,
    Plan,
    Ready,
    Requantise,
    Transfer,
)
from planner.data.result import Simulation
from planner.report.notation import milliseconds, us

WIDTH = 96


class Activity(Enum):
    """What a node does, by the letter that stands for it."""

    COMPUTE = "#"
    SEND = ">"
    RECEIVE = "<"
    IDLE = "."


@dataclass(frozen=True, slots=True)
class Event:
    """One interval of one node."""

    start_ns: int
    end_ns: int
    node: int
    activity: Activity
    what: str


def events(plan: Plan, simulation: Simulation) -> list[Event]:
    """Every computation and both ends of every message, in order of time."""
    found = [*_computations(plan, simulation), *_transmissions(plan, simulation)]
    return sorted(found, key=lambda event: (event.start_ns, event.node, event.end_ns))


def picture(instance: Instance, plan: Plan, simulation: Simulation, width: int = WIDTH) -> str:
    """One line per node, `width` cells from 0 to the makespan; a cell shows what takes most of its time."""
    cell_ns = max(1, -(-simulation.makespan_ns // width))
    spent_ns = [[dict.fromkeys(Activity, 0) for _ in range(width)] for _ in range(instance.nodes)]
    for event in events(plan, simulation):
        for cell in range(event.start_ns // cell_ns, min(width, -(-event.end_ns // cell_ns))):
            overlap_ns = min(event.end_ns, (cell + 1) * cell_ns) - max(event.start_ns, cell * cell_ns)
            spent_ns[event.node][cell][event.activity] += overlap_ns
    for line in spent_ns:
        for times_ns in line:
            times_ns[Activity.IDLE] = cell_ns - sum(times_ns.values())
    name_width = max(len(instance.node_name(node)) for node in range(instance.nodes))
    rows = [
        f"{instance.node_name(node):>{name_width}} {''.join(_main_activity(times_ns) for times_ns in line)}"
        for node, line in enumerate(spent_ns)
    ]
    legend = "# computes   > sends   < receives   . waits"
    return "\n".join([*rows, f"{'':>{name_width}} 0 to {milliseconds(us(simulation.makespan_ns))}; {legend}"])


def event_table(instance: Instance, plan: Plan, simulation: Simulation) -> str:
    """All events."""
    rows = [
        (
            f"{event.start_ns / 1000:.3f}",
            f"{event.end_ns / 1000:.3f}",
            instance.node_name(event.node),
            event.activity.name.lower(),
            event.what,
        )
        for event in events(plan, simulation)
    ]
    return tabulate(
        rows, ("start us", "end us", "node", "does", "what"), disable_numparse=True, colalign=("right",) * 2
    )


def _main_activity(times_ns: Mapping[Activity, int]) -> str:
    return max(times_ns, key=lambda activity: times_ns[activity]).value


def _computations(plan: Plan, simulation: Simulation) -> Iterator[Event]:
    for program, ends_ns in zip(plan.programs, simulation.step_end_ns, strict=True):
        for step, end_ns in zip(program.steps, ends_ns, strict=True):
            if not isinstance(step, Ready | Transfer | Await) and step.predicted_ns:
                yield Event(end_ns - step.predicted_ns, end_ns, program.node, Activity.COMPUTE, step_name(step))


def _transmissions(plan: Plan, simulation: Simulation) -> Iterator[Event]:
    for message, (start_ns, end_ns) in zip(plan.messages, simulation.message_times_ns, strict=True):
        what = f"{message.tensor}, {message.size_bytes} bytes"
        yield Event(start_ns, end_ns, message.source, Activity.SEND, what)
        yield Event(start_ns, end_ns, message.target, Activity.RECEIVE, what)


def step_name(step: CpuStep) -> str:
    """What a CPU step computes, in words."""
    match step:
        case Compute():
            return step.operator
        case Loop():
            return f"{step_name(step.body[-1])}, {step.iterations} times"
        case PartialSums():
            return f"{step.operator}, partial sums"
        case Requantise():
            return f"{step.operator}, requantise"
        case Accumulate():
            return f"{step.target.tensor}, accumulate"
        case Copy():
            return f"{step.target.tensor}, copy"
