"""The rules of a plan's records, in the order of docs/PLAN_FORMAT.md; the runtime's loader checks the same ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from planner.core.variants import CHUNK, VARIANTS, Implementation
from planner.errors import PlanFormatError
from planner.planfmt import layout
from planner.planfmt.image import PlanImage, code, name_of
from planner.planfmt.records import Record, RecordValues

NO_INDEX = layout.NO_INDEX.value
NO_NODE = layout.NO_NODE.value
NO_PORT = layout.NO_PORT.value
DIMENSION_MAX = 0xFFFF
STRIDE_MAX = 255
TABLE_BYTES = layout.TABLE_BYTES.value


def check(image: PlanImage) -> None:
    """Raises PlanFormatError with the status of the first rule that the image breaks."""
    _check_buffers(image)
    _check_views(image)
    boxes = [_check_operand(image, index, operand) for index, operand in enumerate(image.operands)]
    for index, step in enumerate(image.steps):
        _check_step(image, boxes, index, step)
    _check_messages(image, boxes)
    _check_ends(image)


@dataclass(frozen=True)
class Box:
    """An operand's dimensions."""

    rows: int
    columns: int
    channels: int
    element_bytes: int
    buffers: tuple[int, ...]

    @property
    def dimensions(self) -> tuple[int, int, int]:
        return (self.rows, self.columns, self.channels)

    @property
    def size_bytes(self) -> int:
        return self.rows * self.columns * self.channels * self.element_bytes


def _require(holds: bool, status: str, message: str) -> None:
    if not holds:
        raise PlanFormatError(message, status=f"PLAN_{status}")


def _check_buffers(image: PlanImage) -> None:
    arena_bytes = image.header["arena_bytes"]
    steps = len(image.steps)
    for index, buffer in enumerate(image.buffers):
        start, size = buffer["offset_bytes"], buffer["size_bytes"]
        placed = start % layout.BUFFER_ALIGNMENT.value == 0 and start + size + layout.CANARY_BYTES.value <= arena_bytes
        _require(placed, "BUFFER", f"buffer {index} lies outside of the arena, or is misaligned")
        lives = buffer["first_step"] < buffer["end_step"] <= steps
        _require(
            index == 0 or lives, "BUFFER", f"buffer {index} lives from {buffer['first_step']} to {buffer['end_step']}"
        )
    slots = {"size_bytes": image.header["slot_count"] * layout.SLOT_BYTES.value, "first_step": 0, "end_step": steps}
    has_slots = bool(image.buffers) and all(image.buffers[0][name] == value for name, value in slots.items())
    _require(has_slots, "BUFFER", "buffer 0 is not the slot table")
    ordered = all(a["first_step"] <= b["first_step"] for a, b in pairwise(image.buffers))
    _require(ordered, "BUFFER", "the buffers are not in the order of their first steps")
    for (a, first), (b, second) in combinations(enumerate(image.buffers), 2):
        apart = second["first_step"] >= first["end_step"] or _ends_before(first, second) or _ends_before(second, first)
        _require(apart, "OVERLAP", f"buffers {a} and {b} overlap")


def _ends_before(first: RecordValues, second: RecordValues) -> bool:
    return bool(first["offset_bytes"] + first["size_bytes"] + layout.CANARY_BYTES.value <= second["offset_bytes"])


def _check_views(image: PlanImage) -> None:
    for index, view in enumerate(image.views):
        known = 0 < view["buffer"] < len(image.buffers) and view["rows"] > 0
        _require(known, "VIEW", f"view {index} has no rows or no buffer of its own")
        for axis, place, size in (("rows", "ring_first_row", view["rows"]), ("columns", "ring_first_column", 0)):
            ring, first = view[f"ring_{axis}"], view[place]
            fits = first < ring and size <= ring if ring else first == 0
            allowed = not ring or image.header["capabilities"] & code("capability", f"RING_{axis.upper()}")
            _require(bool(fits and allowed), "VIEW", f"the ring of {axis} of view {index} is malformed")


