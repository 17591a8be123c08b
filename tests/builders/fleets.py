"""Random instances: devices with synthetic costs over all kinds of networks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from planner.core.cost import ELEMENTWISE_FEATURES, KERNELS, VARIANT_KERNELS, WINDOW_FEATURES, cost_key
from planner.core.variant_cost import VARIANT_FEATURES
from planner.core.variants import PORTABLE, VARIANTS
from planner.data.graph import Arithmetic
from planner.data.hardware import (
    CostProfile,
    Device,
    FirmwareFootprint,
    LinkCost,
    Network,
    NetworkKind,
    Provenance,
    Source,
)
from planner.data.instance import Instance

SOURCE = Source(Provenance.GUESSED, "synthetic, for tests")
FIRMWARE = FirmwareFootprint(2048, 4096, 2048, 65536, SOURCE)
AMPLE_BYTES = 1 << 24


def profile(
    name: str = "synthetic",
    clock_hz: int = 100_000_000,
    cycles: float = 4.0,
    call_cycles: float = 200.0,
    rng: np.random.Generator | None = None,
    kernels: str = PORTABLE,
) -> CostProfile:
    """A profile of which every kernel costs `cycles` per feature, each scaled at random by `rng` if given."""

    def coefficient(feature: str) -> float:
        base = call_cycles if feature == "call" else cycles
        return base if rng is None else float(base * rng.uniform(0.2, 2.0))

    keys = {cost_key(kernel, arithmetic): None for kernel in KERNELS for arithmetic in Arithmetic}
    return CostProfile(
        name=name,
        core="synthetic",
        clock_hz=clock_hz,
        cycles_per_instruction=Fraction(1),
        machine=None,
        ram_bytes=AMPLE_BYTES,
        flash_bytes=AMPLE_BYTES,
        kernels=kernels,
        cycles={
            key: {feature: coefficient(feature) for feature in (*WINDOW_FEATURES, *ELEMENTWISE_FEATURES)}
            for key in keys
        }
        | {
            cost_key(name, arithmetic): dict.fromkeys(VARIANT_FEATURES[variant][kernel], cycles)
            for name, (kernel, variant) in VARIANT_KERNELS.items()
            for arithmetic in Arithmetic
        },
        cycles_source=SOURCE,
        firmware=FIRMWARE,
        hardware_source=SOURCE,
    )


def instance(
    network: Network,
    profiles: tuple[CostProfile, ...] | None = None,
    ram_cap_bytes: int = AMPLE_BYTES,
    input_node: int | None = None,
    output_node: int | None = None,
) -> Instance:
    """An instance over a network; input and output are on the host unless said otherwise."""
    host = network.host
    chosen = profiles if profiles is not None else (profile(),) * host
    return Instance(
        name="test",
        model="test",
        devices=tuple(Device(f"d{n}", p, ram_cap_bytes, AMPLE_BYTES) for n, p in enumerate(chosen)),
        network=network,
        input_node=host if input_node is None else input_node,
        output_node=host if output_node is None else output_node,
    )


def random_network(rng: np.random.Generator, devices: int, kind: NetworkKind) -> Network:
    """A network of a kind with random costs; explicit links are a one-way ring with random shortcuts."""

    def cost() -> LinkCost:
        return LinkCost(int(rng.integers(0, 200_000)), int(rng.integers(0, 2_000_000)))

    match kind:
        case NetworkKind.SWITCH:
            return Network.switch(devices, cost())
        case NetworkKind.BUS:
            return Network.shared_bus(devices, cost())
        case NetworkKind.STAR:
            return Network.star(devices, cost())
        case NetworkKind.LINKS:
            ring = [int(node) for node in rng.permutation(devices + 1)]
            links = {(a, b): cost() for a, b in zip(ring, ring[1:] + ring[:1], strict=True)}
            for _ in range(int(rng.integers(0, 3 * devices))):
                a, b = (int(node) for node in rng.choice(devices + 1, 2, replace=False))
                links[a, b] = cost()
            return Network.links(devices, links)


def random_instance(seed: int, devices: int | None = None, kind: NetworkKind | None = None) -> Instance:
    """A random fleet of 1 to 5 devices with ample memory; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 6)) if devices is None else devices
    chosen = list(NetworkKind)[int(rng.integers(len(NetworkKind)))] if kind is None else kind
    network = random_network(rng, count, chosen)
    kernels = np.random.default_rng(seed).choice([PORTABLE, *VARIANTS], count)
    profiles = tuple(
        profile(f"synthetic{n}", int(rng.integers(10, 600)) * 1_000_000, rng=rng, kernels=str(kernels[n]))
        for n in range(count)
    )
    ends = [int(node) if rng.integers(3) == 0 else count for node in rng.integers(0, count + 1, 2)]
    return instance(network, profiles, input_node=ends[0], output_node=ends[1])


def instances(devices: int | None = None, kind: NetworkKind | None = None) -> st.SearchStrategy[Instance]:
    """Random instances for hypothesis."""
    return st.integers(0, 2**31).map(lambda seed: random_instance(seed, devices, kind))
