"""Small int8 networks for tests: a builder with one method per operator, and a seeded generator of random DAGs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

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


class GraphBuilder:
    """Grows a network operator by operator; every method returns the name of the tensor that it computes.

    Weights in [-weight_limit, weight_limit), quantisation and clamps are drawn from `rng` so that outputs spread over
    much of int8.
    """

    def __init__(self, rng: np.random.Generator, input_shape: Shape, weight_limit: int = 128) -> None:
        self.rng = rng
        self.weight_limit = weight_limit
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self.input = self._tensor("input", input_shape, QuantParams(float(np.float32(0.02)), self._zero_point()))

    def shape(self, name: str) -> Shape:
        return self.tensors[name].shape

    def conv(
        self,
        source: str,
        output_channels: int,
        window: Window,
        groups: int = 1,
        weight_zero_point: int = 0,
        clamp: Clamp | None = None,
    ) -> str:
        shape = self.shape(source)
        depth = shape.channels // groups
        taps = window.kernel[0] * window.kernel[1] * depth
        limit = self.weight_limit
        weights = self.rng.integers(-limit, limit, (output_channels, *window.kernel, depth)).astype(np.int8)
        spread = limit * 0.58 * taps**0.5
        scales = (0.002 * self.rng.uniform(0.5, 2.0, output_channels)).astype(np.float32)
        bias = self.rng.integers(-20 * int(spread), 20 * int(spread) + 1, output_channels)
        quant = self._scaled(self.tensors[source].quant.scale * 0.002 * spread * self.rng.uniform(0.7, 2.0))
        output = self._tensor("conv", Shape(*window.output_size(shape.height, shape.width), output_channels), quant)
        self.operators.append(
            Conv(
                name=f"op_{output}",
                inputs=(source,),
                output=output,
                window=window,
                groups=groups,
                weights=weights,
                bias=bias.astype(np.int32),
                weight_scales=scales,
                weight_zero_point=weight_zero_point,
                clamp=clamp or self._clamp(),
            )
        )
        return output

    def fully_connected(self, source: str, outputs: int) -> str:
        shape = self.shape(source)
        return self.conv(source, outputs, Window((shape.height, shape.width)))

    def add(self, first: str, second: str, clamp: Clamp | None = None, subtract: bool = False) -> str:
        scale = (self.tensors[first].quant.scale + self.tensors[second].quant.scale) * self.rng.uniform(0.5, 1.2)
        output = self._tensor("add", self.shape(first), self._scaled(scale))
        self.operators.append(Add(f"op_{output}", (first, second), output, clamp or self._clamp(), subtract))
        return output

    def mul(self, first: str, second: str, clamp: Clamp | None = None) -> str:
        scale = self.tensors[first].quant.scale * self.tensors[second].quant.scale * self.rng.uniform(20, 100)
        output = self._tensor("mul", self.shape(first), self._scaled(scale))
        self.operators.append(Mul(f"op_{output}", (first, second), output, clamp=clamp or self._clamp()))
        return output

    def pool(self, source: str, kind: PoolKind, window: Window, count_padding: bool = False) -> str:
        shape = self.shape(source)
        quant = self.tensors[source].quant
        if kind is not PoolKind.MAXIMUM and self.rng.integers(2):
            quant = self._scaled(quant.scale * self.rng.uniform(0.3, 1.0))
        output = self._tensor("pool", Shape(*window.output_size(shape.height, shape.width), shape.channels), quant)
        self.operators.append(
            Pool(f"op_{output}", (source,), output, kind, window, count_padding=count_padding, clamp=self._clamp())
        )
        return output

    def mean(self, source: str) -> str:
        shape = self.shape(source)
        return self.pool(source, PoolKind.MEAN, Window((shape.height, shape.width)))

    def concat(self, sources: tuple[str, ...]) -> str:
        shape = self.shape(sources[0])
        quant = self.tensors[sources[int(self.rng.integers(len(sources)))]].quant
        channels = sum(self.shape(name).channels for name in sources)
        output = self._tensor("concat", replace(shape, channels=channels), quant)
        self.operators.append(Concat(f"op_{output}", sources, output))
        return output

    def pad(self, source: str, padding: Padding) -> str:
        shape, quant = self.shape(source), self.tensors[source].quant
        height = shape.height + padding.top + padding.bottom
        width = shape.width + padding.left + padding.right
        output = self._tensor("pad", Shape(height, width, shape.channels), quant)
        value = quant.zero_point if self.rng.integers(2) else int(self.rng.integers(-128, 128))
        self.operators.append(Pad(f"op_{output}", (source,), output, padding, value))
        return output

    def slice(self, source: str, start: tuple[int, int, int], shape: Shape) -> str:
        output = self._tensor("slice", shape, self.tensors[source].quant)
        self.operators.append(Slice(f"op_{output}", (source,), output, start))
        return output

    def gather(self, source: str, places: NDArray[np.int64]) -> str:
        """The rearrangement that takes element [r, c, k] from places[r, c, k] of its input."""
        offsets = separated(places)
        assert offsets is not None
        output = self._tensor("gather", Shape(*places.shape), self.tensors[source].quant)
        self.operators.append(Gather(f"op_{output}", (source,), output, *offsets))
        return output

    def lookup(self, source: str, channel_tables: bool = False) -> str:
        output = self._tensor("lookup", self.shape(source), self.tensors[source].quant)
        tables = [
            self.rng.permutation(np.arange(-128, 128)).astype(np.int8) for _ in range(self.shape(source).channels)
        ]
        table = np.stack(tables) if channel_tables else tables[0]
        self.operators.append(Lookup(f"op_{output}", (source,), output, table))
        return output

    def graph(self, outputs: tuple[str, ...], arithmetic: Arithmetic, name: str = "random") -> Graph:
        def shape(tensor: str) -> tuple[int, int, int, int]:
            return (1, *self.shape(tensor).as_tuple())

        return Graph(
            name=name,
            tensors=self.tensors,
            operators=tuple(self.operators),
            inputs=(InputEnd(self.input, shape(self.input), "int8", channels_first=False),),
            outputs=tuple(OutputEnd(tensor, shape(tensor), "int8", channels_first=False) for tensor in outputs),
            arithmetic=arithmetic,
        )

    def _tensor(self, kind: str, shape: Shape, quant: QuantParams) -> str:
        name = kind if kind == "input" else f"{kind}_{len(self.operators)}"
        self.tensors[name] = Tensor(name, shape, quant)
        return name

    def _scaled(self, scale: float) -> QuantParams:
        return QuantParams(float(np.float32(scale)), self._zero_point())

    def _zero_point(self) -> int:
        return int(self.rng.choice([-128, 0, int(self.rng.integers(-128, 128))]))

    def _clamp(self) -> Clamp:
        return (
            Clamp()
            if self.rng.integers(3)
            else Clamp(int(self.rng.integers(-128, -60)), int(self.rng.integers(50, 128)))
        )


def random_window(rng: np.random.Generator, shape: Shape, pooling: bool = False) -> Window:
    """A window that fits `shape`, with odd strides, dilations and asymmetric padding (below the kernel's extent)."""
    kernel = tuple(int(rng.integers(1, min(4, size) + 1)) for size in (shape.height, shape.width))
    stride = tuple(int(rng.integers(1, 3)) for _ in range(2))
    dilation = tuple(
        1 if pooling or 2 * (taps - 1) + 1 > size else int(rng.integers(1, 3))
        for taps, size in zip(kernel, (shape.height, shape.width), strict=True)
    )
    # Every window must keep a valid element, so padding stays below the kernel for pools.
    top, bottom = (int(rng.integers(0, kernel[0])) for _ in range(2))
    left, right = (int(rng.integers(0, kernel[1])) for _ in range(2))
    return Window(kernel, stride, dilation, Padding(top, left, bottom, right))


def random_graph(
    seed: int,
    operators: int = 6,
    arithmetic: Arithmetic | None = None,
    max_size: int = 9,
    max_channels: int = 11,
    all_kinds: bool = True,
    weight_limit: int = 128,
) -> Graph:
    """A random connected DAG of about `operators` operators of all classes; the same for the same arguments.

    Unless `all_kinds`, of those alone that an ONNX file can say as they are.
    """
    rng = np.random.default_rng(seed)
    height, width = (int(rng.integers(3, max_size + 1)) for _ in range(2))
    builder = GraphBuilder(rng, Shape(height, width, int(rng.integers(1, max_channels + 1))), weight_limit)
    steps = (_random_conv, _random_depthwise, _random_grouped, _random_residual, _random_pool, _random_concat)
    steps += (_random_pad, _random_pointwise, _random_slice, _random_product)
    if all_kinds:
        steps += (_random_lookup, _random_gather, _random_difference)
    current = builder.input
    while len(builder.operators) < max(1, operators - 1):
        step: Callable[[GraphBuilder, str, int], str] = steps[int(rng.integers(len(steps)))]
        current = step(builder, current, max_channels)
    ending = int(rng.integers(4))
    if ending == 1:
        current = builder.mean(current)
    elif ending >= 2:
        current = builder.fully_connected(current, int(rng.integers(1, max_channels + 1)))
    if arithmetic is None:
        arithmetic = list(Arithmetic)[int(rng.integers(2))]
    return builder.graph((current,), arithmetic, name=f"random{seed}")


def random_input(graph: Graph, seed: int) -> dict[str, Int8Array]:
    """Uniform int8 values for every input of the graph."""
    rng = np.random.default_rng(seed)
    shapes = {end.tensor: graph.tensors[end.tensor].shape.as_tuple() for end in graph.inputs}
    return {name: rng.integers(-128, 128, shape).astype(np.int8) for name, shape in shapes.items()}


def graphs(operators: int = 6, arithmetic: Arithmetic | None = None) -> st.SearchStrategy[Graph]:
    """Random graphs for hypothesis; a failing example shows its seed as the graph's name."""
    return st.builds(
        lambda seed, size: random_graph(seed, size, arithmetic), st.integers(0, 2**31), st.integers(1, operators)
    )


def _random_conv(builder: GraphBuilder, source: str, max_channels: int) -> str:
    window = random_window(builder.rng, builder.shape(source))
    zero_point = 0 if builder.rng.integers(3) else int(builder.rng.integers(-20, 21))
    return builder.conv(source, int(builder.rng.integers(1, max_channels + 1)), window, weight_zero_point=zero_point)


def _random_pointwise(builder: GraphBuilder, source: str, max_channels: int) -> str:
    return builder.conv(source, int(builder.rng.integers(1, max_channels + 1)), Window((1, 1)))


def _random_depthwise(builder: GraphBuilder, source: str, max_channels: int) -> str:
    channels = builder.shape(source).channels
    multiplier = 2 if 2 * channels <= max_channels and builder.rng.integers(2) else 1
    return builder.conv(
        source, channels * multiplier, random_window(builder.rng, builder.shape(source)), groups=channels
    )


def _random_grouped(builder: GraphBuilder, source: str, max_channels: int) -> str:
    channels = builder.shape(source).channels
    groups = int(builder.rng.choice([g for g in range(1, channels + 1) if channels % g == 0]))
    outputs = groups * int(builder.rng.integers(1, max(2, max_channels // groups + 1)))
    return builder.conv(source, outputs, random_window(builder.rng, builder.shape(source)), groups=groups)


def _random_residual(builder: GraphBuilder, source: str, max_channels: int) -> str:
    shape = builder.shape(source)
    same = Window((3, 3), padding=Padding(1, 1, 1, 1))
    branch = builder.conv(source, shape.channels, same, groups=shape.channels)
    skip = source if builder.rng.integers(2) else _random_branch(builder, source)
    return builder.add(*((branch, skip) if builder.rng.integers(2) else (skip, branch)))


def _random_branch(builder: GraphBuilder, source: str) -> str:
    return builder.conv(source, builder.shape(source).channels, Window((1, 1)))


def _random_pool(builder: GraphBuilder, source: str, max_channels: int) -> str:
    kind = PoolKind.MAXIMUM if builder.rng.integers(2) else PoolKind.AVERAGE
    window = random_window(builder.rng, builder.shape(source), pooling=True)
    return builder.pool(source, kind, window, count_padding=bool(builder.rng.integers(2)))


def _random_concat(builder: GraphBuilder, source: str, max_channels: int) -> str:
    channels = int(builder.rng.integers(1, max_channels + 1))
    other = builder.conv(source, channels, Window((1, 1)))
    return builder.concat((source, other) if builder.rng.integers(2) else (other, source))


def _random_pad(builder: GraphBuilder, source: str, max_channels: int) -> str:
    return builder.pad(source, Padding(*(int(builder.rng.integers(0, 3)) for _ in range(4))))


def _random_slice(builder: GraphBuilder, source: str, max_channels: int) -> str:
    sizes = builder.shape(source).as_tuple()
    ends = [sorted(int(x) for x in builder.rng.choice(size + 1, 2, replace=False)) for size in sizes]
    # Most slices are of channels: rows and columns would soon be used up.
    if builder.rng.integers(4):
        ends[:2] = [[0, size] for size in sizes[:2]]
    start, stop = zip(*ends, strict=True)
    return builder.slice(source, start, Shape(*(b - a for a, b in zip(start, stop, strict=True))))


def _random_lookup(builder: GraphBuilder, source: str, max_channels: int) -> str:
    return builder.lookup(source, channel_tables=bool(builder.rng.integers(2)))


def _random_difference(builder: GraphBuilder, source: str, max_channels: int) -> str:
    return builder.add(source, _random_branch(builder, source), subtract=True)


def _random_gather(builder: GraphBuilder, source: str, max_channels: int) -> str:
    """A shuffle, an enlargement, a strided or reversed part, a transposition, or another shape of the same elements."""
    shape, rng = builder.shape(source), builder.rng
    places = np.arange(shape.elements).reshape(shape.as_tuple())
    match int(rng.integers(6)):
        case 0:
            places = places[:, :, rng.permutation(shape.channels)]
        case 1 if shape.height * shape.width <= 100:
            places = places.repeat(2, axis=0).repeat(2, axis=1)
        case 2:
            places = places[:: int(rng.integers(1, 3)), int(rng.integers(2)) % shape.width :: 2]
        case 3:
            places = places[:: int(rng.choice([-1, 1])), ::-1, ::2]
        case 4:
            places = places.transpose(rng.permutation(3))
        case _:
            places = places.reshape(shape.height, 1, -1)
    return builder.gather(source, places)


def _random_product(builder: GraphBuilder, source: str, max_channels: int) -> str:
    """With a branch of the same shape, or with a gate for each channel."""
    if builder.rng.integers(2):
        return builder.mul(source, _random_branch(builder, source))
    return builder.mul(source, _random_branch(builder, builder.mean(source)))
