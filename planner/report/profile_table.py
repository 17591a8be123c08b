"""How well the cost model fits what was measured."""

from __future__ import annotations

from collections.abc import Mapping

from tabulate import tabulate

from planner.profiling.fit import KernelFit
from planner.report.notation import percent


def profile_table(fits: Mapping[str, KernelFit]) -> str:
    """Kernels with their errors on the shapes that were held out of the fit."""
    rows = [(key, fit.cases, percent(fit.mean_error), percent(fit.worst_error)) for key, fit in fits.items()]
    return tabulate(
        rows, ("kernel", "cases", "mean error", "worst error"), colalign=("left", "right", "right", "right")
    )
