"""Every model on small mixed fleets: solved, run on emulated boards, compared with the reference that a user trusts.

    python -m tests.benchmarks.models results/models [NAME ...]

Writes `table.json` and `table.md`; instances and plans go to build/models. References: recorded outputs of the TFLite
Micro interpreter and of ONNX Runtime for the real models in the folder PLANNER_MODELS, ONNX Runtime live for the zoo's
and for the float one, which is quantised first. The fleet is the first of a list for which a plan is found; the first
ones have boards with less RAM than the activations of the unsplit network and the firmware take.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from tabulate import tabulate

from planner.files.atomic import write_text
from planner.files.profile_file import load_profile
from planner.files.shipped import path as shipped_path
from tests.builders.onnx_models import run_onnxruntime, without_softmax

ROOT = Path(__file__).parents[2]
MODELS = Path(os.environ.get("PLANNER_MODELS", ROOT.parent / "shared" / "models"))
BUILD = ROOT / "build" / "models"
TIME_LIMIT_S = 20
PROFILES = ("m7", "m55", "m33", "rv32")
FLEETS = ((4, 0.45), (3, 0.6), (2, 0.7), (4, 0.7), (4, 0.85), (4, 1.2))
"""Boards, and the RAM of each as a share of what one board would need; the first with a plan is taken."""
NETWORK = {"kind": "switch", "per_message": "150us", "per_byte": "0.2us/B"}
ZOO = (
    *("ds_cnn", "resnet8", "mobilenet_v1_0.25_96", "mobilenet_v2_0.35_96", "mobilenet_v2_0.5_128"),
    *("face_detector", "shufflenet_v2_0.5_128"),
)
SEED = 0


@dataclass(frozen=True)
class Case:
    """A model as the command line names it, and input files with the outputs that `reference` gave for them."""

    name: str
    model: str
    examples: tuple[tuple[Path, Path], ...]
    reference: str


def main(directory: Path, *names: str) -> None:
    """Measure all cases, or those of the names alone beside the rows that the table has already, and write it."""
    directory.mkdir(parents=True, exist_ok=True)
    table = directory / "table.json"
    kept = json.loads(table.read_text(encoding="utf-8"))["models"] if names and table.exists() else []
    rows = {row["model"]: row for row in kept}
    for case in _cases():
        if names and case.name not in names:
            continue
        rows[case.name] = _measure(case) | {"revision": _revision()}
        report = {
            "command": "python -m tests.benchmarks.models results/models",
            "models": list(rows.values()),
        }
        write_text(table, json.dumps(report, indent=1) + "\n")
        write_text(directory / "table.md", _markdown(report))


def _cases() -> Iterator[Case]:
    for model in sorted(MODELS.glob("*/model.*")):
        sources = sorted(model.parent.glob("*.in.npy"))
        if not sources:
            yield _quantised(model)
            continue
        golden = "out.tflm" if model.suffix == ".tflite" else "logits.onnxruntime"
        reference = "TFLite Micro, recorded" if model.suffix == ".tflite" else "ONNX Runtime, recorded"
        examples = tuple(
            (source, source.with_name(f"{source.name.removesuffix('.in.npy')}.{golden}.npy")) for source in sources
        )
        yield Case(model.parent.name, os.path.relpath(model, ROOT), examples, reference)
    for name in ZOO:
        path = BUILD / f"{name}.onnx"
        _planner("zoo", name, "--out", str(path))
        yield _live(name, path, f"zoo:{name}")


def _quantised(model: Path) -> Case:
    """A float model, calibrated with the pictures beside the models."""
    path = BUILD / f"{model.parent.name}.int8.onnx"
    _planner("quantize", str(model), "--calibration", str(MODELS / "images"), "--out", str(path))
    return _live(model.parent.name, path, os.path.relpath(path, ROOT))


def _live(name: str, path: Path, model: str) -> Case:
    """A case whose reference is ONNX Runtime, up to the integers before the softmax if there is one."""
    network = onnx.load(path)
    dims = [axis.dim_value for axis in network.graph.input[0].type.tensor_type.shape.dim]
    array = np.random.default_rng(SEED).uniform(-1, 1, dims).astype(np.float32)
    ends_in_softmax = any(node.op_type == "Softmax" for node in network.graph.node)
    logits, *_ = run_onnxruntime(without_softmax(network) if ends_in_softmax else network, array)
    source, expected = BUILD / f"{name}.in.npy", BUILD / f"{name}.out.npy"
    np.save(source, array)
    np.save(expected, logits)
    return Case(name, model, ((source, expected),), "ONNX Runtime, live")


def _measure(case: Case) -> dict[str, Any]:
    """The row of a case; without a plan it says so."""
    report = json.loads(_planner("model", case.model, "--json").stdout)
    firmware_bytes = max(load_profile(shipped_path("profiles") / f"{p}.yaml").firmware.ram_bytes for p in PROFILES)
    needed_bytes = report["activation_peak_bytes"] + firmware_bytes
    row = {
        "model": case.name,
        "operators": len(report["operators"]),
        "macs": report["macs"],
        "one_board_ram_bytes": needed_bytes,
        "reference": case.reference,
    }
    for boards, share in FLEETS:
        instance = BUILD / f"{case.name}.yaml"
        plan = BUILD / case.name
        cap_bytes = int(share * needed_bytes)
        _write_instance(instance, case, boards, cap_bytes)
        solve = ("solve", os.path.relpath(instance, ROOT), "--out", os.path.relpath(plan, ROOT))
        solved = _planner(*solve, "--time-limit", str(TIME_LIMIT_S), "--json", check=False)
        if solved.returncode == 0:
            run = ("run", os.path.relpath(plan, ROOT), "--boards", "emulated")
            runs = [
                json.loads(
                    _planner(*run, "--input", str(source), "--expect", str(expected), "--json", check=False).stdout
                )
                for source, expected in case.examples
            ]
            return row | _result(json.loads(solved.stdout), runs) | {"commands": [" ".join(solve), " ".join(run)]}
    return row | {"failure": solved.stderr.strip().splitlines()[-1]}


def _result(solved: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """What all runs of a plan have in common, and the bytes in which any of them differs."""
    ran = runs[0]
    return {
        "inputs": len(runs),
        "boards": [device["board"] for device in ran["devices"]],
        "ram_cap_bytes": ran["devices"][0]["ram_cap_bytes"],
        "ram_peak_bytes": [device["ram_peak_bytes"] for device in ran["devices"]],
        "predicted_latency_us": ran["predicted_latency_us"],
        "latency_us": ran["latency_us"],
        "gap": solved["gap"],
        "status": solved["status"],
        "differing_bytes": sum(run["mismatched_bytes"] for run in runs),
    }


def _write_instance(path: Path, case: Case, boards: int, cap_bytes: int) -> None:
    model = case.model if case.model.startswith("zoo:") else os.path.relpath(ROOT / case.model, path.resolve().parent)
    devices = [{"profile": profile, "ram": f"{cap_bytes}B"} for profile in PROFILES[:boards]]
    content = {"schema_version": 1, "model": model, "devices": devices, "network": NETWORK}
    write_text(path, yaml.safe_dump(content | {"input": "host", "output": "host"}, sort_keys=False))


def _markdown(report: dict[str, Any]) -> str:
    rows = []
    for row in report["models"]:
        if "failure" in row:
            rows.append([row["model"], f"{row['one_board_ram_bytes'] / 1024:.0f}", row["failure"]])
            continue
        peaks = " ".join(f"{peak / 1024:.0f}" for peak in row["ram_peak_bytes"])
        times = [f"{row[key] / 1000:.1f}" for key in ("predicted_latency_us", "latency_us")]
        memory = [f"{row['one_board_ram_bytes'] / 1024:.0f}", f"{row['ram_cap_bytes'] / 1024:.0f}", peaks]
        rows.append(
            [
                row["model"],
                *memory,
                " ".join(row["boards"]),
                *times,
                row["reference"],
                row["inputs"],
                row["differing_bytes"],
                row["revision"],
            ]
        )
    headers = ("model", "one board KiB", "cap KiB", "peaks KiB", "boards", "predicted ms", "measured ms")
    table = tabulate(
        rows, (*headers, "reference", "inputs", "differing bytes", "revision"), tablefmt="github", disable_numparse=True
    )
    return (
        "# Models on emulated boards\n\n"
        f"`{report['command']}`, {TIME_LIMIT_S} s of search for each fleet.\n"
        "One board: what the activations of the unsplit network and the firmware take. Cap: of each board.\n\n"
        f"{table}\n"
    )


def _planner(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    BUILD.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", "from planner.cli.main import run; run()", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=check)


def _revision() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
