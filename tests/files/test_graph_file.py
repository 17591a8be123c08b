"""The graph file: what is read back is what was written, equal graphs give equal bytes, damage is noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from planner.core.executor import execute
from planner.data.graph import Arithmetic, Graph
from planner.errors import InputError, ModelError
from planner.files.graph_file import graph_hash, load_graph, save_graph
from tests.builders.graphs import graphs, random_graph, random_input


@settings(deadline=None, max_examples=30)
@given(graph=graphs())
def test_graph_survives_the_file(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("graph") / "model.graph"
    save_graph(graph, path)
    again = load_graph(path)
    assert graph_hash(again) == graph_hash(graph)
    inputs = random_input(graph, 0)
    before, after = execute(graph, inputs), execute(again, inputs)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_equal_graphs_give_equal_files(tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_graph(random_graph(3), tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_hash_covers_weights_and_rule() -> None:
    graph = random_graph(3, arithmetic=Arithmetic.TFLM)
    changed = random_graph(4, arithmetic=Arithmetic.TFLM)
    assert len({graph_hash(g) for g in (graph, changed, replace(graph, arithmetic=Arithmetic.ONNXRUNTIME))}) == 3


def test_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.graph"
    save_graph(random_graph(5), path)
    content = path.read_bytes()
    for place in (0, 9, 45, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ModelError, match=r"damaged|not a graph file"):
            load_graph(path)
    for size in (0, 7, 20, 41, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ModelError, match=r"damaged|not a graph file"):
            load_graph(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        load_graph(tmp_path / "none.graph")
    with pytest.raises(InputError, match="cannot be written"):
        save_graph(random_graph(1), Path("/proc/none/model.graph"))
