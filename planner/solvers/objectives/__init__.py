"""Searches for other objectives than latency, and for several in their order: built around the one search."""

from planner.solvers.objectives.search import solve

__all__ = ["solve"]
