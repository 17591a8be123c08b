"""Fused segments: which operators to fuse, and how each segment rolls."""

from planner.solvers.segments.search import solve

__all__ = ["solve"]
