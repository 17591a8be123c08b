"""What optimisation buys: the optimal plan beside every heuristic, as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from planner.report.notation import UNKNOWN, kibibytes, milliseconds


@dataclass(frozen=True, slots=True)
class Origin:
    """What one needs to get a result again."""

    command: str
    revision: str
    instance: str
    instance_hash: str
    model: str
    solver: str
    seed: int
    time_limit_s: float


@dataclass(frozen=True, slots=True)
class BrokenCap:
    """A cap that a plan exceeds."""

    device: str
    resource: str
    excess_bytes: int


@dataclass(frozen=True, slots=True)
class ComparedDevice:
    """One device of a plan; all RAM, firmware included. On local processes the measured RAM is the arena's."""

    name: str
    ram_cap_bytes: int
    ram_peak_bytes: int
    measured_ram_peak_bytes: int | None
    flash_cap_bytes: int
    flash_bytes: int


@dataclass(frozen=True, slots=True)
class ComparedPlan:
    """One plan. `latency_us` is the plan clock, `phase_us` the optimiser's; `measured_us` is None without a run.

    `variant` is "optimised", "as is" or "capped", `network` "direct" or "relayed". Ratios are to the optimised plan's.
    """

    name: str
    variant: str
    network: str
    feasible: bool
    broken_caps: tuple[BrokenCap, ...]
    latency_us: float
    phase_us: float
    measured_us: float | None
    match: bool | None
    ratio: float | None
    measured_ratio: float | None
    energy_uj: float | None
    transferred_bytes: int
    messages: int
    devices: tuple[ComparedDevice, ...]

    @property
    def ram_peak_bytes(self) -> int:
        """The largest of any device."""
        return max(device.ram_peak_bytes for device in self.devices)

    @property
    def label(self) -> str:
        marks = [mark for mark in (self.variant, self.network) if mark in ("capped", "relayed")]
        return self.name + (f" ({', '.join(marks)})" if marks else "")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a heuristic does, in words."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class SeedRam:
    """RAM of each of `boards` under the seed's flat slices with partial kernels, counted analytically."""

    boards: int
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """The contract for programs; the optimised plan comes first in `plans`, if there is one."""

    origin: Origin
    boards: str | None
    status: str
    lower_bound_us: float | None
    phase_lower_bound_us: float | None
    bound_covers: str
    best_heuristic: str | None
    best_ratio: float | None
    best_measured_ratio: float | None
    plans: tuple[ComparedPlan, ...]
    rules: tuple[Rule, ...]
    seed_ram: tuple[SeedRam, ...]


SEED_LABEL = "seed, flat slices with partial kernels"
NOTES = """\
- Latency is the plan clock; phases the optimiser's additive clock. Measured latency is virtual time of the boards.
- RAM counts static data, stack, link buffers and arena; the peak shown is the largest of any device.
- Ratio is to the optimised plan as predicted, "to bound" to the latency that no plan beats on this network.
- Capped: the same rule with shares clipped to RAM and flash, and inputs gathered in chunks, where a cap is broken.
- Relayed: the same devices on a star, each message passing through the host, as the seed does it.
- The seed cuts inside kernels; its ranges here are rounded to whole kernels, which boards can run.\
"""


