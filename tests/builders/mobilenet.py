"""MobileNetV2 with random weights, for solver tests: only its shapes matter."""

from __future__ import annotations

import numpy as np

from planner.data.graph import Arithmetic, Graph, Padding, Shape, Window
from tests.builders.graphs import GraphBuilder

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, repeats, stride of the first repeat."""


def mobilenet_v2(width: float = 1.0, resolution: int = 224) -> Graph:
    """MobileNetV2 with every addition an operator of its own."""

    def scaled(channels: int) -> int:
        rounded = max(8, int(channels * width + 4) // 8 * 8)
        return rounded if rounded >= 0.9 * channels * width else rounded + 8

    def spatial(stride: int) -> Window:
        first = 1 if stride == 1 else 0
        return Window((3, 3), (stride, stride), padding=Padding(first, first, 1, 1))

    builder = GraphBuilder(np.random.default_rng(0), Shape(resolution, resolution, 3))
    current = builder.conv(builder.input, scaled(32), spatial(2))
    for expansion, channels, repeats, first_stride in STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            source, depth = current, builder.shape(current).channels
            if expansion > 1:
                current = builder.conv(current, depth * expansion, Window((1, 1)))
            hidden = builder.shape(current).channels
            current = builder.conv(current, hidden, spatial(stride), groups=hidden)
            current = builder.conv(current, scaled(channels), Window((1, 1)))
            if stride == 1 and depth == scaled(channels):
                current = builder.add(source, current)
    current = builder.conv(current, max(1280, scaled(1280)), Window((1, 1)))
    current = builder.fully_connected(builder.mean(current), 1000)
    return builder.graph((current,), Arithmetic.ONNXRUNTIME, name=f"mobilenet_v2_{width}_{resolution}")
