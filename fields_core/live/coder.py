"""From face crops to codes, one person at a time: by fitting landmarks, or by an encoder. Both behind one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.fitting import FitPriors, LandmarkFitter
from fields_core.fitting.landmark_fit import FitResult
from fields_core.head import HeadModel

if TYPE_CHECKING:
    from fields_core.encoder.runtime import EncoderRuntime
    from fields_core.fitting.encoded_fit import EncodedFit

_SUSPICIOUS_ERROR = 0.05  # of the eye distance: the warm start may have led into a wrong minimum


class FaceFollower(Protocol):
    """Codes of one person, frame after frame."""

    def __call__(self, crop: FaceCrop, scores: Mapping[str, float]) -> FitResult:
        """The code of the next frame (one row).

        Args:
            crop: of the face.
            scores: the detector's blendshape scores, a hint.

        Raises:
            FitError: the landmarks make no face.
        """
        ...

    def lock(self, shape: NDArray[np.float64]) -> None:
        """From now on the identity is ``shape`` (S,); only expression, pose and camera move."""
        ...

    def unlock(self) -> None:
        """Measure the identity again."""
        ...

    def forget(self) -> None:
        """The next frame does not follow the last one (the face was away)."""
        ...


class FaceCoder(Protocol):
    """Makes a follower for every person.

    Attributes:
        needs_pixels: whether its followers look at the crop's picture; where none does, none is cut out.
        needs_scores: whether they look at the detector's scores; where none does, the detector need not make them.
    """

    @property
    def needs_pixels(self) -> bool: ...

    @property
    def needs_scores(self) -> bool: ...

    def follow(self) -> FaceFollower: ...


class FittedCoder:
    """Fits the head model to the landmarks of every frame, starting from the frame before.

    Args:
        head: with landmarks.
        priors: of the fit.

    Raises:
        FitError: the head model has no landmarks.
    """

    needs_pixels, needs_scores = False, True

    def __init__(self, head: HeadModel, priors: FitPriors | None = None) -> None:
        self._head, self._priors = head, priors or FitPriors()
        self._free = LandmarkFitter(head, self._priors)

    def follow(self) -> FaceFollower:
        return _FittedFollower(self._head, self._priors, self._free)


class _FittedFollower:
    def __init__(self, head: HeadModel, priors: FitPriors, free: LandmarkFitter) -> None:
        self._head, self._priors, self._free = head, priors, free
        self._fitter = free
        self._last: FaceCode | None = None

    def __call__(self, crop: FaceCrop, scores: Mapping[str, float]) -> FitResult:
        result = self._fitter.fit(crop.landmarks[None], [scores], self._last)
        if self._last is not None and result.landmark_error[0] > _SUSPICIOUS_ERROR:
            cold = self._fitter.fit(crop.landmarks[None], [scores])
            result = cold if cold.landmark_error[0] < result.landmark_error[0] else result
        self._last = result.code
        return result

    def lock(self, shape: NDArray[np.float64]) -> None:
        self._fitter = LandmarkFitter(self._head, self._priors, shape)

    def unlock(self) -> None:
        self._fitter = self._free

    def forget(self) -> None:
        self._last = None


class EncodedCoder:
    """Asks an encoder at every frame; nothing is carried from frame to frame but a locked identity.

    Args:
        encoder: trained for ``head``.
        head: with landmarks.

    Raises:
        ModelFileError: the encoder's codes are not of this head model.
    """

    needs_pixels, needs_scores = True, False

    def __init__(self, encoder: EncoderRuntime, head: HeadModel) -> None:
        from fields_core.fitting.encoded_fit import EncodedFit  # 180 MB of libraries that a fit does not need

        self._fit = EncodedFit(encoder, head)

    def follow(self) -> FaceFollower:
        return _EncodedFollower(self._fit)


class _EncodedFollower:
    def __init__(self, fit: EncodedFit) -> None:
        self._fit = fit
        self._shape: torch.Tensor | None = None

    def __call__(self, crop: FaceCrop, scores: Mapping[str, float]) -> FitResult:
        result = self._fit.fit([crop])
        if self._shape is None:
            return result
        code = result.code.replace(shape=self._shape.clone())
        return FitResult(code, result.landmark_error, result.converged, result.iterations)

    def lock(self, shape: NDArray[np.float64]) -> None:
        self._shape = torch.from_numpy(shape[None].astype(np.float32))

    def unlock(self) -> None:
        self._shape = None

    def forget(self) -> None:
        """Every frame stands for itself anyway."""
