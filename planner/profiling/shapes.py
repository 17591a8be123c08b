"""Random operators of each kernel, shaped as in real networks and at their awkward edges.

Sizes are drawn so that every feature of the cost model varies independently of the others: odd channels, single rows
and columns, strides, dilation, borders, and windows larger than their input. An operator stands alone: its inputs are
graph inputs of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from planner.core.gathering import separated
from planner.data.graph import (
    Add,
    Clamp,
    Concat,
    Conv,
    Gather,
    Lookup,
    Mul,
    Operator,
    Pad,
    Padding,
    Pool,
    PoolKind,
    QuantParams,
    Shape,
    Tensor,
    Window,
)

_SIZES = (1, 2, 3, 4, 5, 7, 8, 10, 14, 20, 28)
_CHANNELS = (1, 3, 4, 5, 8, 8, 11, 16, 16, 24, 31, 32, 32, 48, 64, 64, 96, 130, 144, 192)
_KERNELS = (1, 2, 3, 5)


@dataclass(frozen=True)
class Sample:
    """One operator with its input tensors and its output tensor."""

    operator: Operator
    inputs: tuple[Tensor, ...]
    output: Tensor


class OperatorSampler:
    """Draws operators; `name` tells apart those of one graph."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._samplers: Mapping[str, Callable[[str], Sample]] = {
            "convolution": self._convolution,
            "pointwise": self._pointwise,
            "depthwise": self._depthwise,
            "fully_connected": self._fully_connected,
            "maximum_pool": lambda name: self._pool(name, PoolKind.MAXIMUM),
            "average_pool": lambda name: self._pool(name, PoolKind.AVERAGE),
            "mean": self._mean,
            "add": self._add,
            "concat": self._concat,
            "pad": self._pad,
            "lookup": self._lookup,
            "mul": self._mul,
            "gather": self._gather,
        }

    def sample(self, kernel: str, name: str) -> Sample:
        """An operator that `kernel` computes. Raises KeyError for kernels that no operator has as a whole."""
        return self._samplers[kernel](name)

    def pick(self, values: tuple[int, ...]) -> int:
        """One of the values, evenly."""
        return int(self._rng.choice(values))

    def _shape(self) -> Shape:
        return Shape(self.pick(_SIZES), self.pick(_SIZES), self.pick(_CHANNELS))

    def _tensor(self, name: str, shape: Shape) -> Tensor:
        return Tensor(name, shape, QuantParams(float(self._rng.uniform(0.02, 0.1)), int(self._rng.integers(-20, 20))))

    def _clamp(self) -> Clamp:
        return Clamp() if self._rng.random() < 0.7 else Clamp(-120, 100)

    def _window(self) -> Window:
        kernel = (self.pick(_KERNELS), self.pick(_KERNELS)) if self._rng.random() < 0.3 else (3, 3)
        stride = (self.pick((1, 2)),) * 2
        dilation = (self.pick((1, 1, 1, 2)),) * 2
        before = [(k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True)]
        after = [(k - 1) * d - b for k, d, b in zip(kernel, dilation, before, strict=True)]
        return Window(kernel, stride, dilation, Padding(before[0], before[1], after[0], after[1]))

    def _convolution(self, name: str) -> Sample:
        window = self._window()
        if window.kernel == (1, 1):
            window = Window((1, 1), (2, 2))
        groups = self.pick((1, 1, 1, 2))
        depth = self.pick(_CHANNELS) + (groups > 1)
        shape = Shape(self.pick(_SIZES[2:]) + 2, self.pick(_SIZES[2:]) + 2, depth * groups)
        return self._conv(name, window, shape, groups * self.pick(_CHANNELS), groups)

    def _pointwise(self, name: str) -> Sample:
        shape = self._shape()
        if shape.height * shape.width == 1:
            shape = Shape(2, 1, shape.channels)
        return self._conv(name, Window((1, 1)), shape, self.pick(_CHANNELS), 1)

    def _depthwise(self, name: str) -> Sample:
        shape = Shape(self.pick(_SIZES), self.pick(_SIZES), self.pick(_CHANNELS[1:]))
        return self._conv(name, self._window(), shape, shape.channels * self.pick((1,) * 7 + (2,)), shape.channels)

    def _fully_connected(self, name: str) -> Sample:
        size = self.pick((1, 1, 1, 2, 3))
        shape = Shape(size, size, self.pick(_CHANNELS) * self.pick((1, 2, 4)))
        return self._conv(name, Window((size, size)), shape, self.pick(_CHANNELS), 1)

    def _conv(self, name: str, window: Window, shape: Shape, output_channels: int, groups: int) -> Sample:
        source = self._tensor(f"{name}.input", shape)
        target = self._tensor(f"{name}.output", Shape(*window.output_size(shape.height, shape.width), output_channels))
        depth = shape.channels // groups
        fan_in = depth * window.kernel[0] * window.kernel[1]
        operator = Conv(
            name,
            (source.name,),
            target.name,
            window=window,
            groups=groups,
            weights=self._rng.integers(-127, 128, (output_channels, *window.kernel, depth)).astype(np.int8),
            bias=self._rng.integers(-1000, 1000, output_channels).astype(np.int32),
            clamp=self._clamp(),
            weight_scales=(self._rng.uniform(0.5, 1.0, output_channels) / (100 * fan_in**0.5)).astype(np.float32),
        )
        return Sample(operator, (source,), target)

    def _pool(self, name: str, kind: PoolKind) -> Sample:
        window = self._window()
        if kind is PoolKind.MAXIMUM:
            window = Window(
                window.kernel, window.stride, padding=window.padding if window.dilation == (1, 1) else Padding()
            )
        else:
            window = Window(window.kernel, window.stride)
        shape = Shape(self.pick(_SIZES[3:]) + 1, self.pick(_SIZES[3:]) + 1, self.pick(_CHANNELS))
        source, target = self._ends(name, shape, window.output_size(shape.height, shape.width))
        return Sample(Pool(name, (source.name,), target.name, kind=kind, window=window), (source,), target)

    def _mean(self, name: str) -> Sample:
        shape = Shape(self.pick(_SIZES[:8]), self.pick(_SIZES[:8]), self.pick(_CHANNELS))
        source, target = self._ends(name, shape, (1, 1))
        window = Window((shape.height, shape.width))
        return Sample(Pool(name, (source.name,), target.name, kind=PoolKind.MEAN, window=window), (source,), target)

    def _pad(self, name: str) -> Sample:
        shape = self._shape()
        padding = Padding(*(self.pick((0, 1, 2, 3)) for _ in range(4)))
        size = (shape.height + padding.top + padding.bottom, shape.width + padding.left + padding.right)
        source, target = self._ends(name, shape, size)
        return Sample(Pad(name, (source.name,), target.name, padding=padding, value=3), (source,), target)

    def _lookup(self, name: str) -> Sample:
        shape = self._shape()
        source, target = self._ends(name, shape, (shape.height, shape.width))
        tables = (256,) if self._rng.integers(2) else (shape.channels, 256)
        table = self._rng.integers(-128, 128, tables).astype(np.int8)
        return Sample(Lookup(name, (source.name,), target.name, table=table), (source,), target)

    def _ends(self, name: str, shape: Shape, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Input and output of equal channels and quantisation."""
        source = self._tensor(f"{name}.input", shape)
        return source, Tensor(f"{name}.output", Shape(*size, shape.channels), source.quant)

    def _add(self, name: str) -> Sample:
        shape = self._shape()
        inputs = tuple(self._tensor(f"{name}.input{i}", shape) for i in range(2))
        target = self._tensor(f"{name}.output", shape)
        return Sample(Add(name, tuple(t.name for t in inputs), target.name, self._clamp()), inputs, target)

    def _mul(self, name: str) -> Sample:
        shape = self._shape()
        second = Shape(1, 1, shape.channels) if self._rng.integers(2) else shape
        inputs = (self._tensor(f"{name}.input0", shape), self._tensor(f"{name}.input1", second))
        target = self._tensor(f"{name}.output", shape)
        return Sample(Mul(name, tuple(t.name for t in inputs), target.name), inputs, target)

    def _gather(self, name: str) -> Sample:
        """A channel shuffle, an enlargement, or a part of the columns and channels."""
        shape = self._shape()
        places = np.arange(shape.elements).reshape(shape.as_tuple())
        match self.pick((0, 1, 2)):
            case 0:
                places = places[:, :, self._rng.permutation(shape.channels)]
            case 1:
                places = places.repeat(2, axis=0).repeat(2, axis=1)
            case _:
                places = places[:, ::2, : self.pick((1, shape.channels))]
        offsets = separated(places)
        assert offsets is not None
        source = self._tensor(f"{name}.input", shape)
        target = Tensor(f"{name}.output", Shape(*places.shape), source.quant)
        return Sample(Gather(name, (source.name,), target.name, *offsets), (source,), target)

    def _concat(self, name: str) -> Sample:
        shape = self._shape()
        inputs = tuple(
            self._tensor(f"{name}.input{i}", Shape(shape.height, shape.width, self.pick(_CHANNELS)))
            for i in range(self.pick((2, 3)))
        )
        channels = sum(t.shape.channels for t in inputs)
        target = self._tensor(f"{name}.output", Shape(shape.height, shape.width, channels))
        return Sample(Concat(name, tuple(t.name for t in inputs), target.name), inputs, target)
