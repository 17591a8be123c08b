"""The single source of every byte that planner and the runtime exchange.

`python -m planner.planfmt.generate` writes `runtime_c/include/plr/layout.h` and the tables of `docs/PLAN_FORMAT.md`
from here; a test fails when they differ.
"""

from __future__ import annotations

from planner.core.variants import VARIANTS
from planner.planfmt.records import Constant, Enumeration, Field, Record

FORMAT_MAJOR = Constant("FORMAT_MAJOR", 1, "a reader refuses another major version")
FORMAT_MINOR = Constant("FORMAT_MINOR", 0, "a reader refuses a newer minor version")
PLAN_MAGIC = Constant("PLAN_MAGIC", 0x50524C50, "first four bytes of a plan binary, 'PLRP'")
FRAME_MAGIC = Constant("FRAME_MAGIC", 0x4C50, "first two bytes of every frame, 'PL'")
FRAME_PAYLOAD_BYTES = Constant("FRAME_PAYLOAD_BYTES", 1024, "largest payload of one frame")
CONFIG_MAGIC = Constant("CONFIG_MAGIC", 0x43524C50, "first four bytes of a board configuration, 'PLRC'")
STORED_PLAN_MAGIC = Constant("STORED_PLAN_MAGIC", 0x53524C50, "first four bytes of a slot that holds a plan, 'PLRS'")
STORED_PLAN_HEAD_BYTES = Constant("STORED_PLAN_HEAD_BYTES", 128, "of a slot: stored_plan record and the model's name")
FLASH_WORD_BYTES_MAX = Constant("FLASH_WORD_BYTES_MAX", 256, "largest unit in which a flash is programmed")
NO_NODE = Constant("NO_NODE", 0xFFFF, "no such node")
NO_INDEX = Constant("NO_INDEX", 0xFFFFFFFF, "no such record or constant")
NODES_MAX = Constant("NODES_MAX", 64, "nodes of a fleet, the host included")
NO_PORT = Constant("NO_PORT", 0xFF, "the message occupies no port register at this end")
SECTION_ALIGNMENT = Constant(
    "SECTION_ALIGNMENT", 16, "sections, and arrays within the constants, lie at multiples of it"
)
PIECES_MAX = Constant("PIECES_MAX", 3, "views of an operand")
PORTS_MAX = Constant("PORTS_MAX", 16, "port registers of a node")
KERNEL_ROWS_MAX = Constant("KERNEL_ROWS_MAX", 128, "rows of a window: the runtime keeps a pointer to each")
CANARY_BYTES = Constant("CANARY_BYTES", 4, "guard after every buffer")
BUFFER_ALIGNMENT = Constant("BUFFER_ALIGNMENT", 8, "buffers lie at multiples of it in the arena")
TABLE_BYTES = Constant("TABLE_BYTES", 256, "a table: int8 for every int8 value q, at q + 128")
SLOT_BYTES = Constant("SLOT_BYTES", 16, "one message slot of buffer 0: ready_ns u64, end_ns u64")

SCRATCH = tuple(
    Constant(f"{variant.upper()}_{kernel.upper()}_{what}", value, meaning)
    for variant, kernels in VARIANTS.items()
    for kernel, implementation in kernels.items()
    for what, value, meaning in (
        ("SCRATCH_BYTES", implementation.scratch_bytes, "scratch memory in all cases"),
        ("TAP_SCRATCH_BYTES", implementation.tap_scratch_bytes, "more of it per tap, padded to a multiple of 4"),
    )
)

CONSTANTS = (
    *(
        FORMAT_MAJOR,
        FORMAT_MINOR,
        PLAN_MAGIC,
        FRAME_MAGIC,
        FRAME_PAYLOAD_BYTES,
        CONFIG_MAGIC,
        STORED_PLAN_MAGIC,
        STORED_PLAN_HEAD_BYTES,
        FLASH_WORD_BYTES_MAX,
        NO_NODE,
        NO_INDEX,
        NO_PORT,
        NODES_MAX,
    ),
    *(
        SECTION_ALIGNMENT,
        PIECES_MAX,
        PORTS_MAX,
        KERNEL_ROWS_MAX,
        CANARY_BYTES,
        BUFFER_ALIGNMENT,
        TABLE_BYTES,
        SLOT_BYTES,
    ),
    *SCRATCH,
)

