"""Kernel variants: what each implements, what memory it needs, and which operators it may compute.

A variant is a set of kernels for a family of cores; a device's profile names the one that its firmware has. It computes
an operator where it implements the kernel and its fast arithmetic is proven exact for the operator's numbers
(`fast_sums`); elsewhere the portable kernel does, which every firmware has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from planner.core.fast_sums import fast_addition, fast_sums
from planner.core.scalar_sums import scalar_finishes
from planner.data.graph import Add, Conv, Graph, Operator

PORTABLE = "portable"
PLAIN = "PLAIN"
CHUNK = 4
"""Taps are padded to a multiple of it."""
DEPTHWISE_KERNEL = (3, 3)
DEPTHWISE_STRIDES = (1, 2)


@dataclass(frozen=True, slots=True)
class Implementation:
    """A kernel of a variant: the order of its weights, and its scratch memory, fixed and per padded tap."""

    packing: str = PLAIN
    scratch_bytes: int = 0
    tap_scratch_bytes: int = 0


def _scalar(tile_pixels: int) -> Mapping[str, Implementation]:
    """The scalar kernels, which gather the values under as many windows as a tile has pixels."""
    return {
        "convolution": Implementation("SCALAR_GROUPS", tap_scratch_bytes=tile_pixels),
        "pointwise": Implementation("SCALAR_GROUPS"),
        "depthwise": Implementation("SCALAR_CHANNELS", scratch_bytes=1536),
        "fully_connected": Implementation(),
        "add": Implementation(),
    }


SCALAR_TILE_PIXELS = {"m3": 2, "rv32": 4}
VARIANTS: Mapping[str, Mapping[str, Implementation]] = {
    "dsp": {
        "convolution": Implementation("DSP_PAIRS", tap_scratch_bytes=12),
        "pointwise": Implementation("DSP_PAIRS", tap_scratch_bytes=8),
        "depthwise": Implementation("DSP_CHANNELS", scratch_bytes=3072),
        "fully_connected": Implementation(tap_scratch_bytes=3),
        "add": Implementation(),
    },
    "mve": {
        "convolution": Implementation("MVE_GROUPS", scratch_bytes=1024, tap_scratch_bytes=2),
        "pointwise": Implementation("MVE_GROUPS"),
        "depthwise": Implementation("MVE_WINDOWS", scratch_bytes=4096),
        "fully_connected": Implementation("MVE_GROUPS", tap_scratch_bytes=1),
        "add": Implementation(),
    },
    **{variant: _scalar(pixels) for variant, pixels in SCALAR_TILE_PIXELS.items()},
}
"""By variant and kernel. The runtime's tables are generated from here."""


def serves(graph: Graph, operator: Operator, kernel: str, variant: str) -> bool:
    """Whether the variant computes an operator, whole or in part, whose kernel is given."""
    if kernel not in VARIANTS.get(variant, {}):
        return False
    if isinstance(operator, Add):
        return fast_addition(graph, operator) is not None
    assert isinstance(operator, Conv)
    if kernel == "fully_connected" and VARIANTS[variant][kernel].packing == PLAIN:
        return True
    window = operator.window
    if kernel == "depthwise":
        fits = (
            window.kernel == DEPTHWISE_KERNEL
            and window.stride[1] in DEPTHWISE_STRIDES
            and window.dilation == (1, 1)
            and operator.group_output_channels == 1
        )
    else:
        fits = operator.groups == 1 and operator.weight_zero_point == 0
    sums = fast_sums(graph, operator) if fits else None
    if sums is None or kernel != "depthwise" or variant not in SCALAR_TILE_PIXELS:
        return sums is not None
    _, is_general = scalar_finishes(sums)
    return not is_general.any()


def padded_taps(operator: Operator) -> int:
    """Products of one output of a convolution, padded; 0 for others."""
    return -(-operator.weights[0].size // CHUNK) * CHUNK if isinstance(operator, Conv) else 0


def scratch_bytes(graph: Graph, operator: Operator, kernel: str, variant: str) -> int:
    """Scratch memory for computing any part of an operator."""
    if not serves(graph, operator, kernel, variant):
        return 0
    implementation = VARIANTS[variant][kernel]
    return implementation.scratch_bytes + implementation.tap_scratch_bytes * padded_taps(operator)
