"""Encoding of random plans: nothing is lost, nothing is stored twice, limits are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.lowering import lower
from planner.data.graph import Arithmetic, Padding, PoolKind, QuantParams, Shape, Window
from planner.data.plan import Await, Compute, Plan, Ready, Transfer
from planner.data.split import Axis, Layout, OperatorSplit, Split
from planner.errors import ModelError, PlanFormatError
from planner.planfmt import layout
from planner.planfmt.decode import CAPABILITIES, decode
from planner.planfmt.encode import encode, with_crc
from planner.planfmt.image import code, name_of
from planner.planfmt.text import describe
from tests.builders.cases import Case, random_case
from tests.builders.fleets import random_instance
from tests.builders.graphs import GraphBuilder


def lowered(case: Case) -> Plan:
    return lower(case.graph, case.instance, case.split, model_hash="0123456789abcdef" * 4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31))
def test_what_is_encoded_is_what_is_decoded(seed: int) -> None:
    case = random_case(seed)
    plan = lowered(case)
    for node, program in enumerate(plan.programs[:-1]):
        data = encode(plan, case.graph, node)
        assert data == encode(plan, case.graph, node)
        image = decode(data)
        assert image.header["model_hash"] == 0x0123456789ABCDEF
        assert (image.header["node"], image.header["nodes"]) == (node, len(plan.programs))
        assert image.header["arena_bytes"] == program.arena_bytes
        sizes = sorted(buffer.size_bytes for buffer in program.buffers)
        assert sorted(buffer["size_bytes"] for buffer in image.buffers) == sizes
        kinds = {Ready: "READY", Transfer: "TRANSFER", Await: "AWAIT"}
        opcodes = [kinds.get(type(step), "KERNEL") for step in program.steps]
        assert [name_of("opcode", step["opcode"]) for step in image.steps] == opcodes
        times = [getattr(step, "predicted_ns", 0) for step in program.steps]
        assert [step["predicted_ns"] for step in image.steps] == times
        mine = [n for n, message in enumerate(plan.messages) if node in (message.source, message.target)]
        assert [message["tag"] for message in image.messages] == mine
        assert len(image.names) == len(program.steps)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31))
def test_names_are_optional_and_change_nothing_else(seed: int) -> None:
    case = random_case(seed)
    plan = lowered(case)
    named, bare = (decode(encode(plan, case.graph, 0, names=names)) for names in (True, False))
    assert bare.names == ()
    assert replace(named, names=()) == bare


def one_device(graph_builder: GraphBuilder, output: str, chunks: int = 1) -> Case:
    graph = graph_builder.graph((output,), Arithmetic.TFLM)
    instance = random_instance(1, devices=1)
    whole = {
        operator.name: OperatorSplit(
            Layout.single(Axis.ROWS, graph.output_tensor(operator).shape.height, 0, 2), chunks=chunks
        )
        for operator in graph.operators
    }
    return Case(graph, instance, Split(whole))


def test_chunks_of_an_operator_share_their_constants() -> None:
    builder = GraphBuilder(np.random.default_rng(0), Shape(8, 8, 4))
    output = builder.conv(builder.input, 8, Window((3, 3), padding=Padding(1, 1, 1, 1)))
    sizes = []
    for chunks in (1, 4):
        case = one_device(builder, output, chunks)
        plan = lowered(case)
        assert sum(isinstance(step, Compute) for step in plan.programs[0].steps) == chunks
        sizes.append(len(decode(encode(plan, case.graph, 0)).constants))
    assert sizes[0] == sizes[1]


def test_the_input_offset_is_folded_into_the_bias_only_where_nothing_is_padded() -> None:
    builder = GraphBuilder(np.random.default_rng(0), Shape(4, 4, 4))
    builder.tensors[builder.input] = replace(builder.tensors[builder.input], quant=QuantParams(0.02, 5))
    padded = builder.conv(builder.input, 4, Window((3, 3), padding=Padding(1, 1, 1, 1)))
    case = one_device(builder, builder.conv(padded, 3, Window((1, 1))))
    image = decode(encode(lowered(case), case.graph, 0))
    offsets = {
        name_of("kernel", step["kernel"]): image.parameters[step["parameters"]]["input_zero_point"]
        for step in image.steps
        if step["kernel"]
    }
    assert offsets["CONVOLUTION"] == 5
    assert offsets["POINTWISE"] == 0


def test_a_window_that_is_too_high_is_refused() -> None:
    builder = GraphBuilder(np.random.default_rng(0), Shape(140, 1, 1))
    case = one_device(builder, builder.pool(builder.input, PoolKind.MAXIMUM, Window((129, 1))))
    with pytest.raises(ModelError, match="a window of 129 rows is higher than 128"):
        encode(lowered(case), case.graph, 0)


def test_a_node_with_too_many_ports_is_refused() -> None:
    builder = GraphBuilder(np.random.default_rng(0), Shape(20, 2, 1))
    case = one_device(builder, builder.lookup(builder.input), chunks=20)
    case = replace(case, instance=replace(case.instance, input_node=1))
    plan = lowered(case)
    assert len(plan.messages) > layout.PORTS_MAX.value
    messages = tuple(replace(message, ports=(f"port{n}", f"port{n}'")) for n, message in enumerate(plan.messages))
    with pytest.raises(PlanFormatError, match=r"uses \d+ ports, more than 16"):
        encode(replace(plan, messages=messages), case.graph, 0)


def test_a_number_that_does_not_fit_is_refused() -> None:
    case = random_case(3)
    plan = lowered(case)
    messages = tuple(replace(message, duration_ns=2**64) for message in plan.messages)
    node = plan.messages[0].target
    with pytest.raises(PlanFormatError, match=f"node {node}: a number exceeds the format's limits"):
        encode(replace(plan, messages=messages), case.graph, node)


def test_a_missing_capability_is_named() -> None:
    case = random_case(3)
    data = encode(lowered(case), case.graph, 0)
    with pytest.raises(PlanFormatError, match="the runtime lacks RING_COLUMNS, bit 31") as caught:
        decode(_with_capabilities(data, CAPABILITIES | code("capability", "RING_COLUMNS") | 1 << 31))
    assert caught.value.status == "PLAN_CAPABILITY"


def _with_capabilities(data: bytes, capabilities: int) -> bytes:
    header = layout.PLAN_HEADER.unpack(data) | {"capabilities": capabilities}
    return with_crc(layout.PLAN_HEADER.pack(header) + data[layout.PLAN_HEADER.size_bytes :])


def test_the_description_names_steps_operators_and_sizes() -> None:
    builder = GraphBuilder(np.random.default_rng(0), Shape(6, 5, 3))
    case = one_device(builder, builder.conv(builder.input, 7, Window((1, 1))))
    plan = lowered(case)
    text = describe(encode(plan, case.graph, 0))
    assert "plan for node 0 of 2" in text
    assert f"arena         {plan.programs[0].arena_bytes} bytes" in text
    (line,) = [line for line in text.splitlines() if "pointwise" in line]
    assert "6x5x3" in line and "-> 6x5x7" in line and line.endswith(f"# {case.graph.operators[0].name}")
