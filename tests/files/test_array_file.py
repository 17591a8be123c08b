from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from planner.errors import InputError
from planner.files.array_file import read_array, read_picture, write_arrays


def test_arrays_are_written_and_read(tmp_path):
    write_arrays(tmp_path / "y.npz", {"a": np.arange(3), "b.int8": np.zeros((2, 2), np.int8)})
    with np.load(tmp_path / "y.npz") as saved:
        assert sorted(saved.files) == ["a", "b.int8"]
        np.save(tmp_path / "a.npy", saved["a"])
    assert read_array(tmp_path / "a.npy").tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY"])
def test_what_is_no_array_is_refused(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"not an \.npy file"):
        read_array(tmp_path / "x.npy")


def test_objects_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([print]), allow_pickle=True)
    with pytest.raises(InputError, match=r"not an \.npy file"):
        read_array(tmp_path / "x.npy")


def test_several_arrays_are_refused(tmp_path):
    write_arrays(tmp_path / "x.npz", {"a": np.arange(3)})
    with pytest.raises(InputError, match="several arrays"):
        read_array(tmp_path / "x.npz")


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_a_picture_is_resized(tmp_path, channels, mode, suffix):
    Image.new(mode, (40, 10), "white").save(tmp_path / f"x.{suffix}")
    picture = read_picture(tmp_path / f"x.{suffix}", 5, 7, channels)
    assert picture.shape == (5, 7, channels)
    assert (picture == 255).all()


def test_pictures_for_other_depths_and_other_files_are_refused(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    (tmp_path / "y.png").write_bytes(b"text")
    with pytest.raises(InputError, match="1 or 3 channels"):
        read_picture(tmp_path / "x.png", 4, 4, 10)
    with pytest.raises(InputError, match="not a picture"):
        read_picture(tmp_path / "y.png", 4, 4, 1)
    with pytest.raises(InputError, match="cannot be read"):
        read_picture(tmp_path / "z.png", 4, 4, 1)
