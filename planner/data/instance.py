"""A planning problem: a model, a fleet, a network, and what is asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from planner.data.graph import Arithmetic
from planner.data.hardware import Device, Network


class Objective(Enum):
    """What a plan minimises."""

    LATENCY = "latency"
    """Makespan in the phase model."""
    RAM_PEAK = "ram_peak"
    """The largest RAM of any device that takes part, everything counted."""
    DEVICES = "devices"
    """How many devices take part."""
    PRICE = "price"
    """What those devices cost together."""
    ENERGY = "energy"
    """What the whole fleet draws from the first input byte to the last output byte."""


@dataclass(frozen=True, slots=True)
class SolverLimits:
    """When a search must stop, and what makes it repeatable."""

    time_limit_s: float = 60.0
    seed: int = 0
    workers: int = 2


@dataclass(frozen=True, slots=True)
class PictureInput:
    """How a picture becomes the model's input.

    Reals are (pixel - mean) / deviation, pixels in [0, 255], one value or one for each channel; without a mean, black
    and white become the ends of the input's int8 range. `shorter_side`: pixels to which the shorter side is resized
    before the centre is cut out; 0 resizes the whole picture to the input, which may distort it.
    """

    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = (1.0,)
    shorter_side: int = 0


@dataclass(frozen=True, slots=True)
class Instance:
    """A model over a fleet. Nodes 0..len(devices)-1 are the devices, node len(devices) is the host.

    `model` is a path or `zoo:NAME`. `arithmetic` None means the rule of the model's origin. `input_node` is where the
    input arises, `output_node` where the result is wanted. Each of `objectives` is minimised among the plans that are
    best by those before it. `labels` is a file with a line for each value of the output.
    """

    name: str
    model: str
    devices: tuple[Device, ...]
    network: Network
    input_node: int
    output_node: int
    arithmetic: Arithmetic | None = None
    objectives: tuple[Objective, ...] = (Objective.LATENCY,)
    limits: SolverLimits = SolverLimits()
    picture: PictureInput = PictureInput()
    labels: str | None = None

    @property
    def host(self) -> int:
        return len(self.devices)

    @property
    def nodes(self) -> int:
        return len(self.devices) + 1

    def node_name(self, node: int) -> str:
        return "host" if node == self.host else self.devices[node].name
