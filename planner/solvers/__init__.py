"""The search for the best split: `solve`. The only package that imports solver libraries."""

from planner.solvers.interface import CancelCheck, Progress, ProgressCallback
from planner.solvers.search import solve

__all__ = ["CancelCheck", "Progress", "ProgressCallback", "solve"]
