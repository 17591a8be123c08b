"""The plan store in flash: a power cut at every operation leaves the old plan or the new one, whole."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from planner.planfmt import layout
from tests.planfmt.test_vectors import VECTORS
from tests.runtime.native import needs_compiler, program

pytestmark = needs_compiler

TFLM, ONNXRUNTIME, BY_HAND, PRODUCTS = (
    VECTORS / f"{name}.plan" for name in ("tflm", "onnxruntime", "by_hand", "products")
)


def cut_everywhere(page_bytes: int, word_bytes: int, cuts: int, old: Path, new: Path) -> dict[str, int]:
    command = [program("power_cuts"), *map(str, (page_bytes, word_bytes, cuts)), old, new]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    words = result.stdout.split()
    return {name: int(count) for name, count in zip(words[::2], words[1::2], strict=True)}


def operations(page_bytes: int, word_bytes: int, plan: Path) -> int:
    """Erasures and programmed words of one transfer: the plan from the first word after the head, then the head."""
    head_bytes = -(-layout.STORED_PLAN_HEAD_BYTES.value // word_bytes) * word_bytes
    plan_bytes = plan.stat().st_size
    words = -(-plan_bytes // word_bytes) + head_bytes // word_bytes
    return words + -(-(head_bytes + plan_bytes) // page_bytes)


@pytest.mark.parametrize(("page_bytes", "word_bytes"), [(256, 8), (1024, 4), (512, 32), (4096, 256)])
def test_a_cut_at_every_operation(page_bytes: int, word_bytes: int) -> None:
    counts = cut_everywhere(page_bytes, word_bytes, 1, TFLM, ONNXRUNTIME)
    transfers = [TFLM, ONNXRUNTIME, TFLM]
    kept = 0 if page_bytes == 4096 else counts["kept"]
    assert counts["operations"] <= sum(operations(page_bytes, word_bytes, plan) for plan in transfers)
    assert counts["operations"] >= sum(operations(page_bytes, word_bytes, plan) for plan in transfers[:2])
    assert counts["boots"] == 4 * counts["operations"]
    assert counts["new"] > 0
    assert kept > 0 or page_bytes == 4096


def test_a_second_cut_at_every_operation_of_the_recovery() -> None:
    counts = cut_everywhere(256, 32, 2, BY_HAND, PRODUCTS)
    assert counts["operations"] > 50**2


def obey(plan: Path, *commands: str, page_bytes: int = 256, pages: int = 66, arena_bytes: int = 65536) -> list[str]:
    arguments = [str(number) for number in (page_bytes, 8, pages, arena_bytes)]
    command = [program("store_script"), *arguments, plan, *commands]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def test_the_emulated_flash_has_the_rules_of_flash() -> None:
    assert obey(TFLM, "p0,16", "p0,8", "p16,8", "e0", "p0,8") == ["OK", "FLASH", "OK", "OK", "OK"]
    assert obey(TFLM, "p4,8", "p0,12", "p248,16", "e8", f"e{66 * 256}", f"p{66 * 256},8") == ["FLASH"] * 6


def test_a_plan_comes_into_force_by_its_commit() -> None:
    size = TFLM.stat().st_size
    pieces = [f"w{at},{min(1024, size - at)}" for at in range(0, size, 1024)]
    answers = obey(TFLM, "o", f"b{size}", *pieces, "o", f"b{size}", *pieces, "c", "o")
    assert [answer for answer in answers if answer != "OK"] == ["0:0", "0:0", f"1:{size}"]


def test_what_is_refused_leaves_the_old_plan() -> None:
    size = TFLM.stat().st_size
    whole = [f"b{size}", f"w0,{size}"]
    assert obey(TFLM, "o", *whole, "c", "b9999", "o") == ["0:0", "OK", "OK", "OK", "STORE_TOO_SMALL", f"1:{size}"]
    assert obey(TFLM, "o", *whole, "x", "c", "o")[3:] == ["STORE_MISMATCH", "OK", f"1:{size}"]
    assert obey(TFLM, "o", *whole, "c", "o", arena_bytes=16)[3:] == ["PLAN_ARENA", "0:0"]
    assert obey(TFLM, "o", f"b{size}", f"w0,{size - 1}", "c", "o")[3:] == ["PLAN_CRC", "0:0"]


def test_pieces_continue_or_begin_with_a_page() -> None:
    """The second page begins 128 bytes into the plan."""
    answers = obey(
        TFLM, "o", "w0,8", "b2048", "w8,8", "w0,8", "w0,8", "w8,12", "w20,8", "w128,256", "w128,8", "w2048,8"
    )
    assert answers == ["0:0", "STORE", "OK", "STORE", "OK", "STORE", "OK", "STORE", "OK", "OK", "STORE"]
    assert obey(TFLM, "o", "b64", "w9000,8", "c") == ["0:0", "OK", "STORE", "PLAN_MAGIC"]


@pytest.mark.parametrize(("page_bytes", "pages"), [(96, 4), (64, 8), (256, 1)])
def test_an_impossible_flash_is_refused(page_bytes: int, pages: int) -> None:
    assert obey(TFLM, "o", page_bytes=page_bytes, pages=pages) == ["ARGUMENT"]
