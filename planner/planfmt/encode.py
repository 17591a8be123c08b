"""From a plan and its graph to one node's binary."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from planner.core.cost import kernel_of
from planner.core.variants import PORTABLE, VARIANTS, Implementation
from planner.data.graph import Concat, Conv, Graph
from planner.data.plan import (
    Accumulate,
    Await,
    Compute,
    Content,
    Copy,
    Loop,
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
from planner.errors import InternalError, PlanFormatError
from planner.planfmt import layout
from planner.planfmt.decode import decode
from planner.planfmt.image import OPTIONAL, TABLES, PlanImage, align, code, crc32_without
from planner.planfmt.kernels import Constants, KernelEncoder
from planner.planfmt.records import Record, RecordValues

NO_INDEX = layout.NO_INDEX.value
NO_NODE = layout.NO_NODE.value
NO_PORT = layout.NO_PORT.value


def encode(plan: Plan, graph: Graph, node: int, names: bool = True) -> bytes:
    """The binary of `node`'s program. `names` adds a line per step for people, which the runtime ignores.

    The bytes are decoded and compared before they are returned. Raises PlanFormatError if the plan exceeds a limit of
    the format, ModelError if an operator does, InternalError if the plan is inconsistent.
    """
    try:
        image = _Encoder(plan, graph, node).image(names)
        data = assemble(image)
    except struct.error as error:
        raise PlanFormatError(f"node {node}: a number exceeds the format's limits: {error}") from error
    if decode(data) != image:
        raise InternalError(f"the plan binary of node {node} does not decode to what was encoded")
    return data


def assemble(image: PlanImage) -> bytes:
    """The bytes of an image."""
    contents = {name: b"".join(map(record.pack, image.table(name))) for name, record in TABLES.items()}
    contents["CONSTANTS"] = image.constants
    contents = {name: content for name, content in contents.items() if content or name not in OPTIONAL}
    if image.names:
        contents["NAMES"] = "\n".join(image.names).encode()
    entries: list[RecordValues] = []
    body = bytearray()
    start = layout.PLAN_HEADER.size_bytes + len(contents) * layout.SECTION_ENTRY.size_bytes
    for name, content in contents.items():
        body.extend(bytes(align(start + len(body)) - start - len(body)))
        entries.append(
            {
                "kind": code("section", name),
                "flags": 0 if name == "NAMES" else code("section_flag", "REQUIRED"),
                "offset_bytes": start + len(body),
                "size_bytes": len(content),
                "reserved": 0,
            }
        )
        body.extend(content)
    structure = {
        "magic": layout.PLAN_MAGIC.value,
        "header_size": layout.PLAN_HEADER.size_bytes,
        "total_size": start + len(body),
        "crc32": 0,
        "section_count": len(entries),
        "reserved": 0,
        "reserved2": 0,
    }
    table = b"".join(map(layout.SECTION_ENTRY.pack, entries))
    return with_crc(layout.PLAN_HEADER.pack({**image.header, **structure}) + table + body)


def with_crc(data: bytes) -> bytes:
    """`data`, a plan binary, with the CRC field of its header set right."""
    offset = layout.PLAN_HEADER.offset("crc32")
    return data[:offset] + crc32_without(data, offset).to_bytes(4, "little") + data[offset + 4 :]


@dataclass
class _Interned:
    """Records of one section under construction: a run of records that is there already is used again."""

    record: Record
    records: list[RecordValues] = field(default_factory=list)
    _places: dict[bytes, int] = field(default_factory=dict)

    def add(self, run: Iterable[RecordValues]) -> int:
        """Index of the first record of `run`."""
        records = list(run)
        key = b"".join(map(self.record.pack, records))
        if key not in self._places:
            self._places[key] = len(self.records)
            self.records.extend(records)
        return self._places[key]


class _Encoder:
    """Turns one program into records."""

    def __init__(self, plan: Plan, graph: Graph, node: int) -> None:
        self._plan = plan
        self._graph = graph
        self._node = node
        self._program: Program = plan.programs[node]
        self._operators = {operator.name: operator for operator in graph.operators}
        self._constants = Constants()
        self._kernels = KernelEncoder(graph, self._constants)
        self._operands = _Interned(layout.OPERAND)
        self._views = _Interned(layout.VIEW)
        self._parameters = _Interned(layout.PARAMETERS)
        self._bodies = _Interned(layout.STEP)
        self._ports: dict[str, int] = {}
        buffers = self._program.buffers
        self._buffer_order = sorted(range(len(buffers)), key=lambda number: buffers[number].first_step)
        self._buffer_index = {number: index for index, number in enumerate(self._buffer_order)}
        mine = (number for number, message in enumerate(plan.messages) if node in (message.source, message.target))
        self._message_index = {number: index for index, number in enumerate(mine)}
        self._message_steps: dict[int, dict[type[Step], int]] = {number: {} for number in self._message_index}
        for index, step in enumerate(self._program.steps):
            if isinstance(step, Ready | Transfer | Await):
                self._message_steps[step.message][type(step)] = index

    def image(self, names: bool) -> PlanImage:
        steps = tuple(self._step(step) for step in self._program.steps)
        messages = tuple(self._message(number) for number in self._message_index)
        ends = (*self._ends(self._program.inputs, "RECEIVE"), *self._ends(self._program.outputs, "SEND"))
        return PlanImage(
            header=self._header(),
            buffers=tuple(
                {
                    "offset_bytes": buffer.offset_bytes,
                    "size_bytes": buffer.size_bytes,
                    "first_step": buffer.first_step,
                    "end_step": buffer.end_step,
                }
                for buffer in (self._program.buffers[number] for number in self._buffer_order)
            ),
            steps=steps,
            operands=tuple(self._operands.records),
            views=tuple(self._views.records),
            parameters=tuple(self._parameters.records),
            messages=messages,
            ends=ends,
            constants=self._constants.to_bytes(),
            bodies=tuple(self._bodies.records),
            names=tuple(_step_name(step, self._plan) for step in self._program.steps) if names else (),
        )

    def _header(self) -> RecordValues:
        """The header's content; call it last, since it sums up what was encoded."""
        if len(self._ports) > layout.PORTS_MAX.value:
            raise PlanFormatError(
                f"node {self._node} uses {len(self._ports)} ports, more than {layout.PORTS_MAX.value}"
            )
        arithmetic = self._plan.arithmetic.name
        needed = {arithmetic: True, "LOOPS": bool(self._bodies.records)}
        steps = [inner for step in self._program.steps for inner in (step.body if isinstance(step, Loop) else (step,))]
        variants = {step.variant for step in steps if isinstance(step, Compute)}
        needed |= {variant.upper(): variant in variants for variant in VARIANTS}
        for axis in ("rows", "columns"):
            needed[f"RING_{axis.upper()}"] = any(view[f"ring_{axis}"] for view in self._views.records)
        return {
            "format_major": layout.FORMAT_MAJOR.value,
            "format_minor": layout.FORMAT_MINOR.value,
            "node": self._node,
            "capabilities": sum(code("capability", name) for name, given in needed.items() if given),
            "cluster_id": self._plan.cluster_id,
            "nodes": len(self._plan.programs),
            "model_hash": int(self._plan.model_hash[:16] or "0", 16),
            "arena_bytes": self._program.arena_bytes,
            "slot_count": self._program.slots,
            "port_count": len(self._ports),
            "arithmetic": code("arithmetic", arithmetic),
        }

    def _step(self, step: Step) -> RecordValues:
        match step:
            case Compute():
                return self._compute(step)
            case PartialSums():
                conv = self._conv(step.operator)
                parameters = self._kernels.partial_sums(conv, step.input.region, step.output.region)
                return self._kernel_step("PARTIAL_SUMS", (step.input, step.output), step, parameters, step.scratch)
            case Requantise():
                parameters = self._kernels.requantise(self._conv(step.operator), step.output.region)
                return self._kernel_step("REQUANTISE", (step.source, step.output), step, parameters)
            case Accumulate():
                return self._kernel_step("ACCUMULATE", (step.source, step.target), step)
            case Copy():
                return self._kernel_step("COPY", (step.source, step.target), step)
            case Loop():
                return _step(
                    "LOOP",
                    first_operand=self._bodies.add(map(self._step, step.body)),
                    operand_count=len(step.body),
                    iterations=step.iterations,
                    predicted_ns=step.predicted_ns,
                )
            case Transfer():
                operand = self._operands.add([self._operand(step.operand)])
                return _step("TRANSFER", self._message_index[step.message], first_operand=operand, operand_count=1)
            case Ready():
                return _step("READY", self._message_index[step.message])
            case Await():
                return _step("AWAIT", self._message_index[step.message])

    def _compute(self, step: Compute) -> RecordValues:
        operator = self._operators[step.operator]
        regions = tuple(None if operand is None else operand.region for operand in step.inputs)
        parameters = self._kernels.compute(operator, regions, step.output.region, step.variant)
        tables = (NO_INDEX,) * len(regions)
        if isinstance(operator, Concat):
            tables = self._kernels.concat_tables(operator)
        present = [(operand, table) for operand, table in zip(step.inputs, tables, strict=True) if operand is not None]
        operands = [self._operand(operand, table) for operand, table in present]
        return self._kernel_record(
            kernel_of(self._graph, operator).upper(),
            [*operands, self._operand(step.output)],
            step.predicted_ns,
            parameters,
            step.scratch,
            step.variant,
        )

    def _kernel_step(
        self,
        kernel: str,
        operands: tuple[Operand, Operand],
        step: PartialSums | Accumulate | Requantise | Copy,
        parameters: RecordValues | None = None,
        scratch: Scratch | None = None,
    ) -> RecordValues:
        return self._kernel_record(kernel, [*map(self._operand, operands)], step.predicted_ns, parameters, scratch)

    def _kernel_record(
        self,
        kernel: str,
        operands: list[RecordValues],
        predicted_ns: int,
        parameters: RecordValues | None,
        scratch: Scratch | None,
        variant: str = PORTABLE,
    ) -> RecordValues:
        implementation = VARIANTS.get(variant, {}).get(kernel.lower(), Implementation())
        return _step(
            "KERNEL",
            kernel=code("kernel", kernel),
            variant=code("variant", variant.upper()),
            packing=code("packing", implementation.packing),
            parameters=NO_INDEX if parameters is None else self._parameters.add([parameters]),
            first_operand=self._operands.add(operands),
            operand_count=len(operands),
            scratch_buffer=NO_INDEX if scratch is None else self._buffer_index[scratch.buffer],
            scratch_bytes=0 if scratch is None else scratch.size_bytes,
            predicted_ns=predicted_ns,
        )

    def _operand(self, operand: Operand, table: int = NO_INDEX) -> RecordValues:
        first = operand.pieces[0]
        if len({(piece.pixel_stride_bytes, piece.columns, piece.channels) for piece in operand.pieces}) != 1:
            raise InternalError(
                f"the pieces of an operand of {operand.tensor} differ in columns, channels or pixel stride"
            )
        return {
            "first_view": self._views.add(map(self._view, operand.pieces)),
            "table": table,
            "channels": first.channels,
            "pixel_stride_bytes": first.pixel_stride_bytes,
            "columns": first.columns,
            "view_count": len(operand.pieces),
            "element_bytes": 1 if operand.content is Content.VALUES else 4,
        }

    def _view(self, view: View) -> RecordValues:
        return {
            "buffer": self._buffer_index[view.buffer],
            "offset_bytes": view.offset_bytes,
            "row_stride_bytes": view.row_stride_bytes,
            "rows": view.rows,
            "ring_rows": view.ring_rows,
            "ring_first_row": view.ring_first_row,
            "ring_columns": view.ring_columns,
            "ring_first_column": view.ring_first_column,
            "advance_columns": view.advance_columns,
        }

    def _ends(self, operands: tuple[Operand, ...], direction: str) -> Iterator[RecordValues]:
        for operand in operands:
            index = self._operands.add([self._operand(operand)])
            yield {"operand": index, "direction": code("direction", direction), "reserved": 0, "reserved2": 0}

    def _message(self, number: int) -> RecordValues:
        message = self._plan.messages[number]
        sends = message.source == self._node
        steps = self._message_steps[number]
        return {
            "duration_ns": message.duration_ns,
            "tag": number,
            "size_bytes": message.size_bytes,
            "slot": message.source_slot if sends else message.target_slot,
            "ready_step": steps[Ready],
            "transfer_step": steps[Transfer],
            "await_step": steps[Await],
            "peer": message.target if sends else message.source,
            "token_from": self._token_peer(number - 1) if sends else NO_NODE,
            "token_to": self._token_peer(number + 1) if sends else NO_NODE,
            "direction": code("direction", "SEND" if sends else "RECEIVE"),
            "port": self._port(message, sends),
        }

    def _token_peer(self, number: int) -> int:
        """On a bus, the sender of message `number` if it is another node."""
        if self._plan.bus is None or not 0 <= number < len(self._plan.messages):
            return NO_NODE
        source = self._plan.messages[number].source
        return NO_NODE if source == self._node else source

    def _port(self, message: Message, sends: bool) -> int:
        """Register of the port that the message occupies here: the first at the source, the second at the target."""
        end = 0 if sends else 1
        if len(message.ports) > 2:
            raise PlanFormatError(
                f"a message from node {message.source} to {message.target} occupies more than two ports"
            )
        if end >= len(message.ports):
            return NO_PORT
        return self._ports.setdefault(message.ports[end], len(self._ports))

    def _conv(self, name: str) -> Conv:
        operator = self._operators[name]
        if not isinstance(operator, Conv):
            raise InternalError(f"operator {name} is computed by partial sums, but is no convolution")
        return operator


def _step(opcode: str, message: int = NO_INDEX, **fields: int) -> RecordValues:
    """A step record: what is not given is unused."""
    unused = {name.name: 0 for name in layout.STEP.fields}
    unused |= {"parameters": NO_INDEX, "scratch_buffer": NO_INDEX}
    return unused | {"opcode": code("opcode", opcode), "message": message} | fields


def _step_name(step: Step, plan: Plan) -> str:
    """What a step works on, in one line: an operator or a tensor."""
    match step:
        case Compute() | PartialSums() | Requantise():
            name = step.operator
        case Accumulate() | Copy():
            name = step.target.tensor
        case Loop():
            return _step_name(step.body[-1], plan)
        case Ready() | Transfer() | Await():
            name = plan.messages[step.message].tensor
    return " ".join(name.split())
