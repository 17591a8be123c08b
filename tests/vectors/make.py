"""Writes the plan vectors that are missing: valid plans, and for every rule of the loader a plan that breaks it alone.

    python -m tests.vectors.make

Vectors that exist are never rewritten: they are what earlier versions wrote. `plan/by_hand.plan` is no product of this
script but of `plan/by_hand.hex`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from planner.core.lowering import lower
from planner.data.graph import Arithmetic, Graph, Padding, PoolKind, Shape, Window
from planner.data.hardware import NetworkKind
from planner.data.split import Axis, Layout, OperatorSplit, Segment, Split, Stage
from planner.planfmt import layout
from planner.planfmt.decode import decode
from planner.planfmt.encode import assemble, encode, with_crc
from planner.planfmt.image import TABLES, PlanImage, code
from planner.planfmt.records import Record
from tests.builders.cases import random_case
from tests.builders.fleets import random_instance
from tests.builders.graphs import GraphBuilder

FOLDER = Path(__file__).parent / "plan"
ARENA_BYTES = 65536
"""Arena of the node that loads the vectors."""
NO_INDEX = layout.NO_INDEX.value


def valid_plans() -> dict[str, Callable[[], bytes]]:
    """Plans with many kinds of steps: both rounding rules, a bus, halo rows, partial sums, ends, pools."""
    return {
        "onnxruntime": lambda: _random_plan(436, 0),
        "tflm": lambda: _random_plan(324, 1),
        "pools": _pools_plan,
        "loops": _loops_plan,
        "products": _products_plan,
        "gathers": _gathers_plan,
    }


def _random_plan(seed: int, node: int) -> bytes:
    case = random_case(seed, kind=NetworkKind.BUS)
    return encode(lower(case.graph, case.instance, case.split), case.graph, node)


def _pools_plan() -> bytes:
    builder = GraphBuilder(np.random.default_rng(1), Shape(4, 3, 2))
    padded = builder.pad(builder.lookup(builder.input), Padding(1, 0, 0, 1))
    maximum = builder.pool(padded, PoolKind.MAXIMUM, Window((2, 2), padding=Padding(1, 1, 0, 0)))
    average = builder.pool(maximum, PoolKind.AVERAGE, Window((2, 2), (2, 1)))
    return _on_one_device(builder.graph((builder.fully_connected(average, 3),), Arithmetic.TFLM))


def _products_plan() -> bytes:
    """A gate for each channel, and a product with a part of the input."""
    builder = GraphBuilder(np.random.default_rng(2), Shape(3, 4, 5))
    gated = builder.mul(builder.input, builder.mean(builder.input))
    corner = builder.slice(builder.input, (1, 0, 2), Shape(2, 4, 3))
    product = builder.mul(builder.slice(gated, (0, 0, 0), Shape(2, 4, 3)), corner)
    return _on_one_device(builder.graph((product,), Arithmetic.ONNXRUNTIME))


def _gathers_plan() -> bytes:
    """A shuffled input less its own table entries, and the same enlarged."""
    builder = GraphBuilder(np.random.default_rng(4), Shape(3, 2, 4))
    places = np.arange(24).reshape(3, 2, 4)
    shuffled = builder.gather(builder.input, places[:, :, [0, 2, 1, 3]])
    difference = builder.add(builder.lookup(builder.input, channel_tables=True), shuffled, subtract=True)
    return _on_one_device(builder.graph((builder.gather(difference, places.repeat(2, axis=1)),), Arithmetic.TFLM))


def _on_one_device(graph: Graph) -> bytes:
    instance = replace(random_instance(0, devices=1), input_node=0, output_node=0)
    whole = {
        o.name: OperatorSplit(Layout.single(Axis.ROWS, graph.output_tensor(o).shape.height, 0, 2))
        for o in graph.operators
    }
    return encode(lower(graph, instance, Split(whole)), graph, 0)


def _loops_plan() -> bytes:
    builder = GraphBuilder(np.random.default_rng(2), Shape(6, 9, 3))
    expanded = builder.conv(builder.input, 5, Window((1, 1)))
    depthwise = builder.conv(expanded, 5, Window((3, 3), padding=Padding(1, 1, 1, 1)), groups=5)
    graph = builder.graph((builder.conv(depthwise, 4, Window((1, 1))),), Arithmetic.TFLM)
    instance = replace(random_instance(0, devices=1), input_node=0, output_node=0)
    stage = Stage(tuple(operator.name for operator in graph.operators), rows=2, columns=2)
    segment = Segment((stage,), Layout.single(Axis.ROWS, 6, 0, 2))
    return encode(lower(graph, instance, Split({}, (segment,))), graph, 0)


class Draft:
    """A plan taken apart, to be spoiled in one place."""

    def __init__(self, data: bytes) -> None:
        self.image = decode(data)
        self.header: dict[str, Any] = dict(self.image.header)
        self.tables: dict[str, list[dict[str, Any]]] = {
            name: [dict(record) for record in self.image.table(name)] for name in TABLES
        }
        self.constants = bytearray(self.image.constants)

    def __getattr__(self, name: str) -> list[dict[str, Any]]:
        return self.tables[name.upper()]

    def kernel(self, name: str) -> dict[str, Any]:
        """The first step of a kernel."""
        return next(step for step in self.steps if step["kernel"] == code("kernel", name))

    def step_of(self, opcode: str) -> dict[str, Any]:
        """The first step of an opcode."""
        return next(step for step in self.steps if step["opcode"] == code("opcode", opcode))

    def parameters_of(self, kernel: str) -> dict[str, Any]:
        """A record of parameters that only this step uses."""
        step = self.kernel(kernel)
        self.parameters.append(dict(self.parameters[step["parameters"]]))
        step["parameters"] = len(self.parameters) - 1
        return self.parameters[-1]

    def operand_of(self, kernel: str, place: int) -> dict[str, Any]:
        """An operand of a step; its records are moved so that no other step uses them."""
        step = self.kernel(kernel)
        first, count = step["first_operand"], step["operand_count"]
        step["first_operand"] = len(self.operands)
        self.operands.extend(dict(operand) for operand in self.operands[first : first + count])
        return self.operands[step["first_operand"] + place]

    def view_of(self, kernel: str, place: int) -> dict[str, Any]:
        """The first view of an operand that no other operand uses."""
        operand = self.operand_of(kernel, place)
        first, count = operand["first_view"], operand["view_count"]
        operand["first_view"] = len(self.views)
        self.views.extend(dict(view) for view in self.views[first : first + count])
        return self.views[operand["first_view"]]

    def put(self, offset: int, record: Record, **fields: Any) -> None:
        """Change a record among the constants; they are appended anew, so no other step sees it."""
        values = record.unpack(bytes(self.constants), offset) | fields
        self.constants[offset : offset + record.size_bytes] = record.pack(values)

    def bytes(self) -> bytes:
        return assemble(
            PlanImage(
                header=self.header,
                constants=bytes(self.constants),
                names=self.image.names,
                **{name.lower(): tuple(records) for name, records in self.tables.items()},
            )
        )


Spoil = Callable[[Draft], object]


def _set(record: dict[str, Any], **fields: Any) -> None:
    for name in fields:
        assert name in record, name
    record.update(fields)


def _swap(records: list[dict[str, Any]], a: int, b: int) -> None:
    records[a], records[b] = records[b], records[a]


def _repack(data: bytes, **fields: Any) -> bytes:
    header = layout.PLAN_HEADER.unpack(data) | fields
    return with_crc(layout.PLAN_HEADER.pack(header) + data[layout.PLAN_HEADER.size_bytes :])


def _entry(data: bytes, index: int, **fields: Any) -> bytes:
    offset = layout.PLAN_HEADER.size_bytes + index * layout.SECTION_ENTRY.size_bytes
    entry = layout.SECTION_ENTRY.unpack(data, offset) | fields
    end = offset + layout.SECTION_ENTRY.size_bytes
    return with_crc(data[:offset] + layout.SECTION_ENTRY.pack(entry) + data[end:])


# Spoilt as bytes: name -> (plan, status, change).
BYTES: dict[str, tuple[str, str, Callable[[bytes], bytes]]] = {
    "shorter_than_a_header": ("pools", "PLAN_TRUNCATED", lambda d: d[:55]),
    "ends_too_early": ("pools", "PLAN_TRUNCATED", lambda d: d[:-1]),
    "magic": ("pools", "PLAN_MAGIC", lambda d: b"PLRQ" + d[4:]),
    "major": ("pools", "PLAN_MAJOR", lambda d: _repack(d, format_major=2)),
    "minor": ("pools", "PLAN_MINOR", lambda d: _repack(d, format_minor=1)),
    "header_too_small": ("pools", "PLAN_HEADER", lambda d: _repack(d, header_size=48)),
    "header_misaligned": ("pools", "PLAN_HEADER", lambda d: _repack(d, header_size=60)),
    "header_too_large": ("pools", "PLAN_HEADER", lambda d: _repack(d, header_size=65528)),
    "section_table_too_large": ("pools", "PLAN_HEADER", lambda d: _repack(d, section_count=65535)),
    "crc": ("pools", "PLAN_CRC", lambda d: d[:-1] + bytes([d[-1] ^ 1])),
    "unknown_capability": ("pools", "PLAN_CAPABILITY", lambda d: _repack(d, capabilities=0x80000001)),
    "column_rings": (
        "pools",
        "PLAN_CAPABILITY",
        lambda d: _repack(d, capabilities=1 | code("capability", "RING_COLUMNS")),
    ),
    "rounding_capability": ("pools", "PLAN_HEADER", lambda d: _repack(d, capabilities=2)),
    "arithmetic": ("pools", "PLAN_HEADER", lambda d: _repack(d, arithmetic=3)),
    "node": ("pools", "PLAN_HEADER", lambda d: _repack(d, node=2)),
    "ports": ("pools", "PLAN_HEADER", lambda d: _repack(d, port_count=17)),
    "header_reserved": ("pools", "PLAN_HEADER", lambda d: _repack(d, reserved=1)),
    "header_reserved2": ("pools", "PLAN_HEADER", lambda d: _repack(d, reserved2=1)),
    "section_misaligned": ("pools", "PLAN_SECTION", lambda d: _entry(d, 7, offset_bytes=len(d) // 16 * 16 - 8)),
    "section_overlaps": ("pools", "PLAN_SECTION", lambda d: _entry(d, 1, offset_bytes=16)),
    "section_outside": ("pools", "PLAN_SECTION", lambda d: _entry(d, 8, size_bytes=len(d))),
    "section_size_wraps": ("pools", "PLAN_SECTION", lambda d: _entry(d, 8, size_bytes=0xFFFFFFF0)),
    "section_offset_outside": ("pools", "PLAN_SECTION", lambda d: _entry(d, 8, offset_bytes=0xFFFFFFF0)),
    "section_missing": ("pools", "PLAN_SECTION", lambda d: _entry(d, 0, kind=0, flags=0)),
    "section_repeated": ("pools", "PLAN_SECTION", lambda d: _entry(d, 2, kind=code("section", "STEPS"))),
    "section_no_whole_records": ("pools", "PLAN_SECTION", lambda d: _entry(d, 0, size_bytes=15)),
    "section_reserved": ("pools", "PLAN_SECTION", lambda d: _entry(d, 0, reserved=1)),
    "unknown_required_section": ("pools", "PLAN_UNKNOWN_SECTION", lambda d: _entry(d, 8, kind=99, flags=1)),
}

# Spoilt as records: name -> (plan, status, change).
RECORDS: dict[str, tuple[str, str, Spoil]] = {
    "arena": ("pools", "PLAN_ARENA", lambda d: _set(d.header, arena_bytes=ARENA_BYTES + 1)),
    "no_buffers": ("pools", "PLAN_BUFFER", lambda d: d.buffers.clear()),
    "slot_table_size": ("tflm", "PLAN_BUFFER", lambda d: _set(d.header, slot_count=d.header["slot_count"] + 1)),
    "slot_table_first_step": ("tflm", "PLAN_BUFFER", lambda d: _set(d.buffers[0], first_step=1)),
    "slot_table_end_step": ("tflm", "PLAN_BUFFER", lambda d: _set(d.buffers[0], end_step=1)),
    "buffer_misaligned": ("tflm", "PLAN_BUFFER", lambda d: _set(d.buffers[1], offset_bytes=4)),
    "buffer_outside": ("tflm", "PLAN_BUFFER", lambda d: _set(d.buffers[1], size_bytes=d.header["arena_bytes"])),
    "buffer_wraps": ("tflm", "PLAN_BUFFER", lambda d: _set(d.buffers[1], size_bytes=0xFFFFFFFF)),
    "buffer_never_lives": ("tflm", "PLAN_BUFFER", lambda d: _set(d.buffers[1], end_step=d.buffers[1]["first_step"])),
    "buffer_lives_too_long": ("tflm", "PLAN_BUFFER", lambda d: _set(d.buffers[-1], end_step=len(d.steps) + 1)),
    "buffers_out_of_order": ("tflm", "PLAN_BUFFER", lambda d: _swap(d.buffers, 1, len(d.buffers) - 1)),
    "buffers_overlap": ("tflm", "PLAN_OVERLAP", lambda d: _set(d.buffers[1], offset_bytes=0)),
    "view_buffer": ("pools", "PLAN_VIEW", lambda d: _set(d.views[0], buffer=len(d.buffers))),
    "view_of_slots": ("pools", "PLAN_VIEW", lambda d: _set(d.views[0], buffer=0)),
    "view_without_rows": ("pools", "PLAN_VIEW", lambda d: _set(d.views[0], rows=0)),
    "view_outside": ("pools", "PLAN_VIEW", lambda d: _set(d.view_of("LOOKUP", 0), offset_bytes=1)),
    "view_stride_wraps": ("pools", "PLAN_VIEW", lambda d: _set(d.view_of("LOOKUP", 0), row_stride_bytes=0xFFFFFFFF)),
    "view_rows_overlap": ("pools", "PLAN_VIEW", lambda d: _set(d.view_of("LOOKUP", 0), row_stride_bytes=5)),
    "view_pixels_overlap": ("pools", "PLAN_VIEW", lambda d: _set(d.operand_of("LOOKUP", 0), pixel_stride_bytes=1)),
    "view_sums_misaligned": ("tflm", "PLAN_VIEW", lambda d: _set(d.view_of("REQUANTISE", 0), offset_bytes=2)),
    "ring_place_without_ring": ("pools", "PLAN_VIEW", lambda d: _set(d.views[0], ring_first_row=1)),
    "ring_without_capability": ("pools", "PLAN_VIEW", lambda d: _set(d.view_of("LOOKUP", 0), ring_rows=4)),
    "ring_of_columns": ("pools", "PLAN_VIEW", lambda d: _set(d.view_of("LOOKUP", 0), ring_columns=3)),
    "ring_too_small": ("pools", "PLAN_VIEW", lambda d: _ring(d, ring_rows=3)),
    "ring_place": ("pools", "PLAN_VIEW", lambda d: _ring(d, ring_rows=4, ring_first_row=4)),
    "ring_outside": ("pools", "PLAN_VIEW", lambda d: _ring(d, ring_rows=5)),
    "operand_without_views": ("pools", "PLAN_OPERAND", lambda d: _set(d.operands[0], view_count=0)),
    "operand_of_four_views": ("pools", "PLAN_OPERAND", lambda d: _set(d.operands[0], view_count=4)),
    "operand_views_outside": ("pools", "PLAN_OPERAND", lambda d: _set(d.operands[0], first_view=len(d.views))),
    "operand_views_wrap": ("pools", "PLAN_OPERAND", lambda d: _set(d.operands[0], first_view=0xFFFFFFFF)),
    "operand_element_size": ("pools", "PLAN_OPERAND", lambda d: _set(d.operands[0], element_bytes=2)),
    "operand_without_columns": ("pools", "PLAN_OPERAND", lambda d: _set(d.operands[0], columns=0)),
    "operand_without_channels": ("pools", "PLAN_OPERAND", lambda d: _set(d.operands[0], channels=0)),
    "operand_stride_of_sums": ("tflm", "PLAN_OPERAND", lambda d: _misalign_stride(d)),
    "operand_table_outside": ("tflm", "PLAN_CONSTANT", lambda d: _set(d.operands[0], table=len(d.constants))),
    "opcode_zero": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], opcode=0)),
    "opcode_of_a_loop": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], opcode=0x40)),
    "step_iterations": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], iterations=1)),
    "loop_without_iterations": ("loops", "PLAN_STEP", lambda d: _set(d.step_of("LOOP"), iterations=0)),
    "loop_too_long": ("loops", "PLAN_STEP", lambda d: _set(d.step_of("LOOP"), iterations=65536)),
    "loop_without_steps": ("loops", "PLAN_STEP", lambda d: _set(d.step_of("LOOP"), operand_count=0)),
    "loop_steps_outside": ("loops", "PLAN_STEP", lambda d: _set(d.step_of("LOOP"), operand_count=len(d.bodies) + 1)),
    "loop_steps_wrap": ("loops", "PLAN_STEP", lambda d: _set(d.step_of("LOOP"), first_operand=0xFFFFFFFF)),
    "loop_with_message": ("loops", "PLAN_STEP", lambda d: _set(d.step_of("LOOP"), message=0)),
    "loop_with_kernel": ("loops", "PLAN_STEP", lambda d: _set(d.step_of("LOOP"), kernel=1)),
    "loop_without_capability": ("loops", "PLAN_STEP", lambda d: _set(d.header, capabilities=5)),
    "loop_in_a_loop": ("loops", "PLAN_STEP", lambda d: _set(d.bodies[0], opcode=0x40, iterations=1)),
    "loop_of_messages": ("loops", "PLAN_STEP", lambda d: _set(d.bodies[0], opcode=code("opcode", "AWAIT"))),
    "loop_leaves_buffer": ("loops", "PLAN_VIEW", lambda d: _advance(d, 100)),
    "loop_shift_wraps": ("loops", "PLAN_VIEW", lambda d: _advance(d, 0xFFFF)),
    "loop_of_dead_buffers": ("loops", "PLAN_LIFESPAN", lambda d: _set(d.steps[0], **_first_loop(d))),
    "step_operands_outside": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], first_operand=len(d.operands))),
    "step_operands_wrap": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], operand_count=0xFFFFFFFF)),
    "kernel_zero": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], kernel=0)),
    "kernel_unknown": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], kernel=16)),
    "variant_unknown": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], variant=1)),
    "packing_unknown": ("pools", "PLAN_STEP", lambda d: _set(d.steps[0], packing=1)),
    "kernel_with_message": ("tflm", "PLAN_STEP", lambda d: _set(d.kernel("ADD"), message=0)),
    "kernel_without_operands": ("pools", "PLAN_STEP", lambda d: _set(d.kernel("LOOKUP"), operand_count=0)),
    "kernel_with_too_few": ("tflm", "PLAN_STEP", lambda d: _set(d.kernel("ADD"), operand_count=2)),
    "kernel_with_too_many": ("pools", "PLAN_STEP", lambda d: _set(d.kernel("LOOKUP"), operand_count=3)),
    "kernel_without_parameters": ("pools", "PLAN_STEP", lambda d: _set(d.kernel("LOOKUP"), parameters=NO_INDEX)),
    "copy_with_parameters": ("tflm", "PLAN_STEP", lambda d: _set(d.kernel("COPY"), parameters=0)),
    "transfer_with_two_operands": ("tflm", "PLAN_STEP", lambda d: _set(d.step_of("TRANSFER"), operand_count=2)),
    "ready_with_operand": ("tflm", "PLAN_STEP", lambda d: _set(d.step_of("READY"), operand_count=1)),
    "await_with_time": ("tflm", "PLAN_STEP", lambda d: _set(d.step_of("AWAIT"), predicted_ns=1)),
    "await_with_scratch": ("tflm", "PLAN_STEP", lambda d: _set(d.step_of("AWAIT"), scratch_buffer=1)),
    "buffer_not_yet_live": ("pools", "PLAN_LIFESPAN", lambda d: _late(d)),
    "buffer_no_longer_live": ("pools", "PLAN_LIFESPAN", lambda d: _early(d)),
    "elements_of_a_wrong_size": (
        "tflm",
        "PLAN_SHAPE",
        lambda d: _set(d.kernel("REQUANTISE"), kernel=15, parameters=NO_INDEX),
    ),
    "copy_of_another_shape": ("pools", "PLAN_SHAPE", lambda d: _set(d.kernel("PAD"), kernel=15, parameters=NO_INDEX)),
    "pad_outside": ("pools", "PLAN_SHAPE", lambda d: _set(d.parameters_of("PAD"), pad_top=2)),
    "pool_without_taps": ("pools", "PLAN_SHAPE", lambda d: _set(d.parameters_of("MAXIMUM_POOL"), pad_top=2)),
    "pool_past_the_end": ("pools", "PLAN_SHAPE", lambda d: _set(d.parameters_of("AVERAGE_POOL"), stride_rows=255)),
    "mean_of_more_pixels": ("pools", "PLAN_SHAPE", lambda d: _set(d.kernel("AVERAGE_POOL"), kernel=7)),
    "depthwise_depth": ("tflm", "PLAN_SHAPE", lambda d: _set(d.parameters_of("DEPTHWISE"), group_input_channels=2)),
    "depthwise_weight_offset": ("tflm", "PLAN_SHAPE", lambda d: _set(d.parameters_of("DEPTHWISE"), other_zero_point=1)),
    "groups_outside": (
        "onnxruntime",
        "PLAN_SHAPE",
        lambda d: _set(d.parameters_of("CONVOLUTION"), group_input_channels=99),
    ),
    "group_of_nothing": (
        "onnxruntime",
        "PLAN_SHAPE",
        lambda d: _set(d.parameters_of("CONVOLUTION"), group_input_channels=0),
    ),
    "group_without_outputs": (
        "onnxruntime",
        "PLAN_SHAPE",
        lambda d: _set(d.parameters_of("CONVOLUTION"), group_output_channels=0),
    ),
    "place_outside_group": (
        "onnxruntime",
        "PLAN_SHAPE",
        lambda d: _set(d.parameters_of("CONVOLUTION"), first_in_group=0xFFFFFFFF),
    ),
    "pointwise_padded": ("tflm", "PLAN_SHAPE", lambda d: _set(d.parameters_of("POINTWISE"), pad_top=1)),
    "pointwise_offset": ("tflm", "PLAN_SHAPE", lambda d: _set(d.parameters_of("POINTWISE"), input_zero_point=1)),
    "pointwise_strided": ("tflm", "PLAN_SHAPE", lambda d: _set(d.parameters_of("POINTWISE"), stride_rows=2)),
    "fully_connected_window": (
        "pools",
        "PLAN_SHAPE",
        lambda d: _set(d.parameters_of("FULLY_CONNECTED"), kernel_rows=1),
    ),
    "partial_sums_depth": (
        "tflm",
        "PLAN_SHAPE",
        lambda d: _set(d.parameters_of("PARTIAL_SUMS"), group_input_channels=99),
    ),
    "concat_channels": ("tflm", "PLAN_SHAPE", lambda d: _set(d.kernel("CONCAT"), operand_count=2)),
    "tables_of_channels_outside": (
        "gathers",
        "PLAN_CONSTANT",
        lambda d: _set(d.parameters_of("LOOKUP"), table=len(d.constants) // 256 * 256 - 256),
    ),
    "gather_offsets_outside": (
        "gathers",
        "PLAN_CONSTANT",
        lambda d: _set(d.parameters_of("GATHER"), table=len(d.constants) // 16 * 16),
    ),
    # A gathering of 3 rows, 2 columns and 4 channels: words 0 to 2, 3 and 4, the number of runs, then the runs.
    "gather_row_outside": ("gathers", "PLAN_CONSTANT", lambda d: _offset(d, 2, 17)),
    "gather_column_outside": ("gathers", "PLAN_CONSTANT", lambda d: _offset(d, 4, 5)),
    "gather_offset_wraps": ("gathers", "PLAN_CONSTANT", lambda d: _offset(d, 0, 0xFFFFFFFC)),
    "gather_without_runs": ("gathers", "PLAN_CONSTANT", lambda d: _offset(d, 5, 0)),
    "gather_of_many_runs": ("gathers", "PLAN_CONSTANT", lambda d: _offset(d, 5, 0xFFFFFFFF)),
    "gather_run_of_nothing": ("gathers", "PLAN_CONSTANT", lambda d: _offset(d, 7, 0)),
    "gather_run_too_long": ("gathers", "PLAN_CONSTANT", lambda d: _offset(d, 13, 2)),
    "gather_run_outside": ("gathers", "PLAN_CONSTANT", lambda d: _offset(d, 12, 4)),
    "product_of_other_channels": ("products", "PLAN_SHAPE", lambda d: _narrow(d, channels=4)),
    "product_with_two_pixels": ("products", "PLAN_SHAPE", lambda d: _narrow(d, columns=2)),
    "product_without_factor": (
        "products",
        "PLAN_CONSTANT",
        lambda d: _set(d.parameters_of("MUL"), quantisation=NO_INDEX),
    ),
    "clamp_empty": (
        "pools",
        "PLAN_PARAMETERS",
        lambda d: _set(d.parameters_of("MAXIMUM_POOL"), clamp_minimum=5, clamp_maximum=4),
    ),
    "parameters_reserved": ("pools", "PLAN_PARAMETERS", lambda d: _set(d.parameters_of("LOOKUP"), reserved=1)),
    "stride_zero": ("pools", "PLAN_PARAMETERS", lambda d: _set(d.parameters_of("MAXIMUM_POOL"), stride_rows=0)),
    "stride_too_large": (
        "pools",
        "PLAN_PARAMETERS",
        lambda d: _set(d.parameters_of("MAXIMUM_POOL"), stride_columns=256),
    ),
    "dilation_zero": ("pools", "PLAN_PARAMETERS", lambda d: _set(d.parameters_of("MAXIMUM_POOL"), dilation_rows=0)),
    "window_without_rows": ("pools", "PLAN_PARAMETERS", lambda d: _set(d.parameters_of("MAXIMUM_POOL"), kernel_rows=0)),
    "window_too_high": ("pools", "PLAN_PARAMETERS", lambda d: _set(d.parameters_of("MAXIMUM_POOL"), kernel_rows=129)),
    "window_without_columns": (
        "pools",
        "PLAN_PARAMETERS",
        lambda d: _set(d.parameters_of("MAXIMUM_POOL"), kernel_columns=0),
    ),
    "weights_outside": (
        "tflm",
        "PLAN_CONSTANT",
        lambda d: _set(d.parameters_of("POINTWISE"), weights=len(d.constants) // 16 * 16),
    ),
    "weights_misaligned": ("tflm", "PLAN_CONSTANT", lambda d: _set(d.parameters_of("POINTWISE"), weights=8)),
    "weights_too_many": ("pools", "PLAN_CONSTANT", lambda d: _widen_window(d)),
    "bias_missing": ("tflm", "PLAN_CONSTANT", lambda d: _set(d.parameters_of("POINTWISE"), bias=NO_INDEX)),
    "factors_missing": ("tflm", "PLAN_CONSTANT", lambda d: _set(d.parameters_of("POINTWISE"), quantisation=NO_INDEX)),
    "table_missing": ("pools", "PLAN_CONSTANT", lambda d: _set(d.parameters_of("LOOKUP"), table=NO_INDEX)),
    "concat_table_missing": ("tflm", "PLAN_CONSTANT", lambda d: _set(d.operand_of("CONCAT", 0), table=NO_INDEX)),
    "tflm_multiplier": ("tflm", "PLAN_QUANTISATION", lambda d: _factor(d, "POINTWISE", multiplier=-1)),
    "tflm_shift": ("tflm", "PLAN_QUANTISATION", lambda d: _factor(d, "POINTWISE", shift=31)),
    "onnxruntime_multiplier": (
        "onnxruntime",
        "PLAN_QUANTISATION",
        lambda d: _factor(d, "CONVOLUTION", multiplier=1 << 24),
    ),
    "onnxruntime_shift": ("onnxruntime", "PLAN_QUANTISATION", lambda d: _factor(d, "CONVOLUTION", shift=0)),
    "ratio_not_finite": ("onnxruntime", "PLAN_QUANTISATION", lambda d: _ratio(d, float("nan"))),
    "scratch_without_need": (
        "pools",
        "PLAN_SCRATCH",
        lambda d: _set(d.kernel("LOOKUP"), scratch_buffer=1, scratch_bytes=4),
    ),
    "message_outside": ("tflm", "PLAN_MESSAGE", lambda d: _set(d.step_of("READY"), message=NO_INDEX)),
    "ready_of_another_message": ("tflm", "PLAN_MESSAGE", lambda d: _set(d.step_of("READY"), message=1)),
    "message_steps_out_of_order": ("tflm", "PLAN_MESSAGE", lambda d: _reverse(d)),
    "message_without_await": ("tflm", "PLAN_MESSAGE", lambda d: _forget(d)),
    "message_size": ("tflm", "PLAN_MESSAGE", lambda d: _set(d.messages[0], size_bytes=d.messages[0]["size_bytes"] + 1)),
    "message_direction": ("tflm", "PLAN_MESSAGE", lambda d: _set(d.messages[0], direction=2)),
    "message_to_itself": ("tflm", "PLAN_MESSAGE", lambda d: _set(d.messages[0], peer=d.header["node"])),
    "message_to_nobody": ("tflm", "PLAN_MESSAGE", lambda d: _set(d.messages[0], peer=d.header["nodes"])),
    "token_to_nobody": ("tflm", "PLAN_MESSAGE", lambda d: _set(_sent(d), token_to=d.header["nodes"])),
    "token_when_receiving": ("tflm", "PLAN_MESSAGE", lambda d: _set(_received(d), token_from=_received(d)["peer"])),
    "message_port": ("tflm", "PLAN_MESSAGE", lambda d: _set(d.messages[0], port=d.header["port_count"])),
    "messages_out_of_order": ("tflm", "PLAN_MESSAGE", lambda d: _set(d.messages[1], tag=d.messages[0]["tag"])),
    "slot_outside": ("tflm", "PLAN_SLOT", lambda d: _set(d.messages[0], slot=d.header["slot_count"])),
    "slot_shared": ("tflm", "PLAN_SLOT", lambda d: _share_slot(d)),
    "end_operand": ("pools", "PLAN_OPERAND", lambda d: _set(d.ends[0], operand=len(d.operands))),
    "end_direction": ("pools", "PLAN_OPERAND", lambda d: _set(d.ends[0], direction=2)),
    "end_reserved": ("pools", "PLAN_OPERAND", lambda d: _set(d.ends[0], reserved=1)),
    "input_not_live": ("pools", "PLAN_LIFESPAN", lambda d: _set(d.ends[0], operand=d.ends[1]["operand"])),
    "output_not_live": ("pools", "PLAN_LIFESPAN", lambda d: _set(d.ends[1], operand=d.ends[0]["operand"])),
}


def _ring(draft: Draft, **fields: int) -> None:
    draft.header["capabilities"] |= code("capability", "RING_ROWS")
    _set(draft.view_of("LOOKUP", 0), **fields)


def _advance(draft: Draft, columns: int) -> None:
    for view in draft.views:
        view["advance_columns"] = columns
    draft.step_of("LOOP")["iterations"] = 0xFFFF if columns == 0xFFFF else 2


def _first_loop(draft: Draft) -> dict[str, Any]:
    """Fields of a loop that does the work of the last one."""
    return next(step for step in reversed(draft.steps) if step["opcode"] == code("opcode", "LOOP"))


def _misalign_stride(draft: Draft) -> None:
    operand = draft.operand_of("REQUANTISE", 0)
    operand["pixel_stride_bytes"] += 2


def _late(draft: Draft) -> None:
    """The buffer of the first step's output begins one step late, as do those that must not begin before it."""
    output = draft.operands[draft.steps[0]["first_operand"] + draft.steps[0]["operand_count"] - 1]
    draft.buffers[draft.views[output["first_view"]]["buffer"]]["first_step"] = 1
    draft.tables["BUFFERS"] = _by_first_step(draft)


