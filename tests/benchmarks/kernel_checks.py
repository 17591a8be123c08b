"""Random and extreme cases of every kernel, and every layer of real networks, on every emulated core.

    python -m tests.benchmarks.kernel_checks results/kernels [BOARD ...]

Every operator is shared out at random over two boards of a kind (rows or channels, in chunks, as partial sums), under
both rounding rules; every output byte is compared with the integer executor's, and every guard behind a buffer looked
at. Writes `checks.md`; ends with an error if a byte is wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path

from tabulate import tabulate

from planner.core.arithmetic import with_rule
from planner.core.cost import KERNELS, variant_kernel
from planner.core.executor import execute
from planner.core.variants import VARIANTS
from planner.data.graph import Arithmetic, Graph
from planner.files.atomic import write_text
from planner.frontend.dispatch import read_model
from planner.profiling.reference_boards import REFERENCE_BOARDS
from planner.zoo import zoo_model
from tests.builders.kernel_cases import KernelCases
from tests.builders.kernel_runs import Tally, layers, run

ROOT = Path(__file__).parents[2]
MODELS = Path(os.environ.get("PLANNER_MODELS", ROOT.parent / "shared" / "models"))
WORKERS = 2
LEAST_STEPS = 2000
ROUNDS = 10
"""Operators of each kind in one run of the boards."""
ZOO = ("mobilenet_v2_1.0_224", "mobilenet_v2_0.35_96")


def main(directory: Path, boards: Sequence[str]) -> int:
    """Check the boards and write the report. Returns how many bytes were wrong, and guards broken."""
    with ProcessPoolExecutor(WORKERS) as pool:
        cases = dict(zip(boards, pool.map(_random_cases, boards), strict=True))
        networks = {
            model: dict(zip(boards, pool.map(_layers, boards, [graph] * len(boards)), strict=True))
            for model, graph in _models()
        }
    directory.mkdir(parents=True, exist_ok=True)
    write_text(directory / "checks.md", _report(cases, networks))
    tallies = [*cases.values(), *(tally for by_board in networks.values() for tally in by_board.values())]
    return sum(tally.wrong.total() + tally.guards_broken for tally in tallies)


def _random_cases(name: str) -> Tally:
    """Runs under both rules in turn until the board's own kernels, the variant's where it has one, have their steps."""
    board = REFERENCE_BOARDS[name]
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


def _layers(name: str, graph: Graph) -> Tally:
    """Every operator of a network under both rules."""
    tally = Tally()
    for rule in Arithmetic:
        ruled = with_rule(graph, rule)
        inputs = KernelCases(0).inputs(ruled)
        for seed, (alone, values) in enumerate(layers(ruled, execute(ruled, inputs))):
            tally.add(run(REFERENCE_BOARDS[name], alone, values, seed))
    return tally


def _models() -> Iterator[tuple[str, Graph]]:
    for name in ZOO:
        yield name, zoo_model(name)
    for path in sorted(MODELS.glob("*/model.*")):
        if "float" not in path.parent.name:
            yield path.parent.name, read_model(path)


def _report(cases: dict[str, Tally], networks: dict[str, dict[str, Tally]]) -> str:
    kernels = sorted({kernel for tally in cases.values() for kernel in tally.steps})
    boards = list(cases)
    steps = tabulate(
        [[kernel, *(cases[board].steps[kernel] or "" for board in boards)] for kernel in kernels],
        ("steps of kernel", *boards),
        "github",
    )
    sums = (("values compared", "values"), ("wrong", "wrong"))
    results = [[label, *(getattr(cases[board], name).total() for board in boards)] for label, name in sums]
    results.append(["guards broken", *(cases[board].guards_broken for board in boards)])
    rows = [
        [
            model,
            *(f"{by_board[board].values.total()} / {by_board[board].wrong.total()}" for board in boards),
            sum(tally.guards_broken for tally in by_board.values()),
        ]
        for model, by_board in networks.items()
    ]
    faults = [
        f"{name}: {fault}"
        for tallies in (cases, *networks.values())
        for name, t in tallies.items()
        for fault in t.faults
    ]
    return (
        "\n\n".join(
            (
                "# Kernels against the integer executor, on emulated cores",
                "Written by `make check-kernels`. Every operator is shared out at random over two boards of a kind,\n"
                "under both rounding rules.",
                "## Random and extreme cases",
                steps,
                tabulate(results, ("", *boards), "github"),
                "## Every layer of real networks: values compared / wrong",
                tabulate(rows, ("network", *boards, "guards broken"), "github"),
                "\n".join(faults) or "No value is wrong.",
            )
        )
        + "\n"
    )


if __name__ == "__main__":
    wrong = main(Path(sys.argv[1]), sys.argv[2:] or list(REFERENCE_BOARDS))
    sys.exit(f"{wrong} bytes are wrong or guards broken" if wrong else 0)
