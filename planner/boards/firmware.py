"""Firmware images, built on demand from the shipped sources and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from planner.errors import ToolchainError
from planner.files import shipped

_PACKAGES = {
    "make": "make",
    "cc": "gcc",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
}
"""Debian packages by program."""

_BUILD_TIMEOUT_S = 300


def require_tool(program: str) -> str:
    """Path of a program. Raises ToolchainError that says how to install it."""
    path = shutil.which(program)
    if path is None:
        raise ToolchainError(f"{program} is missing; install it with: apt-get install {_PACKAGES[program]}")
    return path


def firmware(board: str, compiler: str) -> Path:
    """The image of a board (a name of `make -C runtime_c boards`), built if the cache has none of these sources.

    Raises ToolchainError if a tool is missing or the build fails.
    """
    sources = shipped.path("runtime_c")
    image = _cache_directory() / f"{board}-{_fingerprint(sources, board, compiler)}"
    if not image.exists():
        _build(sources, board, image)
    return image


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "planner" / "firmware"


def _fingerprint(sources: Path, board: str, compiler: str) -> str:
    """Hash of all that decides about the image: the sources, the board and the compiler."""
    digest = hashlib.sha256(board.encode())
    digest.update(subprocess.run([require_tool(compiler), "--version"], capture_output=True, check=True).stdout)
    for folder in ("include", "src", "port"):
        for file in sorted((sources / folder).rglob("*")):
            if file.is_file():
                digest.update(f"\0{file.relative_to(sources)}\0".encode())
                digest.update(file.read_bytes())
    digest.update((sources / "Makefile").read_bytes())
    return digest.hexdigest()[:16]


def _build(sources: Path, board: str, image: Path) -> None:
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.parent, prefix=f".{board}-") as folder:
        command = [require_tool("make"), "-s", "-C", str(sources), f"BOARD={board}", f"OUT={folder}"]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S)
        except subprocess.TimeoutExpired as problem:
            raise ToolchainError(f"building the firmware of {board} took longer than {_BUILD_TIMEOUT_S} s") from problem
        if result.returncode != 0:
            raise ToolchainError(f"building the firmware of {board} failed:\n{result.stdout}{result.stderr}")
        (Path(folder) / "firmware").rename(image)
