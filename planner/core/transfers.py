"""What each communication phase of an operator moves: who needs what, who owns it, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.core.regions import owned, required, whole
from planner.core.segments import Band, Round, RowRange, segment_output
from planner.data.graph import Conv, Graph, Operator, Shape
from planner.data.instance import Instance
from planner.data.plan import Content
from planner.data.region import Region
from planner.data.split import Axis, Layout, Split

SUM_BYTES = 4
"""Bytes of one partial sum."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """`source` owns `region` of `tensor` (or sums for it), `target` needs it."""

    source: int
    target: int
    tensor: str
    region: Region
    content: Content = Content.VALUES

    @property
    def size_bytes(self) -> int:
        return self.region.elements * (SUM_BYTES if self.content is Content.PARTIAL_SUMS else 1)


@dataclass(frozen=True, slots=True)
class Fetch:
    """One communication phase: `needs[n]` is what node n requires of `tensor`, in part its own already."""

    tensor: str
    needs: tuple[Region, ...]
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class OwnOutputChunk:
    """One chunk of an OWN_OUTPUT operator: a fetch per input, then node n computes `outputs[n]`."""

    outputs: tuple[Region, ...]
    fetches: tuple[Fetch, ...]


@dataclass(frozen=True, slots=True)
class ReductionChunk:
    """One chunk of an INPUT_CHANNELS operator.

    Every node n with input computes sums for all of `output` from `inputs[n]`; node n ends up with `parts[n]` of it.
    """

    output: Region
    inputs: tuple[Region, ...]
    parts: tuple[Region, ...]
    deliveries: tuple[Delivery, ...]

    @property
    def addends(self) -> tuple[int, ...]:
        """The nodes that have sums to contribute."""
        return tuple(node for node, region in enumerate(self.inputs) if not region.empty)


def tensor_layouts(graph: Graph, instance: Instance, split: Split) -> Mapping[str, Layout]:
    """Layout of every tensor, but for those inside of segments: graph inputs are whole on the input node."""
    layouts = {
        end.tensor: Layout.single(
            Axis.ROWS, graph.tensors[end.tensor].shape.height, instance.input_node, instance.nodes
        )
        for end in graph.inputs
    }
    layouts |= {o.output: split.operators[o.name].layout for o in graph.operators if o.name in split.operators}
    return layouts | {segment_output(graph, segment): segment.layout for segment in split.segments}


def owned_regions(layout: Layout, shape: Shape) -> tuple[Region, ...]:
    """What each node owns of a tensor."""
    return tuple(owned(layout, node, shape) for node in range(len(layout.ranges)))


def row_chunk(region: Region, index: int, chunks: int) -> Region:
    """The `index`-th of `chunks` near-equal row ranges of a region, larger ones first; empty if it has too few rows."""
    size, larger = divmod(region.rows, chunks)
    start = region.row_start + index * size + min(index, larger)
    return region.with_rows(start, start + size + (index < larger))


def own_output_chunks(
    graph: Graph, layouts: Mapping[str, Layout], operator: Operator, chunks: int
) -> tuple[OwnOutputChunk, ...]:
    """The chunks of an operator of which every node fetches what its own output needs."""
    own = owned_regions(layouts[operator.output], graph.output_tensor(operator).shape)
    outputs = [tuple(row_chunk(region, index, chunks) for region in own) for index in range(chunks)]
    return tuple(
        OwnOutputChunk(
            regions,
            tuple(
                fetch(graph, layouts, name, [required(graph, operator, index, region) for region in regions])
                for index, name in enumerate(operator.inputs)
            ),
        )
        for regions in outputs
        if not all(region.empty for region in regions)
    )


def reduction_chunks(
    graph: Graph, layouts: Mapping[str, Layout], operator: Operator, chunks: int
) -> tuple[ReductionChunk, ...]:
    """The chunks of an operator that is computed from input channels.

    Raises ValueError unless the operator is an ungrouped 1x1 or fully connected convolution of a channel layout.
    """
    source_layout = layouts[operator.inputs[0]]
    if not accepts_input_channels(graph, operator) or source_layout.axis is not Axis.CHANNELS:
        raise ValueError(f"operator {operator.name} cannot be computed from input channels")
    source_shape = graph.tensors[operator.inputs[0]].shape
    output = whole(graph.output_tensor(operator).shape)
    own_outputs = owned_regions(layouts[operator.output], graph.output_tensor(operator).shape)
    result: list[ReductionChunk] = []
    for index in range(min(chunks, output.rows)):
        rows = row_chunk(output, index, chunks)
        need = required(graph, operator, 0, rows)
        inputs = tuple(need.intersect(region) for region in owned_regions(source_layout, source_shape))
        parts = tuple(rows.intersect(region) for region in own_outputs)
        deliveries = tuple(
            Delivery(source, target, operator.output, part, Content.PARTIAL_SUMS)
            for target, part in enumerate(parts)
            for source, addend in enumerate(inputs)
            if source != target and not part.empty and not addend.empty
        )
        result.append(ReductionChunk(rows, inputs, parts, deliveries))
    return tuple(result)


def accepts_input_channels(graph: Graph, operator: Operator) -> bool:
    """Whether mode INPUT_CHANNELS exists for an operator: each output row reads rows of its own, all channels alike."""
    if not isinstance(operator, Conv) or operator.groups != 1:
        return False
    shape = graph.tensors[operator.inputs[0]].shape
    return operator.window.kernel in {(1, 1), (shape.height, shape.width)}


def fetch(graph: Graph, layouts: Mapping[str, Layout], tensor: str, needs: Sequence[Region]) -> Fetch:
    """The phase that brings every node what it needs of a tensor."""
    own = owned_regions(layouts[tensor], graph.tensors[tensor].shape)
    deliveries = tuple(
        Delivery(source, target, tensor, part)
        for target, need in enumerate(needs)
        for source, part in enumerate(need.intersect(region) for region in own)
        if source != target and not part.empty
    )
    return Fetch(tensor, tuple(needs), deliveries)


def halo_fetches(graph: Graph, layouts: Mapping[str, Layout], bands: Sequence[Band]) -> tuple[Fetch, ...]:
    """The phases, one per tensor, that bring every node the rows around its own before a segment begins."""
    names = dict.fromkeys(name for band in bands for name in band.storages)
    return tuple(
        fetch(graph, layouts, name, [_rows(graph, name, b.needs[name] if name in b.storages else None) for b in bands])
        for name in names
    )


def streamed_fetches(graph: Graph, layouts: Mapping[str, Layout], rounds: Sequence[Round]) -> tuple[Fetch, ...]:
    """The phases, one per tensor, that bring every node the rows that it streams in one round of a segment."""
    pieces = [work.streamed for work in rounds]
    names = dict.fromkeys(piece.tensor for piece in pieces if piece)
    return tuple(
        fetch(graph, layouts, name, [_rows(graph, name, p if p and p.tensor == name else None) for p in pieces])
        for name in names
    )


def _rows(graph: Graph, tensor: str, rows: RowRange | None) -> Region:
    start, stop = (rows.start, rows.stop) if rows else (0, 0)
    return whole(graph.tensors[tensor].shape).with_rows(start, stop)


def gathers(graph: Graph, instance: Instance, layouts: Mapping[str, Layout]) -> tuple[Fetch, ...]:
    """The phases, one per graph output, that bring each whole to the output node."""
    result: list[Fetch] = []
    for name in dict.fromkeys(end.tensor for end in graph.outputs):
        everything = whole(graph.tensors[name].shape)
        nothing = everything.with_rows(0, 0)
        needs = [everything if node == instance.output_node else nothing for node in range(instance.nodes)]
        result.append(fetch(graph, layouts, name, needs))
    return tuple(result)
