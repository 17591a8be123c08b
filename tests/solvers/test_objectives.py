"""Every objective against brute force over all plans, and by hand what makes each choose another plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.core.lowering import lower
from planner.core.phase import PhaseEvaluation, evaluate
from planner.core.simulate import simulate
from planner.data.graph import Arithmetic, Graph, Shape, Window
from planner.data.hardware import Device, LinkCost, Network, Power
from planner.data.instance import Instance, Objective, SolverLimits
from planner.data.result import OPTIMALITY_GAP, SolveResult, SolveStatus
from planner.data.split import Split
from planner.errors import InputError
from planner.solvers.interface import Progress
from planner.solvers.objectives import solve
from planner.solvers.objectives.fleets import cheapest_first
from planner.solvers.problem import Problem, slot_table_bytes
from tests.builders import reference_fleets as fleets
from tests.builders.graphs import GraphBuilder
from tests.solvers.spaces import every_split, record_bytes, tiny_graph, tiny_instance
from tests.solvers.test_constraints import board, one_conv, pair

Value = Callable[[Graph, Instance, Split, PhaseEvaluation], float]


def _latency(graph: Graph, instance: Instance, split: Split, phases: PhaseEvaluation) -> float:
    return phases.makespan_ns / 1000


def _ram_peak(graph: Graph, instance: Instance, split: Split, phases: PhaseEvaluation) -> float:
    buffers = zip(instance.devices, phases.peak_footprint_bytes, strict=False)
    slots = slot_table_bytes(instance)
    return max((d.profile.firmware.ram_bytes + slots + size for d, size in buffers if size), default=0)


def _devices(graph: Graph, instance: Instance, split: Split, phases: PhaseEvaluation) -> float:
    return sum(size > 0 for size in phases.peak_footprint_bytes[:-1])


def _price(graph: Graph, instance: Instance, split: Split, phases: PhaseEvaluation) -> float:
    return sum(d.price for d, size in zip(instance.devices, phases.peak_footprint_bytes, strict=False) if size)


def _energy(graph: Graph, instance: Instance, split: Split, phases: PhaseEvaluation) -> float:
    simulation = simulate(instance, lower(graph, instance, split))
    powers = [device.profile.power for device in instance.devices]
    idle = sum(power.idle_mw for power in powers) * simulation.makespan_ns
    extra = zip(powers, simulation.nodes, strict=False)
    return (idle + sum((power.active_mw - power.idle_mw) * node.compute_ns for power, node in extra)) / 1e6


VALUES: Mapping[Objective, Value] = {
    Objective.LATENCY: _latency,
    Objective.RAM_PEAK: _ram_peak,
    Objective.DEVICES: _devices,
    Objective.PRICE: _price,
    Objective.ENERGY: _energy,
}


def priced(device: Device, price: float, active_mw: float, idle_mw: float) -> Device:
    """A device with a price and a power of its own."""
    profile = replace(device.profile, power=Power(active_mw, idle_mw, fleets.ASSUMED))
    return replace(device, price=price, profile=profile)


def tiny_case(seed: int, *objectives: Objective) -> tuple[Graph, Instance]:
    """Two operators on two devices, of which prices and powers differ."""
    rng = np.random.default_rng(seed)
    instance = tiny_instance(seed)
    devices = tuple(
        priced(device, float(rng.integers(1, 5)), float(rng.integers(50, 500)), float(rng.integers(0, 50)))
        for device in instance.devices
    )
    graph = tiny_graph(seed, operators=2, largest=3)
    return graph, replace(instance, devices=devices, objectives=objectives, limits=SolverLimits(20.0))


def feasible_plans(graph: Graph, instance: Instance) -> list[tuple[Split, PhaseEvaluation]]:
    """Every plan that keeps all caps, with its phases."""
    problem = Problem(graph, instance)
    plans = []
    for split in every_split(graph, instance):
        phases = evaluate(graph, instance, split)
        flash = np.array(phases.flash_bytes) + record_bytes(problem, split)
        fits = (np.array(phases.peak_footprint_bytes) <= problem.ram_cap_bytes).all()
        if fits and (flash <= problem.flash_cap_bytes).all():
            plans.append((split, phases))
    return plans


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), objective=st.sampled_from(list(Objective)))
def test_no_plan_beats_the_bound_and_none_that_is_found_the_best(seed: int, objective: Objective) -> None:
    graph, instance = tiny_case(seed, objective)
    result = solve(graph, instance)
    plans = feasible_plans(graph, instance)
    if result.split is None:
        assert result.objectives == ()
        assert not plans or result.status is SolveStatus.UNKNOWN
        return
    attained = result.objectives[0]
    value = VALUES[objective]
    own = value(graph, instance, result.split, evaluate(graph, instance, result.split))
    assert attained.objective is objective
    assert attained.value == pytest.approx(own)
    if result.split.segments:
        return
    best = min(value(graph, instance, split, phases) for split, phases in plans)
    assert attained.bound <= best * (1 + 1e-9)
    assert attained.value >= best * (1 - 1e-9)
    if result.status is SolveStatus.OPTIMAL:
        assert attained.value <= best * (1 + OPTIMALITY_GAP) + 1e-3


@pytest.mark.parametrize("objective", list(Objective))
@pytest.mark.parametrize("seed", range(3, 7))
def test_the_optimum_of_all_plans_is_found(seed: int, objective: Objective) -> None:
    graph, instance = tiny_case(seed, objective)
    value = VALUES[objective]
    best = min(value(graph, instance, split, phases) for split, phases in feasible_plans(graph, instance))
    result = solve(graph, instance)
    fused = result.split is not None and result.split.segments != ()
    assert result.objectives[0].value <= best * (1 + 1e-4)
    assert fused or result.objectives[0].value >= best * (1 - 1e-4)


def two_boards(*objectives: Objective, prices: tuple[float, float] = (1, 1)) -> Instance:
    """A fast board and one that takes three times as long and draws a fiftieth of the power."""
    fast = priced(board("fast", 1), prices[0], 500.0, 0.0)
    slow = priced(board("slow", 3), prices[1], 10.0, 0.0)
    return replace(pair(fast, slow), objectives=objectives)


def users(result: SolveResult, operator: str = "op_conv_0") -> tuple[int, ...]:
    assert result.split is not None
    return result.split.operators[operator].layout.active


def wide_conv() -> Graph:
    """64 rows of 8 channels, which two boards share by rows in three quarters of the time that the fast one takes."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(64, 1, 8))
    return builder.graph((builder.conv(builder.input, 8, Window((1, 1))),), Arithmetic.TFLM)


