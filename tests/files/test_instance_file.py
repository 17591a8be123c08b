from __future__ import annotations

from pathlib import Path

import pytest

from planner.data.graph import Arithmetic
from planner.data.hardware import LinkCost, NetworkKind
from planner.data.instance import Objective, PictureInput
from planner.errors import InstanceError
from planner.files import shipped
from planner.files.instance_file import find_instance, load_instance

GOOD = """\
schema_version: 1
model: net.onnx
devices:
  - {profile: m7, count: 2, ram: 256KiB}
  - {profile: m3, name: small, flash: 512KiB}
network:
  kind: switch
  per_message: 150us
  per_byte: 0.2us/B
input: host
output: small
"""


def write(folder: Path, content: str) -> Path:
    path = folder / "fleet.yaml"
    path.write_text(content)
    return path


def faults_of(folder: Path, content: str) -> list[str]:
    with pytest.raises(InstanceError) as caught:
        load_instance(write(folder, content))
    return [str(fault) for fault in caught.value.faults]


def test_every_key_reaches_the_instance(tmp_path):
    extra = "arithmetic: tflm\nobjective: latency\nsolver: {time_limit: 5s, seed: 7, workers: 1}\n"
    extra += "picture: {mean: [1, 2.5, 3], std: 4, resize: 256}\nlabels: names.txt\n"
    instance = load_instance(write(tmp_path, GOOD + extra))
    assert instance.name == "fleet"
    assert instance.model == str(tmp_path / "net.onnx")
    assert [device.name for device in instance.devices] == ["m7-0", "m7-1", "small"]
    assert [device.ram_cap_bytes for device in instance.devices] == [256 * 1024, 256 * 1024, 96 * 1024]
    assert instance.devices[2].flash_cap_bytes == 512 * 1024
    assert (instance.input_node, instance.output_node) == (3, 2)
    assert instance.network.routes[0, 1][0].cost == LinkCost(150_000, 200_000)
    assert instance.arithmetic is Arithmetic.TFLM
    assert instance.picture == PictureInput((1.0, 2.5, 3.0), (4.0,), 256)
    assert instance.labels == str(tmp_path / "names.txt")
    assert (instance.limits.time_limit_s, instance.limits.seed, instance.limits.workers) == (5.0, 7, 1)


def test_objectives_are_read_in_their_order(tmp_path):
    extra = "objective: [devices, ram_peak]\n"
    assert load_instance(write(tmp_path, GOOD + extra)).objectives == (Objective.DEVICES, Objective.RAM_PEAK)
    assert load_instance(write(tmp_path, GOOD)).objectives == (Objective.LATENCY,)
    assert "stands twice" in faults_of(tmp_path, GOOD + "objective: [devices, devices]\n")[0]
    assert "'speed' is none of" in faults_of(tmp_path, GOOD + "objective: speed\n")[0]


def test_objectives_need_their_numbers_of_every_device(tmp_path):
    (price, energy) = (faults_of(tmp_path, GOOD + f"objective: {name}\n") for name in ("price", "energy"))
    assert price == ["$.objective: price of m7-0, m7-1, small is not known (give each device a price:)"]
    assert energy[0].startswith("$.objective: energy of m7-0, m7-1, small is not known (give their profiles power:")


