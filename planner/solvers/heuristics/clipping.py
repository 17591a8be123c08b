"""A heuristic's split made to fit: shares clipped to RAM and flash, inputs gathered in chunks.

Every device keeps its share of every output unless that breaks one of its caps; what it gives up goes to the others in
proportion to theirs. Nothing is chosen by its time, so the rule stays a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import numpy as np

from planner.core.cost import FloatArray
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.split import Axis, Layout, Mode, OperatorSplit, Split
from planner.solvers.candidates import fill_up
from planner.solvers.costs import CHUNKS, Arcs, input_channels_arcs, own_output_arcs
from planner.solvers.heuristics.pricing import footprints, held_bytes, input_layouts
from planner.solvers.layout_set import IntArray, LayoutSet
from planner.solvers.problem import OperatorData, Problem

MOST_ROUNDS = 200
TINY_WEIGHT = 1e-9
"""Keeps a device without a share from making shares undefined."""


def clip(graph: Graph, instance: Instance, split: Split) -> Split | None:
    """A split by the same rule under the instance's caps, None if clipping finds none."""
    if not graph.operators:
        return split
    return _Clipping(Problem(graph, instance), split).run()


class _Clipping:
    """`most_units[tensor][d]` is how many rows or channels of a tensor device d may own so far."""

    def __init__(self, problem: Problem, split: Split) -> None:
        self._problem = problem
        self._split = split
        layouts = {data.output: split.operators[data.name].layout for data in problem.operators}
        self._most_units = {name: np.full(problem.devices, layout.size) for name, layout in layouts.items()}
        self._active = np.any([_lengths(layout) > 0 for layout in layouts.values()], axis=0)
        self._chunks = {data.name: split.operators[data.name].chunks for data in problem.operators}

    def run(self) -> Split | None:
        """Clip until no cap is broken."""
        for _ in range(MOST_ROUNDS):
            layouts = self._layouts()
            if layouts is None:
                return None
            arcs = {data.name: self._arcs(data, layouts) for data in self._problem.operators}
            clipped = [self._clip_ram(data, layouts, arcs[data.name]) for data in self._problem.operators]
            clipped.append(self._clip_flash(layouts, arcs))
            if not any(clipped):
                return Split(
                    {
                        data.name: OperatorSplit(layouts[data.output], self._mode(data), self._chunks[data.name])
                        for data in self._problem.operators
                    }
                )
        return None

    def _layouts(self) -> dict[str, Layout] | None:
        """Layouts of all tensors under the limits; None if the devices together may not own a whole tensor."""
        layouts = input_layouts(self._problem)
        for data in self._problem.operators:
            layout = self._clipped(data)
            if layout is None:
                return None
            layouts[data.output] = layout
        return layouts

    def _clipped(self, data: OperatorData) -> Layout | None:
        """The heuristic's layout of an output, or the nearest to it within the limits; None if there is none."""
        original = self._split.operators[data.name].layout
        weights, most = _lengths(original), self._most_units[data.output]
        if (weights <= most).all():
            return original
        size = original.size
        # A tensor of few units leaves devices out by rounding alone; they may stand in for those that lack memory.
        may_own = self._active if size < self._active.sum() else weights > 0
        shares = fill_up(weights + TINY_WEIGHT, np.where(may_own, most / size, 0.0))
        if shares is None:
            return None
        units = np.minimum(np.floor(shares * size), most)
        by_remainder = np.argsort(units - shares * size, kind="stable")
        while (missing := int(size - units.sum())) > 0:
            open_devices = [device for device in by_remainder if may_own[device] and units[device] < most[device]]
            units[open_devices[:missing]] += 1
        return Layout.from_bounds(original.axis, (0, *accumulate(int(n) for n in units), size))

    def _mode(self, data: OperatorData) -> Mode:
        return self._split.operators[data.name].mode

    def _arcs(self, data: OperatorData, layouts: Mapping[str, Layout]) -> Arcs:
        inputs = [LayoutSet.of([layouts[name]]) for name in data.inputs]
        output = LayoutSet.of([layouts[data.output]])
        chunks = self._chunks[data.name]
        if self._mode(data) is Mode.INPUT_CHANNELS:
            return input_channels_arcs(self._problem, data, inputs[0], output, chunks, np.ones((1, 1), np.bool_))
        return own_output_arcs(self._problem, data, inputs, output, chunks)

    def _clip_ram(self, data: OperatorData, layouts: Mapping[str, Layout], arcs: Arcs) -> bool:
        """Where an operator takes too much RAM: more chunks, or else smaller parts of all that is live."""
        held = held_bytes(self._problem, data, layouts)
        needed: IntArray = held + arcs.ram_bytes[0, 0]
        over = np.flatnonzero(needed[:-1] > self._problem.ram_cap_bytes[:-1])
        live = [name for name in {*self._problem.held(data.index), data.output} if name in self._most_units]
        own = sum((footprints(self._problem, name, layouts) for name in live), np.zeros_like(needed))
        if len(over) and self._more_chunks(data, layouts):
            return True
        for device in over:
            room = int(self._problem.ram_cap_bytes[device] - (needed[device] - own[device]))
            if room > 0 and own[device] > 0:
                self._shrink(live, layouts, int(device), room / int(own[device]))
            elif layouts[data.output].ranges[device] != (0, 0):
                self._shrink([data.output], layouts, int(device), 0.0)
            else:
                self._shrink(live, layouts, int(device), 0.5)
        return len(over) > 0

    def _more_chunks(self, data: OperatorData, layouts: Mapping[str, Layout]) -> bool:
        """Twice as many chunks, if the operator gathers its input or sums and has the rows."""
        rows = (layouts[data.inputs[0]].axis is Axis.ROWS) and (layouts[data.output].axis is Axis.ROWS)
        chunks = 2 * self._chunks[data.name]
        if len(data.inputs) > 1 or rows or chunks > min(CHUNKS[-1], data.shape.height):
            return False
        self._chunks[data.name] = chunks
        return True

    def _clip_flash(self, layouts: Mapping[str, Layout], arcs: Mapping[str, Arcs]) -> bool:
        """Where weights take too much flash, fewer kernels; with rows, which need all weights, no part in some."""
        by_operator = np.array([arcs[data.name].flash_bytes[0, 0] for data in self._problem.operators])
        over = np.flatnonzero(by_operator.sum(axis=0)[:-1] > self._problem.flash_cap_bytes[:-1])
        for device in over:
            cap, total = int(self._problem.flash_cap_bytes[device]), int(by_operator[:, device].sum())
            by_kernels = [name for name in self._most_units if layouts[name].axis is Axis.CHANNELS]
            self._shrink(by_kernels, layouts, int(device), cap / total)
            excess = total - cap
            for index in np.argsort(-by_operator[:, device], kind="stable"):
                output = self._problem.operators[index].output
                if excess > 0 and layouts[output].axis is Axis.ROWS:
                    self._most_units[output][device] = 0
                    excess -= int(by_operator[index, device])
        return len(over) > 0

    def _shrink(self, tensors: list[str], layouts: Mapping[str, Layout], device: int, factor: float) -> None:
        for name in tensors:
            start, stop = layouts[name].ranges[device]
            fewer = min(int((stop - start) * factor), stop - start - 1)
            self._most_units[name][device] = max(0, min(self._most_units[name][device], fewer))


def _lengths(layout: Layout) -> FloatArray:
    """What every device owns: [devices]; the host, which owns nothing, is left out."""
    return np.array([stop - start for start, stop in layout.ranges[:-1]], float)
