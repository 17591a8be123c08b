"""Random and extreme cases of every kernel, and every layer of real networks, on every emulated core.

    python -m tests.benchmarks.kernel_checks results/kernels [BOARD ...]

Every operator is shared out at random over two boards of a kind (rows or channels, in chunks, as partial sums), under
both rounding rules; every output byte is compared with the integer executor's, and every guard behind a buffer looked
at. Writes `checks-BOARD.md`; ends with an error if a byte is wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count, repeat
from pathlib import Path

from tabulate import tabulate

from planner.core.arithmetic import with_rule
from planner.core.cost import KERNELS, variant_kernel
from planner.core.executor import execute
from planner.core.variants import VARIANTS
from planner.data.graph import Arithmetic, Graph
from planner.files.atomic import write_text
from planner.frontend.dispatch import read_model
from planner.profiling.reference_boards import REFERENCE_BOARDS, ReferenceBoard
from planner.zoo import zoo_model
from tests.builders.kernel_cases import KernelCases
from tests.builders.kernel_runs import Tally, layers, run

ROOT = Path(__file__).parents[2]
MODELS = Path(os.environ.get("PLANNER_MODELS", ROOT.parent / "shared" / "models"))
WORKERS = 2
LEAST_STEPS = 2000
FAULTS_SHOWN = 20
ROUNDS = 10
"""Operators of each kind in one run of the boards."""
ZOO = ("mobilenet_v2_1.0_224", "mobilenet_v2_0.35_96")


def main(directory: Path, boards: Sequence[str]) -> int:
    """Check the boards, each by a process of its own. Returns how many bytes were wrong, and guards broken."""
    directory.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(WORKERS) as pool:
        return sum(pool.map(_check, repeat(directory), boards))


def _check(directory: Path, name: str) -> int:
    """Check one board and write its report."""
    board = REFERENCE_BOARDS[name]
    cases = _random_cases(board)
    networks = {model: _layers(board, graph) for model, graph in _models()}
    write_text(directory / f"checks-{name}.md", _report(board, cases, networks))
    return sum(tally.wrong.total() + tally.guards_broken for tally in (cases, *networks.values()))


def _random_cases(board: ReferenceBoard) -> Tally:
    """Runs under both rules in turn until the board's own kernels, the variant's where it has one, have their steps."""
    tally = Tally()
    served = VARIANTS.get(board.kernels, {})
    for seed in count():
        for rule in Arithmetic:
            cases = KernelCases(seed)
            graph = cases.every_kernel(ROUNDS, rule)
            tally.add(run(board, graph, cases.inputs(graph), seed))
        needed = [variant_kernel(kernel, board.kernels) if kernel in served else kernel for kernel in KERNELS]
        if all(tally.steps[kernel] >= LEAST_STEPS for kernel in needed):
            return tally
    raise AssertionError("unreachable")


def _layers(board: ReferenceBoard, graph: Graph) -> Tally:
    """Every operator of a network under both rules."""
    tally = Tally()
    for rule in Arithmetic:
        ruled = with_rule(graph, rule)
        inputs = KernelCases(0).inputs(ruled)
        for seed, (alone, values) in enumerate(layers(ruled, execute(ruled, inputs))):
            tally.add(run(board, alone, values, seed))
    return tally


def _models() -> Iterator[tuple[str, Graph]]:
    for name in ZOO:
        yield name, zoo_model(name)
    for path in sorted(MODELS.glob("*/model.*")):
        if "float" not in path.parent.name:
            yield path.parent.name, read_model(path)


def _report(board: ReferenceBoard, cases: Tally, networks: Mapping[str, Tally]) -> str:
    steps = tabulate(sorted(cases.steps.items()), ("kernel", "steps"), "github")
    rows = [
        (name, tally.values.total(), tally.wrong.total(), tally.guards_broken)
        for name, tally in {"random and extreme cases": cases, **networks}.items()
    ]
    faults = [fault for tally in (cases, *networks.values()) for fault in tally.faults]
    return (
        "\n\n".join(
            (
                f"# Kernels of {board.machine} against the integer executor",
                "Written by `make check-kernels`. Every operator is shared out at random over two boards of the kind,\n"
                "under both rounding rules.",
                steps,
                tabulate(rows, ("operators", "values compared", "wrong", "guards broken"), "github"),
                *faults[:FAULTS_SHOWN],
            )
        )
        + "\n"
    )


if __name__ == "__main__":
    wrong = main(Path(sys.argv[1]), sys.argv[2:] or list(REFERENCE_BOARDS))
    sys.exit(f"{wrong} bytes are wrong or guards broken" if wrong else 0)
