"""What a project holds: photos, the faces found in them with the user's edits, and whose faces they are. No meshes.

Meshes follow from the codes, so they are never stored. Everything is plain data; the window makes its own state of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import DetectedFace, FaceCode, FaceCrop

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Fingerprint:
    """By which a photo is known again wherever it has been moved to."""

    sha256: str
    """Of the file's bytes, lower-case hexadecimal."""
    size: int
    """Bytes."""


@dataclass(frozen=True, eq=False)
class ProjectPhoto:
    """One photo, by reference to its file; or its pixels, where it never had one (a pasted picture)."""

    name: str
    """For the user: the file's name, or "picture"."""
    width: int
    """Pixels, as `load_photo` gives it: face boxes and crops are in these. 0: it was never looked at."""
    height: int
    path: Path | None = None
    """Where the file is; None for a pasted picture, or one that was not found when the project was read."""
    pixels: NDArray[np.uint8] | None = field(default=None, repr=False)
    """(height, width, 3) RGB of a picture without a file; it is always embedded."""
    embedded: bool = False
    """Whether the project carries the file itself."""
    fingerprint: Fingerprint | None = None
    """Known once the project has been written; None before, and for a picture without a file."""
    thumbnail: NDArray[np.uint8] | None = field(default=None, repr=False)
    """(h, w, 3) RGB, the longer side 256 pixels or less."""
    reconstructed: bool = True
    """Whether faces have been looked for in it."""
    id: str = ""
    """Unique and lasting."""
    sought: tuple[Path, ...] = ()
    """Of a photo that was not found: where it was looked for."""

    @property
    def missing(self) -> bool:
        return self.path is None and self.pixels is None


@dataclass(frozen=True, eq=False)
class ProjectFace:
    """One face of one photo: what was found and fitted, and what the user made of it."""

    photo: int
    """Index into the project's photos."""
    face: DetectedFace
    crop: FaceCrop
    original: FaceCode
    """As fitted. One face; float32."""
    code: FaceCode
    """With the user's edits. One face; float32."""
    landmark_error: float
    warning: str = ""
    texture: NDArray[np.uint8] | None = field(default=None, repr=False)
    """(T, T, 3) RGB in the head model's UV layout."""
    id: str = ""
    """Unique and lasting."""
    name: str = ""
    identity: int = -1
    """Index into the project's identities; -1: not said whose face it is."""


@dataclass(frozen=True, eq=False)
class ProjectIdentity:
    """A person who may be in several photos."""

    name: str
    shape: NDArray[np.float32] | None = field(default=None, repr=False)
    """(S,) identity coefficients fused from all photos, standard deviations; None until they were fused."""
    rest: FaceCode | None = field(default=None, repr=False)
    """This person's face at rest (one face); None until the user says which it is."""
    id: str = ""
    """Unique and lasting."""


@dataclass(frozen=True, eq=False)
class Project:
    """Everything a user would miss if it were gone."""

    head_model: str
    """Name of the head model that the codes belong to."""
    expression_names: tuple[str, ...]
    photos: tuple[ProjectPhoto, ...] = ()
    faces: tuple[ProjectFace, ...] = ()
    """Of all photos; those of one photo in the order in which they are shown."""
    identities: tuple[ProjectIdentity, ...] = ()
    selected_photo: int = -1
    selected_face: int = -1
    """Index into ``faces``; -1: none."""
    rest: FaceCode | None = None
    """The edited head on show while there is no photo; None if it was not edited."""
    view: Mapping[str, Scalar] = field(default_factory=dict)
    """How the window showed it, by names that the window chooses."""

    def __post_init__(self) -> None:
        """Raises: ValueError for an index that points nowhere."""
        if not -1 <= self.selected_photo < len(self.photos) or not -1 <= self.selected_face < len(self.faces):
            raise ValueError("the selection must be among the photos and faces")
        for face in self.faces:
            if not 0 <= face.photo < len(self.photos) or not -1 <= face.identity < len(self.identities):
                raise ValueError("every face must be of a photo, and of an identity or none")
