"""How many input rows some number of output rows needs, wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.solvers import kernels
from planner.solvers.problem import Reach

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Spans:
    """Row needs of one operator input; arrays are indexed by a number of output rows, 0 .. height.

    `fewest` and `most` rows that one contiguous range of n output rows reads; `union` the fewest distinct rows that any
    n output rows read; `overlap` the rows that two adjacent ranges both read, at least, for every cut; `hull` what the
    whole output reads. `complete` says that every input row is read by some output row.
    """

    fewest: IntArray
    most: IntArray
    union: IntArray
    overlap: int
    hull: int
    complete: bool

    @staticmethod
    def of(reach: Reach, input_height: int) -> Spans:
        first, stop = reach.row_first, reach.row_stop
        height = len(first) - 1
        fewest = np.zeros(height + 1, np.int64)
        most = np.zeros(height + 1, np.int64)
        for count in range(1, height + 1):
            lengths = np.maximum(stop[count:] - first[: height - count + 1], 0)
            fewest[count], most[count] = lengths.min(), lengths.max()
        inner = np.maximum(stop[1:height] - first[1:height], 0)
        read = np.zeros(input_height, np.bool_)
        for row in range(height):
            read[first[row] : stop[row + 1]] = True
        return Spans(
            fewest,
            most,
            np.asarray(kernels.fewest_distinct_rows(first[:height], stop[1:])),
            int(inner.min()) if len(inner) else 0,
            max(0, int(stop[height] - first[0])),
            bool(read.all()),
        )
