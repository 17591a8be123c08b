"""Reads ONNX models in QDQ and QOperator form."""

from planner.frontend.onnx.reader import read_onnx

__all__ = ["read_onnx"]
