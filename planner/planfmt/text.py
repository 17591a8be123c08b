"""A plan binary as text for people: what `planner inspect` prints."""

from __future__ import annotations

from collections.abc import Iterator

from planner.planfmt import layout
from planner.planfmt.decode import decode
from planner.planfmt.image import TABLES, PlanImage, code, name_of
from planner.planfmt.records import RecordValues

NO_INDEX = layout.NO_INDEX.value
NO_NODE = layout.NO_NODE.value
NO_PORT = layout.NO_PORT.value


def describe(data: bytes) -> str:
    """Header, memory, messages and program of a plan binary. Raises PlanFormatError if it is malformed."""
    image = decode(data)
    parts = (_header(image, data), _sections(image), _buffers(image), _messages(image), _ends(image), _steps(image))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _header(image: PlanImage, data: bytes) -> Iterator[str]:
    header = image.header
    crc32 = layout.PLAN_HEADER.unpack(data)["crc32"]
    yield f"plan for node {header['node']} of {header['nodes']} (the last is the host)"
    yield f"format        {header['format_major']}.{header['format_minor']}, {len(data)} bytes, CRC-32 {crc32:08x}"
    yield f"capabilities  {', '.join(_capabilities(header['capabilities']))}"
    yield f"cluster       {header['cluster_id']:08x}, model {header['model_hash']:016x}"
    yield f"arithmetic    {name_of('arithmetic', header['arithmetic'])}"
    yield f"arena         {header['arena_bytes']} bytes"
    yield f"slots, ports  {header['slot_count']}, {header['port_count']}"


def _capabilities(bits: int) -> Iterator[str]:
    return (name for name, (bit, _) in layout.CAPABILITY.members.items() if bits & bit)


def _sections(image: PlanImage) -> Iterator[str]:
    yield "section       records   bytes"
    for name, record in TABLES.items():
        count = len(image.table(name))
        yield f"{name.lower():12} {count:8} {count * record.size_bytes:7}"
    yield f"{'constants':12} {'':8} {len(image.constants):7}"


def _buffers(image: PlanImage) -> Iterator[str]:
    yield "buffer   offset    bytes   steps"
    for index, buffer in enumerate(image.buffers):
        steps = f"[{buffer['first_step']}, {buffer['end_step']})"
        yield f"{index:6} {buffer['offset_bytes']:8} {buffer['size_bytes']:8}   {steps}"


def _messages(image: PlanImage) -> Iterator[str]:
    yield "message   way      bytes  slot  port  duration_us"
    for message in image.messages:
        arrow = "to  " if message["direction"] == code("direction", "SEND") else "from"
        port = "-" if message["port"] == NO_PORT else message["port"]
        tokens = "".join(
            f"  token {word} {message[name]}"
            for word, name in (("from", "token_from"), ("to", "token_to"))
            if message[name] != NO_NODE
        )
        way = f"{arrow} {message['peer']:<3} {message['size_bytes']:6}"
        duration_us = message["duration_ns"] / 1000
        yield f"{message['tag']:7}   {way} {message['slot']:5} {port:>5} {duration_us:12.3f}{tokens}"


def _ends(image: PlanImage) -> Iterator[str]:
    if not image.ends:
        yield "no graph input arises here, and no output ends here"
    for end in image.ends:
        kind = "input " if end["direction"] == code("direction", "RECEIVE") else "output"
        yield f"graph {kind} {_operand(image, end['operand'])}"


def _steps(image: PlanImage) -> Iterator[str]:
    yield "step"
    for index, step in enumerate(image.steps):
        name = image.names[index] if index < len(image.names) else ""
        yield f"{index:5}  {_step(image, step)}{'  # ' if name else ''}{name}"
        if step["opcode"] == code("opcode", "LOOP"):
            first, count = step["first_operand"], step["operand_count"]
            yield from (f"         {_step(image, inner)}" for inner in image.bodies[first : first + count])


def _step(image: PlanImage, step: RecordValues) -> str:
    opcode = name_of("opcode", step["opcode"]) or ""
    if opcode == "LOOP":
        return f"{step['iterations']} times, {step['predicted_ns'] / 1000:.3f} us"
    first, count = step["first_operand"], step["operand_count"]
    operands = [_operand(image, index) for index in range(first, first + count)]
    if opcode != "KERNEL":
        tag = image.messages[step["message"]]["tag"]
        return " ".join([f"{opcode.lower():9} {tag}", *operands])
    *inputs, output = operands
    kernel = (name_of("kernel", step["kernel"]) or "").lower()
    return f"{kernel} {', '.join(inputs)} -> {output}  {step['predicted_ns'] / 1000:.3f} us"


def _operand(image: PlanImage, index: int) -> str:
    """Dimensions, and the rows and the place of every piece."""
    operand = image.operands[index]
    views = image.views[operand["first_view"] : operand["first_view"] + operand["view_count"]]
    rows = sum(view["rows"] for view in views)
    kind = "int32 " if operand["element_bytes"] == 4 else ""
    places = "+".join(_place(view) for view in views)
    return f"{kind}{rows}x{operand['columns']}x{operand['channels']} ({places})"


def _place(view: RecordValues) -> str:
    advance = f"+{view['advance_columns']}c" if view["advance_columns"] else ""
    return f"{view['rows']}@{view['buffer']}:{view['offset_bytes']}{advance}"
