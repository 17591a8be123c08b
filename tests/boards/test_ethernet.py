"""Runs over the boards' Ethernet controllers: the bytes and times of pipes, small and with the real network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.core.host import host_input
from planner.core.lowering import lower
from planner.data.run import Boards
from planner.data.testbed import EmulatedAddress, EmulatedLink, Testbed
from planner.errors import InputError
from planner.files import shipped
from planner.files.instance_file import load_instance
from planner.frontend import read_onnx
from planner.solvers.heuristics import speed_proportional_rows
from planner.workflow.run import count_mismatches, run_plan
from tests.boards.test_flagship import FLAGSHIP
from tests.builders.boards import emulated_instance, needs_machines
from tests.builders.graphs import random_graph, random_input
from tests.builders.splits import random_split

SEED = 5
CONTROLLERS = ("mps2-an385", "mps2-an505", "mps3-an547")
"""Boards that have theirs in other places."""


def _over_ethernet(names: list[str], machines: list[str]) -> Testbed:
    return Testbed({n: EmulatedAddress(m, EmulatedLink.ETHERNET) for n, m in zip(names, machines, strict=True)})


@needs_machines(*CONTROLLERS)
def test_every_controller_gives_the_bytes_and_times_of_pipes() -> None:
    graph, fleet = random_graph(SEED, operators=3), emulated_instance(list(CONTROLLERS))
    plan = lower(graph, fleet, random_split(graph, fleet, SEED))
    inputs = random_input(graph, SEED)
    assert any(max(message.source, message.target) < fleet.host for message in plan.messages)
    result = run_plan(graph, fleet, plan, inputs, _over_ethernet([d.name for d in fleet.devices], list(CONTROLLERS)))
    piped = run_plan(graph, fleet, plan, inputs, Boards.EMULATED)
    assert count_mismatches(result, graph, inputs) == 0
    assert result.latency_ns == piped.latency_ns
    assert [device.steps for device in result.devices] == [device.steps for device in piped.devices]


@needs_machines("riscv32-virt")
def test_a_machine_without_a_controller_is_refused() -> None:
    graph, fleet = random_graph(SEED), emulated_instance(["riscv32-virt"])
    plan = lower(graph, fleet, random_split(graph, fleet, SEED))
    testbed = _over_ethernet([fleet.devices[0].name], ["riscv32-virt"])
    with pytest.raises(InputError, match="riscv32-virt has no Ethernet"):
        run_plan(graph, fleet, plan, random_input(graph, SEED), testbed)


@needs_machines("mps2-an500")
@pytest.mark.slow
@pytest.mark.skipif(not FLAGSHIP.is_dir(), reason=f"{FLAGSHIP} is absent; PLANNER_MODELS may name another folder")
def test_the_flagship_on_four_boards() -> None:
    graph = read_onnx(FLAGSHIP / "model.onnx")
    fleet = load_instance(shipped.path("instances") / "m7x4.yaml")
    roomy = tuple(replace(device, ram_cap_bytes=2 << 20, flash_cap_bytes=12 << 20) for device in fleet.devices)
    fleet = replace(fleet, devices=roomy)
    plan = lower(graph, fleet, speed_proportional_rows(graph, fleet), "00" * 32)
    inputs = host_input(graph, np.load(FLAGSHIP / "cat_0.in.npy"))
    testbed = _over_ethernet([device.name for device in fleet.devices], ["mps2-an500"] * 4)
    result = run_plan(graph, fleet, plan, inputs, testbed)
    (logits,) = result.outputs.values()
    assert np.array_equal(logits.ravel(), np.load(FLAGSHIP / "cat_0.logits.onnxruntime.npy").ravel())
    piped = run_plan(graph, fleet, plan, inputs, Boards.EMULATED)
    assert result.latency_ns == piped.latency_ns
