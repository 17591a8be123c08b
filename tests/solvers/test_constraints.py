"""One tiny instance per constraint: the optimum, by hand, with it and without it.

One multiplication takes 1 ms on board a and 3 ms on board b, everything else on a board is free; a message takes
100 ns plus 1 ns a byte.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planner.core.cost import KERNELS, cost_key
from planner.core.storage import footprint_bytes
from planner.data.graph import Arithmetic, Graph, Shape, Window
from planner.data.hardware import CostProfile, Device, LinkCost, Network
from planner.data.instance import Instance, SolverLimits
from planner.data.plan import MESSAGE_SLOT_BYTES
from planner.data.result import SolveStatus
from planner.data.split import Axis
from planner.errors import InputError, ModelError
from planner.solvers import Progress, solve
from planner.solvers.problem import PLAN_BYTES, RECORD_BYTES
from planner.solvers.registry import SOLVERS
from tests.builders import reference_fleets as fleets
from tests.builders.graphs import GraphBuilder

MS = 1_000_000
POINT = Window((1, 1))
MESSAGE_SLOTS = footprint_bytes(2 * 2 * MESSAGE_SLOT_BYTES)


def board(name: str, ms_per_mac: float, ram_bytes: int = 4096, flash_bytes: int = 65536) -> Device:
    """A board with so much RAM for buffers and so much flash for weights and records."""
    cycles = {cost_key(kernel, arithmetic): {} for kernel in KERNELS for arithmetic in Arithmetic}
    cycles |= {key: {"macs": ms_per_mac * 1_000_000} for key in cycles if key.startswith(("pointwise", "partial_sums"))}
    firmware = fleets.FIRMWARE
    profile = CostProfile(
        name,
        name,
        10**9,
        fleets.CORES["m7"][1],
        None,
        1,
        1,
        "portable",
        cycles,
        fleets.ASSUMED,
        firmware,
        fleets.ASSUMED,
    )
    ram_cap = firmware.ram_bytes + MESSAGE_SLOTS + ram_bytes
    return Device(name, profile, ram_cap, firmware.code_bytes + PLAN_BYTES + flash_bytes)


def pair(a: Device, b: Device, network: Network | None = None) -> Instance:
    network = network or Network.switch(2, LinkCost(100, 1000))
    return Instance("pair", "model", (a, b), network, 2, 2, limits=SolverLimits(60.0))


def one_conv() -> Graph:
    """2 rows of 2 channels to 2 rows of 2 channels: 4 multiplications a row."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(2, 1, 2))
    return builder.graph((builder.conv(builder.input, 2, POINT),), Arithmetic.TFLM)


@pytest.mark.parametrize("solver", SOLVERS)
def test_nothing_binds(solver: str) -> None:
    """All on a: 104 ns in, 8 multiplications, 104 ns out. Sharing a row with b would take 12 ms."""
    result = solve(one_conv(), pair(board("a", 1), board("b", 3)), solver)
    assert result.status is SolveStatus.OPTIMAL
    assert result.phase.makespan_ns == 104 + 8 * MS + 104


@pytest.mark.parametrize("solver", SOLVERS)
def test_ram(solver: str) -> None:
    """The smallest part of the output needs 8 bytes of RAM for itself and 8 for input, canaries included: not on a."""
    result = solve(one_conv(), pair(board("a", 1, ram_bytes=15), board("b", 3)), solver)
    assert result.phase.makespan_ns == 104 + 24 * MS + 104


@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "path"])
def test_flash(solver: str) -> None:
    """All weights take 4 bytes, two channels 24 bytes of parameters. One channel fits on a, one goes to b.

    The host sends all input twice (208 ns), b multiplies 4 times (12 ms), the host receives twice 2 bytes (204 ns).
    """
    room = RECORD_BYTES + 4 + 24 - 1
    result = solve(one_conv(), pair(board("a", 1, flash_bytes=room), board("b", 3)), solver)
    assert result.phase.makespan_ns == 208 + 12 * MS + 204
    assert result.split is not None
    assert result.split.operators["op_conv_0"].layout.axis is Axis.CHANNELS


@pytest.mark.parametrize("solver", SOLVERS)
def test_routes(solver: str) -> None:
    """Without a wire from a to the host only b can answer."""
    wires = {pair: LinkCost(100, 1000) for pair in ((2, 0), (2, 1), (1, 2))}
    result = solve(one_conv(), pair(board("a", 1), board("b", 3), Network.links(2, wires)), solver)
    assert result.phase.makespan_ns == 104 + 24 * MS + 104


