"""RAM of the seed's split, counted by its own rules: what a board held before plans were optimised.

Each convolution's output is flattened in the order (channel, row, column) and cut into contiguous slices of equal
length, so that a slice may begin and end inside a kernel. A board holds the slice's distinct input positions (padding
included, since it is sent), the slice, and the weights of every kernel that the slice touches, one byte each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np

from planner.data.graph import Conv, Graph, Shape


def seed_ram_bytes(graph: Graph, boards: int) -> int:
    """The largest RAM of any board and convolution when each is cut over so many boards."""
    return max(
        (
            _slice_bytes(operator, graph.tensors[operator.inputs[0]].shape, graph.output_tensor(operator).shape, *part)
            for operator in graph.operators
            if isinstance(operator, Conv)
            for part in _slices(graph.output_tensor(operator).shape.elements, boards)
        ),
        default=0,
    )


def _slices(elements: int, boards: int) -> Iterator[tuple[int, int]]:
    """Flat ranges of equal length, but the first has one element more, and the last ones may be shorter or missing."""
    length = -(-elements // boards)
    start = 0
    while start < elements:
        stop = min(start + length + (start == 0), elements)
        yield start, stop
        start = stop


def _slice_bytes(operator: Conv, source: Shape, output: Shape, start: int, stop: int) -> int:
    plane = output.height * output.width
    kernels = range(start // plane, (stop - 1) // plane + 1)
    parts_by_group: dict[int, set[tuple[int, int]]] = {}
    for kernel in kernels:
        part = max(0, start - kernel * plane), min(plane, stop - kernel * plane)
        parts_by_group.setdefault(kernel // operator.group_output_channels, set()).add(part)
    positions = sum(
        groups * _positions(operator, source, output, parts)
        for parts, groups in Counter(map(frozenset, parts_by_group.values())).items()
    )
    return positions * operator.group_input_channels + (stop - start) + len(kernels) * int(operator.weights[0].size)


def _positions(operator: Conv, source: Shape, output: Shape, parts: Iterable[tuple[int, int]]) -> int:
    """How many positions of the padded input plane the outputs in flat ranges of the output plane read."""
    window, padding = operator.window, operator.window.padding
    height = padding.top + source.height + padding.bottom
    width = padding.left + source.width + padding.right
    wanted = np.zeros(output.height * output.width, np.bool_)
    for first, last in parts:
        wanted[first:last] = True
    rows, columns = np.nonzero(wanted.reshape(output.height, output.width))
    touched = np.zeros((height, width), np.bool_)
    for row_tap, column_tap in product(range(window.kernel[0]), range(window.kernel[1])):
        touched[
            rows * window.stride[0] + row_tap * window.dilation[0],
            columns * window.stride[1] + column_tap * window.dilation[1],
        ] = True
    return int(np.count_nonzero(touched))
