from __future__ import annotations

import json
from dataclasses import replace

import pytest

from planner.data.graph import Arithmetic
from planner.data.plan import Await, Buffer, Compute, Content, Message, Operand, Plan, Program, Ready, Transfer, View
from planner.data.region import Region
from planner.errors import InputError
from planner.files.instance_file import find_instance, load_instance
from planner.files.plan_file import PlanFile, load_plan, save_plan

BOX = Region(0, 2, 0, 3, 0, 4)
OPERAND = Operand("t", BOX, (View(1, 0, 2, 3, 4, 12, 4),))
PROGRAM = Program(
    node=0,
    buffers=(Buffer("slots", 16, 0, 0, 4), Buffer("t", 24, 24, 0, 4)),
    slots=1,
    steps=(Compute("op", (OPERAND, None), OPERAND, 5), Ready(0), Transfer(0, OPERAND), Await(0)),
)
PLAN = Plan(
    model_hash="abc",
    cluster_id=7,
    arithmetic=Arithmetic.TFLM,
    programs=(PROGRAM, replace(PROGRAM, node=1)),
    messages=(Message(0, 1, "t", BOX, Content.VALUES, 24, 1000, ("out:0", "in:1"), 0, 0),),
)


@pytest.fixture
def saved(tmp_path):
    file = PlanFile({"status": "FEASIBLE"}, load_instance(find_instance("m7x1")), PLAN, {"m7": "ab" * 32})
    save_plan(file, tmp_path / "plan.json")
    return file, tmp_path / "plan.json"


def test_a_saved_plan_reads_back_equal(saved):
    file, path = saved
    assert load_plan(path) == file


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.update(schema_version=9), "version 9 is not supported"),
        (lambda c: c.update(binary_hashes={"m7": 1}), r"\$.binary_hashes.m7: int where str belongs"),
        (lambda c: c.pop("plan"), "'plan'"),
        (lambda c: c["plan"].update(cluster_id="7"), r"\$.plan.cluster_id: str where int belongs"),
        (lambda c: c["plan"].update(cluster_id=True), r"\$.plan.cluster_id: bool where int belongs"),
        (lambda c: c["plan"].update(arithmetic="exact"), r"\$.plan.arithmetic: 'exact' is not a valid"),
        (lambda c: c["plan"].update(extra=1), r"\$.plan: keys \['extra'\] are missing or unknown"),
        (lambda c: c["plan"]["programs"][0]["steps"][1].update(type="Jump"), r"steps\[1\]: unknown type 'Jump'"),
        (lambda c: c["plan"]["messages"][0].update(ports="x"), r"messages\[0\].ports: str where list belongs"),
        (lambda c: c["instance"]["devices"][0]["profile"].update(cycles_per_instruction="1/0"), "Fraction"),
    ],
)
def test_a_damaged_plan_is_refused_with_the_place(saved, edit, message):
    _, path = saved
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        load_plan(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_something_else_is_refused(tmp_path, content):
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises(InputError, match="not a plan"):
        load_plan(tmp_path / "plan.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_plan(tmp_path / "plan.json")
