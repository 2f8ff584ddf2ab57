"""A head fitted to the landmarks of photos: the code of every face, and how well it explains what was detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.datatypes import LANDMARK_COUNT, FaceCode
from fields_core.errors import FitError
from fields_core.face_mesh import EYELID_PAIRS, LEFT_IRIS, LIP_PAIRS, RIGHT_IRIS
from fields_core.fitting.landmark_model import LandmarkModel
from fields_core.fitting.priors import FitPriors
from fields_core.fitting.rotation import axis_angles
from fields_core.fitting.solver import Constraints, GemanMcClure, Linearization, solve
from fields_core.head.model import HeadModel

Array = NDArray[np.float64]

# How far apart a pair of lids or lips is tells open from closed; single landmarks say so only against the error of the
# whole face (after the closure losses of Feng et al. 2021 and Danecek et al. 2022).
_PAIRS = (*EYELID_PAIRS, *LIP_PAIRS[1:-1])  # the outermost lips meet in the corners anyway
_BATCH = 32  # faces solved together; bounds the memory of the Jacobians (0.9 MB a face)
_POOR_ERROR = 0.06  # of the distance of the irises: twice the worst of 204 studio photos


@dataclass(frozen=True, eq=False)
class FitResult:
    """What came out for each of B faces."""

    code: FaceCode
    """B rows, float32."""
    landmark_error: NDArray[np.float64]
    """(B,) mean distance of the projected landmarks from the given ones over the distance of the irises (of a
    profile, where they close up, at least .4 of the landmarks' extent)."""
    converged: NDArray[np.bool_]
    """(B,)"""
    iterations: NDArray[np.intp]
    """(B,) steps the solver tried."""

    def warning(self, face: int) -> str:
        """A sentence for the user when the fit of one face is poor or did not converge, otherwise empty."""
        error = self.landmark_error[face]
        if error > _POOR_ERROR:
            return f"Poor fit: landmarks are {error:.1%} of the eye distance away on average. Try a clearer photo."
        if not self.converged[face]:
            return "The fit stopped before it settled; the result may be improved by Refine."
        return ""


class LandmarkFitter:
    """Fits a head model to MediaPipe landmarks by damped Gauss-Newton with priors, bounds and a robust loss.

    Unknown are camera, head pose, the first shape coefficients, expression, jaw, gaze and, where the head has no
    eyeBlink units, eyelids. The neck stays at rest: from one photo it cannot be told from the head pose.

    Args:
        head: a head model with landmarks.
        priors: what is known before looking; the default is right for photos.
        identity: (S,) shape coefficients of the one person to be fitted. They stay as they are, whatever the priors
            say, and every code that comes out has them: a third of the unknowns, and half the time.

    Raises:
        FitError: the head model has no landmarks.
    """

    def __init__(
        self, head: HeadModel, priors: FitPriors | None = None, identity: NDArray[np.floating] | None = None
    ) -> None:
        if not head.has_landmarks:
            raise FitError(
                f"The head model {head.name} has no landmarks",
                expected="a head model with landmark_faces and landmark_barycentrics",
                remedy="Use the open head, or add the landmark embedding to this model.",
            )
        self._head = head
        self.priors = priors or FitPriors()
        self._identity = None if identity is None else np.asarray(identity, dtype=np.float64)
        self._model = LandmarkModel(head, self.priors.n_shape if identity is None else 0, self._identity)
        self._ids = head.landmark_ids.cpu().numpy()
        self._constraints = self.priors.constraints(head, self._model.unknowns)
        self._trust = np.sqrt(head.landmark_weights.detach().cpu().double().numpy())
        self._pairs = self._rows_of_pairs()

    def fit(
        self,
        landmarks: NDArray[np.floating],
        scores: Sequence[Mapping[str, float]] | None = None,
        initial: FaceCode | None = None,
        shape: Tensor | None = None,
    ) -> FitResult:
        """Fit a batch of faces.

        Args:
            landmarks: (B, 478, 2) image frame.
            scores: MediaPipe's blendshape scores of every face, a hint for the units it is good at.
            initial: B codes to start from; their lighting, albedo and remaining shape coefficients are kept.
            shape: (1, S) the shape of all faces where it is known, so that only the rest is fitted; None: fit it too.

        Raises:
            FitError: landmarks of another shape, not finite, or all in one point or on one line.
        """
        targets = self._checked(landmarks)
        if not len(targets):
            return FitResult(self._head.neutral_code(0), np.zeros(0), np.zeros(0, bool), np.zeros(0, np.intp))
        results = []
        for begin in range(0, len(targets), _BATCH):
            part = slice(begin, begin + _BATCH)
            start = None if initial is None else initial[part]
            results.append(self._fit(targets[part], None if scores is None else scores[part], start, shape))
        return FitResult(
            FaceCode.concatenate([result.code for result in results]),
            np.concatenate([result.landmark_error for result in results]),
            np.concatenate([result.converged for result in results]),
            np.concatenate([result.iterations for result in results]),
        )

    def _fit(
        self,
        landmarks: Array,
        scores: Sequence[Mapping[str, float]] | None,
        initial: FaceCode | None,
        shape: Tensor | None,
    ) -> FitResult:
        targets = landmarks[:, self._ids]  # (B, L, 2)
        extent = _extents(landmarks)
        prior = self.priors.prior(self._head, self._model.unknowns, len(targets), scores)
        start = self._guess(targets, prior.mean) if initial is None else self._vector(initial)
        sigma = np.append(self.priors.landmark_sigma / self._trust, np.full(len(self._pairs), self.priors.pair_sigma))
        weights = 1.0 / (sigma * extent[:, None])  # (B, L + P)
        wanted = np.swapaxes(targets, 1, 2)
        upper, lower = self._pairs.T

        def residuals(x: Array, items: NDArray[np.intp]) -> Linearization:
            points, jacobian = self._model.project(x)
            error = points - wanted[items]
            error = np.concatenate([error, error[:, :, upper] - error[:, :, lower]], axis=2)
            jacobian = np.concatenate([jacobian, jacobian[:, :, upper] - jacobian[:, :, lower]], axis=2)
            weight = weights[items][:, None]
            jacobian *= weight[..., None]
            return Linearization((error * weight).reshape(len(x), -1), jacobian.reshape(len(x), -1, x.shape[1]))

        solution = solve(
            residuals,
            start,
            prior,
            self._constraints if shape is None else self._with_shape(shape),
            loss=GemanMcClure(self.priors.outlier_sigmas, group=2),
            max_iterations=self.priors.max_iterations,
            tolerance=self.priors.tolerance,
        )
        points = np.swapaxes(self._model.points(solution.x), 1, 2)
        distance = np.linalg.norm(points - targets, axis=2).mean(axis=1)
        code = self._code(solution.x, initial)
        if shape is not None:
            code = code.replace(shape=shape.detach().cpu().float().expand(len(code), -1).clone())
        return FitResult(
            code,
            distance / _eye_distances(landmarks),
            solution.converged,
            solution.iterations,
        )

    def _with_shape(self, shape: Tensor) -> Constraints:
        """The constraints with the shape coefficients held where they are known to be."""
        u, constraints = self._model.unknowns, self._constraints
        lower, upper = constraints.lower.copy(), constraints.upper.copy()
        known = shape[0, : u.n_shape].detach().cpu().double().numpy()
        lower[u.shape] = upper[u.shape] = np.clip(known, lower[u.shape], upper[u.shape])
        return replace(constraints, lower=lower, upper=upper)

    def _rows_of_pairs(self) -> NDArray[np.intp]:
        """(P, 2) rows of the paired landmarks that this head has."""
        row = {int(number): place for place, number in enumerate(self._ids)}
        known = [(row[a], row[b]) for a, b in _PAIRS if a in row and b in row]
        return np.array(known, dtype=np.intp).reshape(-1, 2)

    def _checked(self, landmarks: NDArray[np.floating]) -> Array:
        targets = np.asarray(landmarks, dtype=np.float64)
        if targets.ndim != 3 or targets.shape[1:] != (LANDMARK_COUNT, 2):
            raise _refused(
                f"(B, {LANDMARK_COUNT}, 2)", str(targets.shape), "Pass image-frame landmarks of whole faces."
            )
        if not np.isfinite(targets).all() or np.abs(targets).max(initial=0.0) > 1e3:
            raise _refused("finite image-frame coordinates, about -1 to 1", "NaN, infinite or huge values")
        centred = targets - targets.mean(axis=1, keepdims=True)
        spread = np.linalg.svd(centred, compute_uv=False)[:, :2] if len(targets) else np.ones((0, 2))
        if np.any(spread[:, 0] < 1e-6) or np.any(spread[:, 1] < 0.02 * spread[:, 0]):
            raise _refused("landmarks spread over a face", "landmarks in one point or on one line")
        return targets

    def _guess(self, targets: Array, mean: Array) -> Array:
        """Camera and head pose by POS (DeMenthon and Davis 1995) on the mean head; the rest at its prior."""
        u = self._model.unknowns
        x = mean.copy()
        source = self._model.template
        centre = np.average(source, axis=0, weights=self._trust)
        weight = self._trust[:, None]
        axes = np.linalg.pinv((source - centre) * weight)  # (3, L)
        middle = np.average(targets, axis=1, weights=self._trust)
        rows = np.einsum("dl,bly->byd", axes, (targets - middle[:, None]) * weight)  # (B, 2, 3)
        rows[:, 1] *= -1  # image y points down
        left, values, right = np.linalg.svd(rows, full_matrices=False)
        first_two = left @ right
        third = np.cross(first_two[:, 0], first_two[:, 1])
        rotation = np.concatenate([first_two, third[:, None]], axis=1)
        # Noise and expression make one axis short: the longer one is nearer the truth.
        scale = values[:, 0]
        x[:, u.head_pose] = axis_angles(rotation)
        x[:, 0] = scale
        x[:, 1:3] = 0.0
        x = self._constraints.feasible(x)
        shown = self._model.points(x)  # (B, 2, L)
        missing = (middle - np.average(shown, axis=2, weights=self._trust)) / scale[:, None]
        x[:, 1:3] = missing * np.array([1.0, -1.0])
        return x

    def _vector(self, code: FaceCode) -> Array:
        """Start of the solver from a code (its neck pose is dropped)."""
        u = self._model.unknowns
        parts = code.to(torch.device("cpu")).to(torch.float64)
        x = np.zeros((len(code), u.size))
        x[:, u.camera], x[:, u.head_pose] = parts.camera.numpy(), parts.head_pose.numpy()
        x[:, u.jaw_pose], x[:, u.eyelids] = parts.jaw_pose.numpy(), parts.eyelids.numpy()
        x[:, u.shape], x[:, u.expression] = parts.shape[:, : u.n_shape].numpy(), parts.expression.numpy()
        eyes = parts.eye_pose.numpy()
        x[:, u.gaze] = np.stack(
            [(eyes[:, 0] + eyes[:, 3]) / 2, (eyes[:, 1] + eyes[:, 4]) / 2, eyes[:, 1] - eyes[:, 4]], axis=1
        )
        return x

    def _code(self, x: Array, initial: FaceCode | None) -> FaceCode:
        u = self._model.unknowns
        base = self._head.neutral_code(len(x)) if initial is None else initial.to(torch.device("cpu")).to(torch.float32)
        shape = base.shape.clone()
        if self._identity is not None:
            shape[:] = _tensor(self._identity)
        shape[:, : u.n_shape] = _tensor(x[:, u.shape])
        return base.replace(
            shape=shape,
            expression=_tensor(x[:, u.expression]),
            head_pose=_tensor(x[:, u.head_pose]),
            neck_pose=torch.zeros(len(x), 3),
            jaw_pose=_tensor(x[:, u.jaw_pose]),
            eye_pose=_tensor(self._model.eye_poses(x)),
            eyelids=_tensor(x[:, u.eyelids]),
            camera=_tensor(x[:, u.camera]),
        )


def landmark_errors(points: Array, landmarks: NDArray[np.floating], ids: NDArray[np.integer]) -> Array:
    """How far projected landmarks are from the detector's.

    Args:
        points: (B, L, 2) projected, in the frame of ``landmarks``.
        landmarks: (B, 478, 2) detected.
        ids: (L,) which of the 478 the points are.

    Returns:
        (B,) mean distance over the distance of the iris centres (of a profile, where they close up, over at least .4 of
        the landmarks' extent).
    """
    seen = np.asarray(landmarks, dtype=np.float64)
    return np.asarray(np.linalg.norm(points - seen[:, ids], axis=2).mean(axis=1) / _eye_distances(seen))


def _eye_distances(landmarks: Array) -> Array:
    """(B, 478, 2) -> (B,) distance of the iris centres, in profile at least .4 of the landmarks' extent."""
    irises = np.linalg.norm(landmarks[:, LEFT_IRIS[0]] - landmarks[:, RIGHT_IRIS[0]], axis=1)
    return np.asarray(np.maximum(irises, 0.4 * _extents(landmarks)))


def _extents(landmarks: Array) -> Array:
    """(B, 478, 2) -> (B,) root mean square distance from the centre; frontal: about .9 of the eye distance."""
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    return np.asarray(np.sqrt((centred**2).sum(axis=2).mean(axis=1)))


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def _refused(expected: str, found: str, remedy: str = "Use a photo in which the face is clearly visible.") -> FitError:
    return FitError("No head can be fitted to these landmarks", expected=expected, found=found, remedy=remedy)
