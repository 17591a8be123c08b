"""What kernels that work on blocks of pixels, columns and channels have to compute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """Rows [row_start, row_stop), all columns and some channels of an output; arrays broadcast."""

    row_start: Counts
    row_stop: Counts
    columns: int
    channels: Counts
    exact: bool

    @property
    def rows(self) -> Counts:
        return self.row_stop - self.row_start

    @property
    def pixels(self) -> Counts:
        return self.rows * self.columns

    @property
    def outputs(self) -> Counts:
        return self.pixels * self.channels

    def blocks(self, count: ArrayLike, size: float) -> Counts:
        """Blocks of a size that cover a count."""
        blocks = np.asarray(count, np.float64) / size
        return np.ceil(blocks) if self.exact else blocks

    def extra(self, count: ArrayLike) -> Counts:
        """What an exact count has more than any share of it."""
        return np.asarray(count, np.float64) if self.exact else np.zeros(())
