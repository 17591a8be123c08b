"""Measuring what kernels cost on a board: a designed sweep of steps, and the fit of the linear cost model to it."""
