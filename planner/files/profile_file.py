"""Profiles (`profiles/*.yaml`) to and from `CostProfile`; docs/PROFILES.md describes the format."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import yaml

from planner.core.cost import (
    COPY_FEATURES,
    ELEMENTWISE_FEATURES,
    KERNELS,
    ROUNDING_KERNELS,
    VARIANT_KERNELS,
    WINDOW_FEATURES,
    cost_key,
    variant_kernel,
)
from planner.core.variant_cost import VARIANT_FEATURES
from planner.core.variants import PORTABLE, VARIANTS
from planner.data.graph import Arithmetic
from planner.data.hardware import CostProfile, FirmwareFootprint, Power, Provenance, Source
from planner.errors import ProfileError
from planner.files import atomic
from planner.files.units import ValueFault, format_bytes, format_hz, parse_bytes, parse_hz, parse_mw
from planner.files.yaml_document import Document, Section, member, nearest, number, schema_version, text

SCHEMA_VERSION = 1
_FEATURES = frozenset(WINDOW_FEATURES) | frozenset(COPY_FEATURES) | frozenset(ELEMENTWISE_FEATURES)
_UNKNOWN = Source(Provenance.GUESSED, "")


def cost_keys(kernels: str = PORTABLE) -> tuple[str, ...]:
    """Every key that the cost table of a profile must have, with the kernels of its variant."""
    return _portable_keys() + tuple(
        cost_key(variant_kernel(kernel, kernels), arithmetic)
        for kernel in VARIANTS.get(kernels, {})
        for arithmetic in Arithmetic
    )


def _portable_keys() -> tuple[str, ...]:
    return tuple(
        key
        for kernel in KERNELS
        for key in dict.fromkeys(
            cost_key(kernel, arithmetic)
            for arithmetic in (Arithmetic if kernel in ROUNDING_KERNELS else [Arithmetic.TFLM])
        )
    )


def load_profile(path: Path) -> CostProfile:
    """Read a profile. Raises ProfileError with all faults of the file."""
    document = Document(path, ProfileError)
    top = document.read()
    top.required("schema_version", schema_version(SCHEMA_VERSION), SCHEMA_VERSION)
    profile = CostProfile(
        name=top.required("name", text, "?"),
        core=top.required("core", text, "?"),
        clock_hz=top.required("clock", _positive_hz, 1),
        cycles_per_instruction=top.required("cycles_per_instruction", _ratio, Fraction(1)),
        machine=top.optional("machine", text, None),
        ram_bytes=top.required("ram", parse_bytes, 1),
        flash_bytes=top.required("flash", parse_bytes, 1),
        kernels=(kernels := top.required("kernels", _variant, PORTABLE)),
        cycles=_read_cycles(top.section("cycles"), kernels),
        cycles_source=_read_source(top.section("cycles_source")),
        firmware=_read_firmware(top.section("firmware")),
        hardware_source=_read_source(top.section("hardware_source")),
        power=_read_power(top.section("power")) if "power" in top else None,
    )
    top.finish()
    document.check()
    return profile


def save_profile(profile: CostProfile, path: Path) -> None:
    """Write a profile, so that `load_profile` gives an equal one."""
    firmware = profile.firmware
    content = {
        "schema_version": SCHEMA_VERSION,
        "name": profile.name,
        "core": profile.core,
        "clock": format_hz(profile.clock_hz),
        "cycles_per_instruction": str(profile.cycles_per_instruction),
        **({} if profile.machine is None else {"machine": profile.machine}),
        "ram": format_bytes(profile.ram_bytes),
        "flash": format_bytes(profile.flash_bytes),
        "hardware_source": _source_content(profile.hardware_source),
        "firmware": {
            "static": format_bytes(firmware.static_bytes),
            "stack": format_bytes(firmware.stack_bytes),
            "link_buffers": format_bytes(firmware.link_buffer_bytes),
            "code": format_bytes(firmware.code_bytes),
            "source": _source_content(firmware.source),
        },
        **({} if profile.power is None else {"power": _power_content(profile.power)}),
        "kernels": profile.kernels,
        "cycles_source": _source_content(profile.cycles_source),
        "cycles": {key: dict(table) for key, table in profile.cycles.items()},
    }
    atomic.write_text(path, yaml.safe_dump(content, sort_keys=False, width=120))


def _variant(value: object) -> str:
    name = text(value)
    if name != PORTABLE and name not in VARIANTS:
        raise ValueFault(f"{name} is no kernel variant", nearest(name, (PORTABLE, *VARIANTS)))
    return name


def _read_cycles(section: Section, kernels: str) -> dict[str, dict[str, float]]:
    cycles = {}
    for key in cost_keys(kernels):
        table = section.section(key)
        cycles[key] = {feature: table.required(feature, number, 0.0) for feature in table}
        of_variant = VARIANT_KERNELS.get(key.partition(".")[0])
        known = _FEATURES if of_variant is None else frozenset(VARIANT_FEATURES[kernels][of_variant[0]])
        for feature in set(cycles[key]) - known:
            table.fault(feature, "unknown feature", nearest(feature, known))
    section.finish()
    return cycles


def _read_firmware(section: Section) -> FirmwareFootprint:
    footprint = FirmwareFootprint(
        static_bytes=section.required("static", parse_bytes, 0),
        stack_bytes=section.required("stack", parse_bytes, 0),
        link_buffer_bytes=section.required("link_buffers", parse_bytes, 0),
        code_bytes=section.required("code", parse_bytes, 0),
        source=_read_source(section.section("source")),
    )
    section.finish()
    return footprint


def _read_power(section: Section) -> Power:
    power = Power(
        active_mw=section.required("active", parse_mw, 0.0),
        idle_mw=section.required("idle", parse_mw, 0.0),
        source=_read_source(section.section("source")),
    )
    if power.idle_mw > power.active_mw:
        section.fault("idle", "a board draws more at rest than at work", "give idle at most what active is")
    section.finish()
    return power


def _power_content(power: Power) -> dict[str, object]:
    return {
        "active": f"{power.active_mw:g}mW",
        "idle": f"{power.idle_mw:g}mW",
        "source": _source_content(power.source),
    }


def _read_source(section: Section) -> Source:
    source = Source(
        section.required("provenance", member(Provenance), Provenance.GUESSED), section.required("note", text, "")
    )
    section.finish()
    return source


def _source_content(source: Source) -> dict[str, str]:
    return {"provenance": source.provenance.value, "note": source.note}


def _positive_hz(value: object) -> int:
    frequency_hz = parse_hz(value)
    if frequency_hz == 0:
        raise ValueFault("the clock stands still", "give the core's frequency, as in 600MHz")
    return frequency_hz


def _ratio(value: object) -> Fraction:
    try:
        ratio = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        ratio = Fraction(0)
    if ratio <= 0:
        raise ValueFault(f"{value!r} is not a positive ratio", "write it as in 1.25 or 3/5")
    return ratio
