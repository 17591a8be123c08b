"""Sums and products of an activation with constants, one for all elements or one for each channel."""

from __future__ import annotations

import numpy as np

from planner.core.arithmetic import INT8_VALUES, UNSIGNED_OFFSET, Addition
from planner.data.graph import INT8_MAX, INT8_MIN, Clamp, Conv, Int8Array, QuantParams, Window


def sum_tables(addition: Addition, constants: Int8Array, constant_first: bool, clamp: Clamp) -> Int8Array:
    """What the addition makes of every int8 value. constants: int8 [1] or [channels]; int8 [256] or [channels, 256]."""
    values, constants = np.broadcast_arrays(INT8_VALUES, constants[:, None])
    first, second = (constants, values) if constant_first else (values, constants)
    return _shared(addition.apply(first, second, clamp))


def float_product_tables(
    source: QuantParams, factor: QuantParams, target: QuantParams, unsigned: bool, constants: Int8Array, clamp: Clamp
) -> Int8Array:
    """What ONNX Runtime's quantised product makes of every int8 value: int8 [256], or [channels, 256].

    It adds the zero point, of the uint8 value if the output is `unsigned`, before it rounds, in float32.
    """
    values = INT8_VALUES.astype(np.int32) - source.zero_point
    products = values * (constants.astype(np.int32)[:, None] - factor.zero_point)
    scale = np.float32(source.scale) * np.float32(factor.scale) / np.float32(target.scale)
    offset = UNSIGNED_OFFSET if unsigned else 0
    stored = np.rint(products.astype(np.float32) * scale + np.float32(target.zero_point + offset))
    return _shared(np.clip(stored - offset, clamp.minimum, clamp.maximum).astype(np.int8))


def scaling(
    name: str,
    source: str,
    output: str,
    factors: Int8Array,
    quant: QuantParams,
    clamp: Clamp,
) -> Conv:
    """TFLM's product with a constant for each channel, as a depthwise 1x1 convolution: both round alike.

    factors: int8 [channels] of quantisation `quant`. Their zero point is taken off where int8 holds the rest.
    """
    weights, zero_point = factors.astype(np.int16), quant.zero_point
    shifted = weights - zero_point
    if shifted.min() >= INT8_MIN and shifted.max() <= INT8_MAX:
        weights, zero_point = shifted, 0
    channels = len(factors)
    return Conv(
        name,
        (source,),
        output,
        Window((1, 1)),
        channels,
        weights.astype(np.int8).reshape(channels, 1, 1, 1),
        np.zeros(channels, np.int32),
        np.full(channels, quant.scale, np.float32),
        zero_point,
        clamp,
    )


def _shared(tables: Int8Array) -> Int8Array:
    """One table without its first axis."""
    return tables.reshape(tables.shape[1:]) if len(tables) == 1 else tables
