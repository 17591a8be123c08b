"""The benchmark: a plan for one board whose steps call every kernel over many shapes.

Such a plan computes nothing sensible: the host sends random bytes once, and every step reads them as whatever inputs it
needs. It is an ordinary plan, so the firmware that is measured is the firmware that is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.core.cost import (
    KERNELS,
    Features,
    compute_features,
    copy_features,
    cost_key,
    element_features,
    kernel_of,
    operator_features,
    variant_kernel,
    variant_of,
)
from planner.core.regions import required, whole
from planner.core.variants import PORTABLE, VARIANTS, scratch_bytes, serves
from planner.data.graph import Arithmetic, Conv, Graph, InputEnd, Operator, QuantParams, Shape, Tensor
from planner.data.plan import (
    ALIGNMENT_BYTES,
    CANARY_BYTES,
    MESSAGE_SLOT_BYTES,
    Accumulate,
    Await,
    Buffer,
    Compute,
    Content,
    Copy,
    CpuStep,
    Message,
    Operand,
    PartialSums,
    Plan,
    Program,
    Ready,
    Requantise,
    Scratch,
    Step,
    Transfer,
    View,
)
from planner.data.region import Region
from planner.errors import InternalError
from planner.profiling.shapes import OperatorSampler, Sample

DATA = Tensor("data", Shape(64, 32, 64), QuantParams(1.0, 0))
BUFFER_BYTES = DATA.shape.elements
SUM_BYTES = 4
FIRST_STEP = 3
_BOARD, _HOST = 0, 1
_SLOTS, _DATA, _VALUES, _SUMS, _SCRATCH = range(5)
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """How large the cases of a sweep may be. A board needs four buffers; the weights travel to it."""

    buffer_bytes: int
    macs: int
    weight_bytes: int

    @property
    def data(self) -> Tensor:
        """The one tensor that every case reads."""
        row_bytes = DATA.shape.width * DATA.shape.channels
        return replace(DATA, shape=replace(DATA.shape, height=self.buffer_bytes // row_bytes))


FULL = Limits(BUFFER_BYTES, 400_000, BUFFER_BYTES)
QUICK = Limits(8 * 1024, 40_000, 512)
"""For boards with little RAM or behind a slow line."""


@dataclass(frozen=True, slots=True)
class Case:
    """One measured step: `key` and `features` are what the cost model sees of it."""

    key: str
    features: Features
    step: CpuStep


@dataclass(frozen=True, eq=False)
class Sweep:
    """A benchmark plan. Case i is step `FIRST_STEP + i` of the board's program."""

    graph: Graph
    plan: Plan
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class _Draw:
    """What one case is to compute; `input_channels` is used by partial sums only."""

    kernel: str
    variant: str
    sample: Sample
    output: Region
    input_channels: tuple[int, int]


def build_sweep(
    arithmetic: Arithmetic, cases_per_kernel: int, seed: int = 0, variant: str = PORTABLE, limits: Limits = FULL
) -> Sweep:
    """Draw `cases_per_kernel` cases of every kernel of the cost model, portable and of a variant."""
    rng = np.random.default_rng(seed)
    sampler = OperatorSampler(rng)
    served = [(kernel, PORTABLE) for kernel in KERNELS] + [(kernel, variant) for kernel in VARIANTS.get(variant, {})]
    draws = [
        _draw(kernel, variant, f"{kernel}.{variant}{i}", sampler, rng, arithmetic, limits)
        for kernel, variant in served
        for i in range(cases_per_kernel)
    ]
    graph = _graph([draw.sample for draw in draws], arithmetic, limits.data)
    cases = tuple(_case(graph, draw) for draw in draws)
    return Sweep(graph, _plan(graph, [case.step for case in cases]), cases)