def _by_first_step(draft: Draft) -> list[dict[str, Any]]:
    order = sorted(range(len(draft.buffers)), key=lambda index: draft.buffers[index]["first_step"])
    for view in draft.views:
        view["buffer"] = order.index(view["buffer"])
    return [draft.buffers[index] for index in order]


def _early(draft: Draft) -> None:
    """The buffer of the last step's output ends one step early."""
    output = draft.operands[draft.steps[-1]["first_operand"] + draft.steps[-1]["operand_count"] - 1]
    draft.steps.append(dict(draft.steps[-1]))
    draft.buffers[0]["end_step"] = len(draft.steps)
    assert draft.buffers[draft.views[output["first_view"]]["buffer"]]["end_step"] < len(draft.steps)


def _widen_window(draft: Draft) -> None:
    """A window of as many weights as fit nowhere, though no factor alone is too large."""
    fields = draft.parameters_of("FULLY_CONNECTED")
    step = draft.kernel("FULLY_CONNECTED")
    step["kernel"] = code("kernel", "CONVOLUTION")
    _set(fields, kernel_rows=128, kernel_columns=0xFFFF)


def _narrow(draft: Draft, **fields: int) -> None:
    """A part of the first factor of the first product takes the place of its gate."""
    first = draft.operand_of("MUL", 0)
    draft.operands[draft.kernel("MUL")["first_operand"] + 1].update(first | fields)