def _check_operand(image: PlanImage, index: int, operand: RecordValues) -> Box:
    first, count, size = operand["first_view"], operand["view_count"], operand["element_bytes"]
    columns, channels = operand["columns"], operand["channels"]
    well_formed = (
        1 <= count <= layout.PIECES_MAX.value
        and first + count <= len(image.views)
        and size in (1, 4)
        and columns > 0
        and channels > 0
        and operand["pixel_stride_bytes"] % size == 0
    )
    _require(well_formed, "OPERAND", f"operand {index} is malformed")
    if operand["table"] != NO_INDEX:
        _constant(image, operand["table"], 1, TABLE_BYTES)
    views = image.views[first : first + count]
    for view in views:
        fits = _view_fits(operand, view, image.buffers[view["buffer"]]["size_bytes"])
        _require(fits, "VIEW", f"a view of operand {index} leaves its buffer, overlaps itself or is misaligned")
    rows = sum(view["rows"] for view in views)
    _require(rows <= DIMENSION_MAX, "OPERAND", f"operand {index} has {rows} rows")
    return Box(rows, columns, channels, size, tuple(view["buffer"] for view in views))


def _view_fits(operand: RecordValues, view: RecordValues, buffer_bytes: int) -> bool:
    """Whether the view's elements lie in its buffer, aligned, and apart from each other."""
    size, stride = operand["element_bytes"], operand["pixel_stride_bytes"]
    rows, columns = view["ring_rows"] or view["rows"], view["ring_columns"] or operand["columns"]
    pixel_bytes = operand["channels"] * size
    row_bytes = (columns - 1) * stride + pixel_bytes
    inside = view["offset_bytes"] + (rows - 1) * view["row_stride_bytes"] + row_bytes <= buffer_bytes
    apart = (columns == 1 or pixel_bytes <= stride) and (rows == 1 or row_bytes <= view["row_stride_bytes"])
    aligned = view["offset_bytes"] % size == 0 and view["row_stride_bytes"] % size == 0
    return bool(inside and apart and aligned and columns >= operand["columns"])


def _constant(image: PlanImage, offset: int, *counts: int) -> bytes:
    """The constant of product(counts) bytes at an offset."""
    size = math.prod(counts)
    inside = offset % layout.SECTION_ALIGNMENT.value == 0 and offset + size <= len(image.constants)
    _require(inside, "CONSTANT", f"the constant of {size} bytes at {offset} is misaligned or not there")
    return image.constants[offset : offset + size]


def _check_step(image: PlanImage, boxes: list[Box], index: int, step: RecordValues) -> None:
    opcode = name_of("opcode", step["opcode"]) or ""
    well_formed = opcode != "" and (step["iterations"] == 0) == (opcode != "LOOP")
    _require(well_formed, "STEP", f"step {index} has the opcode {step['opcode']} and {step['iterations']} iterations")
    if opcode == "LOOP":
        _check_loop(image, boxes, index, step)
        return
    first, count = step["first_operand"], step["operand_count"]
    _require(first + count <= len(boxes), "STEP", f"step {index} has operands that are not there")
    operands = boxes[first : first + count]
    if opcode == "KERNEL":
        _require(step["message"] == NO_INDEX, "STEP", f"step {index} is a kernel with a message")
        tables = [operand["table"] for operand in image.operands[first : first + count]]
        _check_kernel(image, index, step, operands, tables)
    else:
        _check_unused(index, step, {**NO_KERNEL, "predicted_ns": 0, "operand_count": int(opcode == "TRANSFER")})
        message = image.messages[step["message"]] if step["message"] < len(image.messages) else {}
        owner = message.get(f"{opcode.lower()}_step")
        _require(owner == index, "MESSAGE", f"step {index} is not the {opcode} of its message")
    for number in {buffer for operand in operands for buffer in operand.buffers}:
        _check_live(image, index, number)


NO_KERNEL = {"kernel": 0, "variant": 0, "packing": 0, "parameters": NO_INDEX} | {
    "scratch_buffer": NO_INDEX,
    "scratch_bytes": 0,
}
"""Fields of a step that runs no kernel itself."""


def _check_unused(index: int, step: RecordValues, unused: RecordValues) -> None:
    wrong = [name for name, value in unused.items() if step[name] != value]
    _require(not wrong, "STEP", f"step {index} has a {wrong[0] if wrong else ''} that its opcode does not allow")


