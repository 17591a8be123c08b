"""Firmware is built once per source, and what is missing is said."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from planner.boards import firmware as module
from planner.boards.firmware import firmware, require_tool
from planner.errors import ToolchainError
from planner.files import shipped
from tests.builders.boards import needs_local, needs_machines


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ToolchainError, match="qemu-system-arm is missing; install it with: apt-get install"):
        require_tool("qemu-system-arm")


@needs_local()
def test_an_image_is_built_once_per_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sources = tmp_path / "runtime_c"
    shutil.copytree(shipped.path("runtime_c"), sources)
    monkeypatch.setattr(module.shipped, "path", lambda _: sources)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = firmware("posix", "cc")
    built_ns = first.stat().st_mtime_ns
    assert firmware("posix", "cc") == first
    assert first.stat().st_mtime_ns == built_ns
    (sources / "port/posix/main.c").write_text("#error broken\n")
    with pytest.raises(ToolchainError, match="#error broken"):
        firmware("posix", "cc")
    assert sorted((tmp_path / "cache/planner/firmware").iterdir()) == [first]


@pytest.mark.parametrize(
    "board",
    [pytest.param("posix", marks=needs_local()), pytest.param("riscv32-virt", marks=needs_machines("riscv32-virt"))],
)
def test_every_source_compiles_without_a_warning(board: str, tmp_path: Path) -> None:
    command = ["make", "-s", "-C", str(shipped.path("runtime_c")), f"BOARD={board}", f"OUT={tmp_path}", "EXTRA=-Werror"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@needs_local()
def test_an_unknown_board_is_refused(tmp_path: Path) -> None:
    command = ["make", "-s", "-C", str(shipped.path("runtime_c")), "BOARD=arduino", f"OUT={tmp_path}"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode != 0
    assert "there is no board arduino; there are:" in result.stderr
