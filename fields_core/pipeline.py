"""The one door: from a photo to editable heads. Command line and window use nothing else to reconstruct."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.camera import project
from fields_core.datatypes import CROP_SIZE, DetectedFace, FaceCode, FaceCrop, Photo, Reconstruction, Timings
from fields_core.detection.crop import crop_face, invert, pixels_to_image, sample, transform
from fields_core.detection.face_detector import FaceDetector
from fields_core.errors import FieldsError, NoFaceError
from fields_core.fitting import FitPriors, LandmarkFitter, landmark_errors
from fields_core.fitting.shape_fusion import fuse_shapes
from fields_core.head import HeadModel, load_head
from fields_core.progress import CancelToken
from fields_core.render import AppearanceFitter, TextureProjector

if TYPE_CHECKING:
    from fields_core.encoder.runtime import EncoderRuntime
    from fields_core.fitting.encoded_fit import EncodedFit

TEXTURE_SIZE = 1024


@dataclass(frozen=True, eq=False)
class FusedReconstructions:
    """Several photos of one person."""

    reconstructions: list[Reconstruction]
    """In the order given, all with the same shape."""
    shape: Tensor
    """(1, S) standard deviations."""
    weights: NDArray[np.float64]
    """(N,) what each photo counted, sum 1."""


class Reconstructor:
    """Turns photos into heads. One call at a time, from any one thread; close it, or use it with ``with``.

    Args:
        head: the head model; None loads the open head.
        detector: for photos; None makes one. The reconstructor closes only a detector that it made itself.
        encoder: predicts the first code of each face, for `refine` to fit closer; None fits every face.

    Attributes:
        head: the head model in use.

    Raises:
        AssetMissingError: head model or face landmarker are nowhere to be found.
        FitError: the head model has no landmarks.
        ModelFileError: the encoder's codes are not of this head model.
    """

    def __init__(
        self,
        head: HeadModel | None = None,
        detector: FaceDetector | None = None,
        encoder: EncoderRuntime | None = None,
    ) -> None:
        self.head = head if head is not None else load_head()
        self._encoder = None if encoder is None else _encoded_fit(encoder, self.head)
        self._fitter = LandmarkFitter(self.head)
        self._refiner = LandmarkFitter(self.head, FitPriors.fine())
        self._appearance = AppearanceFitter(self.head)
        self._projector: TextureProjector | None = None  # made when the first texture is asked for: that takes longer
        self._owns_detector = detector is None
        self._detector = detector if detector is not None else FaceDetector()

    def reconstruct(
        self, photo: Photo, *, texture: bool = True, token: CancelToken | None = None
    ) -> list[Reconstruction]:
        """All faces of a photo, in the detector's order.

        Args:
            photo: upright RGB.
            texture: also project the photo onto the head.
            token: looked at between the stages of every face.

        Raises:
            NoFaceError: no face was found.
            FitError: not one of the faces could be fitted; if some can, the others are left out.
            Cancelled: the token was cancelled.
        """
        token = token or CancelToken()
        token.raise_if_cancelled()
        start = time.perf_counter()
        faces = self._detector.detect(photo)
        if not faces:
            raise NoFaceError(
                f"No face found in {photo.file_name}",
                expected="at least one face, seen from the front or the side, some 12 pixels wide or more",
                found=f"none in {photo.width} x {photo.height} pixels",
                remedy="Use a larger or sharper photo, or crop it to the face.",
            )
        crops = [crop_face(photo, face) for face in faces]
        detect = (time.perf_counter() - start) / len(faces)
        results, failure = [], None
        for face, crop in zip(faces, crops, strict=True):
            token.raise_if_cancelled()
            try:
                results.append(self._one(photo, face, crop, detect, texture, token))
            except FieldsError as error:
                failure = error
        if failure is not None and not results:
            raise failure
        return results

    def refine(self, reconstruction: Reconstruction, shape: Tensor | None = None) -> Reconstruction:
        """Fit again, closer: from the present code, with all shape coefficients and weaker priors.

        Args:
            reconstruction: where to start.
            shape: (1, S) the person's shape where several photos gave it; it is kept. None: fit it too.

        Raises:
            FitError: the landmarks make no face.
        """
        start = time.perf_counter()
        crop = reconstruction.crop
        result = self._refiner.fit(crop.landmarks[None], [reconstruction.face.scores], reconstruction.code, shape)
        fitted = self._appearance.fit([crop], result.code)
        seconds = time.perf_counter() - start
        textured = self._textured(replace(reconstruction, code=fitted), reconstruction.texture is not None)
        return replace(
            textured,
            mesh=self.head.mesh(fitted),
            landmark_error=float(result.landmark_error[0]),
            warning=result.warning(0),
            timings=replace(textured.timings, fit=seconds),
        )

    def fuse(self, reconstructions: Sequence[Reconstruction], token: CancelToken | None = None) -> FusedReconstructions:
        """One person in several photos: the shape from all, camera, pose and expression of each fitted to it.

        Textures stay as they are; `refine` with the fused shape projects them again.

        Args:
            reconstructions: one person's, each of a photo alone.
            token: looked at before and after the fit.

        Raises:
            FitError: there is none.
            Cancelled: the token was cancelled.
        """
        token = token or CancelToken()
        token.raise_if_cancelled()
        landmarks = np.stack([r.crop.landmarks for r in reconstructions]) if reconstructions else np.zeros((0, 478, 2))
        codes = FaceCode.concatenate([self.head.neutral_code(0), *(r.code for r in reconstructions)])
        errors = np.array([r.landmark_error for r in reconstructions])
        fused = fuse_shapes(self._fitter, landmarks, [r.face.scores for r in reconstructions], codes, errors)
        token.raise_if_cancelled()
        return FusedReconstructions(
            [
                replace(
                    reconstruction,
                    code=fused.fit.code[i],
                    mesh=self.head.mesh(fused.fit.code[i]),
                    landmark_error=float(fused.fit.landmark_error[i]),
                    warning=fused.fit.warning(i),
                )
                for i, reconstruction in enumerate(reconstructions)
            ],
            fused.shape,
            fused.weights,
        )

    def with_code(self, reconstruction: Reconstruction, code: FaceCode) -> Reconstruction:
        """The same face with an edited code: new mesh, same texture. The landmark error is that of the edited head."""
        with torch.no_grad():
            points = project(self.head.landmarks(self.head(code)), code.camera)[0, :, :2]
        seen = reconstruction.crop.landmarks[None]
        error = landmark_errors(points[None].double().cpu().numpy(), seen, self.head.landmark_ids.cpu().numpy())
        return replace(reconstruction, code=code, mesh=self.head.mesh(code), landmark_error=float(error[0]))

    def adopt(
        self, photo: Photo, face: DetectedFace, crop_to_photo: NDArray[np.float64], code: FaceCode
    ) -> Reconstruction:
        """A face whose code is known already, as that of a tracked frame: its light, skin, mesh and texture.

        Args:
            photo: the picture.
            face: where it is there.
            crop_to_photo: (2, 3) of the crop that the code's camera belongs to.
            code: one row.
        """
        start = time.perf_counter()
        points = transform(invert(crop_to_photo), face.landmarks[:, :2])
        image = sample(photo.pixels, crop_to_photo, CROP_SIZE)
        crop = FaceCrop(image, crop_to_photo, pixels_to_image(points, CROP_SIZE).astype(np.float32))
        fitted = self._appearance.fit([crop], code)
        blank = Reconstruction(photo, face, crop, fitted, self.head.mesh(fitted), 0.0)
        found = self.with_code(blank, fitted)
        return self._textured(replace(found, timings=Timings(fit=time.perf_counter() - start)), wanted=True)

    def close(self) -> None:
        """Free the detector's networks; safe to repeat."""
        if self._owns_detector:
            self._detector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _one(
        self, photo: Photo, face: DetectedFace, crop: FaceCrop, detect: float, texture: bool, token: CancelToken
    ) -> Reconstruction:
        start = time.perf_counter()
        if self._encoder is None:
            result = self._fitter.fit(crop.landmarks[None], [face.scores])
        else:
            result = self._encoder.fit([crop])
        fit = time.perf_counter() - start
        token.raise_if_cancelled()
        code = self._appearance.fit([crop], result.code)
        bare = Reconstruction(
            photo=photo,
            face=face,
            crop=crop,
            code=code,
            mesh=self.head.mesh(code),
            landmark_error=float(result.landmark_error[0]),
            warning=result.warning(0),
            timings=Timings(detect=detect, fit=fit),
        )
        token.raise_if_cancelled()
        return self._textured(bare, texture)

    def _textured(self, reconstruction: Reconstruction, wanted: bool) -> Reconstruction:
        if not wanted or not len(self.head.uv):
            return replace(reconstruction, texture=None)
        start = time.perf_counter()
        if self._projector is None:
            self._projector = TextureProjector(self.head, TEXTURE_SIZE)
        texture = self._projector.project(reconstruction.photo, reconstruction.crop, reconstruction.code)
        timings = replace(reconstruction.timings, texture=time.perf_counter() - start)
        return replace(reconstruction, texture=texture, timings=timings)


def _encoded_fit(encoder: EncoderRuntime, head: HeadModel) -> EncodedFit:
    from fields_core.fitting.encoded_fit import EncodedFit  # 180 MB of libraries that a fit does not need

    return EncodedFit(encoder, head)
