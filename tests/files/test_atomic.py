from __future__ import annotations

import pytest

from planner.errors import InputError
from planner.files import atomic


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    atomic.write_text(tmp_path / "deep" / "a.txt", "old")
    atomic.write_text(tmp_path / "deep" / "a.txt", "new")
    assert (tmp_path / "deep" / "a.txt").read_text() == "new"
    assert names(tmp_path / "deep") == ["a.txt"]


def test_a_folder_in_the_way_is_refused(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        atomic.write_text(tmp_path / "a.txt", "new")
    assert names(tmp_path) == ["a.txt"]


def test_a_directory_of_ours_is_replaced_whole(tmp_path):
    for name in ("old", "new"):
        with atomic.new_directory(tmp_path / "out", marker="plan.json") as folder:
            (folder / "plan.json").write_text(name)
            (folder / name).write_text(name)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["new", "plan.json"]


def test_a_failure_leaves_the_old_directory(tmp_path):
    with atomic.new_directory(tmp_path / "out", marker="plan.json") as folder:
        (folder / "plan.json").write_text("old")
    with pytest.raises(KeyError), atomic.new_directory(tmp_path / "out", marker="plan.json") as folder:
        (folder / "plan.json").write_text("new")
        raise KeyError
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "plan.json").read_text() == "old"


def test_a_directory_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    with (
        pytest.raises(InputError, match="not a directory that planner wrote"),
        atomic.new_directory(tmp_path / "home", marker="plan.json"),
    ):
        pass
    assert names(tmp_path / "home") == ["letter"]
