"""Fused segments: which operators to fuse, and how each segment rolls."""

from planner.solvers.segments.one_device import fuse_on_one_device

__all__ = ["fuse_on_one_device"]
