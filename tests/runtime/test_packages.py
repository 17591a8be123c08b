"""The runtime as a library of other build systems, and the ports to real boards: everything builds, nothing runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

import planner
from tests.runtime.native import RUNTIME

CONSUMER = """
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES C)
find_package(planner_runtime 0.1 REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer planner::runtime)
"""
CONSUMER_SOURCE = """
#include <stdio.h>
#include "plr/plan.h"
#include "plr/plr.h"

int main(void) {
    static _Alignas(16) const uint8_t bytes[64];
    plr_plan_t plan;
    const plr_status_t status = plr_plan_load(bytes, sizeof bytes, 1024, &plan);
    printf("%s %d", plr_status_name(status), (PLR_RUNTIME_CAPABILITIES & PLR_CAPABILITY_DSP) != 0);
    return 0;
}
"""
ZEPHYR = """
cmake_minimum_required(VERSION 3.16)
project(zephyr NONE)
foreach(command zephyr_include_directories zephyr_compile_definitions zephyr_library_named
                zephyr_library_include_directories zephyr_library_compile_options)
    function(${command})
    endfunction()
endforeach()
function(zephyr_library_sources)
    string(REPLACE ";" "\\n" lines "${ARGN}")
    file(WRITE ${CMAKE_BINARY_DIR}/sources "${lines}")
endfunction()
include(ZEPHYR_LISTS)
"""
CROSS = ("arm-none-eabi-gcc", "-mcpu=cortex-m0plus", "-mthumb")

needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
needs_cross_compiler = pytest.mark.skipif(shutil.which(CROSS[0]) is None, reason=f"{CROSS[0]} is not installed")


def call(*command: str | Path) -> str:
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def compile_all(sources: Iterable[Path], flags: Iterable[str]) -> None:
    for source in sources:
        call(*CROSS, *flags, "-std=c99", "-O1", "-fsyntax-only", source)


@needs_cmake
def test_a_project_finds_links_and_runs_the_cmake_package(tmp_path: Path) -> None:
    build, prefix, consumer = tmp_path / "build", tmp_path / "prefix", tmp_path / "consumer"
    call("cmake", "-S", RUNTIME, "-B", build, "-DPLR_VARIANTS=dsp")
    call("cmake", "--build", build)
    call("cmake", "--install", build, "--prefix", prefix)
    consumer.mkdir()
    (consumer / "CMakeLists.txt").write_text(CONSUMER)
    (consumer / "consumer.c").write_text(CONSUMER_SOURCE)
    call("cmake", "-S", consumer, "-B", consumer / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    call("cmake", "--build", consumer / "build")
    assert call(consumer / "build" / "consumer") == "PLAN_MAGIC 1"


@needs_cmake
def test_the_zephyr_module_lists_the_sources_of_its_options(tmp_path: Path) -> None:
    module = yaml.safe_load((RUNTIME / "zephyr" / "module.yml").read_text())
    assert (RUNTIME / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    options = (RUNTIME / module["build"]["kconfig"]).read_text()
    assert "config PLANNER_RUNTIME\n" in options and "config PLANNER_RUNTIME_DSP\n" in options
    lists = RUNTIME / module["build"]["cmake"] / "CMakeLists.txt"
    (tmp_path / "CMakeLists.txt").write_text(ZEPHYR.replace("ZEPHYR_LISTS", str(lists)))
    chosen = {}
    for option in ("", "-DCONFIG_PLANNER_RUNTIME=y", "-DCONFIG_PLANNER_RUNTIME_DSP=y"):
        call("cmake", "-S", tmp_path, "-B", tmp_path / "build", *([option] if option else []))
        written = tmp_path / "build" / "sources"
        chosen[option] = set(map(Path, written.read_text().splitlines())) if written.exists() else set()
    portable, dsp = chosen["-DCONFIG_PLANNER_RUNTIME=y"], chosen["-DCONFIG_PLANNER_RUNTIME_DSP=y"]
    assert chosen[""] == set()
    assert {path.resolve() for path in portable} == {
        path for folder in ("src", "src/kernels", "src/kernels/portable") for path in (RUNTIME / folder).glob("*.c")
    }
    assert {path.resolve() for path in dsp - portable} == set((RUNTIME / "src/kernels/dsp").glob("*.[cS]"))


@needs_cross_compiler
def test_the_platformio_library_compiles_from_what_it_lists() -> None:
    library = json.loads((RUNTIME / "library.json").read_text())
    build = library["build"]
    root = RUNTIME / build["srcDir"]
    rules = build["srcFilter"]
    assert rules[0] == "-<*>" and all(rule.startswith("+<") for rule in rules[1:])
    sources = [path for rule in rules[1:] for path in root.glob(rule[2:-1])]
    assert (RUNTIME / build["includeDir"] / library["headers"]).is_file()
    assert root / "plan_store.c" in sources and root / "kernels/portable/copy.c" in sources
    flags = [flag.replace("-I ", f"-I{RUNTIME}/") for flag in build["flags"]]
    compile_all(sources, [*flags, f"-I{RUNTIME / build['includeDir']}"])


@needs_cross_compiler
def test_the_arduino_library_compiles_by_the_rules_of_its_format(tmp_path: Path) -> None:
    """Every source under `src` is compiled, with `src` as the only folder of headers."""
    call("make", "-s", "-C", RUNTIME, "arduino", f"OUT={tmp_path}")
    library = tmp_path / "planner_runtime"
    lines = (library / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    assert {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "architectures"} <= set(
        properties
    )
    assert (library / "src" / properties["includes"]).is_file()
    compile_all((library / "src").rglob("*.[cS]"), [f"-I{library / 'src'}"])


def test_all_packages_have_the_version_of_the_project() -> None:
    version = planner.__version__
    assert json.loads((RUNTIME / "library.json").read_text())["version"] == version
    assert f"version={version}\n" in (RUNTIME / "library.properties").read_text()
    assert f"VERSION {version} " in (RUNTIME / "CMakeLists.txt").read_text()
    major, minor, patch = map(int, version.split("."))
    code = f"#define PLR_FIRMWARE_VERSION {major << 16 | minor << 8 | patch:#08x}u"
    assert code in (RUNTIME / "include/plr/board.h").read_text()


@needs_cross_compiler
@pytest.mark.parametrize("board", ["stm32h743", "nrf52840", "rp2040"])
def test_a_port_to_a_real_board_builds_without_a_warning(board: str, tmp_path: Path) -> None:
    call("make", "-s", "-C", RUNTIME, f"BOARD={board}", f"OUT={tmp_path}", "EXTRA=-Werror")
    symbols = {
        line.split()[-1]: line.split()[0] for line in call("arm-none-eabi-nm", tmp_path / "firmware").splitlines()
    }
    start = int(symbols["vectors"], 16)
    assert start == {"stm32h743": 0x08000000, "nrf52840": 0, "rp2040": 0x10000100}[board]
    assert {"board_flash", "plr_board_serve", "plr_plan_store_open"} <= symbols.keys()
