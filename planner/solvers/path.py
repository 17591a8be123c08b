"""The layout path: dynamic programming over the layouts of all live tensors, operator by operator.

A state after operator o is one layout for every tensor that a later operator still reads. An arc is one operator in
one mode and chunk count between two states; arcs that break a RAM cap do not exist, so what is left is a shortest path,
with flash as the only constraint that couples its arcs. Prices on flash bytes (Lagrange multipliers) may be added. A
fused segment is an arc too: it leads over several operators at once, between states of one live tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.core.cost import FloatArray
from planner.data.split import Axis, Layout, OperatorSplit, Segment, Split
from planner.errors import ModelError
from planner.solvers import kernels
from planner.solvers.clock import Clock
from planner.solvers.costs import Arcs, gather_arcs, operator_arcs
from planner.solvers.layout_set import IntArray, LayoutSet
from planner.solvers.problem import UNREACHABLE, Problem
from planner.solvers.segments.arcs import FusedArcs, fused_arcs
from planner.solvers.segments.bands import RolledSegment
from planner.solvers.segments.fusions import Fusions, Span

Candidates = Mapping[str, tuple[Layout, ...]]
"""Candidate layouts of every tensor that an operator computes."""

STATE_LIMIT = 30_000_000
"""Most arcs between joint states that one operator may have: what a second of time allows."""
TABLE_LIMIT = 6_000_000
"""Most numbers in one operator's table of RAM by inputs, output and node: what memory allows."""
FEWEST_CANDIDATES = 8
"""Layouts of a tensor without which a search makes no sense."""


@dataclass(frozen=True)
class Stage:
    """One operator in the layered graph.

    Live tensors before it are `rest` and its `inputs`; after it `rest`, the inputs that live on (`survivors`), and
    `output`: states are numbered in that order, the last fastest. `order[i]` is the number that state i of (rest,
    inputs) has as a state after the stage before. `survivor[a]` is combination a of the inputs restricted to the
    survivors. `held` [rest, node] are the footprints of the rest. `fused` are the segments that end here; they are
    options as well, numbered after the others.
    """

    index: int
    rest: tuple[str, ...]
    inputs: tuple[str, ...]
    survivors: tuple[str, ...]
    output: str
    order: IntArray
    survivor: IntArray
    held: IntArray
    options: tuple[Arcs, ...]
    fused: tuple[FusedArcs, ...] = ()

    def first(self, option: int) -> int:
        """The first operator of the arcs of an option."""
        return self.index if option < len(self.options) else self.fused[option - len(self.options)].first

    def arcs(self, option: int) -> Arcs | FusedArcs:
        """The arcs of an option."""
        return self.options[option] if option < len(self.options) else self.fused[option - len(self.options)]


@dataclass(frozen=True)
class Path:
    """A way through the layered graph. `value_ns` includes prices, `time_ns` does not."""

    split: Split
    value_ns: int
    time_ns: int
    flash_bytes: IntArray


@dataclass(frozen=True, slots=True)
class Choice:
    """One arc that ends at a stage: its option, combination of the inputs' layouts, layout of the output."""

    stage: int
    option: int
    arc: int
    output: int


@dataclass(frozen=True)
class Layer:
    """Best values [rest, survivors, output] after a stage, and the arc that gives each."""

    values: IntArray
    arcs: NDArray[np.int32]
    options: NDArray[np.int16]


class ArcCache:
    """Arcs of operators that look alike between equal candidate sets are computed once.

    `renew` forgets what was not used since the last call.
    """

    def __init__(self) -> None:
        self._old: dict[object, tuple[Arcs, ...]] = {}
        self._used: dict[object, tuple[Arcs, ...]] = {}
        self._old_fused: dict[object, FusedArcs] = {}
        self._used_fused: dict[object, FusedArcs] = {}

    def renew(self) -> None:
        self._old, self._used = self._used, {}
        self._old_fused, self._used_fused = self._used_fused, {}

    def arcs(
        self,
        problem: Problem,
        index: int,
        candidates: Candidates,
        sets: Mapping[str, LayoutSet],
        held_bytes: IntArray,
    ) -> tuple[Arcs, ...]:
        """All options of an operator; see `operator_arcs`."""
        data = problem.operators[index]
        layouts = (candidates[name] for name in (*data.inputs, data.output))
        key = (data.signature, held_bytes.tobytes(), *layouts)
        if key not in self._used:
            known = self._old.get(key)
            self._used[key] = known if known is not None else tuple(operator_arcs(problem, data, sets, held_bytes))
        return self._used[key]

    def fused(
        self,
        problem: Problem,
        span: Span,
        rolled: RolledSegment,
        candidates: Candidates,
        sets: Mapping[str, LayoutSet],
    ) -> FusedArcs:
        """The arcs of a segment."""
        key = (rolled.stages, rolled.input_rows, candidates[rolled.input], candidates[rolled.output])
        if key not in self._used_fused:
            known = self._old_fused.get(key)
            new = known or fused_arcs(problem, span, rolled, sets[rolled.input], sets[rolled.output])
            self._used_fused[key] = new
        return self._used_fused[key]


