"""The plan clock by hand, and its relation to the phase model and the lower bound."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from planner.core.bounds import alternatives_ns, needed_rows, schedule_lower_bound, shared_work_ns
from planner.core.lowering import lower
from planner.core.lowering.timeline import Timeline
from planner.core.lowering.transmissions import ordered_transmissions
from planner.core.phase import communication_ns
from planner.core.simulate import simulate
from planner.core.transfers import Delivery
from planner.data.graph import Arithmetic, Graph, Shape, Window
from planner.data.hardware import LinkCost, Network, NetworkKind
from planner.data.plan import Await, Plan, Program, Ready, Transfer
from planner.data.region import Region
from planner.data.split import Axis, Layout, OperatorSplit, Split
from planner.errors import InternalError
from planner.solvers.heuristics import heuristics, single_device
from tests.builders.cases import random_case
from tests.builders.fleets import instance, profile, random_network
from tests.builders.graphs import GraphBuilder

COST = LinkCost(1000, 10_000)
"""1000 ns a message, 10 ns a byte."""


def pointwise(operators: int) -> Graph:
    """4x1x1 through 1x1 convolutions."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(4, 1, 1))
    current = builder.input
    for _ in range(operators):
        current = builder.conv(current, 1, Window((1, 1)))
    return builder.graph((current,), Arithmetic.TFLM)


def plan_of_rows(graph: Graph, network: Network, *bounds: tuple[int, int, int]) -> Plan:
    """Two devices that take 100 ns for anything, one layout of rows per operator."""
    profiles = (profile(clock_hz=1_000_000_000, cycles=0.0, call_cycles=100.0),) * 2
    fleet = instance(network, profiles)
    choices = {
        operator.name: OperatorSplit(Layout.from_bounds(Axis.ROWS, (*cut, cut[-1])))
        for operator, cut in zip(graph.operators, bounds, strict=True)
    }
    return lower(graph, fleet, Split(choices))


def test_a_switch_by_hand() -> None:
    network = Network.switch(2, COST)
    plan = plan_of_rows(pointwise(1), network, (0, 3, 4))
    simulation = simulate(instance(network), plan)
    # Input: 3 bytes to device 0, then 1 byte to device 1 through the host's out-port, which the host awaits before it
    # is ready for outputs. Both devices compute 100 ns; device 0 is done first, and device 1 while it sends.
    assert simulation.message_times_ns[:2] == ((0, 1030), (1030, 2040))
    assert simulation.message_times_ns[2:] == ((2040, 3070), (3070, 4080))
    assert simulation.makespan_ns == 4080
    assert [node.compute_ns for node in simulation.nodes] == [100, 100, 0]
    assert [node.end_ns for node in simulation.nodes] == [3070, 4080, 4080]
    assert [(node.sent_bytes, node.received_bytes) for node in simulation.nodes] == [(3, 3), (1, 1), (4, 4)]


def test_a_bus_by_hand() -> None:
    network = Network.shared_bus(2, COST)
    plan = plan_of_rows(pointwise(2), network, (0, 2, 4), (0, 4, 4))
    simulation = simulate(instance(network), plan)
    # Input 2 x 2 bytes; device 1 is done at 2140 and hands 2 bytes over; device 0 computes all, sends 4 bytes.
    assert simulation.message_times_ns == ((0, 1020), (1020, 2040), (2140, 3160), (3260, 4300))
    assert simulation.makespan_ns == 4300


def test_a_star_by_hand() -> None:
    network = Network.star(2, COST)
    plan = plan_of_rows(pointwise(2), network, (0, 2, 4), (0, 4, 4))
    simulation = simulate(instance(network), plan)
    # As on the bus, but the handing over is stored and forwarded by the host: 2140 - 3160 - 4180.
    assert simulation.message_times_ns == ((0, 1020), (1020, 2040), (2140, 3160), (3160, 4180), (4280, 5320))


def test_measured_times_are_replayed() -> None:
    network = Network.switch(2, COST)
    plan = plan_of_rows(pointwise(1), network, (0, 3, 4))
    measured = [0 if isinstance(step, Ready | Transfer | Await) else 2500 for step in plan.programs[0].steps]
    simulation = simulate(instance(network), plan, [measured, None, None])
    assert simulation.nodes[0].compute_ns == 2500
    # Ready, transfer, await the input; compute; ready, transfer, await the output.
    assert simulation.step_end_ns[0] == (0, 0, 1030, 3530, 3530, 3530, 4560)
    assert simulation.message_times_ns[2:] == ((3530, 4560), (4560, 5570))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31))
def test_random_plans_run_to_their_end(seed: int) -> None:
    """Clocks never run backwards, nobody goes on before what it awaits has ended, no port serves two at once."""
    case = random_case(seed)
    plan = lower(case.graph, case.instance, case.split)
    simulation = simulate(case.instance, plan)
    for program, ends_ns, times in zip(plan.programs, simulation.step_end_ns, simulation.nodes, strict=True):
        assert len(ends_ns) == len(program.steps)
        assert list(ends_ns) == sorted(ends_ns)
        assert times.compute_ns <= times.end_ns
        for step, end_ns in zip(program.steps, ends_ns, strict=True):
            if isinstance(step, Await):
                assert end_ns >= simulation.message_times_ns[step.message][1]
    for port in {port for message in plan.messages for port in message.ports}:
        used = [t for m, t in zip(plan.messages, simulation.message_times_ns, strict=True) if port in m.ports]
        assert all(first[1] <= second[0] for first, second in pairwise(used))


