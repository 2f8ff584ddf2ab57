"""A small project for tests: two photos, three faces, one identity, on the small head of `tests.heads`."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fields_core.datatypes import CROP_SIZE, DetectedFace, FaceCode, FaceCrop
from fields_core.head.model import HeadModel
from fields_core.project import Project, ProjectFace, ProjectIdentity, ProjectPhoto, thumbnail


def same_code(one: FaceCode, other: FaceCode) -> bool:
    """Whether two codes are the same to the bit."""
    return all(torch.equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(FaceCode))


def make_photo(path: Path, seed: int = 0) -> Path:
    """A picture file of 160 x 120 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (120, 160, 3), dtype=np.uint8)).save(path)
    return path


def make_face(head: HeadModel, photo: int, seed: int) -> ProjectFace:
    noise = np.random.default_rng(seed)
    original = head.neutral_code()
    expression = torch.from_numpy(noise.random((1, head.n_expression), np.float32))
    return ProjectFace(
        photo=photo,
        face=DetectedFace(
            (1.5, 2.0, 90.25, 100.0), noise.random((478, 3), np.float32), {"jawOpen": 0.25}, rotation_degrees=90
        ),
        crop=FaceCrop(
            noise.integers(0, 255, (CROP_SIZE, CROP_SIZE, 3), dtype=np.uint8),
            noise.random((2, 3)),
            noise.random((478, 2), np.float32),
        ),
        original=original,
        code=original.replace(expression=expression),
        landmark_error=0.012,
        warning="Partly hidden." if seed else "",
        texture=noise.integers(0, 255, (32, 32, 3), dtype=np.uint8) if seed else None,
        id=f"face-{seed}",
        name="Anna" if seed else "",
        identity=0 if seed else -1,
    )


def make_project(head: HeadModel, folder: Path) -> Project:
    """Its photos lie in ``folder``."""
    photos = tuple(
        ProjectPhoto(
            path.name,
            160,
            120,
            path=path,
            thumbnail=thumbnail(np.full((120, 160, 3), 90 + i, np.uint8)),
            reconstructed=i == 0,
            id=f"photo-{i}",
        )
        for i, path in enumerate(make_photo(folder / f"photo {i}.png", i) for i in range(2))
    )
    return Project(
        head_model=head.name,
        expression_names=head.expression_names,
        photos=photos,
        faces=(make_face(head, 0, 0), make_face(head, 0, 1), make_face(head, 1, 2)),
        identities=(
            ProjectIdentity("Anna", np.full(head.n_shape, 0.5, np.float32), id="anna"),
            ProjectIdentity("Bert", rest=make_face(head, 0, 5).code, id="bert"),
        ),
        selected_photo=0,
        selected_face=1,
        view={"mode": "textured", "overlay": True, "opacity": 0.5},
    )


def with_pasted_picture(project: Project) -> Project:
    pixels = np.random.default_rng(7).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    return replace(project, photos=(*project.photos, ProjectPhoto("picture", 60, 40, pixels=pixels, id="pasted")))