class LayoutGraph:
    """The layered graph over a candidate set, which `candidate_limits` should limit.

    Raises OutOfTime or Cancelled if a clock is given and says so.
    """

    def __init__(
        self,
        problem: Problem,
        candidates: Candidates,
        cache: ArcCache | None = None,
        clock: Clock | None = None,
        fusions: Fusions | None = None,
        spans: Iterable[Span] = (),
    ) -> None:
        self.problem = problem
        given = {name: (layout,) for name, layout in input_layouts(problem).items()}
        self.candidates: dict[str, tuple[Layout, ...]] = {**candidates, **given}
        self._sets = {name: LayoutSet.of(layouts) for name, layouts in self.candidates.items()}
        cache = cache or ArcCache()
        self.stages: list[Stage] = []
        live: tuple[str, ...] = tuple(name for name in problem.inputs if name in problem.last_use)
        self._first_live = live
        for data in problem.operators:
            if clock is not None:
                clock.check()
            rest = tuple(name for name in live if name not in data.inputs)
            survivors = tuple(name for name in data.inputs if problem.last_use[name] > data.index)
            held = self._footprints(rest)
            options = cache.arcs(problem, data.index, self.candidates, self._sets, held.max(axis=0))
            fused = tuple(self._fused_arcs(data.index, cache, clock, fusions, spans)) if fusions else ()
            self.stages.append(
                Stage(
                    data.index,
                    rest,
                    data.inputs,
                    survivors,
                    data.output,
                    self._order(live, (*rest, *data.inputs)),
                    self._restriction(data.inputs, survivors),
                    held,
                    options,
                    fused,
                )
            )
            # A graph input that nothing reads has one layout and may simply be left out of the states.
            kept = tuple(name for name in rest if problem.last_use[name] > data.index)
            live = (*kept, *survivors, data.output)
        self.last_live = live

    def shortest_path(self, flash_prices: FloatArray | None = None) -> Path | None:
        """The best path under prices in ns per flash byte of every node; None if no path keeps the RAM caps."""
        layers = self.forward(flash_prices)
        values = layers[-1].values.reshape(-1)
        end = np.minimum(values + self.gather_ns, UNREACHABLE)
        state = int(end.argmin())
        if end[state] >= UNREACHABLE:
            return None
        return self.path_of(self._trace(layers, state), int(end[state]))

    def path_of(self, choices: Sequence[Choice], value_ns: int) -> Path:
        """The path that takes one arc at every stage."""
        outputs = dict(zip(self.last_live, (-1,) * len(self.last_live), strict=True))
        time_ns, flash = 0, np.zeros(self.problem.nodes, np.int64)
        splits: dict[str, OperatorSplit] = {}
        segments: list[Segment] = []
        for choice in choices:
            stage = self.stages[choice.stage]
            option = stage.arcs(choice.option)
            time_ns += int(option.time_ns[choice.arc, choice.output])
            flash += option.flash_bytes[min(choice.arc, len(option.flash_bytes) - 1), choice.output]
            layout = self.candidates[stage.output][choice.output]
            if isinstance(option, FusedArcs):
                segments.append(option.segment(layout))
            else:
                splits[self.problem.operators[stage.index].name] = OperatorSplit(layout, option.mode, option.chunks)
            outputs[stage.output] = choice.output
        end = self._ravel(self.last_live, {name: max(state, 0) for name, state in outputs.items()})
        return Path(Split(splits, tuple(segments)), value_ns, time_ns + int(self.gather_ns[end]), flash)

    def forward(self, flash_prices: FloatArray | None = None) -> list[Layer]:
        """Best values of reaching every state after every stage."""
        layers: list[Layer] = []
        for stage in self.stages:
            values = self.before(layers, stage.index)
            shape = (len(values), self._count(stage.survivors), len(self.candidates[stage.output]))
            layer = Layer(np.full(shape, UNREACHABLE), np.zeros(shape, np.int32), np.zeros(shape, np.int16))
            for number in range(len(stage.options) + len(stage.fused)):
                arcs = stage.arcs(number)
                kernels.extend(
                    self.before(layers, stage.first(number)),
                    self.held(stage, number),
                    priced_ns(arcs, flash_prices),
                    arcs.ram_bytes,
                    self.problem.ram_cap_bytes,
                    self.survivor(stage, number),
                    number,
                    layer.values,
                    layer.arcs,
                    layer.options,
                )
            layers.append(layer)
        return layers

    def before(self, layers: Sequence[Layer], index: int) -> IntArray:
        """Values of the states before operator `index`: [rest, inputs' layouts]."""
        stage = self.stages[index]
        values = layers[index - 1].values.reshape(-1) if index else np.zeros(self._count(self._first_live), np.int64)
        return values[stage.order].reshape(-1, len(stage.survivor))

    def held(self, stage: Stage, option: int) -> IntArray:
        """Footprints of what lives beside inputs and output: [rest, node]. Nothing lives beside a segment."""
        return stage.held if option < len(stage.options) else np.zeros((1, self.problem.nodes), np.int64)

    def survivor(self, stage: Stage, option: int) -> IntArray:
        """What of the inputs of an option lives on: [a]. Of a segment's, nothing."""
        return stage.survivor if option < len(stage.options) else np.zeros(len(stage.arcs(option).time_ns), np.int64)

    def backward(self, flash_prices: FloatArray | None = None) -> list[IntArray]:
        """Best values from every state before every stage to the end: int64 [rest, inputs' layouts]."""
        shapes = [(len(stage.held), len(stage.survivor)) for stage in self.stages]
        result = [np.full(shape, UNREACHABLE) for shape in shapes]
        for stage in reversed(self.stages):
            after = self.after(result, stage)
            for number in range(len(stage.options) + len(stage.fused)):
                arcs = stage.arcs(number)
                kernels.retreat(
                    after,
                    self.held(stage, number),
                    priced_ns(arcs, flash_prices),
                    arcs.ram_bytes,
                    self.problem.ram_cap_bytes,
                    self.survivor(stage, number),
                    result[stage.first(number)],
                )
        return result

    def after(self, to_end: Sequence[IntArray], stage: Stage) -> IntArray:
        """Values to the end from the states after a stage: [rest, survivors, output]."""
        shape = (len(stage.held), self._count(stage.survivors), len(self.candidates[stage.output]))
        if stage.index + 1 == len(self.stages):
            return self.gather_ns.reshape(shape)
        following = self.stages[stage.index + 1]
        values = np.full(following.order.size, UNREACHABLE)
        values[following.order] = to_end[stage.index + 1].reshape(-1)
        return values.reshape(shape)

    @cached_property
    def gather_ns(self) -> IntArray:
        """Bringing all graph outputs to the output node, by final state; `UNREACHABLE` where RAM forbids."""
        held = self._footprints(self.last_live)  # and what was gathered before, which stays where it is
        total = np.zeros(len(held), np.int64)
        index = np.indices(self._sizes(self.last_live)).reshape(len(self.last_live), -1)
        for name in self.problem.outputs:
            time, received, relayed = gather_arcs(self.problem, name, self._sets[name])
            state = index[self.last_live.index(name)]
            total = np.minimum(total + time[state], UNREACHABLE)
            held = held + received[state]
            total[(held + relayed[state] > self.problem.ram_cap_bytes).any(axis=1)] = UNREACHABLE
        return total

    def _trace(self, layers: Sequence[Layer], state: int) -> list[Choice]:
        """The arcs that lead to a final state."""
        chosen = dict(zip(self.last_live, self._unravel(self.last_live, state), strict=True))
        choices: list[Choice] = []
        index = len(self.stages) - 1
        while index >= 0:
            stage, layer = self.stages[index], layers[index]
            position = (self._ravel(stage.rest, chosen), self._ravel(stage.survivors, chosen), chosen[stage.output])
            arc, option = int(layer.arcs[position]), int(layer.options[position])
            choices.append(Choice(index, option, arc, position[2]))
            first = stage.first(option)
            inputs = self.stages[first].inputs
            chosen |= dict(zip(inputs, self._unravel(inputs, arc), strict=True))
            index = first - 1
        return choices[::-1]

    def _fused_arcs(
        self, last: int, cache: ArcCache, clock: Clock | None, fusions: Fusions, spans: Iterable[Span]
    ) -> Iterator[FusedArcs]:
        """The segments that end at an operator, each in as many ways to roll as give more pairs of layouts room.

        Where the fastest way fits all layouts over most devices, memory does not bind, and no other is tried.
        """
        for span in spans:
            if span[1] != last:
                continue
            if clock is not None:
                clock.check()
            fastest = cache.fused(self.problem, span, fusions.fastest(span), self.candidates, self._sets)
            fitting = self._fitting(fastest)
            if fitting.any():
                yield fastest
            active = self._sets[self.problem.operators[last].output].active
            wide = (fastest.time_ns < UNREACHABLE) & (active == active.max())
            if fitting[wide].all():
                continue
            *_, leanest = rollings = fusions.rollings(span)
            possible = self._fitting(cache.fused(self.problem, span, leanest, self.candidates, self._sets))
            for rolled in fusions.better(span):
                arcs = cache.fused(self.problem, span, rolled, self.candidates, self._sets)
                if self._fitting(arcs).any():
                    yield arcs
            for rolled in rollings[1:]:
                if not (possible & ~fitting).any():
                    break
                arcs = cache.fused(self.problem, span, rolled, self.candidates, self._sets)
                now = self._fitting(arcs)
                if (now & ~fitting).any():
                    yield arcs
                fitting = fitting | now

    def _fitting(self, arcs: FusedArcs) -> NDArray[np.bool_]:
        """The pairs of layouts between which a segment can run: [a, b]."""
        fits = (arcs.ram_bytes <= self.problem.ram_cap_bytes).all(axis=2) & (arcs.time_ns < UNREACHABLE)
        return np.asarray(fits)

    def _sizes(self, tensors: Sequence[str]) -> tuple[int, ...]:
        return tuple(len(self.candidates[name]) for name in tensors)

    def _count(self, tensors: Sequence[str]) -> int:
        return int(np.prod(self._sizes(tensors), dtype=np.int64))

    def _ravel(self, tensors: Sequence[str], chosen: Mapping[str, int]) -> int:
        if not tensors:
            return 0
        return int(np.ravel_multi_index([chosen[name] for name in tensors], self._sizes(tensors)))

    def _unravel(self, tensors: Sequence[str], index: int) -> tuple[int, ...]:
        return tuple(int(i) for i in np.unravel_index(index, self._sizes(tensors))) if tensors else ()

    def _order(self, live: tuple[str, ...], wanted: tuple[str, ...]) -> IntArray:
        """Numbers over `live` of the states over the same tensors in the order `wanted`."""
        numbers = np.arange(self._count(live)).reshape(self._sizes(live))
        return numbers.transpose([live.index(name) for name in wanted]).reshape(-1)

    def _restriction(self, tensors: tuple[str, ...], kept: tuple[str, ...]) -> IntArray:
        """For every combination of the layouts of `tensors` the index of its part that `kept` forms."""
        result = np.zeros(self._sizes(tensors), np.int64)
        for name in kept:
            shape = [1] * len(tensors)
            shape[tensors.index(name)] = -1
            result = result * len(self.candidates[name]) + np.arange(len(self.candidates[name])).reshape(shape)
        return np.asarray(result.reshape(-1))

    def _footprints(self, tensors: tuple[str, ...]) -> IntArray:
        """Arena bytes of every node for all combinations of the layouts of `tensors`: [combinations, nodes]."""
        total = np.zeros((1, self.problem.nodes), np.int64)
        for name in tensors:
            own = self._sets[name].footprints(self.problem.shape(name))
            total = (total[:, None] + own[None]).reshape(-1, self.problem.nodes)
        return total