STATUS = Enumeration(
    "err",
    "what can fail; 0 is success (OK)",
    {
        "ARGUMENT": (-1, "a null or misaligned pointer, or a size out of range, given by the port"),
        "LINK": (-2, "the link is broken or timed out"),
        "FRAME": (-3, "a frame with a wrong magic, length or address"),
        "FRAME_CRC": (-4, "a frame with a wrong CRC"),
        "PROTOCOL": (-5, "a well-formed frame that is not due"),
        "CONFIG": (-6, "a board configuration with a wrong magic, size, CRC, ratio or RAM cap"),
        "RESTART": (-7, "the host has begun another session, or wants the board to start again"),
        "STORE": (-8, "the plan store holds no plan, or a piece of one is not due"),
        "FLASH": (-9, "the flash did not erase or program"),
        "STORE_MISMATCH": (-10, "the plan is not the announced one: another fleet, model or content"),
        "STORE_TOO_SMALL": (-11, "the plan is larger than a slot of the plan store"),
        "PLAN_TRUNCATED": (-16, "the plan is longer than the bytes given"),
        "PLAN_MAGIC": (-17, "no plan binary"),
        "PLAN_MAJOR": (-18, "another major format version"),
        "PLAN_MINOR": (-19, "a newer minor format version"),
        "PLAN_CRC": (-20, "the plan's CRC is wrong"),
        "PLAN_CAPABILITY": (-21, "the plan needs a capability that the runtime lacks"),
        "PLAN_HEADER": (-22, "a header field is out of range"),
        "PLAN_SECTION": (-23, "a section is misplaced, missing, repeated, or no multiple of its record"),
        "PLAN_UNKNOWN_SECTION": (-24, "an unknown section is marked as required"),
        "PLAN_ARENA": (-25, "the plan needs more arena than the node has"),
        "PLAN_BUFFER": (-26, "a buffer is misplaced or out of order"),
        "PLAN_OVERLAP": (-27, "two buffers are live in the same bytes at once"),
        "PLAN_VIEW": (-28, "a view leaves its buffer, or is malformed"),
        "PLAN_OPERAND": (-29, "an operand is malformed"),
        "PLAN_LIFESPAN": (-30, "a step uses a buffer that is not live"),
        "PLAN_STEP": (-31, "an unknown opcode or kernel, or a field that the opcode does not allow"),
        "PLAN_SHAPE": (-32, "the operands of a step do not fit each other or its kernel"),
        "PLAN_PARAMETERS": (-33, "kernel parameters are out of range"),
        "PLAN_CONSTANT": (-34, "a constant lies outside the constants section or is misaligned"),
        "PLAN_QUANTISATION": (-35, "a multiplier or a shift is out of range"),
        "PLAN_SCRATCH": (-36, "the scratch memory differs from what the kernel needs"),
        "PLAN_MESSAGE": (-37, "a message is malformed, or its steps are missing, repeated or out of order"),
        "PLAN_SLOT": (-38, "two messages use one slot at once"),
    },
)

CAPABILITY = Enumeration(
    "capability",
    "bits of plan_header.capabilities and hello.capabilities; bits 16 to 31 are for kernel variants and packings",
    {
        "TFLM": (1 << 0, "the rounding rule of TFLite Micro"),
        "ONNXRUNTIME": (1 << 1, "the rounding rule of ONNX Runtime"),
        "RING_ROWS": (1 << 2, "views whose rows form a ring"),
        "RING_COLUMNS": (1 << 3, "views whose columns form a ring"),
        "LOOPS": (1 << 4, "loop steps"),
        "DSP": (1 << 16, "variant DSP and its packings"),
        "MVE": (1 << 17, "variant MVE and its packings"),
        "M3": (1 << 18, "variant M3 and its packings"),
        "RV32": (1 << 19, "variant RV32 and its packings"),
    },
)

