"""Instructions of the kernels on the emulated boards: whole networks, and shards of their operators.

    python -m tests.benchmarks.kernel_counts results/kernels [BOARD ...]

Writes a report per board, `README.md` with the totals beside CMSIS-NN's, and `shards.md` with the shards that cost much
more than their share.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from tabulate import tabulate

from planner.boards.firmware import firmware, require_tool
from planner.boards.machines import MACHINES
from planner.boards.measure import measure
from planner.core.arithmetic import with_rule
from planner.core.cost import implementation_of, kernel_of, variant_of
from planner.core.lowering import lower
from planner.core.regions import whole
from planner.core.variants import SCALAR_TILE_PIXELS, scratch_bytes
from planner.data.graph import Arithmetic, Conv, Graph, Operator
from planner.data.hardware import CostProfile
from planner.data.instance import Instance
from planner.data.plan import Compute
from planner.data.region import Region
from planner.files import shipped
from planner.files.atomic import write_text
from planner.files.instance_file import load_instance
from planner.profiling.reference_boards import REFERENCE_BOARDS
from planner.profiling.sweep import DATA, FIRST_STEP, shard_sweep
from planner.zoo import zoo_model
from tests.builders.splits import on_first_board

MILLION = 1e6
CMSIS_NN = {
    "mobilenet_v2_1.0_224": {"m3": 1102.1, "m4": 797.5, "m7": 786.0, "m33": 792.6, "m55": 166.0, "rv32": 1102.1},
    "mobilenet_v2_0.35_96": {"m3": 59.7, "m4": 48.0, "m7": 47.7, "m33": 47.7, "m55": 12.5, "rv32": 59.7},
}
"""Millions of instructions of the layers of each network by CMSIS-NN -O3 on the same emulated cores, framework aside.

There is none for RISC-V: the M3's stands for it."""
CMSIS_NN_REVISION = "99f736a6, arm-none-eabi-gcc 12.2.1 -O3"
SHARES = 8
SHARD_LIMIT = 1.2
"""What an eighth of an operator may cost per product, relative to the whole."""
TOOL_PREFIXES = {"arm-none-eabi-gcc": "arm-none-eabi-", "riscv64-unknown-elf-gcc": "riscv64-unknown-elf-"}


@dataclass(frozen=True, slots=True)
class Shard:
    """A measured box of an operator's output: instructions, and what the board's profile predicts."""

    network: str
    rule: Arithmetic
    kernel: str
    output: str
    window: str
    part: str
    instructions: int
    predicted: float
    per_product: float
    of_whole: float
    scratch_bytes: int


def main(directory: Path, boards: Sequence[str]) -> None:
    """Measure the boards and write the reports; prints the summary, whose last line has the ratios."""
    totals: dict[tuple[str, str, Arithmetic], float] = {}
    shards: dict[str, list[Shard]] = {}
    directory.mkdir(parents=True, exist_ok=True)
    for board in boards:
        instance = load_instance(shipped.path("instances") / f"bench-{board}.yaml")
        sections = [_code(board)]
        shards[board] = []
        for model in CMSIS_NN:
            for rule in Arithmetic:
                graph = with_rule(zoo_model(model), rule)
                totals[board, model, rule], text = _network(graph, instance)
                sections.append(f"## {model}, {rule.value}\n\n{text}")
                measured = _shards(model, graph, board, instance.devices[0].profile)
                shards[board] += measured
                sections.append(f"## Shards of {model}, {rule.value}\n\n{_shard_table(measured)}")
        write_text(directory / f"{board}.md", f"# Kernels on {board}\n\n" + "\n\n".join(sections) + "\n")
    write_text(directory / "shards.md", _exceptions(shards))
    summary = _summary(boards, totals)
    write_text(directory / "README.md", summary)
    sys.stdout.write(summary)


