"""What a model is: operators with their shapes, work and weights, and the RAM that one board would need for it."""

from __future__ import annotations

from dataclasses import dataclass

from tabulate import tabulate

from planner.core.cost import kernel_of
from planner.data.graph import Conv, Graph, HostStepKind, Operator, Shape
from planner.report.notation import kibibytes

_BIAS_BYTES = 4
"""A bias is an int32."""


@dataclass(frozen=True, slots=True)
class OperatorSummary:
    """One operator. `live_bytes`: all int8 tensors that exist while it runs, if operators run one after another."""

    name: str
    kernel: str
    window: str
    inputs: tuple[str, ...]
    output: str
    output_shape: tuple[int, int, int]
    macs: int
    weight_bytes: int
    live_bytes: int


@dataclass(frozen=True, slots=True)
class EndSummary:
    """An input or output as the user sees it, and what the host does there."""

    tensor: str
    shape: tuple[int, ...]
    dtype: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelReport:
    """Totals and operators, in the order of execution. `activation_peak_bytes` is reached at `peak_operator`.

    Weights include biases, not the rounding constants that plans add to them.
    """

    name: str
    arithmetic: str
    inputs: tuple[EndSummary, ...]
    outputs: tuple[EndSummary, ...]
    macs: int
    weight_bytes: int
    activation_peak_bytes: int
    peak_operator: str
    operators: tuple[OperatorSummary, ...]


def model_report(graph: Graph) -> ModelReport:
    """Describe a network. Raises ValueError if it has no operators."""
    live = live_bytes(graph)
    operators = tuple(_summary(graph, operator, live[index]) for index, operator in enumerate(graph.operators))
    if not operators:
        raise ValueError(f"{graph.name} has no operators")
    peak = max(operators, key=lambda operator: operator.live_bytes)
    return ModelReport(
        name=graph.name,
        arithmetic=graph.arithmetic.value,
        inputs=tuple(
            EndSummary(end.tensor, end.shape, end.dtype, ("quantise",) if end.dtype == "float32" else ())
            for end in graph.inputs
        ),
        outputs=tuple(EndSummary(end.tensor, end.shape, end.dtype, _names(end.steps)) for end in graph.outputs),
        macs=sum(operator.macs for operator in operators),
        weight_bytes=sum(operator.weight_bytes for operator in operators),
        activation_peak_bytes=peak.live_bytes,
        peak_operator=peak.name,
        operators=operators,
    )


def live_bytes(graph: Graph) -> tuple[int, ...]:
    """For each operator: bytes of all tensors that exist while it runs. A tensor lives until its last reader has run,
    a graph output until the end."""
    ends = {end.tensor for end in graph.outputs}
    last = len(graph.operators) - 1
    totals = [0] * len(graph.operators)
    for name, tensor in graph.tensors.items():
        first = graph.producers.get(name, 0)
        end = last if name in ends else max(graph.consumers[name], default=first)
        for index in range(first, end + 1):
            totals[index] += tensor.shape.elements
    return tuple(totals)


def model_table(report: ModelReport) -> str:
    """The same for people."""
    rows = [
        (
            index,
            operator.kernel,
            operator.window,
            _by(operator.output_shape),
            f"{operator.macs / 1e6:.3f}" if operator.macs else "",
            kibibytes(operator.weight_bytes) if operator.weight_bytes else "",
            kibibytes(operator.live_bytes),
        )
        for index, operator in enumerate(report.operators)
    ]
    headers = ("", "kernel", "window", "output", "million MACs", "weights KiB", "live KiB")
    table = tabulate(rows, headers, stralign="right", disable_numparse=True, colalign=("right", "left", "left"))
    lines = [
        f"{report.name}: {len(report.operators)} operators, {report.arithmetic} arithmetic",
        *(f"input   {_end(end)}" for end in report.inputs),
        *(f"output  {_end(end)}" for end in report.outputs),
        "",
        table,
        "",
        f"{report.macs / 1e6:.1f} million MACs, {kibibytes(report.weight_bytes)} KiB of weights and biases.",
        f"Operator by operator on one board, activations peak at {kibibytes(report.activation_peak_bytes)} KiB, in "
        f"{report.peak_operator}.",
    ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class KindSummary:
    """A kind of operator of a model file, how many there are, and whether planner reads that kind at all."""

    kind: str
    count: int
    supported: bool


@dataclass(frozen=True, slots=True)
class RefusedModel:
    """What is known of a model that cannot be read."""

    kinds: tuple[KindSummary, ...]


def refused_table(model: RefusedModel) -> str:
    """The same for people."""
    rows = [(kind.kind, kind.count, "yes" if kind.supported else "NO") for kind in model.kinds]
    return tabulate(rows, ("operator", "count", "supported"))


def _summary(graph: Graph, operator: Operator, live: int) -> OperatorSummary:
    output = graph.output_tensor(operator).shape
    macs = weight_bytes = 0
    if isinstance(operator, Conv):
        macs = output.height * output.width * operator.weights.size
        weight_bytes = operator.weights.size + _BIAS_BYTES * operator.bias.size
    return OperatorSummary(
        name=operator.name,
        kernel=kernel_of(graph, operator),
        window=_window(operator, output),
        inputs=operator.inputs,
        output=operator.output,
        output_shape=output.as_tuple(),
        macs=macs,
        weight_bytes=weight_bytes,
        live_bytes=live,
    )


def _window(operator: Operator, output: Shape) -> str:
    """`3x3 /2` for a kernel with a stride, `dilated 2`; nothing for operators without a window."""
    window = getattr(operator, "window", None)
    if window is None or output.height == output.width == 1:
        return ""
    text = _by(window.kernel)
    if window.stride != (1, 1):
        text += f" /{_by(window.stride) if window.stride[0] != window.stride[1] else window.stride[0]}"
    if window.dilation != (1, 1):
        text += f" dilated {_by(window.dilation)}"
    return text


def _by(sizes: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in sizes)


def _names(steps: tuple[HostStepKind, ...]) -> tuple[str, ...]:
    return tuple(step.value for step in steps)


def _end(end: EndSummary) -> str:
    steps = f", host: {', '.join(end.steps)}" if end.steps else ""
    return f"{_by(end.shape)} {end.dtype}{steps}"