ARITHMETIC = Enumeration(
    "arithmetic",
    "rounding rule of all kernels of a plan, see ARITHMETIC.md",
    {"TFLM": (1, "fixed-point multiplier, double rounding"), "ONNXRUNTIME": (2, "float32 product, half to even")},
)

SECTION = Enumeration(
    "section",
    "kinds of sections; all but NAMES and BODIES must be present exactly once",
    {
        "BUFFERS": (1, "buffer records, by first_step"),
        "STEPS": (2, "step records, in order"),
        "OPERANDS": (3, "operand records"),
        "VIEWS": (4, "view records"),
        "PARAMETERS": (5, "parameters records, each once"),
        "MESSAGES": (6, "message records, in order of their transfers"),
        "CONSTANTS": (7, "weights, biases, quantisation and tables, each once"),
        "ENDS": (8, "end records: inputs first, then outputs"),
        "NAMES": (9, "optional: UTF-8 lines, one per step, for people"),
        "BODIES": (10, "optional: step records, the steps of loops"),
    },
)

SECTION_FLAG = Enumeration(
    "section_flag", "bits of section.flags", {"REQUIRED": (1, "a reader that does not know the kind refuses the plan")}
)

OPCODE = Enumeration(
    "opcode",
    "what a step does",
    {
        "KERNEL": (1, "run a kernel: takes CPU time"),
        "READY": (2, "note the clock in the message's slot"),
        "TRANSFER": (3, "send from, or receive into, the operand"),
        "AWAIT": (4, "advance the clock to the end of the transmission"),
        "LOOP": (0x40, "run KERNEL steps of BODIES `iterations` times, each time with their views advanced"),
    },
)

KERNEL = Enumeration(
    "kernel",
    "what a KERNEL step computes, from its operands (inputs first, then the output)",
    {
        "CONVOLUTION": (1, "window convolution with groups; the general case"),
        "POINTWISE": (2, "1x1 convolution, ungrouped, unpadded, input offset folded into the bias"),
        "DEPTHWISE": (3, "convolution with one input channel per group"),
        "FULLY_CONNECTED": (4, "convolution to one pixel, ungrouped, unpadded, input offset folded into the bias"),
        "MAXIMUM_POOL": (5, "maximum over a window"),
        "AVERAGE_POOL": (6, "average over a window"),
        "MEAN": (7, "mean over all rows and columns of the input"),
        "ADD": (8, "sum of two inputs"),
        "CONCAT": (9, "the inputs one after the other along the channels, each through its table"),
        "PAD": (10, "the input, if there is one, surrounded by `value`"),
        "LOOKUP": (11, "the table's entry for each element, or that of the channel's own table"),
        "PARTIAL_SUMS": (12, "int32 sums of an ungrouped convolution over some input channels, without bias"),
        "REQUANTISE": (13, "bias, requantisation and clamp of int32 sums"),
        "ACCUMULATE": (14, "output += input, int32"),
        "COPY": (15, "output = input, int8"),
        "MUL": (16, "product of two inputs; the second may be one pixel, for all of the first's"),
        "GATHER": (17, "elements of the input in another order: at row + column + channel offset, in memory order"),
    },
)

VARIANT = Enumeration(
    "variant",
    "implementation of a kernel",
    {
        "PORTABLE": (0, "C for every core"),
        "DSP": (1, "CONVOLUTION, POINTWISE, DEPTHWISE, FULLY_CONNECTED and ADD by dual 16-bit multiply-accumulate"),
        "MVE": (2, "CONVOLUTION, POINTWISE, DEPTHWISE, FULLY_CONNECTED and ADD by vectors of 16 bytes"),
        "M3": (3, "the same by multiply-accumulate of words, two pixels at once"),
        "RV32": (4, "the same by products and sums of words, four pixels at once"),
    },
)

