"""Random operators with numbers at their edges, as many as wanted in one graph, for the kernels of a variant."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from planner.core.cost import variant_of
from planner.data.graph import (
    Add,
    Arithmetic,
    Clamp,
    Conv,
    Graph,
    InputEnd,
    Int8Array,
    Operator,
    OutputEnd,
    Padding,
    QuantParams,
    Shape,
    Tensor,
    Window,
)

Drawn = tuple[Operator, list[Tensor]]
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 16)
DEPTHS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 17, 31, 33, 64, 65, 130)
WIDE = 131
"""Columns that make a depthwise convolution take more than one strip."""


class KernelCases:
    """Draws operators: the tensors of each are its inputs, then its output."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._draws: tuple[Callable[[str], Drawn], ...] = (
            self._convolution,
            self._pointwise,
            self._depthwise,
            self._fully_connected,
            self._add,
        )

    def graph(self, cases: int, rule: Arithmetic, variant: str) -> Graph:
        """`cases` operators, each kernel in turn, all of which the variant serves; all outputs are graph outputs."""
        tensors: dict[str, Tensor] = {}
        operators: list[Operator] = []
        while len(operators) < cases:
            operator, drawn = self._draws[len(operators) % len(self._draws)](f"case{len(operators)}")
            alone = _graph((operator,), {tensor.name: tensor for tensor in drawn}, rule)
            if variant_of(alone, operator, variant) == variant:
                operators.append(operator)
                tensors |= alone.tensors
        return _graph(tuple(operators), tensors, rule)

    def inputs(self, graph: Graph) -> dict[str, Int8Array]:
        """Random values, in every third tensor only the ends of int8."""
        values: dict[str, Int8Array] = {}
        for number, end in enumerate(graph.inputs):
            shape = graph.tensors[end.tensor].shape.as_tuple()
            levels = [-128, 127] if number % 3 == 0 else range(-128, 128)
            values[end.tensor] = self._rng.choice(np.array(levels, np.int8), shape)
        return values

    def _pick(self, *values: int) -> int:
        return int(self._rng.choice(values))

    def _quant(self) -> QuantParams:
        return QuantParams(float(np.float32(self._rng.uniform(0.01, 0.2))), self._pick(-128, 127, 0, -5, 44))

    def _clamp(self) -> Clamp:
        ends = sorted(int(end) for end in self._rng.integers(-128, 128, 2))
        return Clamp() if self._rng.integers(2) else Clamp(*ends)

    def _shape(self, channels: int) -> Shape:
        return Shape(self._pick(*SIZES), self._pick(*SIZES), channels)

    def _conv(self, name: str, shape: Shape, channels: int, window: Window, groups: int = 1) -> Drawn:
        depth = shape.channels // groups
        size = (channels, *window.kernel, depth)
        extreme = self._rng.integers(3) == 0
        weights = self._rng.choice([-127, 127], size) if extreme else self._rng.integers(-128, 128, size)
        weights[self._rng.random(channels) < 0.1] = 0
        taps = weights[0].size
        spread = 10.0 ** self._rng.uniform(-0.5, 1.5)
        conv = Conv(
            name,
            (f"{name}.x",),
            f"{name}.y",
            window,
            groups,
            weights.astype(np.int8),
            (self._rng.normal(0, 2000 * taps**0.5, channels)).astype(np.int32),
            (self._rng.uniform(0.5, 1, channels) * spread / (2000 * taps**0.5)).astype(np.float32),
            clamp=self._clamp(),
        )
        target = Shape(*window.output_size(shape.height, shape.width), channels)
        return conv, [Tensor(f"{name}.x", shape, self._quant()), Tensor(f"{name}.y", target, QuantParams(0.1, 3))]

    def _convolution(self, name: str) -> Drawn:
        kernel = (self._pick(1, 2, 3, 5), self._pick(1, 2, 3, 5))
        dilation = (self._pick(1, 1, 2), self._pick(1, 1, 2))
        extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        padding = Padding(self._pick(0, 1, 2), self._pick(0, 1, 2), 1, 1)
        shape = Shape(self._pick(*SIZES) + extent[0], self._pick(*SIZES) + extent[1], self._pick(*DEPTHS[:12]))
        return self._conv(
            name,
            shape,
            self._pick(*DEPTHS[:12]),
            Window(kernel, (self._pick(1, 2), self._pick(1, 2, 3)), dilation, padding),
        )

    def _pointwise(self, name: str) -> Drawn:
        shape = self._shape(self._pick(*DEPTHS))
        shape = Shape(shape.height + 1, shape.width, shape.channels)
        return self._conv(name, shape, self._pick(*DEPTHS), Window((1, 1)))

    def _depthwise(self, name: str) -> Drawn:
        channels = self._pick(*DEPTHS[1:])
        width = WIDE if channels < 6 and self._rng.integers(3) == 0 else self._pick(*SIZES)
        padding = Padding(*(self._pick(0, 1, 2) for _ in range(4)))
        shape = Shape(self._pick(*SIZES) + 3, width + 3, channels)
        window = Window((3, 3), (self._pick(1, 2, 3), self._pick(1, 2)), padding=padding)
        return self._conv(name, shape, channels, window, channels)

    def _fully_connected(self, name: str) -> Drawn:
        shape = Shape(self._pick(1, 1, 2), self._pick(1, 1, 3), self._pick(*DEPTHS))
        return self._conv(name, shape, self._pick(*DEPTHS), Window((shape.height, shape.width)))

    def _add(self, name: str) -> Drawn:
        shape = self._shape(self._pick(*DEPTHS))
        names = (f"{name}.a", f"{name}.b", f"{name}.y")
        return Add(name, names[:2], names[2], self._clamp()), [Tensor(n, shape, self._quant()) for n in names]


def _graph(operators: tuple[Operator, ...], tensors: dict[str, Tensor], rule: Arithmetic) -> Graph:
    def dims(name: str) -> tuple[int, ...]:
        return (1, *tensors[name].shape.as_tuple())

    inputs = [InputEnd(name, dims(name), "int8", False) for operator in operators for name in operator.inputs]
    outputs = [OutputEnd(operator.output, dims(operator.output), "int8", False) for operator in operators]
    return Graph("cases", tensors, operators, tuple(inputs), tuple(outputs), rule)
