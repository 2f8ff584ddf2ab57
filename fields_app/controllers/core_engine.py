"""The engine of the real program: `fields_core` behind the controllers' protocol. Slow to import: on a worker."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_app.controllers.head_overlay import head_overlay
from fields_app.controllers.people_export import ExportTools, PersonToExport, export_people
from fields_app.parameters import Parameter, parameters_of
from fields_app.session import Overlay, RestHead
from fields_app.settings import ExportChoice
from fields_core.datatypes import DetectedFace, FaceCode, HeadMesh, Photo, Reconstruction
from fields_core.detection.photo_file import load_photo, photo_from_array, photo_paths
from fields_core.expression.tools import ExpressionTools, load_tools
from fields_core.fitting.encoded_fit import encoder_for
from fields_core.head import load_head
from fields_core.head.model import HeadModel
from fields_core.live.tracked import TrackedFace
from fields_core.pipeline import FusedReconstructions, Reconstructor
from fields_core.progress import CancelToken, ProgressCallback

_REST_TEXTURE_SIZE = 1024


class CoreEngine:
    """Owns the head model and the reconstructor.

    Args:
        head: the user's choice of a head model; None takes the standard one.
        encoder: the user's choice of weights; left out where they are for another head model.
    """

    def __init__(self, head: Path | None = None, encoder: Path | None = None) -> None:
        self._head = load_head(head)
        self._turn = threading.Lock()  # the window and the batch queue share one detector
        self._reconstructor = Reconstructor(head=self._head, encoder=encoder_for(self._head, encoder))
        self._expression = load_tools(self._head, encoder)

    @property
    def head(self) -> HeadModel:
        return self._head

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return parameters_of(self._head)

    @property
    def expression(self) -> ExpressionTools:
        return self._expression

    def rest_head(self) -> RestHead:
        code = self._head.neutral_code()
        with torch.no_grad():
            albedo = self._head.albedo(code.albedo, size=_REST_TEXTURE_SIZE)[0]
        texture = (albedo.permute(1, 2, 0) * 255.0 + 0.5).to(torch.uint8).numpy()
        return RestHead(neutral=code, code=code, mesh=self._head.mesh(code), texture=np.ascontiguousarray(texture))

    def photos_in(self, paths: Sequence[Path]) -> list[Path]:
        return photo_paths(paths)

    def open_photo(self, source: Path | NDArray[Any]) -> Photo:
        return load_photo(source) if isinstance(source, Path) else photo_from_array(source)

    def sample_photo(self) -> Photo:
        from skimage import data

        return photo_from_array(data.astronaut(), Path("astronaut.png"))

    def reconstruct(self, photo: Photo, token: CancelToken) -> list[Reconstruction]:
        with self._turn:
            return self._reconstructor.reconstruct(photo, token=token)

    def refine(self, reconstruction: Reconstruction, token: CancelToken, shape: Tensor | None = None) -> Reconstruction:
        token.raise_if_cancelled()
        with self._turn:
            return self._reconstructor.refine(reconstruction, shape)

    def fuse(self, reconstructions: Sequence[Reconstruction], token: CancelToken) -> FusedReconstructions:
        with self._turn:
            return self._reconstructor.fuse(reconstructions, token)

    def adopt(self, photo: Photo, face: TrackedFace) -> Reconstruction:
        turn = math.degrees(math.atan2(face.crop_to_photo[1, 0], face.crop_to_photo[0, 0]))
        detected = DetectedFace(face.box, face.landmarks, {}, rotation_degrees=round(turn) % 360)
        with self._turn:
            return self._reconstructor.adopt(photo, detected, face.crop_to_photo, face.code)

    def mesh(self, code: FaceCode) -> HeadMesh:
        return self._head.mesh(code)

    def overlay(self, reconstruction: Reconstruction) -> Overlay:
        return head_overlay(reconstruction)

    def export(
        self, people: Sequence[PersonToExport], choice: ExportChoice, report: ProgressCallback, token: CancelToken
    ) -> list[Path]:
        tools = ExportTools(self._head, self._expression, load_photo, self._reconstructor.with_code)
        return export_people(people, tools, choice, report, token)

    def close(self) -> None:
        with self._turn:
            self._reconstructor.close()
