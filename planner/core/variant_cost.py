"""Loop counts of the variants' kernels, which work on blocks of pixels, columns and channels.

Counts are floats or arrays that broadcast. Unless `exact`, a block counts as the fraction of it that is used, so that
the counts are additive in rows and in channels, and no more than the exact ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from planner.core.blocks import Box, Counts
from planner.core.dsp_cost import DSP_FEATURES, dsp_features
from planner.core.mve_cost import MVE_FEATURES, mve_features
from planner.core.scalar_cost import SCALAR_FEATURES, m3_features, rv32_features
from planner.data.graph import Graph, Operator

VARIANT_FEATURES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "dsp": DSP_FEATURES,
    "mve": MVE_FEATURES,
    "m3": SCALAR_FEATURES,
    "rv32": SCALAR_FEATURES,
}
"""By variant, and by the kernel that the variant's stands for."""
_COUNTS: Mapping[str, Callable[[Graph, Operator, str, Box], Mapping[str, Counts]]] = {
    "dsp": dsp_features,
    "mve": mve_features,
    "m3": m3_features,
    "rv32": rv32_features,
}


def variant_features(
    graph: Graph,
    operator: Operator,
    kernel: str,
    variant: str,
    row_start: ArrayLike,
    row_stop: ArrayLike,
    columns: int,
    channels: ArrayLike,
    exact: bool = True,
) -> Mapping[str, Counts]:
    """Counts of computing a box of an operator's output by a variant's kernel, by feature.

    Raises TypeError for an operator that the variant does not compute.
    """
    start, stop, count = (np.asarray(values, np.float64) for values in (row_start, row_stop, channels))
    box = Box(start, stop, columns, count, exact)
    return {"call": np.ones(()), **_COUNTS[variant](graph, operator, kernel, box)}
