"""Instructions of the kernels on the emulated boards, whole networks and shards; writes results/kernels/.

python .ci/bench_kernels.py [BOARD ...]
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
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
from planner.core.variants import scratch_bytes
from planner.data.graph import Arithmetic, Conv, Graph, Operator
from planner.data.instance import Instance
from planner.data.plan import Compute
from planner.data.region import Region
from planner.data.split import Axis, Layout, OperatorSplit, Split
from planner.files import shipped
from planner.files.atomic import write_text
from planner.files.instance_file import load_instance
from planner.profiling.reference_boards import REFERENCE_BOARDS
from planner.profiling.sweep import BUFFER_BYTES, DATA, FIRST_STEP, shard_sweep
from planner.zoo import zoo_model

FOLDER = Path(__file__).resolve().parents[1] / "results" / "kernels"
MILLION = 1e6
CMSIS_NN = {
    "mobilenet_v2_1.0_224": {"m3": 1102.1, "m4": 797.5, "m7": 786.0, "m33": 792.6, "m55": 166.0, "rv32": 1102.1},
    "mobilenet_v2_0.35_96": {"m3": 59.7, "m4": 48.0, "m7": 47.7, "m33": 47.7, "m55": 12.5, "rv32": 59.7},
}
"""Millions of instructions of the layers of each network by CMSIS-NN -O3 on the same emulated cores, framework aside.

There is none for RISC-V: the M3's stands for it."""
SHARES = 8
TOOL_PREFIXES = {"arm-none-eabi-gcc": "arm-none-eabi-", "riscv64-unknown-elf-gcc": "riscv64-unknown-elf-"}


def main() -> None:
    boards = sys.argv[1:] or list(REFERENCE_BOARDS)
    totals: dict[tuple[str, str, Arithmetic], float] = {}
    for board in boards:
        instance = load_instance(shipped.path("instances") / f"bench-{board}.yaml")
        sections = [_code(board)]
        for model in CMSIS_NN:
            for rule in Arithmetic:
                graph = with_rule(zoo_model(model), rule)
                totals[board, model, rule], text = _network(graph, instance)
                sections.append(f"## {model}, {rule.value}\n\n{text}")
        for rule in Arithmetic:
            graph = with_rule(zoo_model("mobilenet_v2_0.35_96"), rule)
            sections.append(f"## Shards of mobilenet_v2_0.35_96, {rule.value}\n\n{_shards(graph, board)}")
        write_text(FOLDER / f"{board}.md", f"# Kernels on {board}\n\n" + "\n\n".join(sections) + "\n")
    summary = _summary(boards, totals)
    write_text(FOLDER / "README.md", summary)
    sys.stdout.write(summary)


def _network(graph: Graph, instance: Instance) -> tuple[float, str]:
    """Millions of instructions of all steps, and a table by kernel."""
    profile = instance.devices[0].profile
    layouts = {
        operator.name: OperatorSplit(
            Layout.single(Axis.ROWS, graph.output_tensor(operator).shape.height, 0, instance.nodes)
        )
        for operator in graph.operators
    }
    plan = lower(graph, instance, Split(layouts))
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


def _shards(graph: Graph, board: str) -> str:
    """Every distinct convolution whole, and an eighth of it by rows and by channels."""
    reference = REFERENCE_BOARDS[board]
    shards = list(_distinct(graph))
    sweep = shard_sweep(graph, [(operator, region) for operator, _, region in shards], reference.kernels)
    shapes = {end.tensor: sweep.graph.tensors[end.tensor].shape.as_tuple() for end in sweep.graph.inputs}
    inputs = {name: np.zeros(shape, np.int8) for name, shape in shapes.items()}
    rng = np.random.default_rng(0)
    inputs[DATA.name] = rng.integers(-128, 128, DATA.shape.as_tuple()).astype(np.int8)
    work = measure(reference.machine, sweep.plan, sweep.graph, inputs).work[FIRST_STEP:]
    rows = []
    whole_rate = 1.0
    for (operator, part, region), count in zip(shards, work, strict=True):
        rate = count / _products(operator, region)
        whole_rate = rate if part == "whole" else whole_rate
        variant = variant_of(graph, operator, reference.kernels)
        scratch = scratch_bytes(graph, operator, kernel_of(graph, operator), variant)
        shape = "x".join(map(str, (region.rows, region.columns, region.channels)))
        window = "x".join(map(str, getattr(operator, "weights", np.zeros(1)).shape[1:]))
        name = implementation_of(graph, operator, reference.kernels)
        rows.append((name, shape, window, part, count, rate, rate / whole_rate, scratch))
    headers = ("kernel", "output", "window", "part", "instructions", "per MAC", "of whole", "scratch bytes")
    return tabulate(rows, headers, "github", floatfmt=("", "", "", "", "d", ".2f", ".2f", "d"))


def _distinct(graph: Graph) -> Iterator[tuple[Operator, str, Region]]:
    seen = set()
    for operator in graph.operators:
        if not isinstance(operator, Conv):
            continue
        tensor = graph.output_tensor(operator)
        source = graph.tensors[operator.inputs[0]].shape
        signature = (source, tensor.shape, operator.window, operator.groups)
        fits = max(source.elements, tensor.shape.elements) <= BUFFER_BYTES
        if signature in seen or not fits:
            continue
        seen.add(signature)
        box = whole(tensor.shape)
        yield operator, "whole", box
        if box.rows >= SHARES:
            yield operator, "rows / 8", box.with_rows(box.rows // 2, box.rows // 2 + box.rows // SHARES)
        yield operator, "channels / 8", box.with_channels(0, box.channels // SHARES)


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
    rows = [(name, size) for name, size in sizes.items() if name.startswith(f"plr_{reference.kernels}_")]
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
    return (
        "# Instructions of whole networks on one board\n\nWritten by `make bench-kernels`. RISC-V has no CMSIS-NN: its "
        f"ratio is to the M3's.\n\n{table}\n\nratios: {', '.join(ratios)}\n"
    )


if __name__ == "__main__":
    main()
