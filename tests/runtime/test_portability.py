"""The runtime's sources on every compiler that is there: strict, 32 and 64 bit, free of globals and of the heap."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.runtime.native import ASSEMBLY, INCLUDES, RUNTIME, SOURCES, VARIANTS, WARNINGS

COMPILERS = {
    "gcc": ("gcc",),
    "gcc-c11": ("gcc", "-std=c11"),
    "clang": ("clang",),
    "cortex-m3": ("arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb"),
    "cortex-m7": ("arm-none-eabi-gcc", "-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
    "rv32": ("riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs"),
}
LIBRARY = {"memcpy", "memmove", "memset", "memcmp"}
"""All that the runtime asks of a C library, besides the compiler's own arithmetic."""


def objects(name: str, folder: Path) -> list[Path]:
    """Every source compiled by a compiler of the table, each into an object file."""
    compiler, *options = COMPILERS[name]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    built = []
    for source in (*SOURCES, *ASSEMBLY):
        target = folder / f"{source.parent.name}.{source.name}.o"
        flags = [*WARNINGS, *options, "-O2", "-ffreestanding", "-fno-pic", "-ffp-contract=off", *INCLUDES, *VARIANTS]
        result = subprocess.run(
            [compiler, *flags, "-c", source, "-o", target], capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 0, result.stderr
        built.append(target)
    return built


def symbols(files: list[Path]) -> list[tuple[str, str]]:
    """Kind and name of every symbol, as `nm` prints them."""
    output = subprocess.run(["nm", *files], capture_output=True, text=True, check=True, timeout=60).stdout
    return [(words[-2], words[-1]) for line in output.splitlines() if len(words := line.split()) >= 2]


@pytest.mark.parametrize("name", COMPILERS)
def test_no_warning_no_global_no_heap(name: str, tmp_path: Path) -> None:
    listed = symbols(objects(name, tmp_path))
    defined = {symbol for kind, symbol in listed if kind in "TtRr"}
    assert {symbol for kind, symbol in listed if kind in "DdBbC"} == set()
    outside = {symbol for kind, symbol in listed if kind == "U"} - defined - LIBRARY
    assert {symbol for symbol in outside if not symbol.startswith("__") and symbol != "_GLOBAL_OFFSET_TABLE_"} == set()


def test_public_headers_stand_alone_in_cplusplus(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    for header in sorted((RUNTIME / "include" / "plr").glob("*.h")):
        source = tmp_path / "one.cpp"
        source.write_text(f'#include "plr/{header.name}"\n', encoding="utf-8")
        subprocess.run(["g++", "-std=c++11", "-fsyntax-only", *INCLUDES, source], check=True, timeout=60)


def test_sources_are_formatted() -> None:
    if shutil.which("clang-format") is None:
        pytest.skip("clang-format is not installed")
    files = [
        path
        for pattern in ("include/plr/*.h", "src/**/*.[ch]", "port/**/*.[ch]", "test/*.c")
        for path in RUNTIME.glob(pattern)
    ]
    result = subprocess.run(["clang-format", "--dry-run", "--Werror", *files], capture_output=True, timeout=60)
    assert result.returncode == 0, result.stderr.decode()
