"""What kernels that work on blocks of pixels, columns and channels have to compute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.data.graph import Add, Clamp, Conv, Shape, Window

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


def clamped(operator: Conv | Add, box: Box) -> dict[str, Counts]:
    """What is clamped once more, where the clamp is narrower than int8."""
    is_clamped = operator.clamp != Clamp()
    return {"clamped_rows": box.rows * is_clamped, "clamped": box.outputs * is_clamped}


def gathered(conv: Conv, source: Shape, box: Box) -> dict[str, Counts]:
    """Copies of the values under the window, a row of it at a time or, if it is dilated, a tap."""
    window = conv.window
    rows, columns = window.kernel
    is_dense = window.dilation[1] == 1
    copies = box.pixels * rows * (1 if is_dense else columns)
    length = conv.group_input_channels * (columns if is_dense else 1)
    extent = (columns - 1) * window.dilation[1] + 1
    first = -(-window.padding.left // window.stride[1])
    end = min(box.columns, (window.padding.left + source.width - extent) // window.stride[1] + 1)
    outside = box.columns - max(0, end - first)
    height = (rows - 1) * window.dilation[0] + 1
    first_inside = -(-window.padding.top // window.stride[0])
    end_inside = (window.padding.top + source.height - height) // window.stride[0] + 1
    rows_inside = np.minimum(box.row_stop, end_inside) - np.maximum(box.row_start, first_inside)
    border = box.extra(box.pixels - np.maximum(rows_inside, 0) * (box.columns - outside))
    return {
        "copies": copies,
        "copied_words": copies * (length // 4),
        "copied_bytes": copies * (length % 4),
        "border_pixels": border,
        "border_values": border * conv.weights[0].size,
    }


def strip_columns(window: Window, first: int, most: int, width: int, columns: int) -> tuple[int, int, int]:
    """Of a depthwise strip of up to `most` columns: output columns, input columns that exist, columns of a line."""
    stride, pad = window.stride[1], window.padding.left
    count = min(columns - first, most)
    line = (count - 1) * stride + window.kernel[1]
    start = first * stride - pad
    return count, max(0, min(start + line, width) - max(start, 0)), line
