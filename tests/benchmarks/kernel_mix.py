"""What instructions the hottest kernels consist of, counted by a plugin of the emulator, and an estimate of cycles.

    python -m tests.benchmarks.kernel_mix results/kernels [BOARD ...]

Runs MobileNetV2 1.0/224 on one board of each kind and writes `mix.md`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from tabulate import tabulate

from planner.boards.firmware import firmware, require_tool
from planner.boards.fleet import Fleet
from planner.boards.machines import MACHINES, Machine
from planner.boards.session import Session
from planner.boards.setup import BoardSetup
from planner.core.arithmetic import with_rule
from planner.core.lowering import lower
from planner.data.graph import Arithmetic
from planner.files import shipped
from planner.files.atomic import write_text
from planner.files.instance_file import load_instance
from planner.planfmt.encode import encode
from planner.profiling.reference_boards import REFERENCE_BOARDS
from planner.zoo import zoo_model
from tests.benchmarks.cycle_models import CORES, Instruction, Kind
from tests.builders.splits import on_first_board

MODEL = "mobilenet_v2_1.0_224"
PLUGIN = Path(__file__).with_name("instruction_counter.c")
WINDOW = 1 << 21
"""Addresses that the plugin tells apart."""
PAINT = 0xA5C35A3C
TIMEOUT_S = 300.0
SHOWN = 8
MILLION = 1e6
TOOL_PREFIXES = {"arm-none-eabi-gcc": "arm-none-eabi-", "riscv64-unknown-elf-gcc": "riscv64-unknown-elf-"}
DISASSEMBLER_OPTIONS = {"mps3-an547": ("-m", "armv8.1-m.main")}
"""Without them vector instructions are taken for those of a coprocessor."""
LINE = re.compile(r"^\s*([0-9a-f]+):\t[0-9a-f ]+\t(\S+)(?:\t([^@;<]*))?")
FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
ENDS = ("b", "b.n", "b.w", "bx", "j", "jr", "ret", "jal", "jalr", "bl", "blx", "le", "letp")
"""Branches that are always taken, but for the ends of low-overhead loops, which nearly always are."""


def main(directory: Path, boards: Sequence[str]) -> None:
    """Count on every board and write the report."""
    sections = [_section(name) for name in boards]
    directory.mkdir(parents=True, exist_ok=True)
    introduction = (
        f"Written by `make kernel-mix`: {MODEL}, tflm, one board, counted by a TCG plugin of the emulator.\n"
        "A load or a store counts once, whatever the words it moves. Cycles are estimates, not measurements;\n"
        "`tests/benchmarks/cycle_models.py` has the assumptions."
    )
    title = "# Instructions of the hottest kernels, and estimated cycles"
    write_text(directory / "mix.md", "\n\n".join((title, introduction, *sections)) + "\n")


def _section(name: str) -> str:
    code = _kernel_code(REFERENCE_BOARDS[name].machine, _counts(name))
    estimate = CORES.get(name)
    rows: list[list[object]] = []
    hottest = sorted(code.items(), key=lambda item: -_total(item[1]))
    groups = [*hottest[:SHOWN], ("other kernels", [i for _, rest in hottest[SHOWN:] for i in rest])]
    cycles = [estimate(instructions) if estimate else 0.0 for _, instructions in groups]
    for (function, instructions), estimated in zip(groups, cycles, strict=True):
        total = _total(instructions)
        shares = [sum(i.count for i in instructions if i.kind is kind) / max(total, 1) for kind in Kind]
        row: list[object] = [function, total / MILLION, *shares]
        rows.append(row + ([estimated / MILLION, estimated / max(total, 1)] if estimate else []))
    total = sum(_total(instructions) for _, instructions in groups)
    everything: list[object] = ["all kernels", total / MILLION, *[None] * len(Kind)]
    rows.append(everything + ([sum(cycles) / MILLION, sum(cycles) / total] if estimate else []))
    headers = ["function", "M instructions", *(kind.value for kind in Kind)]
    headers += ["M cycles", "cycles per instruction"] if estimate else []
    formats = ("", ".2f", *[".0%"] * len(Kind), ".1f", ".2f")
    table = tabulate(rows, headers, "github", floatfmt=formats)
    return f"## {name}, {REFERENCE_BOARDS[name].kernels} kernels\n\n{table}"


def _total(instructions: Sequence[Instruction]) -> int:
    return sum(instruction.count for instruction in instructions)


def _counts(board: str) -> dict[int, int]:
    """How often the instruction at an address, modulo the window, ran in one inference."""
    instance = load_instance(shipped.path("instances") / f"bench-{board}.yaml")
    graph = with_rule(zoo_model(MODEL), Arithmetic.TFLM)
    plan = lower(graph, instance, on_first_board(graph, instance))
    machine = MACHINES[REFERENCE_BOARDS[board].machine]
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        watched = _watched(machine, counts)
        setup = BoardSetup(board, watched, encode(plan, graph, 0), machine.ram_bytes, Fraction(1), flags=0)
        with Fleet([setup], plan, PAINT) as fleet:
            session = Session(fleet, plan, TIMEOUT_S)
            session.greet()
            shapes = {end.tensor: graph.tensors[end.tensor].shape.as_tuple() for end in graph.inputs}
            session.run({name: np.zeros(shape, np.int8) for name, shape in shapes.items()})
            session.stop()
        lines = (line.split() for line in counts.read_text().splitlines())
        return {int(address): int(count) for address, count in lines}


def _watched(machine: Machine, counts: Path) -> Machine:
    return replace(machine, arguments=(*machine.arguments, "-plugin", f"{_plugin()},out={counts}"))


@cache
def _plugin() -> Path:
    target = Path(tempfile.mkdtemp(prefix="planner-plugin-")) / "instruction_counter.so"
    command = [require_tool("cc"), "-std=c99", "-O2", "-fPIC", "-shared", str(PLUGIN), "-o", str(target)]
    subprocess.run(command, check=True, timeout=60)
    return target


def _kernel_code(machine: str, counts: Mapping[int, int]) -> dict[str, list[Instruction]]:
    """Instructions of every function of the kernels that ran, in the order of their addresses."""
    compiler = MACHINES[machine].compiler
    objdump = require_tool(f"{TOOL_PREFIXES[compiler]}objdump")
    image = firmware(machine, compiler)
    command = [objdump, "-d", *DISASSEMBLER_OPTIONS.get(machine, ()), str(image)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = {word for path in _kernel_sources() for word in re.findall(r"\w+", path.read_text())}
    lines: list[tuple[str, int, str, str]] = []
    function = ""
    for line in listing.splitlines():
        if begins := FUNCTION.match(line):
            # A part that the compiler has split off has a suffix, one that a macro has made its arguments.
            stem = begins[1].split(".")[0]
            is_kernel = stem in words or re.match(r"plr_(dsp|mve|scalar)_", stem) is not None
            function = begins[1] if is_kernel else ""
        elif function and (found := LINE.match(line)):
            lines.append((function, int(found[1], 16) % WINDOW, found[2], (found[3] or "").strip()))
    code: defaultdict[str, list[Instruction]] = defaultdict(list)
    for index, (name, address, mnemonic, operands) in enumerate(lines):
        count = counts.get(address, 0)
        if count:
            following = counts.get(lines[index + 1][1], 0) if index + 1 < len(lines) else 0
            code[name].append(_instruction(mnemonic, operands, count, following))
    return dict(code)


def _instruction(mnemonic: str, operands: str, count: int, following: int) -> Instruction:
    """A conditional branch was taken as often as the instruction behind it did not run."""
    plain = Instruction(mnemonic, operands, count, 0)
    is_return = "pc" in operands and plain.kind is Kind.LOAD
    if plain.kind is not Kind.BRANCH and not is_return:
        return plain
    return replace(plain, taken=count if mnemonic in ENDS or is_return else max(0, count - following))


def _kernel_sources() -> list[Path]:
    folder = shipped.path("runtime_c") / "src" / "kernels"
    return [path for suffix in ("c", "h", "S") for path in sorted(folder.rglob(f"*.{suffix}"))]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(REFERENCE_BOARDS))
