"""Flash that the constants of operators take on a device: weights as its kernels want them, biases, factors, tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.core.cost import kernel_of
from planner.core.variants import PLAIN, VARIANTS, serves
from planner.data.graph import Add, Conv, Gather, Graph, Lookup, Operator

CHANNEL_BYTES = 12
"""Of one output channel beside its weights: bias (4) and requantisation (8)."""
TABLE_BYTES = 256
"""Of a table with an entry for every int8 value."""
TERMS_BYTES = 4 * (2 * TABLE_BYTES + 3)
"""Of a variant's addition: two tables of words, and how their sum is rounded."""
OFFSET_BYTES = 4
"""Of one offset of a Gather."""


@dataclass(frozen=True, slots=True)
class ConstantSize:
    """Bytes for every output channel that a device computes, and for any part of the output."""

    channel_bytes: int = 0
    fixed_bytes: int = 0

    def of_channels(self, channels: int) -> int:
        """Bytes for a part of the output with some channels; 0 for none."""
        return self.channel_bytes * channels + self.fixed_bytes if channels else 0


@dataclass(frozen=True, slots=True)
class _Packing:
    """Weights in multiples of `block_taps`, and what a channel and the whole take besides."""

    block_taps: int
    channel_bytes: int
    fixed_bytes: int = 0


_PACKINGS: Mapping[str, _Packing] = {
    "DSP_PAIRS": _Packing(4, 16, 8),
    "DSP_CHANNELS": _Packing(24, 16),
    "MVE_GROUPS": _Packing(16, 12),
    "MVE_WINDOWS": _Packing(16, 12),
}
"""Those that take more than the weights as they are."""


def constant_size(graph: Graph, operator: Operator, variant: str) -> ConstantSize:
    """What an operator's constants take on a device of a variant, in mode OWN_OUTPUT.

    Channels that fit no pair of DSP_PAIRS are counted as if they did.
    """
    kernel = kernel_of(graph, operator)
    is_served = serves(graph, operator, kernel, variant)
    match operator:
        case Conv():
            packing = _PACKINGS.get(
                VARIANTS[variant][kernel].packing if is_served else PLAIN, _Packing(1, CHANNEL_BYTES)
            )
            taps = -(-operator.weights[0].size // packing.block_taps) * packing.block_taps
            return ConstantSize(taps + packing.channel_bytes, packing.fixed_bytes)
        case Add():
            return ConstantSize(0, TERMS_BYTES if is_served else 0)
        case Lookup(table=table):
            return ConstantSize(TABLE_BYTES, 0) if table.ndim == 2 else ConstantSize(0, TABLE_BYTES)
        case Gather(rows=rows, columns=columns, channels=channels):
            return ConstantSize(0, OFFSET_BYTES * (rows.size + columns.size + 1 + 2 * channels.size))
    return ConstantSize()