PACKING = Enumeration(
    "packing",
    "order of a kernel's weights",
    {
        "PLAIN": (0, "int8 [output channel][kernel row][kernel column][input channel of the group]"),
        "DSP_PAIRS": (1, "groups of one or two output channels with bias and finish, see inner.h of the variant"),
        "DSP_CHANNELS": (2, "3x3 windows as int16 pairs, with bias and finish, see inner.h of the variant"),
        "MVE_GROUPS": (3, "groups of four output channels with bias and finish, see inner.h of the variant"),
        "MVE_WINDOWS": (4, "3x3 windows as words of a column, with bias and finish, see inner.h of the variant"),
        "SCALAR_GROUPS": (5, "groups of up to four output channels with bias and finish, see scalar/stream.h"),
        "SCALAR_CHANNELS": (6, "3x3 windows with bias and finish, see scalar/stream.h"),
    },
)

DIRECTION = Enumeration(
    "direction",
    "way of a message or an end, as this node sees it",
    {"SEND": (0, "this node is the source"), "RECEIVE": (1, "this node is the target")},
)

PARAMETERS_FLAG = Enumeration(
    "parameters_flag",
    "bits of parameters.flags",
    {
        "COUNT_PADDING": (1, "AVERAGE_POOL divides by the whole window, padding included"),
        "UNSIGNED": (2, "ONNXRUNTIME ADD and AVERAGE_POOL round in the model's uint8 values, 128 above the int8 ones"),
        "CHANNEL_TABLES": (4, "LOOKUP has a table for each channel"),
        "SUBTRACT": (8, "ADD under TFLM subtracts the second input"),
    },
)

PLAN_HEADER = Record(
    "plan_header",
    "first bytes of a plan binary; the section table follows at header_size",
    (
        Field("magic", "u32", "PLAN_MAGIC"),
        Field("format_major", "u16", "FORMAT_MAJOR of the writer"),
        Field("format_minor", "u16", "lowest FORMAT_MINOR that can read the plan"),
        Field("header_size", "u16", "bytes of this header; a later minor version may append fields"),
        Field("node", "u16", "node that the plan is for"),
        Field("total_size", "u32", "bytes of the whole plan"),
        Field("crc32", "u32", "CRC-32 (IEEE) of the whole plan with this field 0"),
        Field("capabilities", "u32", "capability bits that the plan needs"),
        Field("cluster_id", "u32", "of the fleet's plan; equal on all its nodes"),
        Field("section_count", "u16", "entries of the section table"),
        Field("nodes", "u16", "nodes of the fleet; the last is the host"),
        Field("model_hash", "u64", "first 8 bytes of the model's hash, as a big-endian number"),
        Field("arena_bytes", "u32", "arena that the plan needs, canaries included"),
        Field("slot_count", "u32", "message slots in buffer 0"),
        Field("port_count", "u16", "port registers in use, at most PORTS_MAX"),
        Field("arithmetic", "u8", "arithmetic"),
        Field("reserved", "u8", "0"),
        Field("reserved2", "u32", "0"),
    ),
)

SECTION_ENTRY = Record(
    "section_entry",
    "one entry of the section table; entries are in the order of their offsets",
    (
        Field("kind", "u16", "section"),
        Field("flags", "u16", "section_flag bits"),
        Field("offset_bytes", "u32", "from the plan's first byte, a multiple of SECTION_ALIGNMENT"),
        Field("size_bytes", "u32", "bytes of the section"),
        Field("reserved", "u32", "0"),
    ),
)

BUFFER = Record(
    "buffer",
    "bytes of the arena, live during the steps [first_step, end_step); buffer 0 is the slot table",
    (
        Field("offset_bytes", "u32", "in the arena, a multiple of BUFFER_ALIGNMENT"),
        Field("size_bytes", "u32", "without the canary that follows"),
        Field("first_step", "u32", "first step at which the buffer is live"),
        Field("end_step", "u32", "first step at which it is no longer live"),
    ),
)

