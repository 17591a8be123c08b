"""`planner boards`: a lab is started, found, used and ended."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from planner.cli.main import app
from planner.errors import InputError
from tests.builders.boards import needs_machines

INSTANCE = """
schema_version: 1
model: zoo:ds_cnn
devices: [{profile: m3, name: corner}]
network: {kind: switch, per_message: 150us, bandwidth: 100Mbit/s}
input: host
output: host
"""


def _planner(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@needs_machines("mps2-an385")
def test_a_lab_is_started_found_and_ended(tmp_path: Path) -> None:
    instance, lab = tmp_path / "one.yaml", tmp_path / "lab"
    instance.write_text(INSTANCE)
    testbed = str(lab / "testbed.yaml")
    _planner("boards", "start", str(instance), "--out", str(lab))
    try:
        with pytest.raises(InputError, match="has a lab already; end it with: planner boards stop"):
            _planner("boards", "start", str(instance), "--out", str(lab))
        (board,) = json.loads(_planner("boards", "--testbed", testbed, "--timeout", "30", "--json"))["boards"]
        assert (board["device"], board["board"], board["core"]) == ("corner", "mps2-an385", "Cortex-M3")
        assert board["ram_bytes"] == 4 << 20 and "TFLM" in board["capabilities"] and not board["problem"]
        assert "Cortex-M3" in _planner("boards", "--testbed", testbed, "--timeout", "30")
        pid, _ = json.loads((lab / "processes.json").read_text())["corner"]
    finally:
        assert "ended corner" in _planner("boards", "stop", str(lab))
    os.waitpid(pid, 0)  # the lab outlives the planner that started it, but here that is this process
    assert [path.name for path in lab.iterdir()] == ["corner"]  # its flash
    with pytest.raises(InputError, match="has no lab"):
        _planner("boards", "stop", str(lab))


def test_a_place_where_nobody_answers_says_why(tmp_path: Path) -> None:
    file = tmp_path / "testbed.yaml"
    file.write_text("schema_version: 1\ndevices: {a: 'serial:/dev/nowhere', b: 'local:'}\n")
    boards = json.loads(_planner("boards", "--testbed", str(file), "--json"))["boards"]
    assert "cannot be opened" in boards[0]["problem"]
    assert boards[1]["problem"] == "started for each run"
