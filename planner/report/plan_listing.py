"""A plan binary for people: what it needs, its program step by step, and its records on request."""

from __future__ import annotations

from tabulate import tabulate

from planner.planfmt.image import TABLES, PlanImage, name_of
from planner.planfmt.records import RecordValues


def program_listing(image: PlanImage) -> str:
    """Header and program: one line per step with its operands as ROWSxCOLUMNSxCHANNELS@buffer:offset."""
    return f"{_summary(image)}\n\n{_program(image)}"


def record_listing(image: PlanImage) -> str:
    """Every record of every table."""
    parts = [_summary(image)]
    for section in TABLES:
        records = image.table(section)
        if records:
            rows = [(index, *record.values()) for index, record in enumerate(records)]
            parts.append(f"{section}\n{tabulate(rows, ('', *records[0]))}")
    return "\n\n".join(parts)


def _summary(image: PlanImage) -> str:
    header = image.header
    capabilities = [name for bit in range(32) if (name := name_of("capability", header["capabilities"] & 1 << bit))]
    sizes = {section.lower(): len(image.table(section)) for section in TABLES}
    return "\n".join(
        (
            f"format {header['format_major']}.{header['format_minor']}, node {header['node']} of {header['nodes']}",
            f"model {header['model_hash']:016x}, cluster {header['cluster_id']:08x}, needs {', '.join(capabilities)}",
            f"arena {header['arena_bytes']} bytes, {header['slot_count']} message slots, {header['port_count']} ports",
            f"constants {len(image.constants)} bytes; {', '.join(f'{count} {name}' for name, count in sizes.items())}",
        )
    )


def _program(image: PlanImage) -> str:
    rows = [
        (index, *_described(image, step), image.names[index] if image.names else "")
        for index, step in enumerate(image.steps)
    ]
    return tabulate(rows, ("step", "does", "with", "predicted us", "for"), disable_numparse=True, colalign=("right",))


def _described(image: PlanImage, step: RecordValues) -> tuple[str, str, str]:
    """What a step does, with what, and its time."""
    opcode = name_of("opcode", step["opcode"])
    operands = [
        _operand(image, image.operands[step["first_operand"] + index]) for index in range(step["operand_count"])
    ]
    if opcode == "KERNEL":
        *inputs, output = operands
        kernel = name_of("kernel", step["kernel"]) or "?"
        return kernel.lower(), f"{', '.join(inputs)} -> {output}", f"{step['predicted_ns'] / 1000:.3f}"
    message = image.messages[step["message"]]
    sends = name_of("direction", message["direction"]) == "SEND"
    what = f"message {message['tag']} {'to' if sends else 'from'} node {message['peer']}"
    return str(opcode).lower(), " ".join([what, *operands]), ""


def _operand(image: PlanImage, operand: RecordValues) -> str:
    views = [image.views[operand["first_view"] + index] for index in range(operand["view_count"])]
    rows = "+".join(str(view["rows"]) for view in views)
    places = "+".join(_place(view) for view in views)
    kind = "" if operand["element_bytes"] == 1 else " int32"
    return f"{rows}x{operand['columns']}x{operand['channels']}@{places}{kind}"


def _place(view: RecordValues) -> str:
    return f"{view['buffer']}" + (f":{view['offset_bytes']}" if view["offset_bytes"] else "")