def test_stuck_plans_are_bugs() -> None:
    network = Network.switch(2, COST)
    plan = plan_of_rows(pointwise(1), network, (0, 3, 4))
    empty = Program(0, plan.programs[0].buffers, 0, ())
    with pytest.raises(InternalError, match="node 0 does not reach the transfer of message 0"):
        simulate(instance(network), replace(plan, programs=(empty, *plan.programs[1:])))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_no_plan_beats_the_lower_bound(seed: int) -> None:
    case = random_case(seed)
    bound_ns = schedule_lower_bound(case.graph, case.instance)
    splits = [case.split, *(make(case.graph, case.instance) for make in heuristics(case.instance).values())]
    for split in splits:
        simulation = simulate(case.instance, lower(case.graph, case.instance, split))
        assert bound_ns <= simulation.makespan_ns


def test_the_lower_bound_is_reached_where_nothing_is_lost() -> None:
    """One device, one operator: upload, computation and download follow each other without a gap."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(1, 5, 3))
    graph = builder.graph((builder.conv(builder.input, 1, Window((1, 1))),), Arithmetic.TFLM)
    fleet = instance(Network.switch(1, COST))
    plan = lower(graph, fleet, single_device(graph, fleet, 0))
    lost_ns = simulate(fleet, plan).makespan_ns - schedule_lower_bound(graph, fleet)
    assert 0 <= lost_ns <= 1


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31))
def test_shared_work_is_the_optimum_of_the_linear_program(seed: int) -> None:
    case = random_case(seed)
    rows = needed_rows(case.graph)
    work = [alternatives_ns(case.graph, case.instance, o, rows[o.output])[:1] for o in case.graph.operators]
    costs = np.concatenate([jobs for (jobs,) in work])
    jobs, devices = costs.shape
    # Minimise T subject to: every job is shared out in full, no device's load exceeds T.
    loads = np.hstack([np.kron(np.ones((1, jobs)), np.eye(devices)) * costs.ravel(), -np.ones((devices, 1))])
    shares = np.hstack([np.kron(np.eye(jobs), np.ones((1, devices))), np.zeros((jobs, 1))])
    objective = np.append(np.zeros(jobs * devices), 1)
    optimum = linprog(objective, loads, np.zeros(devices), shares, np.ones(jobs))
    assert 0.99 * optimum.fun <= shared_work_ns(work) <= optimum.fun * (1 + 1e-9)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.integers(2, 6))
def test_messages_are_ordered_well(seed: int, devices: int) -> None:
    """All hops once, each after the one before it, in less than twice the time of the phase model."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, devices, list(NetworkKind)[int(rng.integers(len(NetworkKind)))])
    region = Region(0, 1, 0, 1, 0, 1)
    pairs = [(s, t) for s in range(devices) for t in range(devices) if s != t and rng.integers(2)]
    deliveries = [Delivery(s, t, "t", region.with_channels(0, int(rng.integers(1, 1000)))) for s, t in pairs]
    order = ordered_transmissions(network, deliveries, Timeline(devices + 1))
    assert sorted((t.delivery_index, t.level) for t in order) == [
        (index, level)
        for index, delivery in enumerate(deliveries)
        for level in range(len(network.routes[delivery.source, delivery.target]))
    ]
    free_ns: dict[str, int] = {}
    arrived_ns: dict[tuple[int, int], int] = {}
    for transmission in order:
        before = arrived_ns[transmission.delivery_index, transmission.level - 1] if transmission.level else 0
        start_ns = max(before, *(free_ns.get(port, 0) for port in transmission.hop.ports))
        end_ns = start_ns + transmission.duration_ns
        arrived_ns[transmission.delivery_index, transmission.level] = end_ns
        free_ns.update(dict.fromkeys(transmission.hop.ports, end_ns))
    assert max(free_ns.values(), default=0) <= 2 * communication_ns(network, deliveries)


def test_all_to_all_is_ordered_in_rounds() -> None:
    """Equal messages between all pairs take no longer than one port's load, as rounds of a tournament."""
    network = Network.switch(6, COST)
    region = Region(0, 1, 0, 1, 0, 100)
    deliveries = [Delivery(s, t, "t", region) for s in range(6) for t in range(6) if s != t]
    order = ordered_transmissions(network, deliveries, Timeline(network.nodes))
    free_ns: dict[str, int] = {}
    for transmission in order:
        end_ns = max(free_ns.get(port, 0) for port in transmission.hop.ports) + transmission.duration_ns
        free_ns.update(dict.fromkeys(transmission.hop.ports, end_ns))
    assert max(free_ns.values()) == communication_ns(network, deliveries) == 5 * 2000
