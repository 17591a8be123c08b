"""How each objective is minimised by questions to the search for latency, with a bound for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from planner.core.energy import energy_lower_bound_uj, energy_uj, fleet_power
from planner.core.lowering import lower
from planner.core.phase import evaluate
from planner.core.simulate import simulate
from planner.data.instance import Objective
from planner.data.split import Split
from planner.errors import InputError
from planner.solvers.heuristics import device_speeds
from planner.solvers.objectives.fleets import cheapest_first, smaller_and_smaller
from planner.solvers.objectives.prober import Finding, Prober
from planner.solvers.objectives.space import Fleet, Space
from planner.solvers.problem import slot_table_bytes

FIRST_SHARE = 0.3
"""Part of a goal's time in which there must be some plan at all."""
PROBE_SHARE = 0.3
"""Part of a goal's time that one question may take."""
NS_PER_US = 1000


@dataclass(frozen=True, slots=True)
class Attained:
    """What a goal came to: the best plan found (None if there is none), its value, a bound on all plans of the space.

    `space` has the plans that are as good, all of them. `finding` is the last one that gave a plan or a proof.
    """

    split: Split | None
    value: float
    bound: float
    space: Space
    finding: Finding


class Goal(Protocol):
    """One objective."""

    def value(self, split: Split) -> float:
        """What a split comes to, in the objective's unit."""
        ...

    def minimise(self, space: Space, limit_s: float) -> Attained:
        """Search a space for about so many seconds. Raises Cancelled."""
        ...


class Latency:
    """The search itself."""

    def __init__(self, prober: Prober) -> None:
        self._prober = prober

    def value(self, split: Split) -> float:
        return evaluate(self._prober.graph, self._prober.instance, split).makespan_ns / NS_PER_US

    def minimise(self, space: Space, limit_s: float) -> Attained:
        found = self._prober.fastest(space, limit_s)
        as_good = space if found.split is None else replace(space, makespan_ns=found.makespan_ns)
        return Attained(found.split, found.makespan_ns / NS_PER_US, found.lower_bound_ns / NS_PER_US, as_good, found)


class RamPeak:
    """Bisection over a common cap: a plan lowers the peak, a proof that there is none raises the bound."""

    def __init__(self, prober: Prober) -> None:
        self._prober = prober

    def value(self, split: Split) -> float:
        """The largest RAM of a device that takes part: firmware, message slots, buffers by the storage rule."""
        instance = self._prober.instance
        buffers = evaluate(self._prober.graph, instance, split).peak_footprint_bytes
        slots = slot_table_bytes(instance)
        peaks = [
            d.profile.firmware.ram_bytes + slots + size
            for d, size in zip(instance.devices, buffers, strict=False)
            if size
        ]
        return max(peaks, default=0)

    def minimise(self, space: Space, limit_s: float) -> Attained:
        clock = self._prober.clock
        end_s = clock.elapsed_s + limit_s
        found = self._prober.any_plan(space, FIRST_SHARE * limit_s)
        if found.split is None:
            return Attained(None, 0, 0, space, found)
        best, enough = found.split, int(self.value(found.split))
        proven = short = min(device.profile.firmware.ram_bytes for device in self._prober.instance.devices)
        while enough - short > 1 and clock.elapsed_s < end_s:
            middle = (short + enough) // 2
            found = self._prober.any_plan(replace(space, ram_bytes=middle), PROBE_SHARE * limit_s)
            peak = int(self.value(found.split)) if found.split is not None else enough
            if found.split is not None and peak < enough:
                best, enough = found.split, peak
            else:
                short = middle
                proven = middle if found.impossible else proven
        return Attained(best, enough, min(proven + 1, enough), replace(space, ram_bytes=enough), found)


