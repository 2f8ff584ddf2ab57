"""The numbers that make an expression as one vector, its limits, and what a change of them means in millimetres."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode
from fields_core.head.model import HeadModel

Array = NDArray[np.float64]

JAW_NAMES = ("jawOpen", "jawTurn", "jawTilt")
EYELID_NAMES = ("eyelidLeft", "eyelidRight")
_SIDEWAYS = 0.21  # radians, the most that a jaw turns or tilts
_SMALL_TURN = 0.1  # radians, over which the jaw's sideways directions are measured
_MILLIMETRES = 1000.0


class ExpressionSpace:
    """Vectors of N = E + 3 + 2 numbers: expression coefficients, jaw rotation in radians, eyelids.

    Args:
        head: any head model.

    Attributes:
        head: the head model.
        names: N names; ARKit's for the open head, then jawOpen, jawTurn, jawTilt, eyelidLeft, eyelidRight.
        low, high: (N,) bounds.
        rows: (C, N); a vector is possible only where ``rows @ vector <= 0``: lips cannot close a jaw that is shut.
        gram: (N, N) square millimetres: ``d @ gram @ d`` is the mean square displacement of the face's vertices
            (all, where the head model names no face) for a change d: exact for blendshapes, a chord for the jaw.
        needs_eyelids: whether only the eyelids can close the eyes (FLAME); elsewhere they stay as they are.
    """

    def __init__(self, head: HeadModel) -> None:
        self.head = head
        self.names = (*head.expression_names, *JAW_NAMES, *EYELID_NAMES)
        self.needs_eyelids = "eyeBlinkLeft" not in head.expression_names
        bounds = head.expression_bounds.double().numpy()
        jaw = np.array([[0.0, head.jaw_open_radians], [-_SIDEWAYS, _SIDEWAYS], [-_SIDEWAYS, _SIDEWAYS]])
        lids = np.array([[0.0, 1.0], [0.0, 1.0]])
        self.low, self.high = np.concatenate([bounds, jaw, lids]).T
        self.jaw_open = len(head.expression_names)
        self.rows = np.zeros((0, len(self.names)))
        if "mouthClose" in self.names:
            self.rows = np.zeros((1, len(self.names)))
            self.rows[0, self.names.index("mouthClose")] = 1.0
            self.rows[0, self.jaw_open] = -1.0 / head.jaw_open_radians
        self.gram = self._gram()

    def values(self, code: FaceCode) -> Array:
        """(N,) of a code of one face, or (B, N) of several."""
        parts = [code.expression, code.jaw_pose, code.eyelids]
        values: Array = torch.cat(parts, 1).detach().double().cpu().numpy()
        return values[0] if len(code) == 1 else values

    def put(self, code: FaceCode, values: Array) -> FaceCode:
        """The code of one face with this expression; all else as it was."""
        new = torch.from_numpy(np.asarray(values, np.float64)[None]).to(code.expression)
        jaw, lids = self.jaw_open, self.jaw_open + len(JAW_NAMES)
        return code.replace(
            expression=new[:, :jaw].clone(), jaw_pose=new[:, jaw:lids].clone(), eyelids=new[:, lids:].clone()
        )

    def possible(self, values: Array) -> Array:
        """The values clamped to their bounds, with lips that close no more than the jaw opens."""
        clamped = np.clip(values, self.low, self.high)
        if len(self.rows):
            closing = self.names.index("mouthClose")
            clamped[closing] = min(clamped[closing], clamped[self.jaw_open] / self.head.jaw_open_radians)
        return clamped

    def columns(self, names: Collection[str]) -> NDArray[np.bool_]:
        """(N,) which of the numbers are named; names that are none of ours (of gaze, of pose) are passed over."""
        return np.array([name in names for name in self.names])

    def millimetres(self, change: Array) -> float:
        """Root mean square displacement of the face's vertices for a change (N,)."""
        return math.sqrt(max(float(change @ self.gram @ change), 0.0))

    @torch.no_grad()
    def _gram(self) -> Array:
        reach = np.ones(len(self.names))
        start = self.jaw_open
        reach[start : start + 3] = [self.head.jaw_open_radians / 2.0, _SMALL_TURN, _SMALL_TURN]
        neutral = self.head.neutral_code()
        everywhere = torch.ones(self.head.n_vertices, dtype=torch.bool)
        face = self.head.region("face") if "face" in self.head.region_names else everywhere
        rest = self.head(neutral)[0, face]
        moved = FaceCode.concatenate([self.put(neutral, row) for row in np.diag(reach)])
        offsets = (self.head(moved)[:, face] - rest).double().flatten(1).numpy() / reach[:, None]
        gram: Array = offsets @ offsets.T * (_MILLIMETRES**2 / len(rest))
        return gram
