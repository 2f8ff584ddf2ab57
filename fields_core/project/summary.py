"""What can be said of a project without opening it: for lists of recent projects and for the offer to recover one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.project.container import open_container
from fields_core.project.pictures import THUMBNAIL_SIDE, decode
from fields_core.project.project import Scalar
from fields_core.project.reading import JSON_BYTES, MAX_FACES, PICTURE_BYTES
from fields_core.project.schema import parse


@dataclass(frozen=True, eq=False)
class ProjectSummary:
    """A look through the window of a project."""

    photos: int
    faces: int
    thumbnail: NDArray[np.uint8] | None
    """(h, w, 3) RGB of the photo that was on show, or of the first that has one."""
    view: Mapping[str, Scalar]


def read_summary(path: Path) -> ProjectSummary:
    """Look into a project, whichever head model it belongs to.

    Raises:
        ProjectError: missing, damaged, or written by a newer program.
    """
    with open_container(path) as container:
        record = parse(path, container.read("project.json", JSON_BYTES))
        photos = record.records("photos", MAX_FACES)
        shown = record.integer("selected_photo", -1, len(photos) - 1)
        order = [shown, *range(len(photos))] if shown >= 0 else list(range(len(photos)))
        index = next((i for i in order if photos[i].flag("thumbnail")), None)
        picture = None
        if index is not None:
            member = f"thumbnails/{index}.png"
            data = container.read(member, PICTURE_BYTES)
            picture = decode(path, member, data, least=1, greatest=THUMBNAIL_SIDE)
        faces = len(record.records("faces", MAX_FACES))
        return ProjectSummary(len(photos), faces, picture, record.scalars("view"))