class Spending:
    """The fewest or the cheapest devices: fleets in the order of their price, until one has a plan."""

    def __init__(self, prober: Prober, prices: Sequence[float]) -> None:
        self._prober = prober
        self._prices = prices

    def value(self, split: Split) -> float:
        """The price of the devices that hold anything, relays included."""
        buffers = evaluate(self._prober.graph, self._prober.instance, split).peak_footprint_bytes
        return sum(price for price, size in zip(self._prices, buffers, strict=False) if size)

    def minimise(self, space: Space, limit_s: float) -> Attained:
        clock = self._prober.clock
        end_s = clock.elapsed_s + limit_s
        found = self._prober.any_plan(space, FIRST_SHARE * limit_s)
        if found.split is None:
            return Attained(None, 0, 0, space, found)
        for fleet in space.fleets:
            smaller = self._smallest(space, fleet, end_s - limit_s / 2, limit_s)
            found = smaller if smaller is not None and self._cheaper(smaller, found) else found
        assert found.split is not None
        best, value = found.split, self.value(found.split)
        bound: float | None = None
        possible: list[Fleet] = []
        for price, fleet in self._fleets(space):
            if price > value:
                break
            if price < value and clock.elapsed_s < end_s:
                probe = self._prober.any_plan(replace(space, fleets=(fleet,)), PROBE_SHARE * limit_s)
                if probe.split is not None:
                    best, value, found = probe.split, price, probe
                if probe.impossible:
                    continue
            possible.append(fleet)
            bound = price if bound is None else bound
        affordable = _largest([fleet for fleet in possible if self._price(fleet) <= value])
        return Attained(
            best, value, value if bound is None else min(bound, value), replace(space, fleets=affordable), found
        )

    def _smallest(self, space: Space, fleet: Fleet, end_s: float, limit_s: float) -> Finding | None:
        """A plan of the smallest part of a fleet that has one, as far as one can tell by halving; None if none has."""
        parts = smaller_and_smaller(self._prober.instance, fleet, self._prices)
        best: Finding | None = None
        enough, short = 0, len(parts)
        while short - enough > 1 and self._prober.clock.elapsed_s < end_s:
            middle = (enough + short) // 2
            probe = self._prober.any_plan(replace(space, fleets=(parts[middle],)), PROBE_SHARE * limit_s)
            if probe.split is not None:
                best, enough = probe, middle
            else:
                short = middle
        return best

    def _cheaper(self, one: Finding, other: Finding) -> bool:
        return one.split is not None and (other.split is None or self.value(one.split) < self.value(other.split))

    def _fleets(self, space: Space) -> Iterator[tuple[float, Fleet]]:
        allowed = [set(fleet) for fleet in space.fleets]
        for price, fleet in cheapest_first(self._prober.instance, self._prices):
            if any(set(fleet) <= devices for devices in allowed):
                yield price, fleet

    def _price(self, fleet: Fleet) -> float:
        return sum(self._prices[node] for node in fleet)


def _largest(fleets: Sequence[Fleet]) -> tuple[Fleet, ...]:
    """Those that are no part of another, whose plans include theirs."""
    return tuple(fleet for fleet in fleets if not any(set(fleet) < set(other) for other in fleets))


class Energy:
    """The fastest plans of parts of the fleet, without the devices that draw most for the whole network.

    What is drawn is known only of a whole plan, so that this is a choice among plans, with a bound of its own.
    """

    def __init__(self, prober: Prober) -> None:
        powers = fleet_power(prober.instance)
        if powers is None:
            raise InputError("the objective energy needs the power of every device; add power to their profiles")
        self._prober = prober
        self._powers = powers

    def value(self, split: Split) -> float:
        """On the plan's own clock."""
        instance = self._prober.instance
        return energy_uj(self._powers, simulate(instance, lower(self._prober.graph, instance, split)))

    def minimise(self, space: Space, limit_s: float) -> Attained:
        parts = [part for fleet in space.fleets for part in self._parts(fleet)]
        end_s = self._prober.clock.elapsed_s + limit_s
        best: tuple[float, Finding] | None = None
        found: Finding | None = None
        for index, part in enumerate(parts):
            left_s = end_s - self._prober.clock.elapsed_s
            if found is not None and left_s <= 0:
                break
            found = self._prober.fastest(replace(space, fleets=(part,)), left_s / (len(parts) - index))
            if found.split is not None and (best is None or self.value(found.split) < best[0]):
                best = self.value(found.split), found
        assert found is not None
        value, chosen = best if best is not None else (0.0, found)
        bound = energy_lower_bound_uj(self._prober.graph, self._prober.instance, self._powers)
        return Attained(chosen.split, value, min(bound, value), space, chosen)

    def _parts(self, fleet: Fleet) -> Iterator[Fleet]:
        """The fleet, and again and again the rest without the device that draws most for the work; ends stay."""
        instance = self._prober.instance
        work_ns = [1e9 / speed for speed in device_speeds(self._prober.graph, instance)]
        extra_mw = [power.active_mw - power.idle_mw for power in self._powers]
        ends = (instance.input_node, instance.output_node)
        order = sorted((n for n in fleet if n not in ends), key=lambda node: -work_ns[node] * extra_mw[node])
        for count in range(len(order) + 1):
            part = tuple(node for node in fleet if node not in order[:count])
            if part:
                yield part


def _fewest(prober: Prober) -> Spending:
    return Spending(prober, [1] * len(prober.instance.devices))


def _cheapest(prober: Prober) -> Spending:
    prices = [device.price for device in prober.instance.devices if device.price is not None]
    if len(prices) < len(prober.instance.devices):
        raise InputError("the objective price needs the price of every device; add price to the instance's devices")
    return Spending(prober, prices)


GOALS: Mapping[Objective, Callable[[Prober], Goal]] = {
    Objective.LATENCY: Latency,
    Objective.RAM_PEAK: RamPeak,
    Objective.DEVICES: _fewest,
    Objective.PRICE: _cheapest,
    Objective.ENERGY: Energy,
}