VIEW = Record(
    "view",
    "rows of an operand in one buffer; element [r, c, k] lies at offset_bytes + R * row_stride_bytes + "
    "C * pixel_stride_bytes + k * element_bytes, where R = (ring_first_row + r) mod ring_rows, or r without a ring; "
    "C likewise; in iteration i of a loop, the view begins i * advance_columns columns further",
    (
        Field("buffer", "u32", "buffer record"),
        Field("offset_bytes", "u32", "in the buffer"),
        Field("row_stride_bytes", "u32", "from row to row"),
        Field("rows", "u16", "rows of this piece"),
        Field("ring_rows", "u16", "rows of the ring, or 0"),
        Field("ring_first_row", "u16", "ring row of row 0"),
        Field("ring_columns", "u16", "columns of the ring, or 0"),
        Field("ring_first_column", "u16", "ring column of column 0"),
        Field("advance_columns", "u16", "columns by which it advances from iteration to iteration of a loop"),
    ),
)

OPERAND = Record(
    "operand",
    "a box of a tensor: views stacked by rows",
    (
        Field("first_view", "u32", "first of its view records"),
        Field("table", "u32", "input of CONCAT: constant int8[256] through which it goes, else NO_INDEX"),
        Field("channels", "u32", "channels of every view"),
        Field("pixel_stride_bytes", "u32", "from column to column of every view"),
        Field("columns", "u16", "columns of every view"),
        Field("view_count", "u8", "1 to PIECES_MAX"),
        Field("element_bytes", "u8", "1 for int8, 4 for int32"),
    ),
)

STEP = Record(
    "step",
    "one step of the program",
    (
        Field("opcode", "u8", "opcode"),
        Field("kernel", "u8", "kernel of a KERNEL step, else 0"),
        Field("variant", "u8", "variant of a KERNEL step, else 0"),
        Field("packing", "u8", "packing of a KERNEL step's weights, else 0"),
        Field("parameters", "u32", "parameters record, or NO_INDEX"),
        Field(
            "first_operand", "u32", "first of its operand records, 0 if it has none; LOOP: first of its steps in BODIES"
        ),
        Field("operand_count", "u32", "operands, the output included; LOOP: its steps"),
        Field("message", "u32", "message record of a message step, else NO_INDEX"),
        Field("scratch_buffer", "u32", "buffer at whose start the scratch memory lies, or NO_INDEX"),
        Field("scratch_bytes", "u32", "scratch memory"),
        Field("iterations", "u32", "LOOP: how often its steps run, at most 65535; else 0"),
        Field("predicted_ns", "u64", "predicted time of a KERNEL step, or of a LOOP with all its iterations, else 0"),
    ),
)

PARAMETERS = Record(
    "parameters",
    "what a kernel needs besides its operands; fields that it does not use are 0, unused constants NO_INDEX",
    (
        Field("weights", "u32", "constant: int8 weights of the output's channels"),
        Field("bias", "u32", "constant: int32 per output channel"),
        Field("quantisation", "u32", "constant: how sums become int8, see the list of kernels"),
        Field(
            "table",
            "u32",
            "constant: int8[256], or [channels][256]; GATHER: see there; DSP, MVE of ADD: int32[2][256], finish",
        ),
        Field("group_input_channels", "u32", "input channels that one output channel reads"),
        Field("group_output_channels", "u32", "output channels per group"),
        Field("first_in_group", "u32", "place of the first output channel within its group"),
        Field("kernel_rows", "u16", "window"),
        Field("kernel_columns", "u16", "window"),
        Field("stride_rows", "u16", "window"),
        Field("stride_columns", "u16", "window"),
        Field("dilation_rows", "u16", "window"),
        Field("dilation_columns", "u16", "window"),
        Field("pad_top", "u16", "window rows above the first input row; PAD: rows above the input"),
        Field("pad_left", "u16", "window columns left of the first input column; PAD: columns left of the input"),
        Field("input_zero_point", "i8", "of the (first) input, 0 where it is folded into the bias"),
        Field("other_zero_point", "i8", "ADD, MUL: of the second input; convolutions: of the weights"),
        Field("output_zero_point", "i8", "of the output; PAD: the value"),
        Field("clamp_minimum", "i8", "least output"),
        Field("clamp_maximum", "i8", "greatest output"),
        Field("flags", "u8", "parameters_flag bits"),
        Field("reserved", "u16", "0"),
    ),
)