def _factor(draft: Draft, kernel: str, **fields: int) -> None:
    draft.put(draft.parameters_of(kernel)["quantisation"], layout.QUANTISATION, **fields)


def _ratio(draft: Draft, value: float) -> None:
    draft.put(draft.parameters_of("ADD")["quantisation"], layout.FLOAT_ADDITION, ratio1=value)


def _offset(draft: Draft, word: int, value: int) -> None:
    """Change one of the words that a gathering reads."""
    start = draft.parameters_of("GATHER")["table"] + 4 * word
    draft.constants[start : start + 4] = value.to_bytes(4, "little")


def _reverse(draft: Draft) -> None:
    message = draft.messages[0]
    first, last = message["ready_step"], message["await_step"]
    _set(message, ready_step=last, await_step=first)
    _set(draft.steps[first], opcode=code("opcode", "AWAIT"))
    _set(draft.steps[last], opcode=code("opcode", "READY"))


def _forget(draft: Draft) -> None:
    """Another message's await stands where that of the first should."""
    _set(draft.messages[0], await_step=draft.messages[1]["await_step"])


def _sent(draft: Draft) -> dict[str, Any]:
    return next(m for m in draft.messages if m["direction"] == code("direction", "SEND"))


def _received(draft: Draft) -> dict[str, Any]:
    return next(m for m in draft.messages if m["direction"] == code("direction", "RECEIVE"))


