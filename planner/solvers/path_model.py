"""The constrained shortest path as a 0-1 model, reduced to the arcs that can still lie on a better path.

Variables: x[e] = 1 if arc e is taken (an arc is one operator in one mode between two states, or the gathering at the
end). Constraints: C1 one unit flows from the first state to the end, C2 what flows into a state flows out, C3 the flash
of the taken arcs keeps every node's cap. Objective: least time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.core.cost import FloatArray
from planner.solvers import kernels
from planner.solvers.layout_set import IntArray
from planner.solvers.path import Choice, LayoutGraph, Path, priced_ns
from planner.solvers.problem import UNREACHABLE


@dataclass(frozen=True)
class PathModel:
    """Arc e leads from state `tail[e]` to `head[e]`, takes `time_ns[e]` and `flash_bytes[e, node]`.

    States are numbered from 0, the first, to `states` - 1, the end. `complete` says that no arc of a path better than
    the incumbent was left out. `stage[e]` and `choices[e]` say which arc of the layout graph it is; the stage of a
    gathering is the number of operators.
    """

    states: int
    tail: IntArray
    head: IntArray
    time_ns: IntArray
    flash_bytes: IntArray
    flash_cap_bytes: IntArray
    stage: IntArray
    choices: NDArray[np.int32]
    complete: bool

    def path(self, graph: LayoutGraph, taken: NDArray[np.bool_]) -> Path:
        """The path that the taken arcs form."""
        chosen = sorted((int(self.stage[e]), int(e)) for e in np.flatnonzero(taken))
        arcs = [Choice(stage, *(int(i) for i in self.choices[e])) for stage, e in chosen if stage < len(graph.stages)]
        return graph.path_of(arcs, int(self.time_ns[taken].sum()))


def reduced_model(graph: LayoutGraph, flash_prices: FloatArray, most_ns: float, limit: int) -> PathModel | None:
    """The model over the arcs on paths whose Lagrangian value is at most `most_ns`, at most `limit` arcs of a stage.

    By weak duality such a model holds every path of time at most `most_ns` that keeps the caps. None if it is empty.
    """
    ceiling = np.int64(most_ns + float(flash_prices @ graph.problem.flash_cap_bytes))
    layers, to_end = graph.forward(flash_prices), graph.backward(flash_prices)
    tails, heads, times, flashes, stages, choices = [], [], [], [], [], []
    sizes = [stage.order.size for stage in graph.stages]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    complete = True
    for number, stage in enumerate(graph.stages):
        layer = layers[number]
        _, survivors, outputs = layer.values.shape
        after = graph.after(to_end, stage)
        for index in range(len(stage.options) + len(stage.fused)):
            option, first = stage.arcs(index), graph.stages[stage.first(index)]
            survivor = graph.survivor(stage, index)
            found = np.zeros((limit, 3), np.int64)
            count = kernels.arcs_below(
                graph.before(layers, first.index),
                after,
                graph.held(stage, index),
                priced_ns(option, flash_prices),
                option.ram_bytes,
                graph.problem.ram_cap_bytes,
                survivor,
                ceiling,
                found,
            )
            complete &= count <= limit
            rest, arc, output = found[: min(count, limit)].T
            tails.append(offsets[first.index] + first.order[rest * len(survivor) + arc])
            heads.append(offsets[number + 1] + (rest * survivors + survivor[arc]) * outputs + output)
            times.append(option.time_ns[arc, output])
            flashes.append(option.flash_bytes[np.minimum(arc, len(option.flash_bytes) - 1), output])
            stages.append(np.full(len(arc), number))
            choices.append(np.stack([np.full(len(arc), index), arc, output], axis=1))
    before = layers[-1].values.reshape(-1)
    offset = int(offsets[-1])
    ends = np.flatnonzero((before < UNREACHABLE) & (graph.gather_ns < UNREACHABLE))
    tails.append(offset + ends)
    heads.append(np.full(len(ends), offset + len(before)))
    times.append(graph.gather_ns[ends])
    flashes.append(np.zeros((len(ends), graph.problem.nodes), np.int64))
    stages.append(np.full(len(ends), len(graph.stages)))
    choices.append(np.zeros((len(ends), 3), np.int64))
    tail, head = np.concatenate(tails), np.concatenate(heads)
    if len(tail) == len(ends):
        return None
    used = np.isin(tail, [0, *head]) & np.isin(head, [offset + len(before), *tail])
    names, numbers = np.unique(np.concatenate([tail[used], head[used]]), return_inverse=True)
    return PathModel(
        len(names),
        numbers[: used.sum()],
        numbers[used.sum() :],
        np.concatenate(times)[used],
        np.concatenate(flashes)[used],
        graph.problem.flash_cap_bytes,
        np.concatenate(stages)[used],
        np.concatenate(choices)[used].astype(np.int32),
        complete,
    )
