"""Many operators, or the layers of a network one by one, on two emulated boards of one kind, against the executor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from planner.boards.fleet import Fleet
from planner.boards.machines import MACHINES
from planner.boards.session import Session
from planner.boards.setup import BoardSetup
from planner.core.cost import implementation_of
from planner.core.executor import execute
from planner.core.lowering import lower
from planner.core.regions import axis_size
from planner.data.graph import Conv, Graph, InputEnd, Int8Array, Operator, OutputEnd, Tensor
from planner.data.hardware import LinkCost, Network
from planner.data.instance import Instance
from planner.data.plan import Compute, Plan, Step
from planner.data.split import Axis, Layout, Mode, OperatorSplit, Split
from planner.planfmt.encode import encode
from planner.profiling.reference_boards import ReferenceBoard
from tests.builders.fleets import instance, profile
from tests.builders.kernel_cases import ADDENDS
from tests.builders.splits import random_split

BOARDS = 2
PAINT = 0xA5C35A3C
TIMEOUT_S = 120.0
BATCH_BYTES = 2 << 20
"""Of values and weights in one run."""


@dataclass
class Tally:
    """Steps and output bytes by kernel, wrong ones among them, and guards that were written over."""

    steps: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    guards_broken: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count what another tally has counted."""
        self.steps += other.steps
        self.values += other.values
        self.wrong += other.wrong
        self.guards_broken += other.guards_broken
        self.faults += other.faults


def two_boards(board: ReferenceBoard) -> Instance:
    """Two boards of one kind; the input arises on the first."""
    fleet = (profile(kernels=board.kernels),) * BOARDS
    return instance(Network.switch(BOARDS, LinkCost(1, 1)), fleet, input_node=0)


def shared_out(graph: Graph, fleet: Instance, seed: int) -> Split:
    """A random share of rows or channels for each board, in chunks or not; operators that read `ADDENDS` sum them."""
    split = dict(random_split(graph, fleet, seed).operators)
    rng = np.random.default_rng(seed)
    for operator in graph.operators:
        if operator.name.endswith(ADDENDS):
            split[operator.name] = OperatorSplit(_halves(graph, operator, rng, fleet.nodes))
            (reader,) = (other for other in graph.operators if operator.output in other.inputs)
            split[reader.name] = replace(split[reader.name], mode=Mode.INPUT_CHANNELS)
    return Split(split)


def _halves(graph: Graph, operator: Operator, rng: np.random.Generator, nodes: int) -> Layout:
    size = axis_size(graph.output_tensor(operator).shape, Axis.CHANNELS)
    cut = int(rng.integers(0, size + 1))
    return Layout.from_bounds(Axis.CHANNELS, (0, cut, size, size)[: nodes + 1])


def run(board: ReferenceBoard, graph: Graph, inputs: Mapping[str, Int8Array], seed: int) -> Tally:
    """Share the operators of a graph out over two boards, run them, and compare every graph output."""
    fleet = two_boards(board)
    plan = lower(graph, fleet, shared_out(graph, fleet, seed))
    machine = MACHINES[board.machine]
    setups = [
        BoardSetup(f"{board.name}-{node}", machine, encode(plan, graph, node), machine.ram_bytes, Fraction(1), flags=0)
        for node in range(BOARDS)
    ]
    with Fleet(setups, plan, PAINT) as boards:
        session = Session(boards, plan, TIMEOUT_S)
        session.greet()
        outcome = session.run(inputs)
        session.stop()
    tally = Tally(steps=_steps(plan, graph, board.kernels))
    expected = execute(graph, inputs)
    made_by = {operator.output: operator for operator in graph.operators}
    for name, values in outcome.outputs.items():
        operator = made_by[name]
        kernel = implementation_of(graph, operator, board.kernels)
        if isinstance(operator, Conv) and operator.inputs[0] in made_by:
            kernel = "partial_sums"
        tally.values[kernel] += values.size
        wrong = int(np.count_nonzero(values != expected[name]))
        tally.wrong[kernel] += wrong
        if wrong:
            tally.faults.append(f"{kernel} {graph.arithmetic.value}: {wrong} bytes of {name}, seed {seed}")
    tally.guards_broken = sum(report.report["canaries_broken"] for report in outcome.boards)
    return tally


def _steps(plan: Plan, graph: Graph, variant: str) -> Counter[str]:
    """Steps of both boards by kernel."""
    operators = {operator.name: operator for operator in graph.operators}

    def name(step: Step) -> str:
        if isinstance(step, Compute):
            return implementation_of(graph, operators[step.operator], variant)
        return {"PartialSums": "partial_sums"}.get(type(step).__name__, type(step).__name__.lower())

    messages = {"ready", "transfer", "await"}
    counts = Counter(name(step) for program in plan.programs[:BOARDS] for step in program.steps)
    return Counter({kernel: count for kernel, count in counts.items() if kernel not in messages})


def layers(graph: Graph, values: Mapping[str, Int8Array]) -> Iterator[tuple[Graph, dict[str, Int8Array]]]:
    """The operators of a network, each alone with what it reads in a run of the network, as many at once as fit.

    `values` holds every tensor of that run.
    """
    batch: list[Operator] = []
    size_bytes = 0
    for operator in graph.operators:
        needed_bytes = sum(graph.tensors[name].shape.elements for name in (*operator.inputs, operator.output))
        needed_bytes += operator.weights.size if isinstance(operator, Conv) else 0
        if batch and size_bytes + needed_bytes > BATCH_BYTES:
            yield _alone(graph, batch, values)
            batch, size_bytes = [], 0
        batch.append(operator)
        size_bytes += needed_bytes
    yield _alone(graph, batch, values)


def one_by_one(graph: Graph) -> Iterator[Graph]:
    """Graphs of one operator each."""
    for operator in graph.operators:
        yield _parted(graph, [operator])[0]


def _alone(
    graph: Graph, operators: list[Operator], values: Mapping[str, Int8Array]
) -> tuple[Graph, dict[str, Int8Array]]:
    """Operators that read graph inputs only, and the values of those inputs."""
    parted, sources = _parted(graph, operators)
    return parted, {name: values[source] for name, source in sources.items()}


def _parted(graph: Graph, operators: list[Operator]) -> tuple[Graph, dict[str, str]]:
    """Operators that each have tensors of their own; and of which tensor each input is a copy."""
    tensors: dict[str, Tensor] = {}
    sources: dict[str, str] = {}
    parted: list[Operator] = []
    for operator in operators:
        renamed = {name: f"{operator.name}:{name}" for name in (*operator.inputs, operator.output)}
        tensors |= {new: replace(graph.tensors[old], name=new) for old, new in renamed.items()}
        sources |= {renamed[name]: name for name in operator.inputs}
        inputs = tuple(map(renamed.__getitem__, operator.inputs))
        parted.append(replace(operator, inputs=inputs, output=renamed[operator.output]))
    ends = tuple(InputEnd(name, (1, *tensors[name].shape.as_tuple()), "int8", False) for name in sources)
    outputs = tuple(OutputEnd(o.output, (1, *tensors[o.output].shape.as_tuple()), "int8", False) for o in parted)
    return Graph("layers", tensors, tuple(parted), ends, outputs, graph.arithmetic), sources
