"""Pictures between Qt and arrays."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from fields_app.pictures import pixels_of, read_thumbnail
from tests.app.photo_files import photos


class TestPictures:
    def test_transparent_pixels_lie_on_white(self, qtbot: QtBot) -> None:
        picture = QImage(3, 2, QImage.Format.Format_ARGB32)
        picture.fill(Qt.GlobalColor.transparent)
        assert (pixels_of(picture) == 255).all()

    def test_a_thumbnail_is_square_whatever_the_file(self, qtbot: QtBot, tmp_path: Path) -> None:
        path = photos(tmp_path, 1)[0]
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(b"no")
        for file in (path, broken):
            image = read_thumbnail(file)
            assert image.width() == image.height() == 128