def test_explicit_links_route_over_the_fewest_hops(tmp_path):
    links = """\
  kind: links
  links:
    - {from: host, to: m7-0, per_message: 1us, bandwidth: 8Mbit/s}
    - {from: m7-0, to: m7-1, per_message: 2us, per_byte: 1us/B}
    - {from: m7-1, to: small, per_message: 3us, per_byte: 1us/B, both_ways: false}
"""
    network = load_instance(write(tmp_path, GOOD.split("  kind")[0] + links + "input: host\noutput: host\n")).network
    assert network.kind is NetworkKind.LINKS
    assert [hop.target for hop in network.routes[3, 2]] == [0, 1, 2]
    assert network.routes[3, 0][0].cost == LinkCost(1_000, 1_000_000)
    assert (2, 3) not in network.routes


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("schema_version: 1", "schema_version: 2", "$.schema_version: schema version 2 is not supported"),
        ("schema_version: 1\n", "", "$: the key 'schema_version' is missing"),
        ("model: net.onnx", "model: 3", "$.model: 3 is not a text"),
        ("count: 2", "count: 0", "$.devices[0].count: 0 is out of range"),
        ("count: 2", "cuont: 2", "$.devices[0].cuont: unknown key (did you mean count?)"),
        ("ram: 256KiB", "ram: 262144", "$.devices[0].ram: 262144 has no unit"),
        ("ram: 256KiB", "ram: 4GiB", "$.devices[0].ram: 4GiB is more than a 32-bit microcontroller can address"),
        ("ram: 256KiB", "ram: 1KiB", "$.devices[0].ram: 1024 bytes do not even hold the firmware"),
        ("flash: 512KiB", "flash: 1KiB", "$.devices[1].flash: 1024 bytes do not even hold the firmware"),
        ("profile: m3", "profile: m8", "$.devices[1].profile: there is no shipped profile or file 'm8'"),
        ("name: small", "name: host", "$.devices[1].name: 'host' cannot be the name of a device"),
        ("name: small", "name: a/b", "$.devices[1].name: 'a/b' cannot be the name of a device"),
        ("name: small", "name: m7-1", "$.devices: 2 devices are called m7-1"),
        ("kind: switch", "kind: swich", "$.network.kind: 'swich' is none of switch, bus, star, links (did you mean"),
        ("0.2us/B", "0.2us/B\n  bandwidth: 1MB/s", "$.network.bandwidth: says again what per_byte says"),
        ("  per_byte: 0.2us/B\n", "", "$.network: the key 'per_byte' is missing"),
        ("input: host", "input: hots", "$.input: there is no node 'hots' (did you mean host?)"),
        ("output: small", "output: small\narithmetic: exact", "$.arithmetic: 'exact' is none of onnxruntime, tflm"),
        ("output: small", "output: small\nsolver: {time_limit: 60}", "$.solver.time_limit: 60 has no unit"),
        ("output: small", "output: small\nsolver: 60", "$.solver: 60 is not a mapping"),
        ("output: small", "output: small\ninput: host", "$: is not valid YAML at line 1, column 1: the key 'input'"),
        ("output: small", "output: small\npicture: {mean: 1, std: 0}", "$.picture.std: pixels are divided by 0"),
        ("output: small", "output: small\npicture: {std: 2}", "$.picture.std: has no mean beside it"),
        ("output: small", "output: [", "$: is not valid YAML at line 12"),
    ],
)
def test_a_fault_is_reported_where_it_is(tmp_path, old, new, expected):
    assert GOOD.count(old) == 1
    (fault,) = faults_of(tmp_path, GOOD.replace(old, new))
    assert fault.startswith(expected)


def test_all_faults_come_at_once(tmp_path):
    broken = GOOD.replace("256KiB", "256").replace("150us", "150").replace("input: host", "inptu: host")
    assert [fault.split(":")[0] for fault in faults_of(tmp_path, broken)] == [
        "$.devices[0].ram",
        "$.network.per_message",
        "$",
        "$.inptu",
    ]


def test_devices_must_be_a_list_with_an_entry(tmp_path):
    content = "schema_version: 1\nmodel: a\ndevices: []\n" + GOOD[GOOD.index("network") :].replace("small", "host")
    assert faults_of(tmp_path, content) == [
        "$.devices: [] is not a list with an entry (write at least one entry that begins with -)"
    ]


def test_faults_of_links(tmp_path):
    links = """\
  kind: links
  links:
    - {from: host, to: host, per_message: 1us, bandwidth: 8Mbit/s}
    - {from: host, to: small, per_message: 1us, bandwidth: 8Mbit/s}
    - {from: small, to: host, per_message: 1us, bandwidth: 8Mbit/s, both_ways: false}
"""
    faults = faults_of(tmp_path, GOOD.split("  kind")[0] + links + "input: host\noutput: host\n")
    assert faults[0].startswith("$.network.links[0].to: a link joins a node with itself")
    assert faults[-1].startswith("$.network.links[2].to: there are two links from small to host")


def test_a_profile_beside_the_instance(tmp_path):
    mine = (shipped.path("profiles") / "m4.yaml").read_text().replace("name: m4", "name: mine")
    (tmp_path / "mine.yaml").write_text(mine)
    instance = load_instance(write(tmp_path, GOOD.replace("profile: m3", "profile: mine.yaml")))
    assert instance.devices[2].profile.name == "mine"


def test_faults_of_a_profile_are_shown_with_the_instance(tmp_path):
    (tmp_path / "mine.yaml").write_text("schema_version: 1\n")
    (fault,) = faults_of(tmp_path, GOOD.replace("profile: m3", "profile: mine.yaml"))
    assert fault.startswith("$.devices[1].profile: the profile has faults")
    assert "the key 'clock' is missing" in fault


@pytest.mark.parametrize("name", shipped.names("instances"))
def test_every_shipped_instance_reads(name):
    instance = load_instance(find_instance(name))
    assert instance.name == name
    assert instance.model.startswith("zoo:")


def test_an_unknown_instance_is_refused_with_the_nearest_name():
    with pytest.raises(InstanceError, match="did you mean mixed8"):
        find_instance("mxied8")


def test_a_link_with_a_fault_has_no_second_one(tmp_path):
    links = """\
  kind: links
  links:
    - {from: hots, to: small, per_message: 1us, bandwidth: 8Mbit/s}
    - {from: host, to: small, per_message: 1us, bandwidth: 8Mbit/s}
"""
    (fault,) = faults_of(tmp_path, GOOD.split("  kind")[0] + links + "input: host\noutput: host\n")
    assert fault.startswith("$.network.links[0].from: there is no node 'hots'")
