"""Model files in: ONNX and TFLite to `Graph`."""

from planner.frontend.dispatch import read_model
from planner.frontend.onnx import read_onnx
from planner.frontend.survey import KindCount, survey
from planner.frontend.tflite import read_tflite

__all__ = ["KindCount", "read_model", "read_onnx", "read_tflite", "survey"]
