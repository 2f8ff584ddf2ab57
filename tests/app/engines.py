"""An engine for tests: the small head of `tests.heads`, faces where the test says, no detector, no waiting."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_app.controllers.head_overlay import head_overlay
from fields_app.controllers.people_export import ExportTools, PersonToExport, export_people
from fields_app.parameters import Parameter, parameters_of, read_all
from fields_app.session import Overlay, RestHead, Session
from fields_app.settings import ExportChoice
from fields_core.camera import project
from fields_core.datatypes import CROP_SIZE, DetectedFace, FaceCode, FaceCrop, HeadMesh, Photo, Reconstruction, Timings
from fields_core.detection.photo_file import load_photo, photo_from_array, photo_paths
from fields_core.errors import NoFaceError
from fields_core.expression.space import ExpressionSpace
from fields_core.expression.support import Support, measure_support
from fields_core.expression.tools import ExpressionTools
from fields_core.head.model import HeadModel
from fields_core.live.tracked import TrackedFace
from fields_core.pipeline import FusedReconstructions
from fields_core.progress import CancelToken, ProgressCallback
from tests.heads import tiny_head


@functools.cache
def _support() -> Support:
    head = HeadModel(tiny_head())
    return measure_support(ExpressionSpace(head), head)


class FakeEngine:
    """Finds ``faces`` faces side by side in every photo (none: `NoFaceError`); everything else is real.

    Attributes:
        gate: `reconstruct` and `mesh` wait while it is cleared, so that tests can look in between.
        weights: what `fuse` says each photo counted; None: all the same.
        closed: whether `close` was called.
    """

    def __init__(self, faces: int = 1) -> None:
        self.head = HeadModel(tiny_head())
        self.expression = ExpressionTools(self.head, support=_support())
        self.faces = faces
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.closed = False
        self.weights: NDArray[np.float64] | None = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return parameters_of(self.head)

    def rest_head(self) -> RestHead:
        code = self.head.neutral_code()
        texture = (self.head.albedo(code.albedo, size=64)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        return RestHead(neutral=code, code=code, mesh=self.head.mesh(code), texture=texture)

    def photos_in(self, paths: Sequence[Path]) -> list[Path]:
        return photo_paths(paths)

    def open_photo(self, source: Path | NDArray[Any]) -> Photo:
        return load_photo(source) if isinstance(source, Path) else photo_from_array(source)

    def sample_photo(self) -> Photo:
        return Photo(np.full((200, 300, 3), 120, np.uint8), Path("sample.png"))

    def reconstruct(self, photo: Photo, token: CancelToken) -> list[Reconstruction]:
        self._wait(token)
        if not self.faces:
            raise NoFaceError("No face found", remedy="Try another photo.")
        return [self._face(photo, i) for i in range(self.faces)]

    def refine(self, reconstruction: Reconstruction, token: CancelToken, shape: Tensor | None = None) -> Reconstruction:
        self._wait(token)
        refined = self._face(reconstruction.photo, 0, smile=0.9)
        return refined if shape is None else replace(refined, code=refined.code.replace(shape=shape))

    def fuse(self, reconstructions: Sequence[Reconstruction], token: CancelToken) -> FusedReconstructions:
        """With the mean shape, and half the expression so that one can tell."""
        self._wait(token)
        shape = torch.stack([r.code.shape for r in reconstructions]).mean(0)
        codes = [r.code.replace(shape=shape, expression=r.code.expression / 2) for r in reconstructions]
        fused = [
            replace(r, code=code, mesh=self.head.mesh(code)) for r, code in zip(reconstructions, codes, strict=True)
        ]
        weights = np.full(len(codes), 1.0 / len(codes)) if self.weights is None else self.weights
        return FusedReconstructions(fused, shape, weights)

    def adopt(self, photo: Photo, face: TrackedFace) -> Reconstruction:
        return replace(self._face(photo, 0), code=face.code, mesh=self.head.mesh(face.code))

    def mesh(self, code: FaceCode) -> HeadMesh:
        self._wait(CancelToken())
        return self.head.mesh(code)

    def overlay(self, reconstruction: Reconstruction) -> Overlay:
        return head_overlay(reconstruction)

    def export(
        self, people: Sequence[PersonToExport], choice: ExportChoice, report: ProgressCallback, token: CancelToken
    ) -> list[Path]:
        self._wait(token)
        tools = ExportTools(self.head, self.expression, load_photo, lambda face, code: replace(face, code=code))
        return export_people(people, tools, choice, report, token)

    def close(self) -> None:
        self.closed = True

    def _wait(self, token: CancelToken) -> None:
        self.started.set()
        while not self.gate.wait(0.01):
            token.raise_if_cancelled()
        token.raise_if_cancelled()

    def _face(self, photo: Photo, index: int, smile: float = 0.5) -> Reconstruction:
        code = self.head.neutral_code()
        expression = code.expression.clone()
        expression[:, self.head.expression_names.index("mouthSmileLeft")] = smile
        code = code.replace(expression=expression)
        mesh = self.head.mesh(code)
        side = min(photo.height, photo.width / self.faces)
        scale = side / CROP_SIZE
        crop_to_photo = np.array([[scale, 0.0, index * side], [0.0, scale, 0.0]])
        image = project(self.head.landmarks(self.head(code)), code.camera)[0].numpy()
        pixels = ((image + 1.0) * side - 1.0) / 2.0 + np.array([index * side, 0.0, 0.0])
        low, high = pixels[:, :2].min(0), pixels[:, :2].max(0)
        return Reconstruction(
            photo=photo,
            face=DetectedFace((low[0], low[1], high[0], high[1]), pixels.astype(np.float32), {}),
            crop=FaceCrop(np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8), crop_to_photo, image[:, :2]),
            code=code,
            mesh=mesh,
            landmark_error=0.009,
            timings=Timings(0.01, 0.02, 0.03),
        )


def values(session: Session, engine: FakeEngine) -> dict[str, float]:
    """The shown value of every parameter, by key."""
    code = session.code
    assert code is not None
    return dict(zip([p.key for p in engine.parameters], read_all(engine.parameters, code), strict=True))
