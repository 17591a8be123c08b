"""Solve, look, run: the commands on one small network, as a user would call them."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from planner.cli import main
from planner.core.arithmetic import quantise
from planner.data.instance import PictureInput
from planner.data.result import PhaseBounds, SolveResult, SolveStatus
from planner.errors import InputError
from planner.files.instance_file import load_instance
from planner.files.output_directory import read_output
from planner.workflow.inference import read_input
from planner.workflow.solve import Solved

INSTANCE = """\
schema_version: 1
model: zoo:ds_cnn
devices:
  - {profile: m7, count: 2}
network: {kind: switch, per_message: 10us, per_byte: 0.02us/B}
input: host
output: host
solver: {time_limit: 5s}
"""
SOLVE_KEYS = [
    *("status", "makespan_us", "lower_bound_us", "gap", "phase_makespan_us", "phase_lower_bound_us", "phase_gap"),
    *("candidate_lower_bound_us", "bound_covers", "solve_s", "transferred_bytes", "devices"),
    *("objective", "objective_value", "objective_bound", "objectives"),
]
SOLVE_DEVICE_KEYS = [
    *("name", "profile", "ram_cap_bytes", "ram_peak_bytes", "flash_cap_bytes", "flash_bytes", "compute_us")
]
RUN_KEYS = ["match", "mismatched_bytes", "latency_us", "predicted_latency_us", "devices", "best"]
RUN_DEVICE_KEYS = ["name", "board", "ram_cap_bytes", "ram_peak_bytes", "predicted_ram_peak_bytes", "compute_us"]

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for local processes")


def call(*arguments):
    """Exit code of the program."""
    before, sys.argv = sys.argv, ["planner", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as ended:
            main.run()
    finally:
        sys.argv = before
    return ended.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("session")
    (folder / "pair.yaml").write_text(INSTANCE)
    assert call("solve", folder / "pair.yaml", "--out", folder / "out") == 0
    return folder


def test_solve_prints_the_contract_and_writes_it_down(folder, capsys):
    assert call("solve", folder / "pair.yaml", "--out", folder / "again", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == SOLVE_KEYS
    assert report["lower_bound_us"] <= report["makespan_us"]
    assert report["gap"] == pytest.approx(1 - report["lower_bound_us"] / report["makespan_us"])
    for device in report["devices"]:
        assert list(device) == SOLVE_DEVICE_KEYS
        assert 0 < device["ram_peak_bytes"] <= device["ram_cap_bytes"]
        assert 0 < device["flash_bytes"] <= device["flash_cap_bytes"]
    assert sorted(path.name for path in (folder / "again").iterdir()) == [
        *("m7-0.plan", "m7-1.plan", "network.graph", "plan.json")
    ]
    assert json.loads((folder / "again" / "plan.json").read_text())["summary"] == report


def test_without_a_plan_solve_exits_with_1_and_writes_nothing(folder, capsys):
    code_bytes = load_instance(folder / "pair.yaml").devices[0].profile.firmware.code_bytes
    (folder / "tiny.yaml").write_text(INSTANCE.replace("count: 2", f"count: 2, flash: {code_bytes + 6000}B"))
    assert call("solve", folder / "tiny.yaml", "--out", folder / "none", "--json") == 1
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["status"] == "INFEASIBLE"
    assert report["makespan_us"] is None
    assert report["devices"][0]["ram_peak_bytes"] is None
    assert "bytes of flash" in printed.err
    assert not (folder / "none").exists()


def test_simulate_draws_every_node_and_lists_every_event(folder, capsys):
    assert call("simulate", folder / "out") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[:3]] == ["m7-0", "m7-1", "host"]
    assert call("simulate", folder / "out", "--events") == 0
    events = capsys.readouterr().out.splitlines()[2:]
    messages = read_output(folder / "out").file.plan.messages
    assert sum(" send " in line for line in events) == len(messages)


def test_inspect_shows_every_step(folder, capsys):
    assert call("inspect", folder / "out" / "m7-0.plan") == 0
    listing = capsys.readouterr().out
    steps = read_output(folder / "out").file.plan.programs[0].steps
    assert listing.splitlines()[-1].startswith(f"{len(steps) - 1:5}  ")


def test_a_directory_with_a_foreign_graph_is_refused(folder, capsys, tmp_path):
    shutil.copytree(folder / "out", tmp_path / "mixed")
    assert call("solve", folder / "pair.yaml", "--model", _other_model(tmp_path), "--out", tmp_path / "other") == 0
    shutil.copy(tmp_path / "other" / "network.graph", tmp_path / "mixed" / "network.graph")
    assert call("run", tmp_path / "mixed", "--boards", "local") == 2
    assert "is not the graph of" in capsys.readouterr().err


@needs_compiler
def test_run_prints_the_contract_and_saves_the_outputs(folder, capsys):
    assert call("run", folder / "out", "--boards", "local", "--json", "--out", folder / "y.npz") == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == RUN_KEYS
    assert (report["match"], report["mismatched_bytes"]) == (True, 0)
    assert report["latency_us"] == report["predicted_latency_us"]
    for device in report["devices"]:
        assert list(device) == RUN_DEVICE_KEYS
        assert device["board"] == "posix"
    with np.load(folder / "y.npz") as saved:
        integers = next(saved[name] for name in saved.files if name.endswith(".int8"))
    assert integers.dtype == np.int8


@needs_compiler
def test_run_holds_the_result_against_what_is_expected(folder, capsys):
    assert call("run", folder / "out", "--boards", "local", "--out", folder / "y.npz") == 0
    with np.load(folder / "y.npz") as saved:
        expected = next(saved[name] for name in saved.files if name.endswith(".int8"))
    np.save(folder / "good.npy", expected)
    np.save(folder / "bad.npy", expected ^ np.eye(1, expected.size, dtype=np.int8).reshape(expected.shape))
    np.save(folder / "short.npy", expected.ravel()[:-1])
    capsys.readouterr()
    assert call("run", folder / "out", "--boards", "local", "--expect", folder / "good.npy") == 0
    assert call("run", folder / "out", "--boards", "local", "--expect", folder / "bad.npy", "--json") == 1
    assert '"mismatched_bytes": 1' in capsys.readouterr().out
    assert call("run", folder / "out", "--boards", "local", "--expect", folder / "short.npy") == 2


def test_a_picture_fills_the_range_of_the_input(folder, tmp_path):
    image = pytest.importorskip("PIL.Image")
    graph = read_output(folder / "out").graph
    (end,) = graph.inputs
    shape = graph.tensors[end.tensor].shape
    image.new("L", (300, 200), 255).save(tmp_path / "white.png")
    values = read_input(graph, tmp_path / "white.png")[end.tensor]
    assert values.shape == shape.as_tuple()
    assert (values == 127).all()


def test_a_picture_is_normalised_as_the_instance_says(folder, tmp_path):
    image = pytest.importorskip("PIL.Image")
    graph = read_output(folder / "out").graph
    (end,) = graph.inputs
    tensor = graph.tensors[end.tensor]
    wide = image.new("L", (400, 100), 0)
    wide.paste(200, (150, 0, 250, 100))
    wide.save(tmp_path / "wide.jpg", quality=100)
    picture = PictureInput(mean=(100.0,), deviation=(50.0,), shorter_side=max(tensor.shape.height, tensor.shape.width))
    values = read_input(graph, tmp_path / "wide.jpg", picture)[end.tensor]
    middle = values[tensor.shape.height // 2, tensor.shape.width // 2, 0]
    assert middle == quantise(np.array(2.0, np.float32), tensor.quant)
    assert (read_input(graph, tmp_path / "wide.jpg")[end.tensor][:, 0] == -128).all()
    with pytest.raises(InputError, match="no centre of"):
        read_input(graph, tmp_path / "wide.jpg", replace(picture, shorter_side=8))
    with pytest.raises(InputError, match="mean and std have 3 values"):
        read_input(graph, tmp_path / "wide.jpg", replace(picture, mean=(1.0, 2.0, 3.0)))


@needs_compiler
def test_run_names_the_best_labels(folder, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"word {number}\n" for number in range(12)))
    run = ("run", folder / "out", "--boards", "local", "--labels", labels)
    assert call(*run, "--json", "--out", tmp_path / "y.npz") == 0
    best = json.loads(capsys.readouterr().out)["best"]
    with np.load(tmp_path / "y.npz") as saved:
        values = next(saved[name] for name in saved.files if not name.endswith(".int8")).ravel()
    assert next(label for label, _ in best) == f"word {values.argmax()}"
    assert [value for _, value in best] == sorted(map(float, values), reverse=True)[:5]
    assert call(*run) == 0
    assert f"word {values.argmax()}" in capsys.readouterr().out
    labels.write_text("one\ntwo\n")
    assert call(*run) == 2
    assert "has 2 labels for 12 values" in capsys.readouterr().err


def _other_model(folder):
    assert call("zoo", "resnet8", "--out", folder / "resnet8.onnx") == 0
    return folder / "resnet8.onnx"


def test_an_expectation_that_cannot_be_read_starts_no_board(folder, capsys):
    assert call("run", folder / "out", "--boards", "local", "--expect", folder / "nowhere.npy") == 2
    printed = capsys.readouterr().err
    assert "nowhere.npy" in printed
    assert "starting" not in printed


@pytest.mark.parametrize(("searched_s", "advised"), [(0.4, False), (5.0, True)])
def test_more_time_is_advised_only_where_time_ran_out(folder, capsys, monkeypatch, searched_s, advised):
    def search(graph, instance, *_):
        bounds = PhaseBounds(None, None, None, "nothing")
        result = SolveResult(SolveStatus.UNKNOWN, None, bounds, searched_s, "auto", 0, ())
        return Solved(instance, graph, result, None, None, ())

    monkeypatch.setattr("planner.cli.solve.solve_instance", search)
    assert call("solve", folder / "pair.yaml", "--out", folder / "none") == 1
    assert ("--time-limit" in capsys.readouterr().err) == advised


def test_a_plan_binary_of_another_plan_is_refused(folder, tmp_path, capsys):
    shutil.copytree(folder / "out", tmp_path / "out")
    binary = tmp_path / "out" / "m7-1.plan"
    binary.write_bytes((tmp_path / "out" / "m7-0.plan").read_bytes())
    assert call("run", tmp_path / "out", "--boards", "local") == 2
    assert f"{binary} is not what" in capsys.readouterr().err
