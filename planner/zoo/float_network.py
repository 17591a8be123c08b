"""Builds a float ONNX network layer by layer, with weights as if BatchNorm had been trained and folded in.

A batch of sample images runs along while layers are added. Each convolution is scaled, channel by channel, so that
its output on the samples has a drawn mean and spread. Without that, values of a deep random network die out or
saturate, and its int8 version would compute constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FloatArray = NDArray[np.float32]

OPSET = 17
IR_VERSION = 8


class FloatNetwork:
    """A network under construction; `samples` [N, channels, height, width] are the current layer's values.

    Every method appends a layer that reads the current one. `branch` and `resume` serve skip connections, `output`
    several outputs.
    """

    def __init__(self, name: str, samples: FloatArray, rng: np.random.Generator) -> None:
        self._name = name
        self._rng = rng
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._input_dims = (1, *samples.shape[1:])
        self._outputs: list[tuple[str, FloatArray]] = []
        self.current = "input"
        self.samples = samples

    @property
    def channels(self) -> int:
        return int(self.samples.shape[1])

    def conv(
        self,
        outputs: int,
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        groups: int = 1,
        activation: str | None = "Relu",
    ) -> None:
        """Convolution with the padding of TensorFlow's SAME, then Relu, Relu6 or nothing."""
        depth = self.channels // groups
        weights = self._rng.standard_normal((outputs, depth, *kernel)).astype(np.float32)
        pads = _same_padding(self.samples.shape[2:], kernel, stride)
        attributes = {"kernel_shape": kernel, "strides": stride, "group": groups, "pads": pads}
        raw = self._run("Conv", self.samples, {"W": weights}, **attributes)
        mean, spread = raw.mean(axis=(0, 2, 3)), raw.std(axis=(0, 2, 3)) + 1e-6
        gain = self._rng.uniform(0.7, 1.4, outputs).astype(np.float32)
        centre = self._rng.uniform(-0.3, 0.9, outputs) if activation else self._rng.uniform(-0.3, 0.3, outputs)
        factor = (gain / spread).astype(np.float32)
        bias = (centre - mean * factor).astype(np.float32)
        self._append("Conv", {"W": weights * factor[:, None, None, None], "B": bias}, **attributes)
        if activation == "Relu":
            self._append("Relu")
        elif activation == "Relu6":
            self._append("Clip", {"min": np.float32(0), "max": np.float32(6)})

    def depthwise(self, kernel: tuple[int, int], stride: tuple[int, int], activation: str | None = "Relu") -> None:
        self.conv(self.channels, kernel, stride, groups=self.channels, activation=activation)

    def branch(self) -> tuple[str, FloatArray]:
        """The current layer, to come back to."""
        return self.current, self.samples

    def resume(self, branch: tuple[str, FloatArray]) -> None:
        self.current, self.samples = branch

    def add(self, branch: tuple[str, FloatArray], activation: str | None = None) -> None:
        """Sum of the current layer and `branch`."""
        output = f"add_{len(self._nodes)}"
        self._nodes.append(helper.make_node("Add", [branch[0], self.current], [output], name=output))
        self.current, self.samples = output, branch[1] + self.samples
        if activation:
            self._append(activation)

    def concat(self, *branches: tuple[str, FloatArray], axis: int = 1) -> None:
        """Branches one after the other along an axis."""
        output = f"concat_{len(self._nodes)}"
        self._nodes.append(helper.make_node("Concat", [name for name, _ in branches], [output], name=output, axis=axis))
        self.current, self.samples = output, np.concatenate([samples for _, samples in branches], axis)

    def part(self, start: int, stop: int) -> None:
        """Some of the channels."""
        bounds = {"starts": np.array([start]), "ends": np.array([stop]), "axes": np.array([1])}
        self._append("Slice", bounds)

    def shuffle(self, groups: int) -> None:
        """Channels in turn from each of so many groups."""
        height, width = self.samples.shape[2:]
        self._append("Reshape", {"shape": np.array([0, groups, self.channels // groups, height, width])})
        self._append("Transpose", perm=[0, 2, 1, 3, 4])
        self._append("Reshape", {"shape": np.array([0, -1, height, width])})

    def maximum_pool(self, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        pads = _same_padding(self.samples.shape[2:], kernel, stride)
        self._append("MaxPool", kernel_shape=kernel, strides=stride, pads=pads)

    def enlarge(self) -> None:
        """Twice the height and width, by nearest neighbours."""
        attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        constants = {"roi": np.zeros(0, np.float32), "scales": np.array([1, 1, 2, 2], np.float32)}
        self._append("Resize", constants, **attributes)

    def rows_of(self, values: int) -> None:
        """The channels of each pixel as rows of so many values: [rows, values]."""
        self._append("Transpose", perm=[0, 2, 3, 1])
        self._append("Reshape", {"shape": np.array([0, -1, values])})

    def output(self) -> None:
        """Make the current layer an output; without any, the last layer is the only one."""
        self._outputs.append(self.branch())

    def global_average(self) -> None:
        self._append("GlobalAveragePool")

    def classifier(self, classes: int) -> None:
        """Flatten, fully connected layer whose outputs spread like trained logits, Softmax."""
        self._append("Flatten")
        weights = self._rng.standard_normal((classes, self.channels)).astype(np.float32)
        raw = self.samples @ weights.T
        factor = np.float32(3.0) / (raw.std() + np.float32(1e-6))
        bias = (-raw.mean(axis=0) * factor * 0.8).astype(np.float32)
        self._append("Gemm", {"W": weights * factor, "B": bias}, transB=1)
        self._append("Softmax", axis=-1)

    def model(self) -> onnx.ModelProto:
        """The finished model: input `input`, batch 1."""
        given = helper.make_tensor_value_info("input", TensorProto.FLOAT, self._input_dims)
        results = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, *samples.shape[1:]))
            for name, samples in self._outputs or [self.branch()]
        ]
        graph = helper.make_graph(self._nodes, self._name, [given], results, self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)

    def _append(self, op: str, constants: dict[str, Any] | None = None, **attributes: Any) -> None:
        output = f"{op.lower()}_{len(self._nodes)}"
        names = {key: f"{output}.{key}" for key in constants or {}}
        for key, value in (constants or {}).items():
            self._constants.append(numpy_helper.from_array(np.asarray(value), names[key]))
        self.samples = self._run(op, self.samples, constants or {}, **attributes)
        self._nodes.append(helper.make_node(op, [self.current, *names.values()], [output], name=output, **attributes))
        self.current = output

    def _run(self, op: str, samples: FloatArray, constants: dict[str, Any], **attributes: Any) -> FloatArray:
        """One operator on the samples."""
        node = helper.make_node(op, ["x", *constants], ["y"], **attributes)
        initialisers = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
        graph = helper.make_graph(
            [node],
            op,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, samples.shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            initialisers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {"x": samples})[0], np.float32)


def _same_padding(size: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pads (top, left, bottom, right) that make the output ceil(size / stride), the odd one at the end."""
    totals = [
        max((-(-length // step) - 1) * step + taps - length, 0)
        for length, taps, step in zip(size, kernel, stride, strict=True)
    ]
    before = [total // 2 for total in totals]
    return before[0], before[1], totals[0] - before[0], totals[1] - before[1]
