from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from planner.data.hardware import Power
from planner.errors import ProfileError
from planner.files import shipped
from planner.files.profile_file import load_profile, save_profile

SOURCE = "{provenance: guessed, note: none}"
REFERENCE_BOARDS = ("m7", "m4", "m33", "m55", "m3", "rv32")


@pytest.mark.parametrize("name", shipped.names("profiles"))
def test_every_shipped_profile_reads_and_is_called_as_its_file(name):
    assert load_profile(shipped.path("profiles") / f"{name}.yaml").name == name


@pytest.mark.parametrize("name", REFERENCE_BOARDS)
def test_reference_boards_have_a_machine(name):
    assert load_profile(shipped.path("profiles") / f"{name}.yaml").machine is not None


def test_a_saved_profile_reads_back_equal(tmp_path):
    profile = load_profile(shipped.path("profiles") / "m4.yaml")
    power = Power(12.5, 0.5, profile.hardware_source)
    changed = replace(profile, machine=None, cycles_per_instruction=Fraction(7, 3), ram_bytes=12345, power=power)
    save_profile(changed, tmp_path / "p.yaml")
    assert load_profile(tmp_path / "p.yaml") == changed


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("clock: 168MHz", "clock: 0MHz", "$.clock: the clock stands still"),
        ("cycles_per_instruction: 5/4", "cycles_per_instruction: fast", "$.cycles_per_instruction: 'fast'"),
        ("\n  copy:", "\n  cpoy:", "$.cycles: the key 'copy' is missing"),
        ("\n  copy:\n    call:", "\n  copy:\n    cal:", "$.cycles.copy.cal: unknown feature"),
        ("kernels: dsp", f"power: {{active: 1mW, idle: 1W, source: {SOURCE}}}\nkernels: dsp", "$.power.idle: a board"),
        ("provenance: guessed", "provenance: rumour", "$.hardware_source.provenance: 'rumour' is none of"),
    ],
)
def test_a_fault_is_reported_where_it_is(tmp_path, old, new, expected):
    content = (shipped.path("profiles") / "m4.yaml").read_text()
    assert old in content
    (tmp_path / "p.yaml").write_text(content.replace(old, new, 1))
    with pytest.raises(ProfileError) as caught:
        load_profile(tmp_path / "p.yaml")
    assert str(caught.value.faults[0]).startswith(expected)