def input_layouts(problem: Problem) -> dict[str, Layout]:
    """Graph inputs are whole on the input node."""
    node, nodes = problem.instance.input_node, problem.nodes
    return {name: Layout.single(Axis.ROWS, problem.shape(name).height, node, nodes) for name in problem.inputs}


def priced_ns(arcs: Arcs | FusedArcs, flash_prices: FloatArray | None) -> IntArray:
    """Times with the price of the arcs' flash added, rounded down: int64 [a, b]."""
    if flash_prices is None:
        return arcs.time_ns
    price = np.floor(arcs.flash_bytes @ flash_prices).astype(np.int64)
    return np.asarray(np.minimum(arcs.time_ns + price, UNREACHABLE))


def candidate_limits(problem: Problem) -> dict[str, int]:
    """How many layouts of each tensor keep every operator's arcs within the limits.

    Raises ModelError if so many tensors live at once that hardly any layouts are left, or if nobody reads a tensor.
    """
    limits: dict[str, int] = {}
    for data in problem.operators:
        if not problem.graph.consumers[data.output] and data.output not in problem.outputs:
            raise ModelError(f"operator {data.name}: nothing reads its output; remove it from the model")
        tensors = [name for name in (*problem.held(data.index), data.output) if name not in problem.inputs]
        own = [name for name in (*data.inputs, data.output) if name not in problem.inputs]
        most = int(min(STATE_LIMIT ** (1 / len(tensors)), (TABLE_LIMIT / problem.nodes) ** (1 / len(own))))
        if most < FEWEST_CANDIDATES:
            raise ModelError(
                f"operator {data.name}: {len(tensors)} tensors live at once, and the search over their joint layouts "
                "would be too large; fewer parallel branches would do"
            )
        for name in tensors:
            limits[name] = min(limits.get(name, most), most)
    return limits
