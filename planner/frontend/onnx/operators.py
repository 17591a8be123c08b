"""What each ONNX operator means: handlers from operands to a value, by operator name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from planner.frontend.assembly import Assembly
from planner.frontend.linear import conv, gemm, matmul, plane, stored
from planner.frontend.model_file import Array, Node
from planner.frontend.values import (
    IDENTITY_TABLE,
    Activation,
    Draft,
    Elementwise,
    FileQuant,
    HostResult,
    Places,
    QuantisedConstant,
    RealFunction,
    Stored,
    Value,
    dims_text,
    plane_places,
)
from planner.frontend.windows import window_of

from planner.core import arithmetic
from planner.data.graph import Add, Arithmetic, Clamp, Concat, HostStepKind, Pad, Padding, Pool, PoolKind, Shape, Window

Handler = Callable[..., Value]


def add(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    if not (isinstance(first, Activation) and isinstance(second, Activation)):
        return _with_scalar(node, np.add, first, second)
    a, b = stored(node, first), stored(node, second)
    shape = assembly.shape(a)
    places = assembly.places(a)
    if shape != assembly.shape(b) or not np.array_equal(places, assembly.places(b)):
        raise node.refuse(
            f"its operands ({dims_text(a.dims)} and {dims_text(b.dims)}) differ in shape or layout",
            "give both the same shape; broadcasting is not supported",
        )

    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        operator = Add(target.unique_name(node.name), (a.tensor, b.tensor), name, clamp=clamp)
        target.add(operator, shape, quant)

    return Draft(places, shape, emit)


def subtract(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    return _with_scalar(node, np.subtract, first, second)


def multiply(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    return _with_scalar(node, np.multiply, first, second)


def divide(assembly: Assembly, node: Node, first: Value, second: Value) -> Value:
    return _with_scalar(node, np.divide, first, second)


def maximum_pool(assembly: Assembly, node: Node, x: Value) -> Draft:
    if any(node.outputs[1:]):
        raise node.refuse("its output Indices is not supported", "use only its first output")
    source = stored(node, x)
    shape = plane(assembly, node, source)
    return _maximum(assembly, node, source, window_of(node, (), (shape.height, shape.width)))


def global_maximum_pool(assembly: Assembly, node: Node, x: Value) -> Draft:
    source = stored(node, x)
    shape = plane(assembly, node, source)
    return _maximum(assembly, node, source, Window((shape.height, shape.width)))


def average_pool(assembly: Assembly, node: Node, x: Value) -> Draft:
    source = stored(node, x)
    shape = plane(assembly, node, source)
    window = window_of(node, (), (shape.height, shape.width))
    output = Shape(*window.output_size(shape.height, shape.width), shape.channels)
    count_padding = bool(node.attributes.get("count_include_pad", 0))
    return _pool(node, source, PoolKind.AVERAGE, window, output, plane_places(output), count_padding)


def global_average_pool(assembly: Assembly, node: Node, x: Value) -> Draft:
    source = stored(node, x)
    shape = plane(assembly, node, source)
    output = Shape(1, 1, shape.channels)
    return _pool(node, source, PoolKind.MEAN, Window((shape.height, shape.width)), output, plane_places(output))


def reduce_mean(assembly: Assembly, node: Node, x: Value, axes: Value | None = None) -> Value:
    source = stored(node, x)
    rank = len(source.dims)
    given = node.attributes.get("axes") if axes is None else _constant(node, axes).tolist()
    if not given:
        if node.attributes.get("noop_with_empty_axes", 0):
            return source
        given = range(rank)
    reduced = sorted({int(axis) % rank for axis in given})
    kept = [axis for axis in range(rank) if axis not in reduced]
    shape = assembly.shape(source)
    groups = assembly.places(source).transpose(*kept, *reduced)
    groups = groups.reshape(math.prod(groups.shape[: len(kept)]), -1)
    channels = groups[:, 0] % shape.channels
    if len(groups) != shape.channels or np.any(groups % shape.channels != channels[:, None]):
        raise node.refuse(
            f"it averages over axes {reduced} of {dims_text(source.dims)}", "average over the height and width alone"
        )
    dims = [source.dims[axis] for axis in kept]
    if node.attributes.get("keepdims", 1):
        dims = [1 if axis in reduced else size for axis, size in enumerate(source.dims)]
    window = Window((shape.height, shape.width))
    return _pool(node, source, PoolKind.MEAN, window, Shape(1, 1, shape.channels), channels.reshape(dims))


def concat(assembly: Assembly, node: Node, *values: Value) -> Value:
    sources = [stored(node, value) for value in values]
    shapes = [assembly.shape(source) for source in sources]
    if len({(shape.height, shape.width) for shape in shapes}) != 1:
        raise node.refuse("it joins tensors of several heights or widths", "concatenate along the channels only")
    output = replace(shapes[0], channels=sum(shape.channels for shape in shapes))
    parts = []
    before = 0
    for source, shape in zip(sources, shapes, strict=True):
        pixel, channel = np.divmod(assembly.places(source), shape.channels)
        parts.append(pixel * output.channels + before + channel)
        before += shape.channels
    places = np.concatenate(parts, axis=int(node.attributes["axis"]))
    names = tuple(source.tensor for source in sources)

    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        joined = name if clamp == Clamp() else f"{name}/joined"
        target.add(Concat(target.unique_name(node.name), names, joined), output, quant)
        if clamp != Clamp():
            table = np.clip(IDENTITY_TABLE, clamp.minimum, clamp.maximum)
            target.add_lookup(joined, name, table, quant)

    return Draft(places, output, emit)


def pad(
    assembly: Assembly, node: Node, x: Value, pads: Value, value: Value | None = None, axes: Value | None = None
) -> Draft:
    mode = node.attributes.get("mode", b"constant").decode()
    if mode != "constant":
        raise node.refuse(f"mode {mode} is not supported", "pad with a constant")
    source = stored(node, x)
    shape = plane(assembly, node, source)
    given = [int(p) for p in _constant(node, pads)]
    used = range(4) if axes is None else [int(axis) % 4 for axis in _constant(node, axes)]
    before, after = [0] * 4, [0] * 4
    for place, axis in enumerate(used):
        before[axis], after[axis] = given[place], given[place + len(given) // 2]
    if before[:2] != [0, 0] or after[:2] != [0, 0] or min(before + after) < 0:
        raise node.refuse(f"pads {given} are not supported", "pad height and width only, by no negative number")
    padding = Padding(before[2], before[3], after[2], after[3])
    output = Shape(shape.height + before[2] + after[2], shape.width + before[3] + after[3], shape.channels)
    inner = assembly.quant(source.tensor)
    fill = 0.0 if value is None else float(_constant(node, value).reshape(-1)[0])
    level = int(arithmetic.quantise(np.array([fill], np.float32), inner.params)[0])

    def append(target: Assembly, name: str, clamp: Clamp) -> None:
        target.add(Pad(target.unique_name(node.name), (source.tensor,), name, padding, level), output, inner)

    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        _emit_then_requantise(target, name, inner, quant, clamp, append, clamps=False)

    return Draft(plane_places(output), output, emit)


def relu(assembly: Assembly, node: Node, x: Value) -> Value:
    return _clipped(node, x, 0.0, math.inf)


def clip(assembly: Assembly, node: Node, x: Value, lower: Value | None = None, upper: Value | None = None) -> Value:
    low, high = (
        default if bound is None else float(_constant(node, bound).reshape(-1)[0])
        for bound, default in ((lower, -math.inf), (upper, math.inf))
    )
    return _clipped(node, x, low, high)


def softmax(assembly: Assembly, node: Node, x: Value) -> Value:
    source = stored(node, x)
    places = assembly.places(source)
    channels = assembly.shape(source).channels
    axis = int(node.attributes.get("axis", -1))
    rows = np.moveaxis(places, axis, -1).reshape(-1, places.shape[axis])
    if rows.shape[1] != channels or np.any(rows % channels != np.arange(channels)):
        raise node.refuse(f"it runs over axis {axis} of {dims_text(places.shape)}", "use it over the channels")
    return HostResult(places, source.tensor, (HostStepKind.DEQUANTISE, HostStepKind.SOFTMAX))


def identity(assembly: Assembly, node: Node, x: Value, *unused: Value) -> Value:
    if any(node.outputs[1:]):
        raise node.refuse("its second output is not supported", "export the model for inference")
    return x


def reshape(assembly: Assembly, node: Node, x: Value, target: Value) -> Value:
    places = _places(node, x)
    dims = [int(d) for d in _constant(node, target)]
    if not node.attributes.get("allowzero", 0):
        dims = [places.shape[axis] if d == 0 else d for axis, d in enumerate(dims)]
    return _rearranged(node, x, lambda array: array.reshape(dims))


def flatten(assembly: Assembly, node: Node, x: Value) -> Value:
    axis = int(node.attributes.get("axis", 1))
    return _rearranged(node, x, lambda array: array.reshape(math.prod(array.shape[:axis]), -1))


def transpose(assembly: Assembly, node: Node, x: Value) -> Value:
    return _rearranged(node, x, lambda array: array.transpose(node.attributes.get("perm")))


def squeeze(assembly: Assembly, node: Node, x: Value, axes: Value | None = None) -> Value:
    chosen = None if axes is None else tuple(int(axis) for axis in _constant(node, axes))
    return _rearranged(node, x, lambda array: array.squeeze(chosen))


def unsqueeze(assembly: Assembly, node: Node, x: Value, axes: Value) -> Value:
    chosen = tuple(int(axis) for axis in _constant(node, axes))
    return _rearranged(node, x, lambda array: np.expand_dims(array, chosen))


def shape_of(assembly: Assembly, node: Node, x: Value) -> Value:
    dims = _places(node, x).shape
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return np.array(dims[start:end], np.int64)


def _unary(function: Callable[[Node, NDArray[np.float32]], NDArray[np.float32]]) -> Handler:
    def handler(assembly: Assembly, node: Node, x: Value) -> Value:
        return _elementwise(node, x, lambda reals: function(node, reals))

    return handler


def _sigmoid(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _hard_sigmoid(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    alpha, beta = (np.float32(node.attributes.get(key, value)) for key, value in (("alpha", 0.2), ("beta", 0.5)))
    return np.asarray(np.clip(alpha * x + beta, np.float32(0), np.float32(1)))


def _hard_swish(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(x * np.clip(x * np.float32(1 / 6) + np.float32(0.5), np.float32(0), np.float32(1)))


def _leaky_relu(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(x >= 0, x, x * np.float32(node.attributes.get("alpha", 0.01)))


def _elu(node: Node, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(x >= 0, x, np.float32(node.attributes.get("alpha", 1.0)) * np.expm1(x))


HANDLERS: dict[str, Handler] = {
    "Conv": conv,
    "Gemm": gemm,
    "MatMul": matmul,
    "Add": add,
    "Sub": subtract,
    "Mul": multiply,
    "Div": divide,
    "MaxPool": maximum_pool,
    "GlobalMaxPool": global_maximum_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "ReduceMean": reduce_mean,
    "Concat": concat,
    "Pad": pad,
    "Relu": relu,
    "Clip": clip,
    "Softmax": softmax,
    "Identity": identity,
    "Dropout": identity,
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Shape": shape_of,
    "Sigmoid": _unary(_sigmoid),
    "HardSigmoid": _unary(_hard_sigmoid),
    "HardSwish": _unary(_hard_swish),
    "LeakyRelu": _unary(_leaky_relu),
    "Elu": _unary(_elu),
    "Tanh": _unary(lambda node, x: np.tanh(x)),
    "Neg": _unary(lambda node, x: -x),
    "Abs": _unary(lambda node, x: np.abs(x)),
}
"""Called with the assembly, the node and its operands (None where absent)."""

INTEGER_OPERATORS = frozenset({"MaxPool", "GlobalMaxPool", "Pad", "Concat"})
"""Operators that also work on integers, whose output has the quantisation of their input."""


def _constant(node: Node, value: Value | None) -> Array:
    if isinstance(value, QuantisedConstant):
        return value.real()
    if isinstance(value, np.ndarray):
        return value
    raise node.refuse("one of its operands must be constant", "store it as an initialiser")


def _places(node: Node, value: Value) -> Places:
    if isinstance(value, Activation):
        return value.places
    raise node.refuse("it works on a quantised constant", "store the constant in its final form")


def _rearranged(node: Node, value: Value, change: Callable[[Places], Places]) -> Value:
    if isinstance(value, QuantisedConstant) and value.scale.ndim == 0:
        return replace(value, values=change(value.values))
    if not isinstance(value, Activation):
        raise node.refuse("it rearranges weights quantised per channel", "store the weights in their final form")
    places = change(value.places)
    if places.size and places.ndim and places.shape[0] != 1 and value.dims[0] == 1 and node.op == "Reshape":
        raise node.refuse(f"it makes a batch of {places.shape[0]}", "keep the batch at 1")
    return replace(value, places=places)


def _clipped(node: Node, x: Value, lower: float, upper: float) -> Value:
    if isinstance(x, Draft):
        return x.clipped(lower, upper)
    return _elementwise(node, x, lambda reals: np.clip(reals, np.float32(lower), np.float32(upper)))


def _elementwise(node: Node, x: Value, function: RealFunction) -> Elementwise:
    match x:
        case Stored(real=True):
            return Elementwise(x.places, x.tensor, function)
        case Elementwise():
            inner = x.function
            return Elementwise(x.places, x.tensor, lambda reals: function(inner(reals)))
    raise node.refuse(
        "its operand is not quantised", "put QuantizeLinear and DequantizeLinear between it and the operator before"
    )


def _with_scalar(node: Node, function: Callable[[Any, Any], Any], first: Value, second: Value) -> Value:
    """A binary operation on an activation and a constant number: an elementwise function of the activation."""
    if isinstance(first, Activation) and isinstance(second, Activation):
        raise node.refuse("it joins two activations", "only Add does that")
    value, other = (first, second) if isinstance(first, Activation) else (second, first)
    constant = _constant(node, other)
    if constant.size != 1:
        raise node.refuse(
            f"its constant operand has {constant.size} values",
            "fold it into the convolution or Gemm before it (only scalars are supported)",
        )
    scalar = np.float32(constant.reshape(-1)[0])
    if value is first:
        return _elementwise(node, value, lambda reals: function(reals, scalar))
    return _elementwise(node, value, lambda reals: function(scalar, reals))


def _maximum(assembly: Assembly, node: Node, source: Stored, window: Window) -> Draft:
    shape = assembly.shape(source)
    output = Shape(*window.output_size(shape.height, shape.width), shape.channels)
    inner = assembly.quant(source.tensor)

    def append(target: Assembly, name: str, clamp: Clamp) -> None:
        pool = Pool(target.unique_name(node.name), (source.tensor,), name, PoolKind.MAXIMUM, window, clamp=clamp)
        target.add(pool, output, inner)

    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        _emit_then_requantise(target, name, inner, quant, clamp, append, clamps=True)

    return Draft(plane_places(output), output, emit)


def _pool(
    node: Node,
    source: Stored,
    kind: PoolKind,
    window: Window,
    output: Shape,
    places: Places,
    count_padding: bool = False,
) -> Draft:
    def emit(target: Assembly, name: str, quant: FileQuant, clamp: Clamp) -> None:
        operator = Pool(
            target.unique_name(node.name),
            (source.tensor,),
            name,
            kind,
            window,
            count_padding=count_padding,
            clamp=clamp,
        )
        target.add(operator, output, quant)

    return Draft(places, output, emit)


def _emit_then_requantise(
    target: Assembly,
    name: str,
    inner: FileQuant,
    quant: FileQuant,
    clamp: Clamp,
    append: Callable[[Assembly, str, Clamp], None],
    clamps: bool,
) -> None:
    """Append an operator that keeps its input's quantisation `inner`, and a Lookup where the output needs another.

    `clamps` says whether the operator can clamp by itself.
    """
    if inner == quant and (clamps or clamp == Clamp()):
        append(target, name, clamp)
        return
    append(target, f"{name}/inner", Clamp())
    table = arithmetic.requantisation_table(inner.params, quant.params, Arithmetic.ONNXRUNTIME)
    target.add_lookup(f"{name}/inner", name, np.clip(table, clamp.minimum, clamp.maximum), quant)


def supported() -> Sequence[str]:
    """Names of the operators that can be read, besides QuantizeLinear, DequantizeLinear and QOperator forms."""
    return sorted(HANDLERS)
