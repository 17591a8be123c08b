"""Small TFLite files for tests, written with TFLite Micro's own schema, and its interpreter as the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import pytest

runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime", reason="tflite-micro is not installed")
schema = pytest.importorskip("tflite_micro.tensorflow.lite.micro.python.schema_py_generated")

ARENA_BYTES = 1 << 22
UNIT = (1 / 256, -128)
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
ACTIVATIONS = {
    "none": schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
    "relu_n1_to_1": schema.ActivationFunctionType.RELU_N1_TO_1,
}
_TYPES = {
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.float32): schema.TensorType.FLOAT32,
}

Quant = tuple[float | Sequence[float], int]
"""Scale or scales, and the zero point."""


class TfliteBuilder:
    """Grows a model; every method returns the number of the tensor that it computes."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: list[Any] = []
        self.buffers: list[Any] = [schema.BufferT()]
        self.codes: list[int] = []
        self.operators: list[Any] = []
        self.inputs: list[int] = []

    def input(self, dims: Sequence[int], quant: Quant | None = None, dtype: type = np.int8) -> int:
        self.inputs.append(self.tensor(dims, quant, np.dtype(dtype)))
        return self.inputs[-1]

    def tensor(self, dims: Sequence[int], quant: Quant | None, dtype: np.dtype[Any], axis: int = 0) -> int:
        tensor = schema.TensorT(shape=list(dims), type=_TYPES[dtype], name=f"t{len(self.tensors)}")
        if quant is not None:
            scales = np.atleast_1d(quant[0])
            tensor.quantization = schema.QuantizationParametersT(
                scale=[float(scale) for scale in scales], zeroPoint=[quant[1]] * len(scales), quantizedDimension=axis
            )
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, values: np.ndarray, quant: Quant | None = None, axis: int = 0) -> int:
        number = self.tensor(values.shape, quant, values.dtype, axis)
        self.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
        self.tensors[number].buffer = len(self.buffers) - 1
        return number

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        dims: Sequence[int],
        quant: Quant | None,
        dtype: type = np.int8,
        **options: Any,
    ) -> int:
        """Any operator; `options` are the fields of its options table, whose name is guessed from `name` or `table`."""
        output = self.tensor(dims, quant, np.dtype(dtype))
        code = getattr(schema.BuiltinOperator, name)
        if code not in self.codes:
            self.codes.append(code)
        operator = schema.OperatorT(opcodeIndex=self.codes.index(code), inputs=list(inputs), outputs=[output])
        table = options.pop("table", None)
        if table:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            operator.builtinOptions = getattr(schema, f"{table}T")(**options)
        self.operators.append(operator)
        return output

    def dims(self, number: int) -> tuple[int, ...]:
        return tuple(self.tensors[number].shape)

    def quant(self, number: int) -> Quant:
        quantization = self.tensors[number].quantization
        return quantization.scale[0], quantization.zeroPoint[0]

    def random_quant(self, scale: float) -> Quant:
        zero_point = self.rng.choice([-128, 0, self.rng.integers(-128, 128)])
        return float(np.float32(scale * self.rng.uniform(0.5, 1.5))), int(zero_point)

    def conv(
        self,
        source: int,
        outputs: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: int = SAME,
        activation: str = "none",
        depthwise: bool = False,
        groups: int = 1,
    ) -> int:
        """CONV_2D, or DEPTHWISE_CONV_2D with outputs = channels * multiplier."""
        _, height, width, channels = self.dims(source)
        depth = 1 if depthwise else channels // groups
        shape = (1, *kernel, outputs) if depthwise else (outputs, *kernel, depth)
        weights, bias, quant = self._linear(
            source, shape, outputs, kernel[0] * kernel[1] * depth, 3 if depthwise else 0
        )
        size = [
            output_size(length, taps, step, dilate, padding)
            for length, taps, step, dilate in zip((height, width), kernel, stride, dilation, strict=True)
        ]
        options = {
            "padding": padding,
            "strideH": stride[0],
            "strideW": stride[1],
            "dilationHFactor": dilation[0],
            "dilationWFactor": dilation[1],
            "fusedActivationFunction": ACTIVATIONS[activation],
        }
        if depthwise:
            options |= {"table": "DepthwiseConv2DOptions", "depthMultiplier": outputs // channels}
            return self.op("DEPTHWISE_CONV_2D", [source, weights, bias], (1, *size, outputs), quant, **options)
        options["table"] = "Conv2DOptions"
        return self.op("CONV_2D", [source, weights, bias], (1, *size, outputs), quant, **options)

    def fully_connected(self, source: int, outputs: int, per_channel: bool = False, activation: str = "none") -> int:
        """FULLY_CONNECTED on all rows of a tensor [rows, inputs]."""
        rows, inputs = self.dims(source)
        weights, bias, quant = self._linear(source, (outputs, inputs), outputs, inputs, 0, per_channel)
        options = {"fusedActivationFunction": ACTIVATIONS[activation], "table": "FullyConnectedOptions"}
        return self.op("FULLY_CONNECTED", [source, weights, bias], (rows, outputs), quant, **options)

    def add(self, first: int, second: int, activation: str = "none") -> int:
        quant = self.random_quant(self.quant(first)[0] + self.quant(second)[0])
        options = {"fusedActivationFunction": ACTIVATIONS[activation], "table": "AddOptions"}
        return self.op("ADD", [first, second], self.dims(first), quant, **options)

    def mul(self, first: int, second: int, activation: str = "none") -> int:
        quant = self.random_quant(self.quant(first)[0] * self.quant(second)[0] * 60)
        options = {"fusedActivationFunction": ACTIVATIONS[activation], "table": "MulOptions"}
        return self.op("MUL", [first, second], self.dims(first), quant, **options)

    def pool(
        self,
        name: str,
        source: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: int,
        activation: str = "none",
    ) -> int:
        _, height, width, channels = self.dims(source)
        size = [
            output_size(length, taps, step, 1, padding)
            for length, taps, step in zip((height, width), kernel, stride, strict=True)
        ]
        options = {
            "padding": padding,
            "strideH": stride[0],
            "strideW": stride[1],
            "filterHeight": kernel[0],
            "filterWidth": kernel[1],
            "fusedActivationFunction": ACTIVATIONS[activation],
            "table": "Pool2DOptions",
        }
        return self.op(name, [source], (1, *size, channels), self.quant(source), **options)

    def mean(self, source: int, keep_dims: bool = True) -> int:
        channels = self.dims(source)[-1]
        axes = self.constant(np.array([1, 2], np.int32))
        dims = (1, 1, 1, channels) if keep_dims else (1, channels)
        quant = self.quant(source) if self.rng.integers(2) else self.random_quant(self.quant(source)[0])
        return self.op("MEAN", [source, axes], dims, quant, table="ReducerOptions", keepDims=keep_dims)

    def reshape(self, source: int, dims: Sequence[int]) -> int:
        shape = self.constant(np.array(dims, np.int32))
        options = {"table": "ReshapeOptions", "newShape": list(dims)}
        return self.op("RESHAPE", [source, shape], dims, self.quant(source), **options)

    def pad(self, source: int, rows: tuple[int, int], columns: tuple[int, int], value: int | None = None) -> int:
        _, height, width, channels = self.dims(source)
        widths = self.constant(np.array([(0, 0), rows, columns, (0, 0)], np.int32))
        dims = (1, height + sum(rows), width + sum(columns), channels)
        if value is None:
            return self.op("PAD", [source, widths], dims, self.quant(source), table="PadOptions")
        constant = self.constant(np.array([value], np.int8), self.quant(source))
        return self.op("PADV2", [source, widths, constant], dims, self.quant(source), table="PadV2Options")

    def concat(self, sources: Sequence[int]) -> int:
        dims = self.dims(sources[0])
        channels = sum(self.dims(source)[-1] for source in sources)
        options = {"table": "ConcatenationOptions", "axis": 3}
        return self.op("CONCATENATION", sources, (*dims[:3], channels), self.quant(sources[0]), **options)

    def split(self, source: int, sizes: Sequence[int]) -> list[int]:
        """SPLIT along the channels if all sizes are equal, else SPLIT_V."""
        *plane, _ = self.dims(source)
        axis = self.constant(np.array(len(plane), np.int32))
        even = len(set(sizes)) == 1
        lengths = self.constant(np.array(sizes, np.int32))
        name, operands = ("SPLIT", [axis, source]) if even else ("SPLIT_V", [source, lengths, axis])
        options = {"table": "SplitOptions" if even else "SplitVOptions", "numSplits": len(sizes)}
        first = self.op(name, operands, (*plane, sizes[0]), self.quant(source), **options)
        others = [self.tensor((*plane, size), self.quant(source), np.dtype(np.int8)) for size in sizes[1:]]
        self.operators[-1].outputs = [first, *others]
        return self.operators[-1].outputs

    def slice(self, source: int, begin: Sequence[int], size: Sequence[int], strided: bool = False) -> int:
        """SLICE, or the same as STRIDED_SLICE."""
        last = np.add(begin, size)
        bounds = [begin, last, np.ones(len(begin))] if strided else [begin, size]
        operands = [source, *(self.constant(np.array(bound, np.int32)) for bound in bounds)]
        name, table = ("STRIDED_SLICE", "StridedSliceOptions") if strided else ("SLICE", "SliceOptions")
        return self.op(name, operands, size, self.quant(source), table=table)

    def quantize(self, source: int, quant: Quant, dtype: type = np.int8) -> int:
        return self.op("QUANTIZE", [source], self.dims(source), quant, dtype, table="QuantizeOptions")

    def dequantize(self, source: int) -> int:
        return self.op("DEQUANTIZE", [source], self.dims(source), None, np.float32, table="DequantizeOptions")

    def softmax(self, source: int) -> int:
        return self.op("SOFTMAX", [source], self.dims(source), UNIT, table="SoftmaxOptions", beta=1.0)

    def model(self, *outputs: int) -> bytes:
        graph = schema.SubGraphT(
            tensors=self.tensors, inputs=self.inputs, outputs=list(outputs), operators=self.operators, name="main"
        )
        codes = [schema.OperatorCodeT(deprecatedBuiltinCode=min(c, 127), builtinCode=c, version=1) for c in self.codes]
        model = schema.ModelT(
            version=3, operatorCodes=codes, subgraphs=[graph], buffers=self.buffers, description="test"
        )
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def make_unsigned(self) -> None:
        """Turn every int8 tensor into the uint8 tensor of the same reals: values and zero points raised by 128."""
        for tensor in self.tensors:
            if tensor.type != schema.TensorType.INT8:
                continue
            tensor.type = schema.TensorType.UINT8
            tensor.quantization.zeroPoint = [value + 128 for value in tensor.quantization.zeroPoint]
            if tensor.buffer:
                self.buffers[tensor.buffer].data = self.buffers[tensor.buffer].data ^ np.uint8(128)

    def random_input(self, number: int) -> np.ndarray:
        """Values that fall on every level of the input, and beyond it if it is float."""
        dims, kind = self.dims(number), self.tensors[number].type
        if kind == schema.TensorType.FLOAT32:
            return self.rng.uniform(-2, 2, dims).astype(np.float32)
        if kind == schema.TensorType.UINT8:
            return self.rng.integers(0, 256, dims).astype(np.uint8)
        return self.rng.integers(-128, 128, dims).astype(np.int8)

    def _linear(
        self, source: int, shape: tuple[int, ...], outputs: int, terms: int, axis: int, per_channel: bool = True
    ) -> tuple[int, int, Quant]:
        """Constant weights and bias, and a quantisation in which the sums of `terms` products spread."""
        scales = (0.004 * self.rng.uniform(0.2, 2.0, outputs if per_channel else 1)).astype(np.float32)
        weights = self.constant(self.rng.integers(-127, 128, shape).astype(np.int8), (scales, 0), axis)
        bias = self.rng.integers(-2000, 2001, outputs).astype(np.int32)
        scale = self.quant(source)[0]
        bias_number = self.constant(bias, (np.float32(scale) * scales, 0))
        return weights, bias_number, self.random_quant(scale * 0.004 * 73 * terms**0.5)


def random_network(seed: int, operators: int) -> tuple[TfliteBuilder, tuple[int, int]]:
    """A random network of that many operators, then a classifier; its outputs are the softmax and the logits."""
    builder = TfliteBuilder(seed)
    size = builder.rng.integers(5, 14, 2)
    current = builder.input((1, *map(int, size), int(builder.rng.integers(1, 6))), builder.random_quant(0.05))
    for _ in range(operators):
        current = random_operator(builder, current)
    flat = builder.reshape(current, (1, int(np.prod(builder.dims(current)))))
    logits = builder.fully_connected(flat, int(builder.rng.integers(2, 12)), bool(builder.rng.integers(2)))
    return builder, (builder.softmax(logits), logits)


def random_operator(builder: TfliteBuilder, source: int) -> int:
    """A convolution, pool, residual or concatenation after `source`, always small enough to go on."""
    rng = builder.rng
    _, height, width, channels = builder.dims(source)
    kernel = tuple(int(rng.integers(1, min(4, side) + 1)) for side in (height, width))
    stride = tuple(int(rng.integers(1, 3)) if min(height, width) > 4 else 1 for _ in range(2))
    padding = int(rng.choice([SAME, VALID]))
    activation = str(rng.choice(list(ACTIVATIONS)))
    match int(rng.integers(10)):
        case 0:
            return builder.conv(source, int(rng.integers(1, 12)), kernel, stride, (1, 1), padding, activation)
        case 1:
            outputs = channels * int(rng.integers(1, 3)) if channels < 16 else channels
            return builder.conv(source, outputs, kernel, stride, (1, 1), padding, activation, depthwise=True)
        case 2:
            name = str(rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
            return builder.pool(name, source, kernel, stride, padding, activation)
        case 3:
            other = builder.conv(source, channels, (3, 3), dilation=(2, 2), activation=activation)
            return builder.add(*((source, other) if rng.integers(2) else (other, source)), activation)
        case 4:
            other = builder.quantize(builder.conv(source, 3, (1, 1)), builder.quant(source))
            return builder.concat([source, other] if rng.integers(2) else [other, source])
        case 5:
            count = int(rng.integers(1, channels + 1))
            sizes = [size for size in (count, channels - count) if size]
            parts = builder.split(source, sizes)
            other = builder.quantize(builder.conv(parts[0], 3, (1, 1)), builder.quant(source))
            return builder.concat([*reversed(parts), other])
        case 6:
            other = builder.conv(source, channels, (1, 1))
            return builder.mul(source, other, activation)
        case 7:
            gate = builder.conv(builder.mean(source), channels, (1, 1))
            return builder.mul(source, gate, activation)
        case 8:
            begin = [
                0,
                *(int(rng.integers(2)) if size > 4 else 0 for size in (height, width)),
                int(rng.integers(channels)),
            ]
            size = [1, height - begin[1], width - begin[2], channels - begin[3]]
            return builder.slice(source, begin, size, strided=bool(rng.integers(2)))
        case _:
            return builder.pad(source, (1, 0), (0, 1), int(rng.integers(-128, 128)))


def output_size(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """Positions of a window along one axis."""
    extent = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == SAME else (size - extent) // stride + 1


def run_tflite_micro(model: bytes, *arrays: np.ndarray) -> list[np.ndarray]:
    """All outputs of TFLite Micro's interpreter."""
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=ARENA_BYTES)
    for index, array in enumerate(arrays):
        interpreter.set_input(array, index)
    interpreter.invoke()
    graph = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0)).subgraphs[0]
    return [interpreter.get_output(index) for index in range(len(graph.outputs))]
