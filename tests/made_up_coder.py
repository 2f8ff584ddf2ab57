"""Codes out of nothing, and every way a photo can spoil a batch; importable by the processes of a batch."""

from __future__ import annotations

import os
from pathlib import Path

from fields_core.bulk.face_row import FaceRow
from fields_core.bulk.photo_coder import CodingSettings
from fields_core.errors import NoFaceError
from fields_core.head import HeadModel
from tests.heads import tiny_head


class MadeUpCoder:
    """Finds one face in a photo; none in "nobody", a bug in "bug"; "deadly" ends the process, "stop" is Ctrl-C."""

    def __init__(self, settings: CodingSettings) -> None:
        self.head = HeadModel(tiny_head())

    def rows(self, place: int, photo: str) -> list[FaceRow]:
        match Path(photo).name.split("-")[0]:
            case "nobody":
                raise NoFaceError(f"No face found in {photo}")
            case "bug":
                raise ZeroDivisionError("the unforeseen")
            case "stop":
                raise KeyboardInterrupt
            case "deadly":
                os._exit(1)
        code = self.head.neutral_code()
        return [FaceRow(place, photo, 1, width=10, height=10, landmark_error=place / 100, code=code, seconds=0.5)]