def _network(graph: Graph, instance: Instance) -> tuple[float, str]:
    """Millions of instructions of all steps, and a table by kernel."""
    profile = instance.devices[0].profile
    plan = lower(graph, instance, on_first_board(graph, instance))
    assert profile.machine is not None
    work = measure(profile.machine, plan, graph).work
    operators = {operator.name: operator for operator in graph.operators}
    instructions: Counter[str] = Counter()
    macs: Counter[str] = Counter()
    for step, count in zip(plan.programs[0].steps, work, strict=True):
        if isinstance(step, Compute):
            operator = operators[step.operator]
            name = implementation_of(graph, operator, profile.kernels)
            instructions[name] += count
            macs[name] += _products(operator, step.output.region)
    rows = [(name, count / MILLION, count / macs[name]) for name, count in instructions.most_common()]
    total = sum(work) / MILLION
    rows.append(("total", total, total * MILLION / sum(macs.values())))
    return total, tabulate(rows, ("kernel", "M instructions", "per MAC or element"), "github", floatfmt=".3f")


def _products(operator: Operator, output: Region) -> int:
    return output.elements * (operator.weights[0].size if isinstance(operator, Conv) else 1)


def _shards(model: str, graph: Graph, board: str, profile: CostProfile) -> list[Shard]:
    """Every distinct operator whole, and an eighth of it by rows and by channels."""
    boxes = list(_distinct(graph))
    sweep = shard_sweep(graph, [(operator, region) for operator, _, region in boxes], profile.kernels)
    shapes = {end.tensor: sweep.graph.tensors[end.tensor].shape.as_tuple() for end in sweep.graph.inputs}
    inputs = {name: np.zeros(shape, np.int8) for name, shape in shapes.items()}
    inputs[DATA.name] = np.random.default_rng(0).integers(-128, 128, shapes[DATA.name]).astype(np.int8)
    work = measure(REFERENCE_BOARDS[board].machine, sweep.plan, sweep.graph, inputs).work[FIRST_STEP:]
    shards: list[Shard] = []
    whole_rate = 1.0
    for (operator, part, region), case, count in zip(boxes, sweep.cases, work, strict=True):
        rate = count / _products(operator, region)
        whole_rate = rate if part == "whole" else whole_rate
        cycles = sum(profile.cycles[case.key].get(name, 0.0) * value for name, value in case.features.items())
        variant = variant_of(graph, operator, profile.kernels)
        shards.append(
            Shard(
                model,
                graph.arithmetic,
                implementation_of(graph, operator, profile.kernels),
                "x".join(map(str, (region.rows, region.columns, region.channels))),
                "x".join(map(str, operator.weights.shape[1:])) if isinstance(operator, Conv) else "",
                part,
                count,
                cycles / float(profile.cycles_per_instruction),
                rate,
                rate / whole_rate,
                scratch_bytes(graph, operator, kernel_of(graph, operator), variant),
            )
        )
    return shards


def _shard_table(shards: Sequence[Shard]) -> str:
    rows = [
        (s.kernel, s.output, s.window, s.part, s.instructions, s.predicted, s.per_product, s.of_whole, s.scratch_bytes)
        for s in shards
    ]
    headers = ("kernel", "output", "window", "part", "instructions", "cost model", "per MAC", "of whole", "scratch B")
    return tabulate(rows, headers, "github", floatfmt=("", "", "", "", ".0f", ".0f", ".2f", ".2f", ".0f"))


