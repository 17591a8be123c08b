"""The single source of every byte that planner and the runtime exchange.

`make generate` writes `runtime_c/include/plr/layout.h` and the tables of `docs/PLAN_FORMAT.md` from here; a test
fails when they differ.
"""

from __future__ import annotations

from planner.planfmt.records import Constant, Enumeration, Field, Record

FORMAT_MAJOR = Constant("FORMAT_MAJOR", 1, "a reader refuses another major version")
FORMAT_MINOR = Constant("FORMAT_MINOR", 0, "a reader refuses a newer minor version")
FRAME_MAGIC = Constant("FRAME_MAGIC", 0x4C50, "first two bytes of every frame, 'PL'")
FRAME_PAYLOAD_BYTES = Constant("FRAME_PAYLOAD_BYTES", 1024, "largest payload of one frame")
CONFIG_MAGIC = Constant("CONFIG_MAGIC", 0x43524C50, "first four bytes of a board configuration, 'PLRC'")
NO_NODE = Constant("NO_NODE", 0xFFFF, "no such node")

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
        "PROGRESS": (7, "board to host, if asked for: the board reached the transfer of message `tag`"),
        "REPORT": (8, "board to host after a run: a report record, then step records"),
        "ERROR": (9, "board to host: an error record; the board has stopped"),
    },
)

FRAME_HEADER = Record(
    "frame_header",
    "precedes every payload on every link",
    (
        Field("magic", "u16", "FRAME_MAGIC"),
        Field("kind", "u8", "frame_kind"),
        Field("flags", "u8", "0; for lossy links"),
        Field("source", "u16", "node that sends"),
        Field("target", "u16", "node that receives"),
        Field("sequence", "u32", "number of this frame within its message, from 0"),
        Field("tag", "u32", "message number, or 0"),
        Field("length", "u32", "payload bytes that follow"),
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

CONFIG = Record(
    "config",
    "board configuration, read at boot: what makes one firmware image many boards",
    (
        Field("magic", "u32", "CONFIG_MAGIC"),
        Field("size", "u16", "bytes of this record"),
        Field("node", "u16", "number of this node"),
        Field("host", "u16", "number of the host"),
        Field("flags", "u16", "config_flag bits"),
        Field("ram_cap_bytes", "u32", "RAM of the board from its first byte; the arena ends there"),
        Field("paint", "u32", "word with which free RAM is painted before a run"),
        Field("ns_numerator", "u32", "work units * ns_numerator / ns_denominator = nanoseconds"),
        Field("ns_denominator", "u32", "see ns_numerator"),
        Field("crc32", "u32", "CRC-32 of all bytes before it"),
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

REPORT = Record(
    "report",
    "first part of the payload stream of REPORT frames",
    (
        Field("status", "i32", "0 or a status code"),
        Field("step_count", "u32", "step records that follow"),
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
