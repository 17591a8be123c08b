"""Use case: the optimised plan against every heuristic, each through the validator, the simulator and the boards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from planner.core.bounds import schedule_lower_bound
from planner.core.energy import energy_uj, fleet_power
from planner.core.phase import evaluate
from planner.core.seed_ram import seed_ram_bytes
from planner.core.simulate import simulate
from planner.core.validate import validate
from planner.data.graph import Graph, Int8Array
from planner.data.hardware import NetworkKind
from planner.data.instance import Instance
from planner.data.plan import Plan
from planner.data.run import Boards, RunResult
from planner.data.split import Split
from planner.errors import InternalError
from planner.report.comparison import (
    BrokenCap,
    ComparedDevice,
    ComparedPlan,
    ComparisonReport,
    Origin,
    Rule,
    SeedRam,
)
from planner.report.notation import us
from planner.report.solve_report import PlanFacts
from planner.solvers.heuristics import FUSING, HEURISTICS, Heuristic, clip, describe, heuristics
from planner.solvers.interface import CancelCheck
from planner.workflow.making import Excess, excess, make_plan
from planner.workflow.run import check_against_bound, count_mismatches, run_plan
from planner.workflow.solve import Solved, solve
from planner.workflow.variants import relayed

RELAYED = ("equal-kernels", "speed-proportional-kernels")
"""Heuristics that are also tried through the host: the seed's."""
MOST_CLIPS = 3
"""How often a split is clipped again because its plan needed more than was estimated."""
SEED_BOARDS = 8


@dataclass(frozen=True, eq=False)
class Comparison:
    """The report, and the optimised plan (None if there is none)."""

    report: ComparisonReport
    optimum: PlanFacts | None


@dataclass(frozen=True, eq=False)
class _Made:
    """A plan with its binaries; `beyond` is by how much it breaks the caps."""

    split: Split
    plan: Plan
    binaries: tuple[bytes, ...]
    beyond: Excess


def compare(
    graph: Graph,
    instance: Instance,
    origin: Origin,
    boards: Boards | None = None,
    inputs: Mapping[str, Int8Array] | None = None,
    progress: Callable[[str], None] | None = None,
    cancelled: CancelCheck | None = None,
) -> Comparison:
    """Solve, then make, check and simulate the plan of every heuristic; run those that fit on `boards`, if given.

    `inputs` are needed for a run only. Raises what solving and running raise, InternalError if a plan breaks a rule
    that is not a cap.
    """
    tell = progress or (lambda _: None)
    comparer = _Comparer(graph, boards, inputs or {}, tell)
    tell(f"searching for at most {instance.limits.time_limit_s:g} s")
    solved = solve(graph, instance, origin.solver, None, cancelled)
    plans: list[ComparedPlan] = []
    if solved.facts is not None and solved.result.split is not None:
        made = _Made(solved.result.split, solved.facts.plan, solved.binaries, Excess.none(instance))
        plans.append(comparer.compared("optimised", "optimised", "direct", instance, made))
    plans += comparer.heuristics("direct", instance, heuristics(instance))
    plans += comparer.fusing(instance)
    star = relayed(instance)
    if star is not None:
        plans += comparer.heuristics("relayed", star, {name: HEURISTICS[name] for name in RELAYED})
    return Comparison(_report(graph, instance, origin, boards, solved, _with_ratios(plans)), solved.facts)


