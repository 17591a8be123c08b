"""Random operators with numbers at their edges, as many as wanted in one graph, for every kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from planner.core.cost import variant_of
from planner.core.gathering import separated
from planner.data.graph import (
    Add,
    Arithmetic,
    Clamp,
    Concat,
    Conv,
    Gather,
    Graph,
    InputEnd,
    Int8Array,
    Lookup,
    Mul,
    Operator,
    OutputEnd,
    Pad,
    Padding,
    Pool,
    PoolKind,
    QuantParams,
    Shape,
    Slice,
    Tensor,
    Window,
)

Drawn = tuple[Operator, list[Tensor]]
ADDENDS = ".addends"
"""Ends the names of operators whose output is meant to be summed over shares of its channels."""
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
        self._other_draws: tuple[Callable[[str], Drawn], ...] = (
            self._awkward_convolution,
            self._awkward_depthwise,
            self._mul,
            self._mean,
            lambda name: self._pool(name, PoolKind.MAXIMUM),
            lambda name: self._pool(name, PoolKind.AVERAGE),
            self._concat,
            self._pad,
            self._slice,
            self._gather,
            self._lookup,
        )

    def every_kernel(self, rounds: int, rule: Arithmetic) -> Graph:
        """`rounds` operators of each kind, whether a variant serves them or not, and as many 1x1 convolutions of what
        an operator named `ADDENDS` makes; all outputs but those are graph outputs."""
        tensors: dict[str, Tensor] = {}
        operators: list[Operator] = []
        for number in range(rounds):
            for kind, draw in enumerate((*self._draws, *self._other_draws)):
                operator, drawn = draw(f"case{number}.{kind}")
                operators.append(operator)
                tensors |= {tensor.name: tensor for tensor in drawn}
            conv, drawn = self._pointwise(f"case{number}.sums")
            tensors |= {tensor.name: tensor for tensor in drawn}
            source = drawn[0]
            name = source.name + ADDENDS
            tensors[name] = Tensor(name, source.shape, source.quant)
            operators += [Lookup(name, (name,), source.name, self._table()), conv]
        return _graph(tuple(operators), tensors, rule)

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

    def _conv(
        self, name: str, shape: Shape, channels: int, window: Window, groups: int = 1
    ) -> tuple[Conv, list[Tensor]]:
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
        limits = [size - 1 for size in extent]
        top, left, bottom, right = map(min, (self._pick(0, 1, 2), self._pick(0, 1, 2), 1, 1), limits * 2)
        padding = Padding(top, left, bottom, right)
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
        return Add(name, names[:2], names[2], self._clamp(), bool(self._rng.integers(2))), [
            Tensor(n, shape, self._quant()) for n in names
        ]

    def _awkward_convolution(self, name: str) -> Drawn:
        """What no variant serves: groups, asymmetric weights, or scales that no fast arithmetic takes."""
        groups = self._pick(1, 2, 3)
        shape = Shape(self._pick(*SIZES) + 2, self._pick(*SIZES) + 2, groups * self._pick(2, 3, 4, 8))
        window = Window((self._pick(2, 3, 4), self._pick(2, 3)), padding=Padding(1, 0, 0, 1))
        conv, tensors = self._conv(name, shape, groups * self._pick(1, 2, 3, 5, 8), window, groups)
        scales = conv.weight_scales * (np.float32(1) if groups > 1 else np.float32(10.0 ** self._pick(-9, 3)))
        return replace(conv, weight_scales=scales, weight_zero_point=self._pick(0, 0, -128, 5) if groups > 1 else 0), [
            *tensors
        ]

    def _awkward_depthwise(self, name: str) -> Drawn:
        """Windows other than 3x3, dilation, and more than one output channel of an input channel."""
        channels = self._pick(*DEPTHS[1:14])
        kernel = (self._pick(1, 2, 3, 4, 5, 7), self._pick(1, 2, 3, 5, 7))
        shape = Shape(self._pick(*SIZES) + 2 * kernel[0], self._pick(*SIZES) + 2 * kernel[1], channels)
        dilation = (self._pick(1, 1, 2), self._pick(1, 1, 2))
        padding = Padding(*(int(self._rng.integers(0, size)) for size in kernel * 2))
        window = Window(kernel, (self._pick(1, 2), self._pick(1, 2, 3)), dilation, padding)
        return self._conv(name, shape, channels * self._pick(1, 1, 1, 2, 3), window, channels)

    def _mul(self, name: str) -> Drawn:
        shape = self._shape(self._pick(*DEPTHS))
        second = Shape(1, 1, shape.channels) if self._rng.integers(2) else shape
        names = (f"{name}.a", f"{name}.b", f"{name}.y")
        tensors = [Tensor(n, s, self._quant()) for n, s in zip(names, (shape, second, shape), strict=True)]
        return Mul(name, names[:2], names[2], self._clamp()), tensors

    def _mean(self, name: str) -> Drawn:
        shape = self._shape(self._pick(*DEPTHS))
        pool = Pool(name, (f"{name}.x",), f"{name}.y", PoolKind.MEAN, Window((shape.height, shape.width)))
        return pool, [
            Tensor(f"{name}.x", shape, self._quant()),
            Tensor(f"{name}.y", Shape(1, 1, shape.channels), self._quant()),
        ]

    def _pool(self, name: str, kind: PoolKind) -> Drawn:
        kernel = (self._pick(1, 2, 3, 5), self._pick(1, 2, 3, 5))
        padding = Padding(*(int(self._rng.integers(0, (size + 1) // 2)) for size in kernel * 2))
        window = Window(kernel, (self._pick(1, 2), self._pick(1, 2, 3)), padding=padding)
        shape = Shape(self._pick(*SIZES) + kernel[0], self._pick(*SIZES) + kernel[1], self._pick(*DEPTHS))
        target = Shape(*window.output_size(shape.height, shape.width), shape.channels)
        quant = self._quant()
        counted = kind is PoolKind.AVERAGE and bool(self._rng.integers(2))
        pool = Pool(name, (f"{name}.x",), f"{name}.y", kind, window, counted, self._clamp())
        return pool, [Tensor(f"{name}.x", shape, quant), Tensor(f"{name}.y", target, quant)]

    def _concat(self, name: str) -> Drawn:
        shape = self._shape(1)
        depths = [self._pick(*DEPTHS) for _ in range(self._pick(2, 3))]
        quants = [self._quant() for _ in range(2)]
        inputs = [
            Tensor(f"{name}.x{i}", Shape(shape.height, shape.width, depth), quants[self._pick(0, 1)])
            for i, depth in enumerate(depths)
        ]
        output = Tensor(f"{name}.y", Shape(shape.height, shape.width, sum(depths)), quants[0])
        return Concat(name, tuple(tensor.name for tensor in inputs), output.name), [*inputs, output]

    def _pad(self, name: str) -> Drawn:
        shape = self._shape(self._pick(*DEPTHS))
        padding = Padding(*(self._pick(0, 1, 2, 3) for _ in range(4)))
        height, width = shape.height + padding.top + padding.bottom, shape.width + padding.left + padding.right
        quant = self._quant()
        return Pad(name, (f"{name}.x",), f"{name}.y", padding, quant.zero_point), [
            Tensor(f"{name}.x", shape, quant),
            Tensor(f"{name}.y", Shape(height, width, shape.channels), quant),
        ]

    def _slice(self, name: str) -> Drawn:
        shape = self._shape(self._pick(*DEPTHS))
        starts = [int(self._rng.integers(size)) for size in shape.as_tuple()]
        sizes = [int(self._rng.integers(1, n - start + 1)) for n, start in zip(shape.as_tuple(), starts, strict=True)]
        quant = self._quant()
        return Slice(name, (f"{name}.x",), f"{name}.y", (starts[0], starts[1], starts[2])), [
            Tensor(f"{name}.x", shape, quant),
            Tensor(f"{name}.y", Shape(*sizes), quant),
        ]

    def _gather(self, name: str) -> Drawn:
        """Channels in another order, some of the columns, rows again and again."""
        shape = self._shape(self._pick(*DEPTHS))
        places = np.arange(shape.elements).reshape(shape.as_tuple())
        places = places[:, :: self._pick(1, 2), self._rng.permutation(shape.channels)]
        offsets = separated(places.repeat(self._pick(1, 2), axis=0))
        assert offsets is not None
        quant = self._quant()
        return Gather(name, (f"{name}.x",), f"{name}.y", *offsets), [
            Tensor(f"{name}.x", shape, quant),
            Tensor(f"{name}.y", Shape(*map(len, offsets)), quant),
        ]

    def _lookup(self, name: str) -> Drawn:
        shape = self._shape(self._pick(*DEPTHS))
        table = self._table() if self._rng.integers(2) else np.stack([self._table() for _ in range(shape.channels)])
        return Lookup(name, (f"{name}.x",), f"{name}.y", table), [
            Tensor(f"{name}.x", shape, self._quant()),
            Tensor(f"{name}.y", shape, self._quant()),
        ]

    def _table(self) -> Int8Array:
        return self._rng.integers(-128, 128, 256).astype(np.int8)


def _graph(operators: tuple[Operator, ...], tensors: dict[str, Tensor], rule: Arithmetic) -> Graph:
    def dims(name: str) -> tuple[int, ...]:
        return (1, *tensors[name].shape.as_tuple())

    made = {operator.output for operator in operators}
    read = [name for operator in operators for name in operator.inputs]
    inputs = [InputEnd(name, dims(name), "int8", False) for name in read if name not in made]
    outputs = [OutputEnd(name, dims(name), "int8", False) for name in sorted(made) if name not in read]
    return Graph("cases", tensors, operators, tuple(inputs), tuple(outputs), rule)
