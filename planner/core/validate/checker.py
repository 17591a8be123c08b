"""Runs all checks, the later ones only on plans that pass the earlier ones."""

from __future__ import annotations

from collections.abc import Mapping

from planner.core.validate.contents import check_contents
from planner.core.validate.protocol import check_protocol
from planner.core.validate.structure import check_structure
from planner.data.graph import Graph
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.result import Violation


def validate(
    graph: Graph, instance: Instance, plan: Plan, plan_bytes: Mapping[int, int] | None = None
) -> tuple[Violation, ...]:
    """Everything that is wrong with a plan; empty if it may run.

    `plan_bytes[node]` is the size of each device's plan binary, if known, held against its flash. The checks come in
    three groups (structure and caps, messages and blocking, contents of memory); a group is checked only if the ones
    before it pass, and the last one reports only what it meets first.
    """
    return (
        tuple(check_structure(graph, instance, plan, plan_bytes or {}))
        or tuple(check_protocol(instance, plan))
        or tuple(check_contents(graph, instance, plan))
    )
