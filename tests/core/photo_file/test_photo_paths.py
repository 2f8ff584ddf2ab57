"""Files, folders and patterns become the paths of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fields_core.detection.photo_file import photo_paths
from fields_core.errors import PhotoError


def test_paths_of_files_folders_and_patterns(tmp_path: Path, quadrants: np.ndarray) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "sub/c.webp"):
        (tmp_path / name).write_bytes(b"x")
    a, b, c = tmp_path / "a.png", tmp_path / "b.JPG", tmp_path / "sub" / "c.webp"
    assert photo_paths([tmp_path]) == [a, b]
    assert photo_paths([str(tmp_path / "*")]) == [a, b]
    assert photo_paths([str(tmp_path / "**" / "*"), a, tmp_path]) == [a, b, c]
    assert photo_paths([tmp_path / "notes.txt", tmp_path / "gone.jpg"]) == [
        tmp_path / "gone.jpg",
        tmp_path / "notes.txt",
    ]


def test_file_with_brackets_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "party[1].jpg"
    path.write_bytes(b"x")
    assert photo_paths([path]) == [path]


def test_no_picture_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="No picture in"):
        photo_paths([tmp_path, tmp_path / "*.jpg"])
    with pytest.raises(PhotoError, match="No picture was named"):
        photo_paths([])
