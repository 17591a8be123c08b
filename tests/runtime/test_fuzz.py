"""A short run of the fuzzers, from the corpus that long runs left behind: see tests/fuzz/run.sh."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[1] / "fuzz" / "run.sh"

pytestmark = pytest.mark.skipif(shutil.which("clang") is None, reason="clang with libFuzzer is not installed")


@pytest.mark.parametrize(("target", "runs"), [("plan_load", 20000), ("frame", 50000), ("stream", 20000)])
def test_no_finding(target: str, runs: int, tmp_path: Path) -> None:
    command = ["sh", RUN, str(runs), target, "-seed=1", f"-artifact_prefix={tmp_path}/"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-4000:]
    assert f"stat::number_of_executed_units: {runs}" in result.stderr
