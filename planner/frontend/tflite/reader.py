"""Reads a TFLite model into a `Graph`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from planner.data.graph import Graph
from planner.errors import ModelError
from planner.frontend.simplify import simplify
from planner.frontend.tflite import elementwise, layout, slicing, windows
from planner.frontend.tflite.assembly import Assembly, Value
from planner.frontend.tflite.model_file import ModelFile, Node, load

_MALFORMED = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, ZeroDivisionError)
"""What a handler meets in an operator that makes no sense."""

Handler = Callable[[Assembly, Node], Value | tuple[Value, ...]]

_HANDLERS: Mapping[str, Handler] = {
    "CONV_2D": windows.conv,
    "DEPTHWISE_CONV_2D": windows.depthwise_conv,
    "FULLY_CONNECTED": windows.fully_connected,
    "AVERAGE_POOL_2D": windows.average_pool,
    "MAX_POOL_2D": windows.max_pool,
    "MEAN": windows.mean,
    "ADD": elementwise.add,
    "SUB": elementwise.add,
    "MUL": elementwise.mul,
    "RELU": elementwise.relu,
    "RELU6": elementwise.clip,
    "RELU_N1_TO_1": elementwise.clip,
    "RELU_0_TO_1": elementwise.clip,
    "LEAKY_RELU": elementwise.leaky_relu,
    "PRELU": elementwise.prelu,
    "TANH": elementwise.tanh,
    "LOGISTIC": elementwise.logistic,
    "HARD_SWISH": elementwise.hard_swish,
    "QUANTIZE": elementwise.quantize,
    "DEQUANTIZE": elementwise.dequantize,
    "SOFTMAX": elementwise.softmax,
    "RESHAPE": layout.reshape,
    "SQUEEZE": layout.reshape,
    "EXPAND_DIMS": layout.reshape,
    "PAD": layout.pad,
    "PADV2": layout.pad,
    "CONCATENATION": layout.concatenation,
    "TRANSPOSE": layout.transpose,
    "RESIZE_NEAREST_NEIGHBOR": layout.resize_nearest,
    "DEPTH_TO_SPACE": layout.depth_to_space,
    "SPACE_TO_DEPTH": layout.space_to_depth,
    "SPLIT": slicing.split,
    "SPLIT_V": slicing.split_by_sizes,
    "SLICE": slicing.slice_box,
    "SHAPE": layout.shape_of,
    "STRIDED_SLICE": slicing.strided_slice,
    "PACK": layout.pack,
}


def supported() -> Sequence[str]:
    """Names of the operators that can be read."""
    return sorted(_HANDLERS)


def read_tflite(path: str | Path) -> Graph:
    """The network of a TFLite file, with TensorFlow Lite Micro's rounding rule.

    Raises ModelError, naming the operator (number, kind and output tensor) and what would do, if the file is damaged or
    uses what planner does not support. Time and memory are bounded by a small multiple of the file's size, whatever the
    file holds.
    """
    file = load(Path(path))
    try:
        return simplify(_graph(file))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _graph(file: ModelFile) -> Graph:
    _require_supported(file)
    assembly = Assembly(file)
    for node in file.nodes:
        if not assembly.values.keys().isdisjoint(node.outputs):
            raise node.refuse("its output is written twice", "convert the model again")
        try:
            result = _HANDLERS[node.op](assembly, node)
            results = result if isinstance(result, tuple) else (result,)
            assembly.values |= zip(node.outputs, results, strict=True)
        except _MALFORMED as error:
            raise node.refuse(f"it is malformed ({error})", "convert the model again") from error
    return assembly.graph()


def _require_supported(file: ModelFile) -> None:
    """Refuse all operators of unknown kinds at once, so that a user sees how far the model is from fitting."""
    unknown = [node for node in file.nodes if node.op not in _HANDLERS]
    if unknown:
        kinds = ", ".join(dict.fromkeys(node.op for node in unknown))
        raise unknown[0].refuse(
            f"{len(unknown)} of {len(file.nodes)} operators are not supported ({kinds})",
            f"supported are {', '.join(supported())}",
        )
