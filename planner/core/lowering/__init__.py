"""From a split to a plan: straight-line programs with messages, slots, buffers and their offsets."""

from planner.core.lowering.lower import lower

__all__ = ["lower"]