QUANTISATION = Record(
    "quantisation",
    "a real factor: multiplier * 2^-shift under ONNXRUNTIME, multiplier * 2^(shift - 31) under TFLM",
    (
        Field("multiplier", "i32", "ONNXRUNTIME: 2^23 to 2^24 - 1; TFLM: 0 to 2^31 - 1"),
        Field("shift", "i32", "ONNXRUNTIME: 1 to 60; TFLM: -31 to 30"),
    ),
)

FLOAT_ADDITION = Record(
    "float_addition",
    "the constants of ADD under ONNXRUNTIME",
    (
        Field("ratio1", "f32", "scale of the first input / scale of the output"),
        Field("ratio2", "f32", "scale of the second input / scale of the output"),
        Field("bias", "f32", "output zero point - ratio1 * first zero point - ratio2 * second zero point"),
    ),
)

FLOAT_AVERAGE = Record(
    "float_average",
    "the constants of AVERAGE_POOL under ONNXRUNTIME",
    (Field("input_scale", "f32", "scale of the input"), Field("output_scale", "f32", "scale of the output")),
)

MESSAGE = Record(
    "message",
    "one transmission that this node takes part in",
    (
        Field("duration_ns", "u64", "time that it occupies its ports"),
        Field("tag", "u32", "number of the message in the whole fleet"),
        Field("size_bytes", "u32", "payload"),
        Field("slot", "u32", "message slot at this end"),
        Field("ready_step", "u32", "its READY step"),
        Field("transfer_step", "u32", "its TRANSFER step"),
        Field("await_step", "u32", "its AWAIT step"),
        Field("peer", "u16", "node at the other end"),
        Field("token_from", "u16", "sending on a bus: node whose TOKEN must come first, or NO_NODE"),
        Field("token_to", "u16", "sending on a bus: node that gets the TOKEN afterwards, or NO_NODE"),
        Field("direction", "u8", "direction"),
        Field("port", "u8", "port register at this end, or NO_PORT"),
    ),
)

END = Record(
    "end",
    "a graph input that lies in this node's arena before step 0 (RECEIVE), or an output after the last step (SEND); "
    "the host brings and fetches it outside of virtual time",
    (
        Field("operand", "u32", "operand record"),
        Field("direction", "u8", "direction"),
        Field("reserved", "u8", "0"),
        Field("reserved2", "u16", "0"),
    ),
)

FRAME_KIND = Enumeration(
    "frame_kind",
    "what a frame is for",
    {
        "HELLO": (1, "board to host after boot: a hello record"),
        "START": (2, "host to board: run the program once, with the clock at 0"),
        "STOP": (3, "host to board: end"),
        "GRANT": (4, "target to source: message `tag` may come; virtual_ns = when the target is ready for it"),
        "DATA": (5, "source to target: a piece of message `tag`; virtual_ns = when its transmission ends"),
        "TOKEN": (6, "sender to next sender on a bus: virtual_ns = when the bus is free after message `tag`"),
        "PROGRESS": (7, "board to host, if asked for: the board is about to transfer message `tag`"),
        "TRACE": (8, "board to host during a run: step records in order; tag = first step"),
        "REPORT": (9, "board to host after a run: a report record"),
        "ERROR": (10, "board to host: an error record; the board has stopped"),
        "INPUT": (11, "host to board after START: a piece of input end `tag`"),
        "OUTPUT": (12, "board to host before REPORT: a piece of output end `tag`"),
        "ACK": (13, "lossy links: all frames before `order` have arrived"),
        "CREDIT": (14, "lossy links: as ACK, and frame `order` may come"),
        "CONNECT": (
            15,
            "host to board: begin `session`, with nonce `tag`, as node `target` of a fleet whose host is `source`",
        ),
        "BOARD": (16, "board to host, after CONNECT: a board record, then its name and its core as two lines"),
        "PLAN": (17, "host to idle board, after STORE: a piece of a plan binary, which begins `tag` bytes into it"),
        "RUN": (18, "host to idle board: a config record; run the stored plan, from HELLO to STOP"),
        "RESTART": (19, "host to board: start again as after power on"),
        "STORE": (20, "host to idle board: a plan of `tag` bytes is to come; answered with a store record"),
        "PAGES": (
            21,
            "host to idle board, after STORE: asks what its pages from `tag` on hold; answered with their CRCs",
        ),
        "COMMIT": (22, "host to idle board: a stored_plan record and the model's name; answered as STORED"),
        "STORED": (23, "host to idle board: asks for the plan in force; answered with its stored_plan record and name"),
    },
)

