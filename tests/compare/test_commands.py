"""`planner compare`, `pareto` and `explain` on one small network, as a user would call them."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from planner.cli import compare as compare_command
from planner.cli import main

INSTANCE = """\
schema_version: 1
model: zoo:ds_cnn
devices:
  - {profile: m7, count: 2, ram: 40KiB}
network: {kind: switch, per_message: 10us, per_byte: 0.02us/B}
input: host
output: host
solver: {time_limit: 6s}
"""
PLOTS = {"latency_ram.png", "ram_time.png", "timeline.png"}

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for local processes")


def call(*arguments: object) -> int:
    """Exit code of the program."""
    before, sys.argv = sys.argv, ["planner", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as ended:
            main.run()
    finally:
        sys.argv = before
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    (tmp_path / "pair.yaml").write_text(INSTANCE)
    return tmp_path / "pair.yaml"


@needs_compiler
def test_compare_runs_what_fits_and_says_what_does_not(instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    out = instance.parent / "out"
    assert call("compare", instance, "--run", "local", "--out", out, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "report.json").read_text())
    assert {path.name for path in out.iterdir()} == {"report.json", "report.csv", "report.md", *PLOTS}
    plans = {(p["name"], p["variant"], p["network"]): p for p in report["plans"]}
    optimum = report["plans"][0]
    assert optimum["variant"] == "optimised"
    for plan in report["plans"]:
        assert plan["feasible"] == (plan["broken_caps"] == [])
        assert plan["match"] is (True if plan["feasible"] else None)
        assert plan["ratio"] == pytest.approx(plan["latency_us"] / optimum["latency_us"])
        if plan["feasible"]:
            assert plan["measured_us"] == pytest.approx(plan["latency_us"])
            assert plan["latency_us"] >= report["lower_bound_us"]
            assert plan["phase_us"] >= report["phase_lower_bound_us"]
    blocks = plans["megatron-blocks", "as is", "direct"]
    assert {cap["resource"] for cap in blocks["broken_caps"]} == {"RAM"}
    for device, cap in zip(blocks["devices"], blocks["broken_caps"], strict=True):
        assert device["ram_peak_bytes"] - device["ram_cap_bytes"] == cap["excess_bytes"]
    assert plans["megatron-blocks", "capped", "direct"]["feasible"]
    relayed, direct = (plans["equal-kernels", "as is", network] for network in ("relayed", "direct"))
    assert relayed["transferred_bytes"] > direct["transferred_bytes"]
    fitting = [p for p in report["plans"][1:] if p["feasible"]]
    assert report["best_measured_ratio"] == pytest.approx(min(p["measured_ratio"] for p in fitting))
    rows = list(csv.DictReader((out / "report.csv").open()))
    assert [row["name"] for row in rows] == [p["name"] for p in report["plans"]]
    text = (out / "report.md").read_text()
    assert report["origin"]["instance_hash"] in text
    assert f"{blocks['broken_caps'][0]['excess_bytes']} bytes of RAM" in text


def test_without_matplotlib_the_tables_are_written_and_a_note_says_what_to_install(
    instance: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_command, "plotting_available", lambda: False)
    out = instance.parent / "out"
    assert call("compare", instance, "--out", out) == 0
    assert "planner[plot]" in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {"report.json", "report.csv", "report.md"}


def test_compare_without_a_plan_still_shows_the_heuristics(instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instance.write_text(INSTANCE.replace("ram: 40KiB", "ram: 9KiB"))
    assert call("compare", instance, "--out", instance.parent / "out", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == "INFEASIBLE"
    assert report["best_heuristic"] is None
    assert not any(plan["feasible"] or plan["ratio"] for plan in report["plans"])


def test_pareto_has_a_bound_at_every_point_and_latency_grows_as_resources_shrink(
    instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = instance.parent / "out"
    assert call("pareto", instance, "--time-limit", 1, "--out", out, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [point["devices"] for point in report["by_devices"]] == [1, 2]
    factors = [point["ram_factor"] for point in report["by_ram"]]
    assert factors == sorted(factors, reverse=True)
    for point in [*report["by_ram"], *report["by_devices"]]:
        if point["phase_us"] is not None:
            assert point["phase_lower_bound_us"] <= point["phase_us"]
            assert point["lower_bound_us"] <= point["latency_us"]
            assert point["ram_peak_bytes"] <= point["largest_ram_cap_bytes"]
    one, two = report["by_devices"]
    assert two["phase_us"] < one["phase_us"]
    assert report["by_ram"][-1]["status"] == "INFEASIBLE"
    assert len(list(csv.reader((out / "report.csv").open()))) == 1 + len(factors) + 2


def test_explain_reads_a_plan_or_solves(instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("solve", instance, "--out", instance.parent / "plan", "--json") == 0
    solved = json.loads(capsys.readouterr().out)
    assert call("explain", instance.parent / "plan", "--relax-limit", 12, "--json") == 0
    explained = json.loads(capsys.readouterr().out)
    assert explained["makespan_us"] == solved["makespan_us"]
    assert [d["ram_peak_bytes"] for d in explained["devices"]] == [d["ram_peak_bytes"] for d in solved["devices"]]
    found = explained["relaxations"]
    assert [r["extra_bytes"] * len(r["devices"]) for r in found] == sorted(
        r["extra_bytes"] * len(r["devices"]) for r in found
    )
    assert all(r["gain"] > 0 and r["phase_us"] < solved["phase_makespan_us"] for r in found)
    assert call("explain", instance, "--relax-limit", 0) == 0
    assert "m7-0 is fullest during" in capsys.readouterr().out


def test_explain_finds_the_caps_and_the_devices_that_an_instance_without_a_plan_needs(
    instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instance.write_text(INSTANCE.replace("ram: 40KiB", "ram: 9KiB"))
    assert call("explain", instance, "--relax-limit", 16, "--json") == 1
    missing = json.loads(capsys.readouterr().out)
    assert missing["status"] == "INFEASIBLE"
    assert 1 < missing["cap_factor"]["enough"] < 3
    ((more, count),) = ((more["like"], more["count"]) for more in missing["more_devices"])
    assert more == "m7-0" and 1 <= count <= 4
