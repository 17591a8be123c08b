"""Builds programs from the runtime's sources on this computer, with sanitizers and asserts."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

RUNTIME = Path(__file__).resolve().parents[2] / "runtime_c"
SOURCES = sorted(
    path
    for folder in (
        "src",
        "src/kernels",
        "src/kernels/portable",
        "src/kernels/dsp",
        "src/kernels/mve",
        "src/kernels/scalar",
    )
    for path in (RUNTIME / folder).glob("*.c")
)
ASSEMBLY = sorted(RUNTIME.glob("src/kernels/*/*.S"))
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-Wstrict-prototypes")
VARIANTS = ("-DPLR_VARIANT_CAPABILITIES=(PLR_CAPABILITY_DSP|PLR_CAPABILITY_MVE|PLR_CAPABILITY_M3|PLR_CAPABILITY_RV32)",)
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ASSERTS = ("-include", "assert.h", "-DPLR_ASSERT=assert")
INCLUDES = (f"-I{RUNTIME / 'include'}", f"-I{RUNTIME / 'src'}")
FLASH = RUNTIME / "port" / "emulated_flash"

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


@functools.cache
def program(name: str) -> Path:
    """Path of `runtime_c/test/NAME.c`, built once per test process."""
    folder = Path(tempfile.mkdtemp(prefix="planner-native-"))
    target = folder / name
    command = ["gcc", *WARNINGS, *SANITIZERS, *ASSERTS, *VARIANTS, "-O1", "-ffp-contract=off", *INCLUDES]
    command += [
        f"-I{FLASH}",
        str(FLASH / "emulated_flash.c"),
        *map(str, SOURCES),
        str(RUNTIME / "test" / f"{name}.c"),
        "-o",
        str(target),
    ]
    subprocess.run(command, check=True, timeout=120)
    return target
