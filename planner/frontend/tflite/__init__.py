"""TFLite files of int8 (or uint8) activations to `Graph`, with TensorFlow Lite Micro's arithmetic."""

from planner.frontend.tflite.reader import read_tflite

__all__ = ["read_tflite"]