def _check_loop(image: PlanImage, boxes: list[Box], index: int, step: RecordValues) -> None:
    _check_unused(index, step, {**NO_KERNEL, "message": NO_INDEX})
    first, count, iterations = step["first_operand"], step["operand_count"], step["iterations"]
    allowed = image.header["capabilities"] & code("capability", "LOOPS")
    in_range = count > 0 and first + count <= len(image.bodies) and iterations <= DIMENSION_MAX
    _require(bool(allowed and in_range), "STEP", f"loop {index} is malformed")
    for inner in image.bodies[first : first + count]:
        _require(inner["opcode"] == code("opcode", "KERNEL"), "STEP", f"loop {index} has a step that is no kernel")
        _check_step(image, boxes, index, inner)
        operands = image.operands[inner["first_operand"] : inner["first_operand"] + inner["operand_count"]]
        for operand in operands:
            for view in image.views[operand["first_view"] : operand["first_view"] + operand["view_count"]]:
                shift = (iterations - 1) * view["advance_columns"] * operand["pixel_stride_bytes"]
                end = {**view, "offset_bytes": view["offset_bytes"] + shift}
                fits = _view_fits(operand, end, image.buffers[view["buffer"]]["size_bytes"])
                _require(fits, "VIEW", f"a view leaves its buffer in the last iteration of loop {index}")


def _check_live(image: PlanImage, index: int, number: int) -> None:
    buffer = image.buffers[number]
    live = buffer["first_step"] <= index < buffer["end_step"]
    _require(live, "LIFESPAN", f"step {index} uses buffer {number}, which is not live")


@dataclass(frozen=True)
class _Kernel:
    """What a kernel asks of a step. `shape` checks the dimensions, `constants` the constants."""

    inputs: tuple[int, int]
    shape: Callable[[RecordValues, list[Box], Box], bool]
    constants: tuple[str, ...] = ()
    input_bytes: int = 1
    output_bytes: int = 1
    window: bool = False
    parameters: bool = True


def _same(_: RecordValues, inputs: list[Box], output: Box) -> bool:
    return all(box.dimensions == output.dimensions for box in inputs)


def _multiplied(_: RecordValues, inputs: list[Box], output: Box) -> bool:
    first, second = (box.dimensions for box in inputs)
    return first == output.dimensions and second in (first, (1, 1, output.channels))


def _concatenated(_: RecordValues, inputs: list[Box], output: Box) -> bool:
    planes = {(box.rows, box.columns) for box in inputs}
    return planes == {(output.rows, output.columns)} and sum(box.channels for box in inputs) == output.channels


