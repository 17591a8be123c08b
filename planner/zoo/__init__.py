"""Real architectures with seeded random weights, quantised by ONNX Runtime, made without downloading anything."""

from planner.zoo.catalogue import write_zoo_model, zoo_model

__all__ = ["write_zoo_model", "zoo_model"]
