from __future__ import annotations

from planner.core.lowering import lower
from planner.core.simulate import simulate
from planner.report.timeline import Activity, event_table, events, picture
from tests.builders.cases import random_case


def made(seed):
    case = random_case(seed)
    plan = lower(case.graph, case.instance, case.split)
    return case.instance, plan, simulate(case.instance, plan)


def test_events_are_all_computations_and_both_ends_of_all_messages():
    instance, plan, simulation = made(1)
    found = events(plan, simulation)
    for node in range(instance.nodes):
        busy_ns = sum(e.end_ns - e.start_ns for e in found if e.node == node and e.activity is Activity.COMPUTE)
        assert busy_ns == simulation.nodes[node].compute_ns
        sent = [e for e in found if e.node == node and e.activity is Activity.SEND]
        assert len(sent) == sum(message.source == node for message in plan.messages)
    assert [e.start_ns for e in found] == sorted(e.start_ns for e in found)
    assert max(e.end_ns for e in found) <= simulation.makespan_ns


def test_the_picture_has_a_line_of_one_width_for_every_node():
    instance, plan, simulation = made(2)
    *lines, legend = picture(instance, plan, simulation, width=50).splitlines()
    assert [line.split()[0] for line in lines] == [instance.node_name(node) for node in range(instance.nodes)]
    assert {len(line.split()[1]) for line in lines} == {50}
    cell_ns = -(-simulation.makespan_ns // 50)
    for node, line in enumerate(lines):
        for index, letter in enumerate(line.split()[1]):
            busy_ns = sum(
                max(0, min(e.end_ns, (index + 1) * cell_ns) - max(e.start_ns, index * cell_ns))
                for e in events(plan, simulation)
                if e.node == node and e.activity is Activity.COMPUTE
            )
            assert letter == Activity.COMPUTE.value if 2 * busy_ns > cell_ns else busy_ns < cell_ns
    assert f"{simulation.makespan_ns / 1e6:.3f} ms" in legend


def test_the_table_lists_every_event():
    instance, plan, simulation = made(3)
    assert len(event_table(instance, plan, simulation).splitlines()) == 2 + len(events(plan, simulation))