class _Comparer:
    def __init__(
        self, graph: Graph, boards: Boards | None, inputs: Mapping[str, Int8Array], tell: Callable[[str], None]
    ) -> None:
        self._graph = graph
        self._boards = boards
        self._inputs = inputs
        self._tell = tell
        self._bounds_ns: dict[NetworkKind, int] = {}
        self._runs: dict[tuple[str, tuple[bytes, ...]], RunResult] = {}

    def heuristics(self, network: str, instance: Instance, named: Mapping[str, Heuristic]) -> Iterator[ComparedPlan]:
        """Every heuristic as it is, and capped if it does not fit."""
        for name, heuristic in named.items():
            made = self._make(instance, heuristic(self._graph, instance))
            yield self.compared(name, "as is", network, instance, made)
            clipped = self._clipped(instance, made) if made.beyond else None
            if clipped is not None:
                yield self.compared(name, "capped", network, instance, clipped)

    def fusing(self, instance: Instance) -> Iterator[ComparedPlan]:
        """Every rule that fuses operators as it is, and its first split that fits if that does not."""
        for name, rule in FUSING.items():
            splits = rule(self._graph, instance)
            made = self._make(instance, next(splits))
            yield self.compared(name, "as is", "direct", instance, made)
            fitting = self._first_fitting(instance, splits) if made.beyond else None
            if fitting is not None:
                yield self.compared(name, "capped", "direct", instance, fitting)

    def _first_fitting(self, instance: Instance, splits: Iterator[Split]) -> _Made | None:
        """The plan of the first split that keeps the caps; only those whose buffers may fit are made."""
        caps = [device.arena_cap_bytes for device in instance.devices]
        for split in splits:
            live_bytes = evaluate(self._graph, instance, split).peak_live_bytes
            if all(size <= cap for size, cap in zip(live_bytes, caps, strict=False)):
                made = self._make(instance, split)
                if not made.beyond:
                    return made
        return None

    def compared(self, name: str, variant: str, network: str, instance: Instance, made: _Made) -> ComparedPlan:
        """Check, simulate and, if it fits, run a plan."""
        self._tell(f"{name}, {variant}, {network}")
        sizes = tuple(map(len, made.binaries))
        violations = validate(self._graph, instance, made.plan, dict(enumerate(sizes)))
        if bool(violations) != bool(made.beyond) or any(v.rule not in ("RAM", "flash") for v in violations):
            raise InternalError(f"the plan of {name} breaks a rule: {violations[:1]}")
        run = self._run(instance, made) if self._boards is not None and not violations else None
        simulation = simulate(instance, made.plan)
        powers = fleet_power(instance)
        return ComparedPlan(
            name=name,
            variant=variant,
            network=network,
            feasible=not violations,
            broken_caps=tuple(_broken_caps(instance, made.beyond)),
            latency_us=simulation.makespan_ns / 1000,
            phase_us=evaluate(self._graph, instance, made.split).makespan_ns / 1000,
            measured_us=us(run.latency_ns) if run else None,
            match=count_mismatches(run, self._graph, self._inputs) == 0 if run else None,
            ratio=None,
            measured_ratio=None,
            energy_uj=energy_uj(powers, simulation) if powers else None,
            transferred_bytes=sum(message.size_bytes for message in made.plan.messages),
            messages=len(made.plan.messages),
            devices=tuple(
                ComparedDevice(
                    name=device.name,
                    ram_cap_bytes=device.ram_cap_bytes,
                    ram_peak_bytes=device.profile.firmware.ram_bytes + made.plan.programs[node].arena_bytes,
                    measured_ram_peak_bytes=run.devices[node].ram_peak.total_bytes if run else None,
                    flash_cap_bytes=device.flash_cap_bytes,
                    flash_bytes=device.profile.firmware.code_bytes + sizes[node],
                )
                for node, device in enumerate(instance.devices)
            ),
        )

    def _run(self, instance: Instance, made: _Made) -> RunResult:
        """Run a plan; on equal devices several rules give the same one, which is run once."""
        assert self._boards is not None
        key = (instance.network.kind.value, made.binaries)
        if key not in self._runs:
            self._runs[key] = run_plan(self._graph, instance, made.plan, self._inputs, self._boards, made.binaries)
            check_against_bound(self._runs[key], self._bound_ns(instance))
        return self._runs[key]

    def _bound_ns(self, instance: Instance) -> int:
        """The bound on all plans over an instance's network."""
        kind = instance.network.kind
        if kind not in self._bounds_ns:
            self._bounds_ns[kind] = schedule_lower_bound(self._graph, instance)
        return self._bounds_ns[kind]

    def _make(self, instance: Instance, split: Split) -> _Made:
        plan, binaries = make_plan(self._graph, instance, split)
        return _Made(split, plan, binaries, excess(instance, plan, binaries))

    def _clipped(self, instance: Instance, made: _Made) -> _Made | None:
        """The plan of the clipped split, clipped again with a reserve if it still breaks a cap; None if none fits."""
        reserve = Excess.none(instance)
        for _ in range(MOST_CLIPS):
            split = clip(self._graph, reserve.reserved(instance), made.split)
            if split is None:
                return None
            clipped = self._make(instance, split)
            if not clipped.beyond:
                return clipped
            reserve = reserve + clipped.beyond
        return None


def _broken_caps(instance: Instance, beyond: Excess) -> Iterator[BrokenCap]:
    for resource, by_device in (("RAM", beyond.ram_bytes), ("flash", beyond.flash_bytes)):
        for device, missing_bytes in zip(instance.devices, by_device, strict=True):
            if missing_bytes:
                yield BrokenCap(device.name, resource, missing_bytes)


def _with_ratios(plans: list[ComparedPlan]) -> tuple[ComparedPlan, ...]:
    """Latencies in relation to the optimised plan's, which is the first if there is one."""
    if not plans or plans[0].variant != "optimised":
        return tuple(plans)
    optimum = plans[0]
    return tuple(
        replace(
            plan,
            ratio=plan.latency_us / optimum.latency_us,
            measured_ratio=plan.measured_us / optimum.measured_us
            if plan.measured_us is not None and optimum.measured_us is not None
            else None,
        )
        for plan in plans
    )


def _report(
    graph: Graph,
    instance: Instance,
    origin: Origin,
    boards: Boards | None,
    solved: Solved,
    plans: tuple[ComparedPlan, ...],
) -> ComparisonReport:
    feasible = [plan for plan in plans if plan.feasible and plan.variant != "optimised"]
    best = min(feasible, key=lambda plan: plan.measured_us or plan.latency_us, default=None)
    return ComparisonReport(
        origin=origin,
        boards=boards.value if boards else None,
        status=solved.result.status.value,
        lower_bound_us=us(solved.lower_bound_ns),
        phase_lower_bound_us=us(solved.result.phase.lower_bound_ns),
        bound_covers=solved.result.phase.covers,
        best_heuristic=best.label if best else None,
        best_ratio=best.ratio if best else None,
        best_measured_ratio=best.measured_ratio if best else None,
        plans=plans,
        rules=tuple(Rule(name, describe(rule)) for name, rule in {**heuristics(instance), **FUSING}.items()),
        seed_ram=tuple(SeedRam(boards, seed_ram_bytes(graph, boards)) for boards in range(1, SEED_BOARDS + 1)),
    )
