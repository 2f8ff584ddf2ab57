"""One shape for several photos of one person.

The fused shape is a robust mean of the photos' own shapes, each weighted by how frontal it is and by how well its
landmarks were met; then everything else of each photo is fitted again with the shape held. Sums of the photos' normal
equations (a bundle adjustment) were tried and are no better: the errors of landmarks are smooth over a face, so what a
photo seems to tell is several times what it does tell, and the prior is needed once per photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.datatypes import FaceCode
from fields_core.errors import FitError
from fields_core.fitting.landmark_fit import FitResult, LandmarkFitter
from fields_core.fitting.rotation import rotation_matrices

Array = NDArray[np.float64]

_LEAST_VIEW = 0.7  # weight of a profile; of the front: 1. On perfect landmarks no view is worse, on photos profiles are
_POOR_ERROR = 0.06  # of the distance of the irises: where a fit counts as poor
_REWEIGHTINGS = 20
_CONTRADICTION = 4.0  # a shape this many times as far from the mean as most counts a quarter


@dataclass(frozen=True, eq=False)
class FusedShape:
    """What N photos of one person say together."""

    shape: Tensor
    """(1, S) standard deviations, float32."""
    fit: FitResult
    """N rows: each photo's code with the fused shape, everything else fitted to it."""
    weights: Array
    """(N,) what each photo counted, sum 1. One far below the others may be of somebody else."""


def fuse_shapes(
    fitter: LandmarkFitter,
    landmarks: NDArray[np.floating],
    scores: Sequence[Mapping[str, float]] | None,
    codes: FaceCode,
    landmark_errors: Array,
) -> FusedShape:
    """Fuse the shapes of N photos of one person.

    Args:
        fitter: fits what is not shape.
        landmarks: (N, 478, 2) image frame.
        scores: MediaPipe's blendshape scores of each photo.
        codes: N single fits, of each photo alone.
        landmark_errors: (N,) of these fits.

    Raises:
        FitError: no photo, or landmarks that make no face.
    """
    if not len(codes):
        raise FitError("There is no photo to take a shape from", expected="one photo or more", found="none")
    shapes = codes.shape.detach().cpu().double().numpy()
    trust = view_weights(codes) / (1.0 + (np.asarray(landmark_errors) / _POOR_ERROR) ** 2)
    weights = _robust_weights(shapes, trust)
    shape = torch.from_numpy(weights @ shapes).float()[None]
    return FusedShape(shape, fitter.fit(landmarks, scores, codes, shape), weights)


def view_weights(codes: FaceCode) -> Array:
    """(N,) how much of its face each photo shows: 1 from the front, falling with the cosine of the angle to it."""
    forward = rotation_matrices(codes.head_pose.detach().cpu().double().numpy())[:, 2, 2]
    return np.asarray(np.maximum(forward, _LEAST_VIEW))


def _robust_weights(shapes: Array, trust: Array) -> Array:
    """(N, S), (N,) -> (N,) sum 1: iteratively reweighted mean with the loss of Geman and McClure (1987).

    The scale is the median distance, so nothing is thrown out of photos that differ equally. Of one or two photos
    nobody can say which is wrong.
    """
    weights = trust / trust.sum()
    if len(shapes) < 3:
        return np.asarray(weights)
    centre = np.median(shapes, axis=0)
    for _ in range(_REWEIGHTINGS):
        squared = ((shapes - centre) ** 2).sum(axis=1)
        scale = _CONTRADICTION**2 * max(float(np.median(squared)), 1e-12)
        weights = trust * (scale / (squared + scale)) ** 2
        weights = weights / weights.sum()
        centre = weights @ shapes
    return np.asarray(weights)