def _share_slot(draft: Draft) -> None:
    """Two messages that are under way at once use one slot."""
    first, second = next(
        (a, b)
        for i, a in enumerate(draft.messages)
        for b in draft.messages[i + 1 :]
        if b["ready_step"] <= a["await_step"] and a["ready_step"] <= b["await_step"]
    )
    second["slot"] = first["slot"]


def write_missing() -> None:
    """Write every vector that does not exist yet, and the manifest of the invalid ones."""
    for name, build in valid_plans().items():
        _write(FOLDER / f"{name}.plan", build)
    manifest: dict[str, str] = {}
    for name, (plan, status, change) in BYTES.items():
        manifest[name] = status
        _write(FOLDER / "invalid" / f"{name}.plan", partial(change, (FOLDER / f"{plan}.plan").read_bytes()))
    for name, (plan, status, spoil) in RECORDS.items():
        manifest[name] = status
        draft = Draft((FOLDER / f"{plan}.plan").read_bytes())
        spoil(draft)
        _write(FOLDER / "invalid" / f"{name}.plan", draft.bytes)
    text = json.dumps({"arena_bytes": ARENA_BYTES, "status": manifest}, indent=1)
    (FOLDER / "invalid" / "manifest.json").write_text(text + "\n", encoding="utf-8")


def _write(path: Path, build: Callable[[], bytes]) -> None:
    if not path.exists():
        path.write_bytes(build())


if __name__ == "__main__":
    write_missing()
