"""Model files in: ONNX to `Graph`."""

from planner.frontend.reader import read_onnx

__all__ = ["read_onnx"]