def skip_graph() -> Graph:
    """x = conv, y = wide conv of x, z = conv of y, x + z: while z is computed, x is held."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(2, 1, 2))
    x = builder.conv(builder.input, 2, POINT)
    z = builder.conv(builder.conv(x, 6, POINT), 2, POINT)
    return builder.graph((builder.add(x, z),), Arithmetic.TFLM)


def test_held_tensors() -> None:
    """x, y, z take 8 + 16 + 8 bytes with canaries; y and z alone 24, and so do x, z and the sum."""
    b = board("b", 3)
    roomy = solve(skip_graph(), pair(board("a", 1, ram_bytes=32), b))
    tight = solve(skip_graph(), pair(board("a", 1, ram_bytes=31), b))
    # 8 + 24 + 24 multiplications on a; the addition is free.
    assert roomy.phase.makespan_ns == 104 + 56 * MS + 104
    assert tight.phase.makespan_ns is not None
    assert tight.phase.makespan_ns > roomy.phase.makespan_ns


def test_chunks() -> None:
    """8 rows of 64 channels in and out; flash for 32 output channels and 2 chunks forces one half on each board.

    Half of the output takes 256 bytes (264 with its canary), the whole input 512 (520), half of it 264. Whole, the host
    sends 512 bytes twice; in two chunks 256 bytes four times. It receives 256 bytes twice.
    """
    builder = GraphBuilder(np.random.default_rng(0), Shape(8, 1, 64))
    graph = builder.graph((builder.conv(builder.input, 64, POINT),), Arithmetic.TFLM)
    flash = 2 * RECORD_BYTES + 32 * (64 + 12)
    chunked = solve(graph, pair(*(board(name, 1, ram_bytes=528, flash_bytes=flash) for name in "ab")))
    whole = solve(graph, pair(*(board(name, 1, ram_bytes=784, flash_bytes=flash) for name in "ab")))
    assert whole.phase.makespan_ns == 2 * 612 + 8 * 32 * 64 * MS + 2 * 356
    assert chunked.phase.makespan_ns == 4 * 356 + 8 * 32 * 64 * MS + 2 * 356
    assert chunked.split is not None
    assert chunked.split.operators["op_conv_0"].chunks == 2


def test_infeasible_names_what_is_missing() -> None:
    """Any part of 2 rows of 2 channels needs 8 bytes in and 8 out, canaries included."""
    result = solve(one_conv(), pair(board("a", 1, ram_bytes=15), board("b", 3, ram_bytes=12)))
    assert result.status is SolveStatus.INFEASIBLE
    assert result.split is None
    assert {(s.device, s.operator, s.resource) for s in result.shortages} == {
        ("a", "op_conv_0", "ram"),
        ("b", "op_conv_0", "ram"),
    }
    assert all(s.missing_bytes == 1 for s in result.shortages)


def test_infeasible_by_flash() -> None:
    result = solve(one_conv(), pair(board("a", 1, flash_bytes=10), board("b", 1, flash_bytes=10)))
    assert result.status is SolveStatus.INFEASIBLE
    assert {shortage.resource for shortage in result.shortages} == {"flash"}
    assert sum(shortage.missing_bytes for shortage in result.shortages) == 4 + 24 - 20


def test_unproven_is_unknown() -> None:
    """One output channel cannot be cut; both flashes together would hold it, neither does alone."""
    builder = GraphBuilder(np.random.default_rng(0), Shape(2, 1, 64))
    graph = builder.graph((builder.conv(builder.input, 1, POINT),), Arithmetic.TFLM)
    result = solve(graph, pair(board("a", 1, flash_bytes=700), board("b", 1, flash_bytes=700)))
    assert result.status is SolveStatus.UNKNOWN
    assert result.split is None
    assert result.phase.lower_bound_ns is not None


def test_cancelled_keeps_the_best_plan() -> None:
    seen: list[Progress] = []
    instance = pair(board("a", 1), board("b", 3))
    result = solve(skip_graph(), instance, progress=seen.append, cancelled=lambda: bool(seen))
    assert result.status is SolveStatus.CANCELLED
    assert result.split is not None
    assert seen[0].incumbent_ns == result.phase.makespan_ns

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    assert solve(skip_graph(), instance, progress=interrupt).status is SolveStatus.CANCELLED
    nothing = solve(skip_graph(), instance, cancelled=lambda: True)
    assert nothing.status is SolveStatus.CANCELLED
    assert nothing.split is None


def test_the_seed_repeats_a_search() -> None:
    instance = replace(fleets.mixed3(), limits=SolverLimits(60.0, seed=5))
    graph = skip_graph()
    assert solve(graph, instance).split == solve(graph, instance).split


def test_too_wide_a_graph_is_refused() -> None:
    builder = GraphBuilder(np.random.default_rng(0), Shape(4, 4, 2))
    branches = tuple(builder.conv(builder.input, 2, POINT) for _ in range(12))
    graph = builder.graph((builder.concat(branches),), Arithmetic.TFLM)
    with pytest.raises(ModelError, match="live at once"):
        solve(graph, pair(board("a", 1), board("b", 3)))


def test_an_unknown_solver_is_refused() -> None:
    with pytest.raises(InputError, match="milp-highs"):
        solve(one_conv(), pair(board("a", 1), board("b", 3)), "simplex")