def test_latency_takes_both_boards_and_fewest_devices_the_fast_one() -> None:
    assert users(solve(wide_conv(), two_boards(Objective.LATENCY))) == (0, 1)
    fewest = solve(wide_conv(), two_boards(Objective.DEVICES))
    assert users(fewest) == (0,)
    assert (fewest.objectives[0].value, fewest.objectives[0].bound) == (1, 1)


def test_the_cheapest_board_is_not_the_fast_one() -> None:
    cheapest = solve(wide_conv(), two_boards(Objective.PRICE, prices=(5.0, 2.0)))
    assert users(cheapest) == (1,)
    assert (cheapest.objectives[0].value, cheapest.objectives[0].bound) == (2, 2)


def test_energy_is_saved_on_the_slow_board() -> None:
    """64 rows of 64 multiplications: 4096 x 3 ms at 10 mW, nothing else draws anything."""
    result = solve(wide_conv(), two_boards(Objective.ENERGY))
    assert users(result) == (1,)
    assert result.objectives[0].value == pytest.approx(4096 * 3 * 10)
    assert result.objectives[0].bound == pytest.approx(4096 * 3 * 10)


def test_the_smallest_peak_gathers_in_chunks() -> None:
    """Each board makes 4 channels of 64 rows (256 bytes) from 8 rows of input at a time (64 bytes), two canaries."""
    instance = two_boards(Objective.RAM_PEAK)
    result = solve(wide_conv(), instance)
    assert users(result) == (0, 1)
    fixed_bytes = fleets.FIRMWARE.ram_bytes + slot_table_bytes(instance)
    assert result.objectives[0].value - fixed_bytes == (256 + 8) + (64 + 8)
    assert result.objectives[0].bound == result.objectives[0].value


def test_objectives_stand_in_order() -> None:
    """Two boards that are alike: the smallest peak takes both, the fewest devices one, of which the peak is larger."""
    alike = replace(two_boards(), devices=(board("a", 1), board("b", 1)))
    peak_first = solve(wide_conv(), replace(alike, objectives=(Objective.RAM_PEAK, Objective.DEVICES)))
    devices_first = solve(wide_conv(), replace(alike, objectives=(Objective.DEVICES, Objective.RAM_PEAK)))
    by_peak, by_devices = (
        {attained.objective: attained.value for attained in result.objectives} for result in (peak_first, devices_first)
    )
    assert (by_peak[Objective.DEVICES], by_devices[Objective.DEVICES]) == (2, 1)
    assert by_peak[Objective.RAM_PEAK] < by_devices[Objective.RAM_PEAK]
    assert [attained.objective for attained in peak_first.objectives][-1] is Objective.LATENCY


def test_what_no_plan_attains_is_reported_as_for_latency() -> None:
    short = pair(board("a", 1, ram_bytes=15), board("b", 3, ram_bytes=12))
    for objective in (Objective.RAM_PEAK, Objective.DEVICES):
        result = solve(one_conv(), replace(short, objectives=(objective,)))
        assert (result.status, result.split, result.objectives) == (SolveStatus.INFEASIBLE, None, ())
        assert result.shortages


def test_cancelling_keeps_the_plan_so_far() -> None:
    seen: list[Progress] = []
    instance = two_boards(Objective.LATENCY)
    result = solve(wide_conv(), instance, progress=seen.append, cancelled=lambda: bool(seen))
    assert (result.status, users(result)) == (SolveStatus.CANCELLED, (0, 1))
    nothing = solve(wide_conv(), replace(instance, objectives=(Objective.DEVICES,)), cancelled=lambda: True)
    assert (nothing.status, nothing.split) == (SolveStatus.CANCELLED, None)


@pytest.mark.parametrize("objective", [Objective.PRICE, Objective.ENERGY])
def test_an_objective_needs_its_numbers(objective: Objective) -> None:
    with pytest.raises(InputError, match=objective.value):
        solve(one_conv(), replace(pair(board("a", 1), board("b", 3)), objectives=(objective,)))


@given(counts=st.lists(st.integers(1, 3), min_size=1, max_size=3), seed=st.integers(0, 2**31))
def test_fleets_come_in_the_order_of_their_price_each_kind_once(counts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    prices = [float(price) for count in counts for price in [rng.integers(1, 9)] * count]
    devices = tuple(board(f"k{kind}", 1 + kind) for kind, count in enumerate(counts) for _ in range(count))
    network = Network.switch(len(devices), LinkCost(1, 1))
    instance = Instance("fleet", "model", devices, network, len(devices), len(devices))
    found = list(cheapest_first(instance, prices))
    assert [price for price, _ in found] == sorted(price for price, _ in found)
    assert all(price == sum(prices[node] for node in fleet) for price, fleet in found)
    assert len({fleet for _, fleet in found}) == len(found) == np.prod([count + 1 for count in counts]) - 1
