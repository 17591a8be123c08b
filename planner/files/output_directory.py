"""The directory that `planner solve` writes and `planner run` reads: all that a run needs.

`plan.json` (plan, instance and summary), the quantised graph, and one `<device>.plan` per device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.data.graph import Graph
from planner.errors import InputError
from planner.files import atomic
from planner.files.graph_file import graph_hash, load_graph, save_graph
from planner.files.plan_file import PlanFile, binary_hashes, load_plan, save_plan

PLAN_FILE = "plan.json"
GRAPH_FILE = "network.graph"
BINARY_SUFFIX = ".plan"


@dataclass(frozen=True, eq=False)
class OutputDirectory:
    """Content of the directory; `binaries[d]` is device d's."""

    file: PlanFile
    graph: Graph
    binaries: tuple[bytes, ...]


def require_output_path(path: Path) -> None:
    """Raise InputError if `write_output` would refuse the path; for use before long work."""
    atomic.require_replaceable(path, marker=PLAN_FILE)


def write_output(content: OutputDirectory, path: Path) -> None:
    """Write the directory, whole or not at all. Raises InputError if it cannot be written, or is another's."""
    with atomic.new_directory(path, marker=PLAN_FILE) as folder:
        save_plan(content.file, folder / PLAN_FILE)
        save_graph(content.graph, folder / GRAPH_FILE)
        for device, binary in zip(content.file.instance.devices, content.binaries, strict=True):
            (folder / f"{device.name}{BINARY_SUFFIX}").write_bytes(binary)


def read_output(path: Path) -> OutputDirectory:
    """Read the directory. Raises InputError if something is missing, malformed, or belongs to another plan."""
    file = load_plan(path / PLAN_FILE)
    graph = load_graph(path / GRAPH_FILE)
    if graph_hash(graph) != file.plan.model_hash:
        raise InputError(f"{path / GRAPH_FILE} is not the graph of {path / PLAN_FILE}; solve the instance again")
    paths = [path / f"{device.name}{BINARY_SUFFIX}" for device in file.instance.devices]
    binaries = _read_binaries(paths)
    for name, found in binary_hashes(file.instance, binaries).items():
        if file.binary_hashes.get(name) != found:
            raise InputError(
                f"{path / name}{BINARY_SUFFIX} is not what {path / PLAN_FILE} belongs to; solve the instance again"
            )
    return OutputDirectory(file, graph, binaries)


def _read_binaries(paths: Sequence[Path]) -> tuple[bytes, ...]:
    try:
        return tuple(path.read_bytes() for path in paths)
    except OSError as problem:
        raise InputError(
            f"{problem.filename} cannot be read: {problem.strerror}; solve the instance again"
        ) from problem