def _padded(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    return all(
        box.channels == output.channels
        and parameters["pad_top"] + box.rows <= output.rows
        and parameters["pad_left"] + box.columns <= output.columns
        for box in inputs
    )


def _any(_: RecordValues, inputs: list[Box], output: Box) -> bool:
    """Any dimensions: the kernel's constants say what fits."""
    return True


def _averaged(_: RecordValues, inputs: list[Box], output: Box) -> bool:
    return output.dimensions == (1, 1, inputs[0].channels)


def _pooled(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    """Equal channels, and at least one valid tap for every output."""
    (box,) = inputs
    return box.channels == output.channels and all(
        _reaches(parameters, axis, size, count)
        for axis, size, count in (("rows", box.rows, output.rows), ("columns", box.columns, output.columns))
    )


def _reaches(parameters: RecordValues, axis: str, size: int, count: int) -> bool:
    pad = parameters["pad_top" if axis == "rows" else "pad_left"]
    dilation = parameters[f"dilation_{axis}"]
    first = np.arange(count, dtype=np.int64) * parameters[f"stride_{axis}"] - pad
    tap = np.maximum(0, -(first // dilation))
    return bool(np.all((tap < parameters[f"kernel_{axis}"]) & (first + tap * dilation < size)))


def _grouped(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    per_group = parameters["group_output_channels"]
    if not parameters["first_in_group"] < per_group or parameters["group_input_channels"] == 0:
        return False
    groups = (parameters["first_in_group"] + output.channels - 1) // per_group + 1
    return bool(groups * parameters["group_input_channels"] <= inputs[0].channels)


def _depthwise(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    plain = parameters["group_input_channels"] == 1 and parameters["other_zero_point"] == 0
    return bool(plain and _grouped(parameters, inputs, output))


def _ungrouped(parameters: RecordValues, inputs: list[Box], _: Box) -> bool:
    return bool(inputs[0].channels == parameters["group_input_channels"])


def _folded(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    unpadded = parameters["pad_top"] == parameters["pad_left"] == 0
    plain = parameters["input_zero_point"] == parameters["other_zero_point"] == 0
    return unpadded and plain and _ungrouped(parameters, inputs, output)


def _pointwise(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    single = all(parameters[f"{what}_{axis}"] == 1 for what in ("kernel", "stride") for axis in ("rows", "columns"))
    same_plane = (inputs[0].rows, inputs[0].columns) == (output.rows, output.columns)
    return single and same_plane and _folded(parameters, inputs, output)


def _fully_connected(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    covered = all(
        (parameters[f"kernel_{axis}"] - 1) * parameters[f"dilation_{axis}"] + 1 == size
        for axis, size in (("rows", inputs[0].rows), ("columns", inputs[0].columns))
    )
    return covered and (output.rows, output.columns) == (1, 1) and _folded(parameters, inputs, output)


_DSP_GROUP_WORDS = 8
_DSP_CHANNEL_WORDS = 10
_MVE_GROUP_WORDS = 12
_MVE_WINDOW_WORDS = 7
_MVE_ADDITION_WORDS = 2 * 256 + 3
_SCALAR_GROUP = 4
_SCALAR_GENERAL = 256
_SCALAR_RECORD_WORDS = 8
_ADDITION_WORDS = 2 * 256 + 3
_SHIFT_MAX = 31
_WEIGHTED = ("weights", "bias", "channel_quantisation")
_KERNELS = {
    "CONVOLUTION": _Kernel((1, 1), _grouped, _WEIGHTED, window=True),
    "POINTWISE": _Kernel((1, 1), _pointwise, _WEIGHTED, window=True),
    "DEPTHWISE": _Kernel((1, 1), _depthwise, _WEIGHTED, window=True),
    "FULLY_CONNECTED": _Kernel((1, 1), _fully_connected, _WEIGHTED, window=True),
    "MAXIMUM_POOL": _Kernel((1, 1), _pooled, window=True),
    "AVERAGE_POOL": _Kernel((1, 1), _pooled, ("average",), window=True),
    "MEAN": _Kernel((1, 1), _averaged, ("quantisation",)),
    "ADD": _Kernel((2, 2), _same, ("addition",)),
    "CONCAT": _Kernel((1, NO_INDEX), _concatenated, parameters=False),
    "PAD": _Kernel((0, 1), _padded),
    "LOOKUP": _Kernel((1, 1), _same, ("table",)),
    "PARTIAL_SUMS": _Kernel((1, 1), _ungrouped, ("weights",), output_bytes=4, window=True),
    "REQUANTISE": _Kernel((1, 1), _same, ("bias", "channel_quantisation"), input_bytes=4),
    "ACCUMULATE": _Kernel((1, 1), _same, input_bytes=4, output_bytes=4, parameters=False),
    "COPY": _Kernel((1, 1), _same, parameters=False),
    "MUL": _Kernel((2, 2), _multiplied, ("quantisation",)),
    "GATHER": _Kernel((1, 1), _any, ("offsets",)),
}


def _symmetric(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    return bool(parameters["other_zero_point"] == 0 and _ungrouped(parameters, inputs, output))


def _three_by_three(parameters: RecordValues, inputs: list[Box], output: Box) -> bool:
    window = all(
        parameters[f"kernel_{axis}"] == 3 and parameters[f"dilation_{axis}"] == 1 for axis in ("rows", "columns")
    )
    single = parameters["group_output_channels"] == 1 and inputs[0].channels == output.channels
    return window and parameters["stride_columns"] <= 2 and single and _depthwise(parameters, inputs, output)


_SCALAR = {
    "CONVOLUTION": _Kernel((1, 1), _symmetric, ("scalar_groups",), window=True),
    "POINTWISE": _Kernel((1, 1), _pointwise, ("scalar_groups",), window=True),
    "DEPTHWISE": _Kernel((1, 1), _three_by_three, ("scalar_channels",), window=True),
    "FULLY_CONNECTED": _KERNELS["FULLY_CONNECTED"],
    "ADD": _Kernel((2, 2), _same, ("terms",)),
}
_VARIANTS = {
    "PORTABLE": _KERNELS,
    "DSP": {
        "CONVOLUTION": _Kernel((1, 1), _symmetric, ("dsp_pairs",), window=True),
        "POINTWISE": _Kernel((1, 1), _pointwise, ("dsp_pairs",), window=True),
        "DEPTHWISE": _Kernel((1, 1), _three_by_three, ("dsp_channels",), window=True),
        "FULLY_CONNECTED": _KERNELS["FULLY_CONNECTED"],
        "ADD": _Kernel((2, 2), _same, ("terms",)),
    },
    "MVE": {
        "CONVOLUTION": _Kernel((1, 1), _symmetric, ("mve_groups",), window=True),
        "POINTWISE": _Kernel((1, 1), _pointwise, ("mve_groups",), window=True),
        "DEPTHWISE": _Kernel((1, 1), _three_by_three, ("mve_windows",), window=True),
        "FULLY_CONNECTED": _Kernel((1, 1), _fully_connected, ("mve_groups",), window=True),
        "ADD": _Kernel((2, 2), _same, ("mve_terms",)),
    },
    **dict.fromkeys(("M3", "RV32"), _SCALAR),
}


def _check_kernel(image: PlanImage, index: int, step: RecordValues, operands: list[Box], tables: list[int]) -> None:
    name = name_of("kernel", step["kernel"])
    variant, packing = name_of("variant", step["variant"]), name_of("packing", step["packing"])
    implementation = VARIANTS.get((variant or "").lower(), {}).get((name or "").lower(), Implementation())
    known = name in _VARIANTS.get(variant or "", {}) and packing == implementation.packing
    _require(known, "STEP", f"step {index} has an unknown kernel, variant or packing")
    kernel = _VARIANTS[variant or ""][name or ""]
    capability = 0 if variant == "PORTABLE" else code("capability", variant or "")
    announced = image.header["capabilities"] & capability == capability
    _require(announced, "STEP", f"step {index} is of a variant that the plan does not announce")
    least, most = kernel.inputs
    _require(least < len(operands) <= most + 1, "STEP", f"step {index} has {len(operands)} operands")
    has_parameters = step["parameters"] < len(image.parameters) if kernel.parameters else step["parameters"] == NO_INDEX
    _require(has_parameters, "STEP", f"step {index} has no parameters, or too many")
    *inputs, output = operands
    sizes = {box.element_bytes for box in inputs} <= {
        kernel.input_bytes
    } and output.element_bytes == kernel.output_bytes
    _require(sizes, "SHAPE", f"the operands of step {index} have elements of a wrong size")
    parameters = image.parameters[step["parameters"]] if kernel.parameters else {}
    if kernel.parameters:
        _check_parameters(index, kernel, parameters)
    _require(kernel.shape(parameters, inputs, output), "SHAPE", f"the operands of step {index} do not fit {name}")
    if name == "CONCAT":
        _require(NO_INDEX not in tables[:-1], "CONSTANT", f"an input of step {index} has no table")
    for constant in kernel.constants:
        _check_constant(image, constant, parameters, inputs, output)
    _check_scratch(image, index, step, _scratch_bytes(implementation, parameters))


def _scratch_bytes(implementation: Implementation, parameters: RecordValues) -> int:
    names = ("kernel_rows", "kernel_columns", "group_input_channels")
    taps = math.prod(parameters[name] for name in names) if implementation.tap_scratch_bytes else 0
    return implementation.scratch_bytes + implementation.tap_scratch_bytes * (-(-taps // CHUNK) * CHUNK)


def _check_scratch(image: PlanImage, index: int, step: RecordValues, needed_bytes: int) -> None:
    number, size_bytes = step["scratch_buffer"], step["scratch_bytes"]
    fits = size_bytes == needed_bytes and (size_bytes > 0) == (number != NO_INDEX)
    if fits and size_bytes > 0:
        fits = 0 < number < len(image.buffers) and size_bytes <= image.buffers[number]["size_bytes"]
    _require(fits, "SCRATCH", f"step {index} has {size_bytes} bytes of scratch memory, the kernel needs {needed_bytes}")
    if number != NO_INDEX:
        _check_live(image, index, number)


def _check_parameters(index: int, kernel: _Kernel, parameters: RecordValues) -> None:
    clamped = parameters["clamp_minimum"] <= parameters["clamp_maximum"] and parameters["reserved"] == 0
    _require(clamped, "PARAMETERS", f"the clamp of step {index} is empty")
    if kernel.window:
        steps = [parameters[f"{what}_{axis}"] for what in ("stride", "dilation") for axis in ("rows", "columns")]
        fits = (
            all(1 <= step <= STRIDE_MAX for step in steps)
            and 1 <= parameters["kernel_rows"] <= layout.KERNEL_ROWS_MAX.value
            and parameters["kernel_columns"] >= 1
        )
        _require(fits, "PARAMETERS", f"the window of step {index} is out of range")


def _check_constant(image: PlanImage, constant: str, parameters: RecordValues, inputs: list[Box], output: Box) -> None:
    onnx = image.header["arithmetic"] == code("arithmetic", "ONNXRUNTIME")
    match constant:
        case "weights":
            names = ("kernel_rows", "kernel_columns", "group_input_channels")
            _constant(image, parameters["weights"], output.channels, *(parameters[name] for name in names))
        case "bias":
            _constant(image, parameters["bias"], output.channels, 4)
        case "table":
            tables = output.channels if parameters["flags"] & code("parameters_flag", "CHANNEL_TABLES") else 1
            _constant(image, parameters["table"], tables, TABLE_BYTES)
        case "offsets":
            _check_offsets(image, parameters["table"], inputs[0], output)
        case "dsp_pairs":
            _check_pairs(image, parameters, output)
        case "dsp_channels":
            data = _constant(image, parameters["weights"], output.channels, 4 * _DSP_CHANNEL_WORDS)
            _check_finishes(np.frombuffer(data, "<u4").reshape(-1, _DSP_CHANNEL_WORDS)[:, -3:], onnx)
        case "scalar_groups":
            _check_scalar_groups(image, parameters, output, onnx)
        case "scalar_channels":
            data = _constant(image, parameters["weights"], output.channels, 4 * _SCALAR_RECORD_WORDS)
            shifts = np.frombuffer(data, "<u4").reshape(-1, _SCALAR_RECORD_WORDS)[:, -1]
            _require(bool(np.all(shifts <= _SHIFT_MAX)), "QUANTISATION", "a shift is out of range")
        case "terms":
            data = _constant(image, parameters["table"], 4, _ADDITION_WORDS)
            shift = int.from_bytes(data[-4:], "little")
            _require(shift <= _SHIFT_MAX, "QUANTISATION", "a shift is out of range")
        case "mve_groups":
            taps = math.prod(parameters[name] for name in ("kernel_rows", "kernel_columns", "group_input_channels"))
            group_words = _MVE_GROUP_WORDS + -(-taps // 16) * 16
            data = _constant(image, parameters["weights"], -(-output.channels // 4), 4 * group_words)
            words = np.frombuffer(data, "<i4").reshape(-1, group_words)
            _check_mve_finishes(words[:, 4:8], words[:, 8:12], onnx)
        case "mve_windows":
            data = _constant(image, parameters["weights"], output.channels, 4 * _MVE_WINDOW_WORDS)
            words = np.frombuffer(data, "<i4").reshape(-1, _MVE_WINDOW_WORDS)
            _check_mve_finishes(words[:, -2], words[:, -1], onnx)
        case "mve_terms":
            words = np.frombuffer(_constant(image, parameters["table"], 4, _MVE_ADDITION_WORDS), "<i4")
            _check_mve_finishes(words[-3], words[-2], onnx=False)
        case "average" if onnx:
            scales = _floats(image, parameters, layout.FLOAT_AVERAGE)
            _require(all(scale > 0 for scale in scales), "QUANTISATION", "a scale is not positive")
        case "addition" if onnx:
            _floats(image, parameters, layout.FLOAT_ADDITION)
        case _:
            count = {"channel_quantisation": output.channels, "addition": 3}.get(constant, 1)
            _check_factors(image, parameters, count, onnx)


def _check_pairs(image: PlanImage, parameters: RecordValues, output: Box) -> None:
    """A pair stream writes every output channel once, and no byte beyond the last."""
    taps = math.prod(parameters[name] for name in ("kernel_rows", "kernel_columns", "group_input_channels"))
    group_words = -(-taps // CHUNK) * CHUNK // 2 + _DSP_GROUP_WORDS
    header = np.frombuffer(_constant(image, parameters["weights"], 8), "<u4")
    all_words, paired_words = map(int, header)
    count, rest = divmod(all_words, group_words)
    singles = (all_words - paired_words) // group_words
    sized = count > 0 and rest == 0 and (all_words - paired_words) in (0, group_words)
    _require(sized, "CONSTANT", "a stream of pairs has a wrong size")
    data = np.frombuffer(_constant(image, parameters["weights"], 8 + 4 * all_words), "<u4")[2:].reshape(count, -1)
    advances = data[:, -1] >> 8
    whole = bool(np.all((advances == 1) | (advances == 2))) and int(advances.sum()) == output.channels
    ends = advances[-1] == (1 if singles else 2)
    _require(whole and bool(ends), "CONSTANT", "a stream of pairs does not write the output's channels")
    onnx = image.header["arithmetic"] == code("arithmetic", "ONNXRUNTIME")
    _check_finishes(data[:, -6:].reshape(-1, 3), onnx)


def _check_offsets(image: PlanImage, table: int, source: Box, output: Box) -> None:
    """Offsets of rows and columns, a number of runs, and the runs; no sum of them leaves the input."""
    count = output.rows + output.columns + 1
    runs = int.from_bytes(_constant(image, table, 4, count)[-4:], "little")
    _require(0 < runs <= output.channels, "CONSTANT", f"{runs} runs do not make {output.channels} channels")
    words = np.frombuffer(_constant(image, table, 4, count + 2 * runs), "<u4").astype(np.int64)
    rows, columns, (starts, lengths) = (
        words[: output.rows],
        words[output.rows : count - 1],
        words[count:].reshape(-1, 2).T,
    )
    fills = bool(np.all(lengths > 0)) and int(lengths.sum()) == output.channels
    end = int(rows.max() + columns.max() + (starts + lengths).max())
    inside = end <= source.rows * source.columns * source.channels
    _require(fills and inside, "CONSTANT", "a gathering leaves its input, or does not fill its output")


def _check_scalar_groups(image: PlanImage, parameters: RecordValues, output: Box, onnx: bool) -> None:
    """The runs of a stream write every output channel once."""
    names = ("kernel_rows", "kernel_columns", "group_input_channels")
    sizes = [parameters[name] for name in names]
    _constant(image, parameters["weights"], output.channels, *sizes)
    words = np.frombuffer(image.constants, "<u4", len(image.constants) // 4)[parameters["weights"] // 4 :]
    missing = output.channels
    while missing > 0:
        _require(len(words) >= 2, "CONSTANT", "a stream of groups ends early")
        groups, kind = map(int, words[:2])
        general, size = kind >= _SCALAR_GENERAL, kind - _SCALAR_GENERAL * (kind >= _SCALAR_GENERAL)
        sized = 1 <= size <= _SCALAR_GROUP and 1 <= groups <= missing // size
        _require(sized, "CONSTANT", "a stream of groups does not write the output's channels")
        group_words = 4 * size + -(-math.prod(sizes) * size // 4)
        words = words[2:]
        _require(groups * group_words <= len(words), "CONSTANT", "a stream of groups ends early")
        data = words[: groups * group_words].reshape(groups, group_words)
        finishes = data[:, -3 * size :].reshape(-1, 3)
        if general:
            _check_factor_pairs(finishes[:, 1:].astype("<u4").view("<i4"), onnx)
        else:
            _require(bool(np.all(finishes[:, 2] <= _SHIFT_MAX)), "QUANTISATION", "a shift is out of range")
        words = words[groups * group_words :]
        missing -= groups * size


def _check_finishes(finishes: NDArray[np.uint32], onnx: bool) -> None:
    """A finite factor, or a shift within a word, which is a byte. finishes: [n, 3]."""
    sound = np.isfinite(finishes[:, 0].astype("<u4").view("<f4")) if onnx else finishes[:, 2] & 255 <= _SHIFT_MAX
    _require(bool(np.all(sound)), "QUANTISATION", "a factor or a shift is out of range")


def _check_mve_finishes(factors: NDArray[np.int32], shifts: NDArray[np.int32], onnx: bool) -> None:
    """A finite factor, or a shift to the right within a word, which is negative."""
    sound = np.isfinite(factors.view("<f4")) if onnx else (shifts <= 0) & (shifts >= -_SHIFT_MAX)
    _require(bool(np.all(sound)), "QUANTISATION", "a factor or a shift is out of range")


def _floats(image: PlanImage, parameters: RecordValues, record: Record) -> list[float]:
    values = list(record.unpack(_constant(image, parameters["quantisation"], record.size_bytes)).values())
    _require(all(map(math.isfinite, values)), "QUANTISATION", "a scale is not finite")
    return values


def _check_factors(image: PlanImage, parameters: RecordValues, count: int, onnx: bool) -> None:
    data = _constant(image, parameters["quantisation"], count, layout.QUANTISATION.size_bytes)
    _check_factor_pairs(np.frombuffer(data, "<i4").reshape(count, 2), onnx)


def _check_factor_pairs(pairs: NDArray[np.int32], onnx: bool) -> None:
    """Multipliers and shifts within the range of the rule. pairs: [n, 2]."""
    multipliers, shifts = pairs.T
    (low, high), (least, most) = ((1 << 23, (1 << 24) - 1), (1, 60)) if onnx else ((0, 2**31 - 1), (-31, 30))
    inside = np.all((multipliers >= low) & (multipliers <= high) & (shifts >= least) & (shifts <= most))
    _require(bool(inside), "QUANTISATION", "a multiplier or a shift is out of range")


def _check_messages(image: PlanImage, boxes: list[Box]) -> None:
    header = image.header
    for index, message in enumerate(image.messages):
        steps = [message[f"{kind}_step"] for kind in ("ready", "transfer", "await")]
        ordered = steps[0] < steps[1] < steps[2] < len(image.steps)
        _require(ordered, "MESSAGE", f"the steps of message {message['tag']} are out of order")
        kinds = [(image.steps[step]["opcode"], image.steps[step]["message"]) for step in steps]
        expected = [(code("opcode", name), index) for name in ("READY", "TRANSFER", "AWAIT")]
        _require(kinds == expected, "MESSAGE", f"message {message['tag']} names steps that are not its own")
        operand = boxes[image.steps[steps[1]]["first_operand"]]
        _require(operand.size_bytes == message["size_bytes"], "MESSAGE", f"message {message['tag']} has another size")
        sends = message["direction"] == code("direction", "SEND")
        nodes = (message["peer"], *(message[name] for name in ("token_from", "token_to") if message[name] != NO_NODE))
        well_formed = (
            name_of("direction", message["direction"]) is not None
            and all(node < header["nodes"] and node != header["node"] for node in nodes)
            and (sends or len(nodes) == 1)
            and (message["port"] == NO_PORT or message["port"] < header["port_count"])
        )
        _require(well_formed, "MESSAGE", f"message {message['tag']} has a wrong peer, direction, token or port")
        _require(message["slot"] < header["slot_count"], "SLOT", f"message {message['tag']} has no slot")
    for first, second in pairwise(image.messages):
        ascending = first["tag"] < second["tag"] and first["transfer_step"] < second["transfer_step"]
        _require(ascending, "MESSAGE", f"messages {first['tag']} and {second['tag']} are out of order")
    for first, second in combinations(image.messages, 2):
        apart = first["slot"] != second["slot"] or _awaited_before(first, second) or _awaited_before(second, first)
        _require(apart, "SLOT", f"messages {first['tag']} and {second['tag']} share slot {first['slot']}")


def _awaited_before(first: RecordValues, second: RecordValues) -> bool:
    return bool(first["await_step"] < second["ready_step"])


def _check_ends(image: PlanImage) -> None:
    for index, end in enumerate(image.ends):
        known = end["operand"] < len(image.operands) and name_of("direction", end["direction"]) is not None
        known = known and end["reserved"] == end["reserved2"] == 0
        _require(known, "OPERAND", f"end {index} is malformed")
        arrives = end["direction"] == code("direction", "RECEIVE")
        operand = image.operands[end["operand"]]
        views = image.views[operand["first_view"] : operand["first_view"] + operand["view_count"]]
        for view in views:
            _check_live(image, 0 if arrives else len(image.steps) - 1, view["buffer"])
