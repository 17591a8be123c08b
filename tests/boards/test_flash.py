"""`planner flash`: plans travel once, and what a board cannot run is refused before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from planner.boards.emulated_board import EmulatedBoard
from planner.boards.flashers import FLASHERS, installed_flasher, require_flasher
from planner.boards.idle_board import IdleBoard
from planner.boards.machines import MACHINES
from planner.core.lowering import lower
from planner.data.testbed import EmulatedAddress, Testbed
from planner.errors import DeviceError, InputError, ToolchainError
from planner.planfmt import layout
from planner.planfmt.encode import encode
from planner.workflow.flash import check_plan, flash_plans
from tests.builders.boards import emulated_instance, needs_machines
from tests.builders.graphs import random_graph
from tests.builders.splits import random_split

MACHINE = "mps2-an386"
SEED = 11


@pytest.fixture
def board(tmp_path: Path) -> Iterator[EmulatedBoard]:
    started = EmulatedBoard(MACHINES[MACHINE], "board", tmp_path)
    yield started
    started.kill()


@needs_machines(MACHINE)
def test_a_plan_is_sent_once_and_what_does_not_fit_is_refused(board: EmulatedBoard) -> None:
    graph, instance = random_graph(SEED, operators=3), emulated_instance([MACHINE])
    plan = lower(graph, instance, random_split(graph, instance, SEED))
    binary = encode(plan, graph, 0)
    (name,) = (device.name for device in instance.devices)
    testbed = Testbed({name: board.address})
    told: list[tuple[str, int, int]] = []
    (first,) = flash_plans(instance, [binary], plan.cluster_id, testbed, progress=lambda *done: told.append(done))
    assert first.sent_bytes == first.plan_bytes == len(binary)
    assert told[-1] == (name, len(binary), len(binary))
    (again,) = flash_plans(instance, [binary], plan.cluster_id, testbed, only=name)
    assert again.sent_bytes == 0 and again.plan_crc32 == first.plan_crc32

    with pytest.raises(InputError, match="another cluster"):
        flash_plans(instance, [binary], plan.cluster_id ^ 1, testbed)
    with pytest.raises(InputError, match="no device 'nobody'"):
        flash_plans(instance, [binary], plan.cluster_id, testbed, only="nobody")
    with pytest.raises(InputError, match="no address"):
        flash_plans(instance, [binary], plan.cluster_id, Testbed({}))
    with pytest.raises(InputError, match="started for each run"):
        flash_plans(instance, [binary], plan.cluster_id, Testbed({name: EmulatedAddress(MACHINE)}))

    with IdleBoard.open(board.address, name, 30.0) as idle:
        info = idle.info
    check_plan(name, binary, info)
    header = layout.PLAN_HEADER.unpack(binary)
    for other, reason in (
        (replace(info, format_major=info.format_major + 1), "reads plans of version"),
        (replace(info, capabilities=0), "its runtime lacks"),
        (replace(info, store_bytes=len(binary) - 1), "a slot of its store"),
        (replace(info, ram_bytes=header["arena_bytes"] - 1), "bytes of RAM"),
    ):
        with pytest.raises(DeviceError, match=reason):
            check_plan(name, binary, other)


def test_the_command_of_a_flasher_names_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all("image.bin" in " ".join(f.command("image.bin")) for fs in FLASHERS.values() for f in fs)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert installed_flasher("nrf52840") is None
    with pytest.raises(ToolchainError, match=r"needs pyocd \(pip install pyocd\) or openocd"):
        require_flasher("nrf52840")
    with pytest.raises(ToolchainError, match="no flasher is known for board 'abacus'"):
        installed_flasher("abacus")
