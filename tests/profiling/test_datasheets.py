from __future__ import annotations

import pytest

from planner.data.hardware import Provenance
from planner.files import shipped
from planner.files.profile_file import load_profile
from planner.profiling.datasheets import BOARDS, derived_profile


def load(name):
    return load_profile(shipped.path("profiles") / f"{name}.yaml")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_shipped_datasheet_profiles_follow_from_the_measured_ones(board):
    profile = derived_profile(board, {board.nearest: load(board.nearest)})
    assert profile == load(board.name)
    assert profile.hardware_source.provenance is Provenance.DATASHEET
    assert profile.cycles_source.provenance is Provenance.GUESSED


def test_a_factor_scales_every_cycle():
    board = next(board for board in BOARDS if board.cycle_factor == 2)
    nearest = load(board.nearest)
    cycles = derived_profile(board, {board.nearest: nearest}).cycles
    assert cycles["copy"]["outputs"] == pytest.approx(2 * nearest.cycles["copy"]["outputs"], rel=1e-5)