def comparison_csv(report: ComparisonReport) -> str:
    """One line per plan."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("name", "variant", "network", "feasible", "broken_caps", "latency_us", "phase_us", "measured_us"),
            *("match", "ratio", "measured_ratio", "ram_peak_bytes", "energy_uj", "transferred_bytes", "messages"),
        ]
    )
    for plan in report.plans:
        writer.writerow(
            [
                *(plan.name, plan.variant, plan.network, plan.feasible, _broken(plan), plan.latency_us, plan.phase_us),
                *(plan.measured_us, plan.match, plan.ratio, plan.measured_ratio, plan.ram_peak_bytes),
                *(plan.energy_uj, plan.transferred_bytes, plan.messages),
            ]
        )
    return text.getvalue()


def comparison_markdown(report: ComparisonReport, plots: Sequence[str]) -> str:
    """For people; `plots` are the names of pictures beside the report."""
    origin = report.origin
    best = (
        f"The best feasible heuristic is **{report.best_heuristic}**, {_times(report.best_ratio)} the optimised "
        f"latency as predicted, {_times(report.best_measured_ratio)} as measured."
        if report.best_heuristic
        else "No heuristic is feasible."
    )
    return (
        "\n\n".join(
            [
                f"# {origin.instance}: the optimised plan and the heuristics",
                f"Search: {report.status}. No plan is faster than {milliseconds(report.lower_bound_us)}; in the phase "
                f"model, than {milliseconds(report.phase_lower_bound_us)}. {best}",
                _plan_table(report),
                *(f"![{name}]({name})" for name in plots),
                "## Caps that are broken",
                "\n".join(f"- {plan.label}: {_broken(plan)}" for plan in report.plans if not plan.feasible) or "None.",
                "## Rules",
                "\n".join(f"- {rule.name}: {rule.text}" for rule in report.rules),
                "## Notes",
                NOTES,
                "## RAM of the seed",
                "Counted analytically: flat ranges with partial kernels; padded input, output slice, weights.",
                tabulate(
                    [(seed.boards, kibibytes(seed.ram_bytes)) for seed in report.seed_ram],
                    ("boards", "KiB on each"),
                    tablefmt="github",
                ),
                "## Origin",
                "\n".join(
                    [
                        f"- command: `{origin.command}`",
                        f"- revision: {origin.revision}",
                        f"- instance: {origin.instance}, sha256 {origin.instance_hash}",
                        f"- model: {origin.model}",
                        f"- solver: {origin.solver}, seed {origin.seed}, limit {origin.time_limit_s:g} s",
                        f"- boards: {report.boards or 'none, predicted only'}",
                        f"- the bounds cover {report.bound_covers}",
                    ]
                ),
            ]
        )
        + "\n"
    )


def _plan_table(report: ComparisonReport) -> str:
    """Every plan, and what the seed takes on as many boards; energy only where it is known.

    The bound holds on the network as it is, so relayed plans have no distance to it.
    """
    plans, bound_us = report.plans, report.lower_bound_us
    with_energy = any(plan.energy_uj is not None for plan in plans)
    ordered = sorted(plans, key=lambda plan: (plan.variant != "optimised", not plan.feasible, plan.latency_us))
    rows = [
        (
            plan.label,
            "yes" if plan.feasible else "no",
            milliseconds(plan.latency_us),
            milliseconds(plan.phase_us),
            milliseconds(plan.measured_us),
            _times(plan.ratio),
            _times(plan.latency_us / bound_us if bound_us and plan.network == "direct" else None),
            f"{kibibytes(plan.ram_peak_bytes)} KiB",
            f"{max(device.flash_bytes for device in plan.devices) / 1024:.0f} KiB",
            plan.transferred_bytes,
            plan.messages,
            *([UNKNOWN if plan.energy_uj is None else f"{plan.energy_uj:.0f} uJ"] if with_energy else []),
        )
        for plan in ordered
    ]
    headers = ["plan", "fits", "latency", "phases", "measured", "ratio", "to bound", "RAM peak", "flash", "bytes"]
    headers += ["messages", *(["energy"] if with_energy else [])]
    boards = len(plans[0].devices) if plans else 0
    for seed in report.seed_ram:
        if seed.boards == boards:
            nothing = (UNKNOWN,) * (len(headers) - 3)
            rows.append((f"{SEED_LABEL}, counted", *nothing[:6], f"{kibibytes(seed.ram_bytes)} KiB", *nothing[6:]))
    return tabulate(rows, headers, tablefmt="github", colalign=("left", "left", *("right",) * (len(headers) - 2)))


def comparison_table(report: ComparisonReport) -> str:
    """The main table alone."""
    return _plan_table(report)


def _broken(plan: ComparedPlan) -> str:
    return ", ".join(f"{cap.device} lacks {cap.excess_bytes} bytes of {cap.resource}" for cap in plan.broken_caps)


def _times(ratio: float | None) -> str:
    return UNKNOWN if ratio is None else f"{ratio:.3f}"