FRAME_HEADER = Record(
    "frame_header",
    "precedes every payload on every link",
    (
        Field("magic", "u16", "FRAME_MAGIC"),
        Field("kind", "u8", "frame_kind"),
        Field("session", "u8", "session that the frame belongs to, from CONNECT; 0 on links that lose nothing"),
        Field("source", "u16", "node that sends"),
        Field("target", "u16", "node that receives"),
        Field("sequence", "u32", "number of this frame within its message, from 0"),
        Field("tag", "u32", "message number, or 0"),
        Field("length", "u16", "payload bytes that follow"),
        Field("order", "u16", "number of this frame on its lossy link, see LINK_PROTOCOL.md; else 0"),
        Field("crc32", "u32", "CRC-32 (IEEE) of the header with this field 0, then the payload"),
        Field("virtual_ns", "u64", "virtual time, by kind"),
    ),
)

CONFIG_FLAG = Enumeration(
    "config_flag",
    "bits of config.flags",
    {
        "PREDICTED_CLOCK": (1, "advance the clock by each step's predicted time instead of the measured work"),
        "PROGRESS": (2, "send PROGRESS frames"),
    },
)

TRANSPORT = Enumeration(
    "transport",
    "how bytes travel between nodes",
    {
        "PIPES": (0, "named pipes, which lose nothing; the plan is there at boot"),
        "SERIAL": (1, "a serial line to the host, which passes on what is for others"),
        "ETHERNET": (2, "Ethernet frames"),
    },
)

CONFIG = Record(
    "config",
    "board configuration, read at boot: what makes one firmware image many boards",
    (
        Field("magic", "u32", "CONFIG_MAGIC"),
        Field("size", "u16", "bytes of this record"),
        Field("node", "u16", "number of this node"),
        Field("host", "u16", "number of the host"),
        Field("flags", "u8", "config_flag bits"),
        Field("transport", "u8", "transport by which the board talks"),
        Field("ram_cap_bytes", "u32", "RAM of the board from its first byte; the arena ends there"),
        Field("paint", "u32", "word with which free RAM is painted before a run"),
        Field("ns_numerator", "u32", "work units * ns_numerator / ns_denominator = nanoseconds"),
        Field("ns_denominator", "u32", "see ns_numerator"),
        Field("crc32", "u32", "CRC-32 of all bytes before it"),
    ),
)

STORED_PLAN = Record(
    "stored_plan",
    "head of a slot of the plan store, written after the plan: a slot without a whole one holds no plan. "
    "The model's name follows, UTF-8",
    (
        Field("magic", "u32", "STORED_PLAN_MAGIC"),
        Field("size", "u16", "bytes of this record"),
        Field("name_bytes", "u16", "bytes of the name, at most STORED_PLAN_HEAD_BYTES less this record"),
        Field("sequence", "u32", "of two whole slots the later one counts: number of the commit, modulo 2^32"),
        Field("plan_bytes", "u32", "total_size of the plan"),
        Field("plan_crc32", "u32", "crc32 of the plan"),
        Field("cluster_id", "u32", "cluster_id of the plan"),
        Field("model_hash", "u64", "model_hash of the plan"),
        Field("stored_at_s", "u64", "when it was sent: seconds since 1970, UTC"),
        Field("crc32", "u32", "CRC-32 of all bytes before it, then of the name"),
        Field("reserved", "u32", "0"),
    ),
)