def _distinct(graph: Graph) -> Iterator[tuple[Operator, str, Region]]:
    seen = set()
    for operator in graph.operators:
        shapes = [graph.tensors[name].shape for name in (*operator.inputs, operator.output)]
        signature = (type(operator), *shapes, getattr(operator, "window", None), getattr(operator, "groups", None))
        if signature in seen:
            continue
        seen.add(signature)
        box = whole(shapes[-1])
        yield operator, "whole", box
        if box.rows >= SHARES:
            yield operator, "rows / 8", box.with_rows(box.rows // 2, box.rows // 2 + box.rows // SHARES)
        if box.channels >= SHARES:
            yield operator, "channels / 8", box.with_channels(0, box.channels // SHARES)


def _exceptions(shards: Mapping[str, Sequence[Shard]]) -> str:
    """Shards that cost more than the limit, and how well the cost model knows the shards of a board."""
    sections = []
    for board, measured in shards.items():
        parts = [shard for shard in measured if shard.part != "whole"]
        errors = np.array([shard.predicted / shard.instructions - 1 for shard in parts])
        above = [shard for shard in parts if shard.of_whole > SHARD_LIMIT]
        rows = [
            (
                s.network,
                s.rule.value,
                s.kernel,
                s.output,
                s.window,
                s.part,
                s.per_product,
                s.of_whole,
                s.predicted / s.instructions - 1,
            )
            for s in above
        ]
        headers = ("network", "rule", "kernel", "output", "window", "part", "per MAC", "of whole", "cost model off by")
        sections.append(
            f"## {board}\n\n{len(parts)} shards, {len(above)} of them above {SHARD_LIMIT:.2f} of the whole operator's "
            f"instructions per MAC. The cost model is off by {np.abs(errors).mean():.1%} in the mean, "
            f"{np.abs(errors).max():.1%} at most.\n\n"
            + tabulate(rows, headers, "github", floatfmt=("", "", "", "", "", "", ".2f", ".2f", ".1%"))
        )
    return (
        "# Shards that cost more than their share\n\nWritten by `make bench-kernels`.\n\n"
        + "\n\n".join(sections)
        + "\n"
    )


def _code(board: str) -> str:
    """Code bytes of the functions of the board's variant, and of its whole firmware."""
    reference = REFERENCE_BOARDS[board]
    compiler = MACHINES[reference.machine].compiler
    image = firmware(reference.machine, compiler)
    listing = subprocess.run(
        [require_tool(f"{TOOL_PREFIXES[compiler]}size"), str(image)], capture_output=True, text=True, check=True
    ).stdout
    total = int(listing.splitlines()[1].split()[0])
    symbols = subprocess.run(
        [require_tool(f"{TOOL_PREFIXES[compiler]}nm"), "-n", "--defined-only", str(image)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    code = [(int(address, 16), name) for address, name in re.findall(r"^(\w+) [tT] (\w+)$", symbols, re.MULTILINE)]
    sizes = {name: following - address for (address, name), (following, _) in pairwise(code)}
    family = "scalar" if reference.kernels in SCALAR_TILE_PIXELS else reference.kernels
    rows = [(name, size) for name, size in sizes.items() if name.startswith(f"plr_{family}_")]
    rows += [("kernels of the variant", sum(size for _, size in rows)), ("whole firmware", total)]
    return "## Code\n\n" + tabulate(rows, ("function", "bytes"), "github")


def _summary(boards: list[str], totals: dict[tuple[str, str, Arithmetic], float]) -> str:
    rows = []
    ratios = []
    for model, theirs in CMSIS_NN.items():
        for board in boards:
            tflm, onnx = (totals[board, model, rule] for rule in (Arithmetic.TFLM, Arithmetic.ONNXRUNTIME))
            kernels = REFERENCE_BOARDS[board].kernels
            rows.append((model, board, kernels, tflm, theirs[board], tflm / theirs[board], onnx, onnx / tflm - 1))
            if model == next(iter(CMSIS_NN)):
                ratios.append(f"{board} {tflm / theirs[board]:.2f}")
    headers = ("network", "board", "kernels", "M, tflm", "M, CMSIS-NN", "ratio", "M, onnxruntime", "more than tflm")
    floats = ("", "", "", ".1f", ".1f", ".3f", ".1f", ".1%")
    table = tabulate(rows, headers, "github", floatfmt=floats)
    return "\n\n".join(
        (
            "# Instructions of whole networks on one board",
            f"Written by `make bench-kernels`. CMSIS-NN {CMSIS_NN_REVISION}: the sum of its layers.\n"
            "RISC-V has none, its ratio is to the M3's. Beside this file: kernels and shards of every board;\n"
            "`shards.md`, shards that cost more than their share; `mix.md`, what the hottest kernels consist\n"
            "of, and cycles; `checks-BOARD.md`, what the oracle confirmed.",
            table,
            f"ratios: {', '.join(ratios)}\n",
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(REFERENCE_BOARDS))
