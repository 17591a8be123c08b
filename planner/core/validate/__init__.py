"""The independent plan checker. It shares no code with lowering or the solvers: it only knows the data, the receptive
fields and the runtime's semantics, and follows every byte of every arena."""

from planner.core.validate.checker import validate

__all__ = ["validate"]