def shard_sweep(graph: Graph, shards: Sequence[tuple[Operator, Region]], variant: str) -> Sweep:
    """Boxes of the outputs of a network's own operators, on a device of a variant; all read one tensor named `DATA`."""
    tensors = [
        graph.tensors[name].shape.elements for operator, _ in shards for name in (*operator.inputs, operator.output)
    ]
    rows = -(-max(tensors) // (DATA.shape.width * DATA.shape.channels))
    data = replace(DATA, shape=replace(DATA.shape, height=rows))
    end = InputEnd(data.name, (1, *data.shape.as_tuple()), "int8", channels_first=False)
    bench = replace(graph, tensors={**graph.tensors, data.name: data}, inputs=(*graph.inputs, end), outputs=())
    draws = [
        _Draw(
            kernel_of(graph, operator),
            variant_of(graph, operator, variant),
            Sample(operator, tuple(graph.input_tensors(operator)), graph.output_tensor(operator)),
            output,
            (0, 0),
        )
        for operator, output in shards
    ]
    cases = tuple(_case(bench, draw) for draw in draws)
    return Sweep(bench, _plan(bench, [case.step for case in cases]), cases)


def _draw(
    kernel: str,
    variant: str,
    name: str,
    sampler: OperatorSampler,
    rng: np.random.Generator,
    arithmetic: Arithmetic,
    limits: Limits,
) -> _Draw:
    """A case that its kernel serves, that fits the buffers and does not take too long."""
    whole_operator = {"partial_sums": "pointwise", "requantise": "pointwise", "accumulate": "pointwise", "copy": "add"}
    for _ in range(_TRIES):
        sample = sampler.sample(whole_operator.get(kernel, kernel), name)
        output = _part(whole(sample.output.shape), rng, channels_too=kernel != "partial_sums")
        depth = sample.inputs[0].shape.channels
        draw = _Draw(kernel, variant, sample, output, _interval(depth, rng))
        if _fits(draw, limits) and _serves(draw, arithmetic):
            return draw
    raise InternalError(f"no shape of {kernel} fits the benchmark's buffers")


def _serves(draw: _Draw, arithmetic: Arithmetic) -> bool:
    graph = _graph([draw.sample], arithmetic, DATA)
    return draw.variant == PORTABLE or serves(graph, draw.sample.operator, draw.kernel, draw.variant)


def _fits(draw: _Draw, limits: Limits) -> bool:
    macs, weight_bytes = draw.output.elements, 0
    if isinstance(draw.sample.operator, Conv):
        macs *= draw.sample.operator.weights[0].size
        weight_bytes = draw.sample.operator.weights.size
    return (
        max(tensor.shape.elements for tensor in draw.sample.inputs) <= limits.buffer_bytes
        and SUM_BYTES * draw.output.elements <= limits.buffer_bytes
        and macs <= limits.macs
        and weight_bytes <= limits.weight_bytes
    )


def _part(everything: Region, rng: np.random.Generator, channels_too: bool) -> Region:
    """The whole box, some of its rows, or some of its channels."""
    match int(rng.integers(0, 3)):
        case 1:
            return everything.with_rows(*_interval(everything.rows, rng))
        case 2 if channels_too:
            return everything.with_channels(*_interval(everything.channels, rng))
        case _:
            return everything


def _interval(size: int, rng: np.random.Generator) -> tuple[int, int]:
    start, stop = sorted(int(x) for x in rng.choice(size + 1, 2, replace=False))
    return start, stop


def _graph(samples: Iterable[Sample], arithmetic: Arithmetic, data: Tensor) -> Graph:
    tensors = {data.name: data}
    inputs = [data]
    operators: list[Operator] = []
    for sample in samples:
        inputs += sample.inputs
        tensors |= {tensor.name: tensor for tensor in (*sample.inputs, sample.output)}
        operators.append(sample.operator)
    ends = tuple(InputEnd(t.name, (1, *t.shape.as_tuple()), "int8", channels_first=False) for t in inputs)
    return Graph("benchmark", tensors, tuple(operators), ends, (), arithmetic)


def _case(graph: Graph, draw: _Draw) -> Case:
    operator, output = draw.sample.operator, draw.output
    is_portable = draw.variant == PORTABLE
    key = cost_key(draw.kernel if is_portable else variant_kernel(draw.kernel, draw.variant), graph.arithmetic)
    values = _operand(operator.output, output, _VALUES)
    sums = _operand(operator.output, output, _SUMS, Content.PARTIAL_SUMS)
    match draw.kernel:
        case "partial_sums":
            start, stop = draw.input_channels
            source = required(graph, operator, 0, output).with_channels(start, stop)
            features = operator_features(graph, operator, output, stop - start)
            step: CpuStep = PartialSums(operator.name, _operand(operator.inputs[0], source, _DATA), sums, 0)
            return Case(key, features, step)
        case "requantise":
            step = Requantise(operator.name, sums, values, 0)
        case "accumulate":
            step = Accumulate(_operand(operator.output, output, _DATA, Content.PARTIAL_SUMS), sums, 0)
        case "copy":
            step = Copy(_operand(operator.output, output, _DATA), values, 0)
            return Case(key, copy_features(output), step)
        case _:
            inputs = [required(graph, operator, i, output) for i in range(len(operator.inputs))]
            operands = tuple(
                None if region.empty else _operand(name, region, _DATA)
                for name, region in zip(operator.inputs, inputs, strict=True)
            )
            features = compute_features(graph, operator, output, draw.variant)
            size_bytes = scratch_bytes(graph, operator, draw.kernel, draw.variant)
            scratch = Scratch(_SCRATCH, size_bytes) if size_bytes else None
            return Case(key, features, Compute(operator.name, operands, values, 0, scratch, draw.variant))
    return Case(key, element_features(output), step)


def _operand(tensor: str, region: Region, buffer: int, content: Content = Content.VALUES) -> Operand:
    """A dense operand at the start of a buffer."""
    element_bytes = SUM_BYTES if content is Content.PARTIAL_SUMS else 1
    pixel_bytes = region.channels * element_bytes
    view = View(
        buffer,
        0,
        region.rows,
        region.columns,
        region.channels,
        region.columns * pixel_bytes,
        pixel_bytes,
        element_bytes,
    )
    return Operand(tensor, region, (view,), content)


def _plan(graph: Graph, steps: list[CpuStep]) -> Plan:
    shape = graph.tensors[DATA.name].shape
    data = _operand(DATA.name, whole(shape), _DATA)
    exchange: tuple[Step, ...] = (Ready(0), Transfer(0, data), Await(0))
    sizes = {"slots": MESSAGE_SLOT_BYTES} | dict.fromkeys(("data", "values"), shape.elements)
    sizes |= dict.fromkeys(("sums", "scratch"), min(shape.elements, BUFFER_BYTES))

    def program(node: int, body: tuple[Step, ...], names: Iterable[str], inputs: tuple[Operand, ...]) -> Program:
        buffers: list[Buffer] = []
        offset_bytes = 0
        for name in names:
            buffers.append(Buffer(name, sizes[name], offset_bytes, 0, len(body)))
            offset_bytes += -(-(sizes[name] + CANARY_BYTES) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        return Program(node, tuple(buffers), 1, body, inputs)

    message = Message(
        _HOST, _BOARD, DATA.name, whole(shape), Content.VALUES, shape.elements, 1, ("out:1", "in:0"), 0, 0
    )
    board = program(_BOARD, (*exchange, *steps), sizes, ())
    host = program(_HOST, exchange, ("slots", "data"), (data,))
    return Plan("0" * 64, 0, graph.arithmetic, (board, host), (message,))
