from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.files import units


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (units.parse_bytes, "512KiB", 524288),
        (units.parse_bytes, "1.5 kB", 1500),
        (units.parse_bytes, "0B", 0),
        (units.parse_ns, "150us", 150_000),
        (units.parse_ns, "2s", 2_000_000_000),
        (units.parse_hz, "600MHz", 600_000_000),
        (units.parse_byte_ps, "0.2us/B", 200_000),
        (units.parse_bandwidth_ps, "100Mbit/s", 80_000),
        (units.parse_bandwidth_ps, "5MB/s", 200_000),
        (units.parse_bandwidth_ps, "3Mbit/s", 2_666_667),
    ],
)
def test_quantities_become_whole_base_units(parse, text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "value", "remedy"),
    [
        (units.parse_bytes, 524288, "KiB"),
        (units.parse_bytes, "512 Kib", "KiB"),
        (units.parse_bytes, "0.3B", "multiple of 1B"),
        (units.parse_bytes, "-1KiB", "512KiB"),
        (units.parse_bytes, None, "512KiB"),
        (units.parse_bytes, True, "512KiB"),
        (units.parse_ns, "150", "150us"),
        (units.parse_ns, "0.1ns", "multiple of 1ns"),
        (units.parse_byte_ps, "0.2us", "0.2us/B"),
        (units.parse_bandwidth_ps, "0Mbit/s", "100Mbit/s"),
    ],
)
def test_a_refusal_says_what_would_do(parse, value, remedy):
    with pytest.raises(units.ValueFault) as caught:
        parse(value)
    assert remedy in caught.value.remedy


@given(st.integers(0, 2**40))
def test_formatted_sizes_read_back(size_bytes):
    assert units.parse_bytes(units.format_bytes(size_bytes)) == size_bytes


@given(st.integers(0, 2**40))
def test_formatted_frequencies_read_back(frequency_hz):
    assert units.parse_hz(units.format_hz(frequency_hz)) == frequency_hz
