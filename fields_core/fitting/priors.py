"""What the fit believes before it looks at the landmarks: bounds, couplings and Gaussian priors of every unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fields_core.fitting.landmark_model import Unknowns
from fields_core.fitting.solver import Constraints, Prior
from fields_core.head.model import HeadModel

Array = NDArray[np.float64]

# Shown the open head with one unit at 1, MediaPipe's score for it rises to .85 (smile), .75 (blink, jawOpen), .46
# (browInnerUp) and .45 (pucker); for most others it hardly moves.
_TRUSTED_SCORES = (
    "mouthSmileLeft",
    "mouthSmileRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "jawOpen",
    "browInnerUp",
    "mouthPucker",
)
# Seen from the front these hardly differ from a longer nose, fuller cheeks or a chin held forward.
_DOUBTFUL = frozenset({"noseSneerLeft", "noseSneerRight", "cheekPuff", "jawForward"})
_SCORE_OF_REST = 0.05  # what a face at rest is often given


@dataclass(frozen=True)
class FitPriors:
    """Strengths of the priors; angles in radians.

    The neighbouring landmarks' errors are far from independent, so ``landmark_sigma`` is several times the error of
    one landmark: it sets how many standard deviations of identity a given misfit is worth.

    The strengths were chosen on studio photos (Face Research Lab London Set, every other person of 001 to 079, neutral
    and smiling) so that neutral faces get hardly any expression and identities about half a standard deviation a
    coefficient; which units are doubtful was decided on in-the-wild photos.
    """

    n_shape: int = 60
    """Leading shape coefficients that landmarks can tell (99 % of the open head's variance is in 62)."""
    landmark_sigma: float = 0.03
    """Of the landmarks' extent (about the eye distance)."""
    pair_sigma: float = 0.01
    """The same for the distance between lids and between lips."""
    outlier_sigmas: float = 10.0
    """Where the robust loss starts to let go of a landmark."""
    shape_sigma: float = 1.0
    unit_sigma: float = 0.2
    """Spread of a named unit in [0, 1] around its mean."""
    unit_sparsity: float = 0.3
    """How far below zero the mean of an unneeded unit lies: the L1 part of the prior."""
    free_sigma: float = 1.0
    """Spread of unnamed expression coefficients (FLAME), standard deviations."""
    doubtful_sparsity: float = 1.0
    """The same for units that landmarks confuse with identity and head pose."""
    jaw_sideways_sigma: float = 0.02
    gaze_sigma: float = 0.35
    vergence_sigma: float = 0.05
    max_iterations: int = 30
    tolerance: float = 1e-4

    @classmethod
    def fine(cls) -> FitPriors:
        """For a second, closer look that may take longer: every shape coefficient, half the trust in the priors."""
        default = cls()
        return replace(default, n_shape=1000, landmark_sigma=default.landmark_sigma / 2, max_iterations=100)

    def constraints(self, head: HeadModel, unknowns: Unknowns) -> Constraints:
        """Bounds, and mouthClose <= jaw opening where the head has that unit (ARKit: lips close an open jaw)."""
        u = unknowns
        lower, upper = np.full(u.size, -np.inf), np.full(u.size, np.inf)
        lower[0] = 1e-3  # the scale of the camera
        lower[u.jaw_pose], upper[u.jaw_pose] = (0.0, -0.1, -0.1), (head.jaw_open_radians, 0.1, 0.1)
        lower[u.gaze], upper[u.gaze] = (-0.6, -0.8, -0.3), (0.6, 0.8, 0.3)
        lower[u.eyelids], upper[u.eyelids] = 0.0, 0.0 if _has_blink(head) else 1.0
        lower[u.shape], upper[u.shape] = -4.0, 4.0
        bounds = head.expression_bounds.detach().cpu().double().numpy()
        lower[u.expression], upper[u.expression] = bounds[:, 0], bounds[:, 1]
        if "mouthClose" not in head.expression_names:
            return Constraints(lower, upper)
        row = np.zeros((1, u.size))
        row[0, u.expression.start + head.expression_names.index("mouthClose")] = 1.0
        row[0, u.jaw_pose.start] = -1.0 / head.jaw_open_radians
        return Constraints(lower, upper, row, np.zeros(1))

    def prior(
        self, head: HeadModel, unknowns: Unknowns, batch: int, scores: Sequence[Mapping[str, float]] | None
    ) -> Prior:
        """Means and precisions of ``batch`` faces."""
        u = unknowns
        mean, sigma = np.zeros((batch, u.size)), np.full((batch, u.size), np.inf)
        sigma[:, u.shape] = self.shape_sigma
        opening = self.unit_sigma * head.jaw_open_radians
        mean[:, u.jaw_pose.start] = -self.unit_sparsity * head.jaw_open_radians
        sigma[:, u.jaw_pose] = (opening, self.jaw_sideways_sigma, self.jaw_sideways_sigma)
        sigma[:, u.gaze] = (self.gaze_sigma, self.gaze_sigma, self.vergence_sigma)
        sigma[:, u.eyelids] = self.unit_sigma
        bounds = head.expression_bounds.detach().cpu().double().numpy()
        one_sided = bounds[:, 0] >= 0.0
        sigma[:, u.expression] = np.where(one_sided, self.unit_sigma, self.free_sigma)
        doubtful = np.array([name in _DOUBTFUL for name in head.expression_names], dtype=bool)
        sparsity = np.where(doubtful, self.doubtful_sparsity, self.unit_sparsity)
        mean[:, u.expression] = np.where(one_sided, -sparsity, 0.0)
        if scores is not None:
            self._hint(head, u, mean, scores)
        return Prior(mean, 1.0 / sigma**2)

    def _hint(self, head: HeadModel, u: Unknowns, mean: Array, scores: Sequence[Mapping[str, float]]) -> None:
        """Move the means of the trusted units towards the detector's scores, in place."""
        for name in _TRUSTED_SCORES:
            score = np.array([float(face.get(name, 0.0)) for face in scores])
            score = np.clip((score - _SCORE_OF_REST) / (1.0 - _SCORE_OF_REST), 0.0, 1.0)
            wanted = score - (1.0 - score) * self.unit_sparsity
            if name == "jawOpen":
                mean[:, u.jaw_pose.start] = wanted * head.jaw_open_radians
            elif name in head.expression_names:
                mean[:, u.expression.start + head.expression_names.index(name)] = wanted


def _has_blink(head: HeadModel) -> bool:
    return "eyeBlinkLeft" in head.expression_names
