"""Instances (`instances/*.yaml`) to `Instance`; README.md describes the format."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from planner.data.graph import Arithmetic
from planner.data.hardware import ADDRESSABLE_BYTES, CostProfile, Device, LinkCost, Network, NetworkKind
from planner.data.instance import Instance, Objective, PictureInput, SolverLimits
from planner.errors import Fault, InstanceError, ProfileError
from planner.files import shipped
from planner.files.profile_file import load_profile
from planner.files.units import ValueFault, parse_bandwidth_ps, parse_byte_ps, parse_bytes, parse_ns
from planner.files.yaml_document import Document, Section, flag, integer, member, nearest, number, schema_version, text

SCHEMA_VERSION = 1
HOST = "host"
ZOO_PREFIX = "zoo:"
_MOST_ALIKE = 255
_DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_DEFAULTS = SolverLimits()


def load_instance(path: Path) -> Instance:
    """Read an instance and the profiles that it names. Raises InstanceError with all faults of both."""
    document = Document(path, InstanceError)
    top = document.read()
    top.required("schema_version", schema_version(SCHEMA_VERSION), SCHEMA_VERSION)
    devices = _read_devices(top)
    nodes = [*(device.name for device in devices), HOST]
    instance = Instance(
        name=top.optional("name", text, path.stem),
        model=_located_model(top.required("model", text, ""), path.parent),
        devices=devices,
        network=_read_network(top.section("network"), nodes),
        input_node=_read_node(top, "input", nodes),
        output_node=_read_node(top, "output", nodes),
        arithmetic=top.optional("arithmetic", member(Arithmetic), None),
        objectives=top.optional("objective", _objectives, (Objective.LATENCY,)),
        limits=_read_limits(top.optional_section("solver")),
        picture=_read_picture(top.optional_section("picture")),
        labels=top.optional("labels", lambda value: str(path.parent / text(value)), None),
    )
    _check_objectives(top, instance)
    top.finish()
    document.check()
    return instance


def find_instance(name_or_path: str) -> Path:
    """A path as it is, or the shipped instance of that name. Raises InstanceError if there is neither."""
    path = Path(name_or_path)
    known = shipped.names("instances")
    if path.exists():
        return path
    if name_or_path in known:
        return shipped.path("instances") / f"{name_or_path}.yaml"
    raise InstanceError(
        name_or_path, [Fault("$", "there is no such file or shipped instance", nearest(path.stem, known))]
    )


def _located_model(model: str, folder: Path) -> str:
    return model if model.startswith(ZOO_PREFIX) else str(folder / model)


def _read_devices(top: Section) -> tuple[Device, ...]:
    profiles = _Profiles(top.document.file.parent)
    devices: list[Device] = []
    for section in top.sections("devices"):
        profile = section.required("profile", profiles.find, None)
        name = section.optional("name", _device_name, profile.name if profile else "?")
        count = section.optional("count", integer(1, _MOST_ALIKE), 1)
        ram_bytes = section.optional("ram", _memory_bytes, profile.ram_bytes if profile else 0)
        flash_bytes = section.optional("flash", _memory_bytes, profile.flash_bytes if profile else 0)
        price = section.optional("price", number, None)
        section.finish()
        if profile is None:
            continue
        device = Device(name, profile, ram_bytes, flash_bytes, price)
        if device.arena_cap_bytes <= 0:
            section.fault(
                "ram",
                f"{ram_bytes} bytes do not even hold the firmware of {profile.name}",
                f"give more than {profile.firmware.ram_bytes}B",
            )
        if device.plan_cap_bytes <= 0:
            section.fault(
                "flash",
                f"{flash_bytes} bytes do not even hold the firmware of {profile.name}",
                f"give more than {profile.firmware.code_bytes}B",
            )
        devices += [device] if count == 1 else [replace(device, name=f"{name}-{i}") for i in range(count)]
    for name, times in Counter(device.name for device in devices).items():
        if times > 1:
            top.fault("devices", f"{times} devices are called {name}", "give each entry a name: of its own")
    return tuple(devices)


class _Profiles:
    """Profiles by shipped name, or by path relative to the instance; each file is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[Path, CostProfile] = {}

    def find(self, value: object) -> CostProfile:
        name = text(value)
        known = shipped.names("profiles")
        if name in known:
            path = shipped.path("profiles") / f"{name}.yaml"
        elif (self._folder / name).is_file():
            path = self._folder / name
        else:
            raise ValueFault(f"there is no shipped profile or file {name!r}", nearest(name, known))
        if path not in self._loaded:
            try:
                self._loaded[path] = load_profile(path)
            except ProfileError as problem:
                raise ValueFault(f"the profile has faults\n{problem}", "mend the profile first") from problem
        return self._loaded[path]


