"""Instances made from an instance keep what they should and change what they must."""

from __future__ import annotations

from fractions import Fraction

from planner.data.hardware import LinkCost, Network, NetworkKind
from planner.workflow.variants import (
    relayed,
    with_cap_factor,
    with_fastest,
    with_more_devices,
    with_more_memory,
    with_ram_factor,
)
from tests.builders.fleets import instance, profile
from tests.builders.graphs import random_graph

COST = LinkCost(1000, 10_000)


def test_relaying_sends_every_message_through_the_host_at_the_same_cost() -> None:
    star = relayed(instance(Network.switch(3, COST)))
    assert star is not None
    assert [hop.target for hop in star.network.routes[0, 2]] == [star.host, 2]
    assert {hop.cost for route in star.network.routes.values() for hop in route} == {COST}


def test_nothing_is_relayed_on_a_star_or_over_wires_of_different_cost() -> None:
    assert relayed(instance(Network.star(3, COST))) is None
    wires = {(0, 1): COST, (1, 0): LinkCost(1, 1)}
    assert relayed(instance(Network.links(1, wires))) is None


def test_factors_scale_caps_downwards_to_whole_bytes() -> None:
    fleet = instance(Network.switch(2, COST), ram_cap_bytes=1001)
    half = with_ram_factor(fleet, Fraction(1, 2))
    assert [device.ram_cap_bytes for device in half.devices] == [500, 500]
    assert [d.flash_cap_bytes for d in half.devices] == [d.flash_cap_bytes for d in fleet.devices]
    both = with_cap_factor(fleet, Fraction(1, 2))
    assert [d.flash_cap_bytes for d in both.devices] == [d.flash_cap_bytes // 2 for d in fleet.devices]


def test_the_fastest_devices_stay_and_those_of_the_ends_always() -> None:
    graph = random_graph(1)
    profiles = tuple(profile(f"p{mhz}", mhz * 1_000_000) for mhz in (100, 300, 200))
    fleet = instance(Network.shared_bus(3, COST), profiles, input_node=0)
    pair = with_fastest(graph, fleet, 2)
    assert pair is not None
    assert [device.name for device in pair.devices] == ["d0", "d1"]
    assert (pair.input_node, pair.output_node, pair.network.kind) == (0, 2, NetworkKind.BUS)
    alone = with_fastest(graph, instance(Network.switch(3, COST), profiles), 1)
    assert alone is not None
    assert [device.name for device in alone.devices] == ["d1"]


def test_fewer_devices_make_no_sense_where_every_wire_is_named() -> None:
    wires = {pair: COST for a in range(3) for b in range(3) if (pair := (a, b)) and a != b}
    assert with_fastest(random_graph(1), instance(Network.links(2, wires)), 1) is None


def test_more_devices_stand_beside_the_one_that_they_are_like() -> None:
    fleet = instance(Network.switch(2, COST), (profile("a"), profile("b")), input_node=1)
    larger = with_more_devices(fleet, 0, 2)
    assert larger is not None
    assert [device.profile.name for device in larger.devices] == ["a", "a", "a", "b"]
    assert len({device.name for device in larger.devices}) == 4
    assert (larger.input_node, larger.output_node, larger.network.nodes) == (3, 4, 5)
    wires = {pair: COST for a in range(3) for b in range(3) if (pair := (a, b)) and a != b}
    assert with_more_devices(instance(Network.links(2, wires)), 0, 1) is None


def test_more_memory_goes_where_it_is_asked_for() -> None:
    fleet = instance(Network.switch(2, COST))
    richer = with_more_memory(fleet, (1,), "flash", 100)
    assert richer.devices[0] == fleet.devices[0]
    assert richer.devices[1].flash_cap_bytes == fleet.devices[1].flash_cap_bytes + 100
    assert with_more_memory(fleet, (0,), "RAM", 7).devices[0].ram_cap_bytes == fleet.devices[0].ram_cap_bytes + 7