HELLO = Record(
    "hello",
    "payload of HELLO",
    (
        Field("format_major", "u16", "FORMAT_MAJOR of the runtime"),
        Field("format_minor", "u16", "FORMAT_MINOR of the runtime"),
        Field("capabilities", "u32", "capability bits of the runtime"),
        Field("cluster_id", "u32", "of the loaded plan"),
        Field("plan_crc32", "u32", "of the loaded plan"),
        Field("static_bytes", "u32", "RAM of data and bss, link buffers excluded"),
        Field("link_buffer_bytes", "u32", "RAM of the link buffers"),
        Field("stack_reserve_bytes", "u32", "RAM reserved for the stack"),
        Field("arena_bytes", "u32", "RAM from the arena's start to the cap"),
        Field("code_bytes", "u32", "flash of the firmware image"),
    ),
)

BOARD = Record(
    "board",
    "first part of the payload of BOARD: what a board is, and what it holds",
    (
        Field("format_major", "u16", "FORMAT_MAJOR of the runtime"),
        Field("format_minor", "u16", "FORMAT_MINOR of the runtime"),
        Field("firmware_version", "u32", "major << 16 | minor << 8 | patch"),
        Field("capabilities", "u32", "capability bits of the runtime"),
        Field("clock_hz", "u32", "of the core"),
        Field("ram_bytes", "u32", "RAM from its first byte"),
        Field("flash_bytes", "u32", "flash for the image and plans"),
        Field("store_bytes", "u32", "largest plan that the store takes"),
        Field("code_bytes", "u32", "flash of the firmware image"),
        Field("plan_crc32", "u32", "of the stored plan, or 0 if there is none"),
    ),
)

STORE = Record(
    "store",
    "payload of a board's STORE: how its plan store is divided",
    (
        Field("page_bytes", "u32", "unit in which the flash is erased"),
        Field("first_page_bytes", "u32", "of the plan that lie in the slot's first page; in all others page_bytes"),
    ),
)

REPORT = Record(
    "report",
    "payload of REPORT",
    (
        Field("status", "i32", "0 or a status code"),
        Field("step_count", "u32", "steps executed, each reported by a TRACE frame"),
        Field("end_ns", "u64", "virtual clock at the end of the program"),
        Field("compute_ns", "u64", "sum of compute time"),
        Field("work", "u64", "sum of work units (instructions on emulated boards)"),
        Field("sent_bytes", "u64", "payload bytes sent in messages"),
        Field("received_bytes", "u64", "payload bytes received in messages"),
        Field("stack_peak_bytes", "u32", "deepest stack, by painting"),
        Field("arena_peak_bytes", "u32", "highest arena byte that lost its paint, plus one"),
        Field("above_cap_bytes", "u32", "bytes above the RAM cap that lost their paint"),
        Field("canaries_broken", "u32", "canaries found damaged"),
    ),
)

STEP_REPORT = Record(
    "step_report",
    "one executed step",
    (
        Field("work", "u64", "work units of a compute step, else 0"),
        Field("end_ns", "u64", "virtual clock after the step"),
    ),
)

ERROR = Record(
    "error",
    "payload of ERROR",
    (
        Field("status", "i32", "status code"),
        Field("step", "u32", "step that failed, or 0xffffffff"),
        Field("peer", "u16", "node at the other end of a failed link, or NO_NODE"),
        Field("reserved", "u16", "0"),
    ),
)

ENUMERATIONS = (
    *(STATUS, CAPABILITY, ARITHMETIC, SECTION, SECTION_FLAG, OPCODE, KERNEL, VARIANT, PACKING, DIRECTION),
    *(PARAMETERS_FLAG, FRAME_KIND, CONFIG_FLAG, TRANSPORT),
)

PLAN_RECORDS = (
    *(PLAN_HEADER, SECTION_ENTRY, BUFFER, STEP, OPERAND, VIEW, PARAMETERS, MESSAGE, END),
    *(QUANTISATION, FLOAT_ADDITION, FLOAT_AVERAGE),
)
LINK_RECORDS = (FRAME_HEADER, HELLO, BOARD, STORE, STEP_REPORT, REPORT, ERROR)
RECORDS = (*PLAN_RECORDS, CONFIG, STORED_PLAN, *LINK_RECORDS)