def _read_network(section: Section, nodes: list[str]) -> Network:
    devices = len(nodes) - 1
    kind = section.required("kind", member(NetworkKind), NetworkKind.SWITCH)
    if kind is NetworkKind.LINKS:
        network = _read_links(section, nodes)
    else:
        build = {
            NetworkKind.SWITCH: Network.switch,
            NetworkKind.BUS: Network.shared_bus,
            NetworkKind.STAR: Network.star,
        }[kind]
        network = build(devices, _read_link_cost(section))
    section.finish()
    return network


def _read_links(section: Section, nodes: list[str]) -> Network:
    links: dict[tuple[int, int], LinkCost] = {}
    for link in section.sections("links"):
        source, target = _read_node(link, "from", nodes), _read_node(link, "to", nodes)
        both_ways = link.optional("both_ways", flag, True)
        cost = _read_link_cost(link)
        link.finish()
        if link.document.faulty(link.path):
            continue
        if source == target:
            link.fault("to", "a link joins a node with itself", "name two nodes")
        for pair in [(source, target), (target, source)][: 2 if both_ways else 1]:
            if pair in links:
                link.fault("to", f"there are two links from {nodes[pair[0]]} to {nodes[pair[1]]}", "keep one of them")
            links[pair] = cost
    return Network.links(len(nodes) - 1, links)


def _read_link_cost(section: Section) -> LinkCost:
    """Per message and per byte; the latter as `per_byte` or as `bandwidth`."""
    message_ns = section.required("per_message", parse_ns, 0)
    if "bandwidth" in section:
        if "per_byte" in section:
            section.fault("bandwidth", "says again what per_byte says", "keep one of per_byte and bandwidth")
        section.optional("per_byte", parse_byte_ps, 0)
        return LinkCost(message_ns, section.required("bandwidth", parse_bandwidth_ps, 0))
    return LinkCost(message_ns, section.required("per_byte", parse_byte_ps, 0))


def _read_node(section: Section, key: str, nodes: list[str]) -> int:
    def convert(value: object) -> int:
        name = text(value)
        if name in nodes:
            return nodes.index(name)
        if section.document.faulty("$.devices"):
            return stand_in
        raise ValueFault(f"there is no node {name!r}", nearest(name, nodes))

    stand_in = len(nodes) - 1
    return section.required(key, convert, stand_in)


def _read_limits(section: Section) -> SolverLimits:
    limits = SolverLimits(
        time_limit_s=section.optional("time_limit", parse_ns, round(_DEFAULTS.time_limit_s * 1e9)) / 1e9,
        seed=section.optional("seed", integer(0), _DEFAULTS.seed),
        workers=section.optional("workers", integer(1), _DEFAULTS.workers),
    )
    section.finish()
    return limits


def _read_picture(section: Section) -> PictureInput:
    known = PictureInput()
    picture = PictureInput(
        mean=section.optional("mean", _numbers, known.mean),
        deviation=section.optional("std", _numbers, known.deviation),
        shorter_side=section.optional("resize", integer(1), known.shorter_side),
    )
    if 0 in picture.deviation:
        section.fault("std", "pixels are divided by 0", "give the deviation of each channel")
    if "std" in section and "mean" not in section:
        section.fault("std", "has no mean beside it", "give mean: too, 0 if nothing is subtracted")
    section.finish()
    return picture


def _numbers(value: object) -> tuple[float, ...]:
    """One number, or several."""
    return tuple(number(item) for item in (value if isinstance(value, list) else [value]))


def _memory_bytes(value: object) -> int:
    size_bytes = parse_bytes(value)
    if size_bytes > ADDRESSABLE_BYTES:
        raise ValueFault(f"{value} is more than a 32-bit microcontroller can address", "give less than 4GiB")
    return size_bytes


def _objectives(value: object) -> tuple[Objective, ...]:
    """One objective, or several, the most important first."""
    listed = tuple(member(Objective)(item) for item in (value if isinstance(value, list) else [value]))
    if not listed or len(set(listed)) < len(listed):
        raise ValueFault("an objective stands twice, or none at all", "name each once, the most important first")
    return listed


def _check_objectives(top: Section, instance: Instance) -> None:
    """Objectives need numbers of every device."""
    lacking = {
        Objective.PRICE: ([d.name for d in instance.devices if d.price is None], "give each device a price:"),
        Objective.ENERGY: (
            [d.name for d in instance.devices if d.profile.power is None],
            "give their profiles power:, with active and idle in mW",
        ),
    }
    for objective in instance.objectives:
        names, remedy = lacking.get(objective, ([], ""))
        if names:
            top.fault("objective", f"{objective.value} of {', '.join(names)} is not known", remedy)


def _device_name(value: object) -> str:
    name = text(value)
    if not _DEVICE_NAME.fullmatch(name) or name == HOST:
        raise ValueFault(f"{name!r} cannot be the name of a device", f"use letters, digits, - and _; not {HOST!r}")
    return name
