"""How the scalar kernels, variants M3 and RV32, finish the sums of `fast_sums` without a floating-point unit.

Under ONNXRUNTIME, with h = the high word of (a << shift) * multiplier, plus the addend, the value is
h >> FRACTION_BITS. That is exact unless h lies within one of a tie: float32 moves a product that matters by less than
half of h's unit. There, the kernels round as the rule says. A channel whose sums leave no room for that has a general
finish.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.core.arithmetic import FACTOR_BITS, float_factor
from planner.core.fast_sums import FastSums, reach
from planner.data.graph import Int32Array

FRACTION_BITS = 14
MULTIPLIER_BITS = 31
SHIFTS = (0, 31)


def scalar_finishes(sums: FastSums) -> tuple[Int32Array, NDArray[np.bool_]]:
    """int32 [output channels, 3]: addend, multiplier and shift; and bool [output channels]: whose finish is general.

    A general finish is 0, then multiplier and shift of a quantisation record.
    """
    if sums.doubled:
        return sums.finish[:, [1, 0, 2]], np.zeros(len(sums.finish), np.bool_)
    factors = np.array([float_factor(float(scale)) for scale in sums.finish[:, 0].view(np.float32)], np.int64)
    multipliers, factor_shifts = factors.T
    shifts = 32 + FRACTION_BITS - (MULTIPLIER_BITS - FACTOR_BITS) - factor_shifts
    least, most = (end + sums.bias for end in reach(sums.weights))
    largest = np.maximum(-least, most)
    fits = (shifts >= SHIFTS[0]) & (shifts <= SHIFTS[1])
    fits &= largest << np.clip(shifts, *SHIFTS) < 2**31
    addends = (sums.finish[:, 1].astype(np.int64) << FRACTION_BITS) + 2 ** (FRACTION_BITS - 1) + 1
    fast = np.stack([addends, multipliers << (MULTIPLIER_BITS - FACTOR_BITS), shifts], axis=1)
    general = np.stack([np.zeros_like(addends), multipliers, factor_shifts], axis=1)
    return np.where(fits[:, None], fast, general).astype(np.int32), ~fits
