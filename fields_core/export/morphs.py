"""The head's expression as morph targets: a neutral mesh and one displacement a named unit.

A head model is not quite linear: the jaw turns, and what an expression moves turns with it. So each target is the
exact displacement of its unit alone from the neutral head, and what their weighted sum misses of the head as it is
now goes into one last target, `CORRECTIVE`, of weight 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode
from fields_core.export.surface import HeadSurface
from fields_core.head.model import HeadModel

JAW_OPEN, EYELIDS, CORRECTIVE = "jawOpen", ("eyelidLeft", "eyelidRight"), "corrective"
SMALLEST_CORRECTION = 5e-5  # metres; a smaller one is invisible and its target left out
SMALLEST_MOVE = 1e-6  # metres; what a target moves less than this it does not move
CHUNK = 16  # heads posed at once: bounds the memory


@dataclass(frozen=True, eq=False)
class MorphTargets:
    """``neutral + weights @ displacements`` is the head as it is now."""

    neutral: NDArray[np.float32]
    """(V, 3) metres: this identity and pose without expression, jaw opening and eyelids."""
    names: tuple[str, ...]
    """(M,) the head model's expression names, then jawOpen, eyelidLeft, eyelidRight, and corrective if needed."""
    displacements: NDArray[np.float32]
    """(M, V, 3) metres at weight 1."""
    weights: NDArray[np.float32]
    """(M,) of the head as it is now; the jaw's in units of the widest opening."""

    def sum(self) -> NDArray[np.float32]:
        """(V, 3) metres: what a viewer shows with these weights."""
        return self.neutral + np.tensordot(self.weights, self.displacements, axes=1)


def morph_targets(surface: HeadSurface) -> MorphTargets:
    """Take the surface's head apart into a neutral mesh and its named units."""
    head, code = surface.head, surface.code[0].to(torch.float64)
    opening = code.jaw_pose.clone()
    opening[:, 0] = 0
    # A sideways jaw has no target of its own in every head model: it stays in the neutral mesh.
    neutral = code.replace(
        expression=torch.zeros_like(code.expression), jaw_pose=opening, eyelids=torch.zeros_like(code.eyelids)
    )
    names, weights = unit_names(head), unit_weights(code, head)
    posed = _pose(surface, _one_unit_each(neutral, head.jaw_open_radians))
    displacements = (posed[1:] - posed[0]).astype(np.float32)
    displacements[np.abs(displacements).max(axis=2) < SMALLEST_MOVE] = 0
    targets = MorphTargets(posed[0].astype(np.float32), names, displacements, weights)
    missed = surface.mesh.vertices - targets.sum()
    if np.abs(missed).max() < SMALLEST_CORRECTION:
        return targets
    return MorphTargets(
        targets.neutral,
        (*names, CORRECTIVE),
        np.concatenate([displacements, missed[None]]),
        np.append(targets.weights, np.float32(1)),
    )


def unit_names(head: HeadModel) -> tuple[str, ...]:
    """The named units of a head model: its expression, then jawOpen, eyelidLeft and eyelidRight."""
    return (*head.expression_names, JAW_OPEN, *EYELIDS)


def unit_weights(code: FaceCode, head: HeadModel) -> NDArray[np.float32]:
    """The value of each named unit in a code of one face; jawOpen is the jaw's x rotation over the widest."""
    values = torch.cat([code.expression[0], code.jaw_pose[0, :1] / head.jaw_open_radians, code.eyelids[0]])
    weights: NDArray[np.float32] = values.detach().cpu().numpy().astype(np.float32)
    return weights


def _one_unit_each(neutral: FaceCode, jaw_open_radians: float) -> FaceCode:
    """The neutral code, then one code a unit in the order of the names."""
    units = neutral.expression.shape[1]
    rows = 1 + units + 1 + 2
    batch = FaceCode.concatenate([neutral] * rows)
    expression, jaw, eyelids = batch.expression.clone(), batch.jaw_pose.clone(), batch.eyelids.clone()
    unit = torch.arange(units)
    expression[1 + unit, unit] = 1
    jaw[1 + units, 0] = jaw_open_radians
    eyelids[[2 + units, 3 + units], [0, 1]] = 1
    return batch.replace(expression=expression, jaw_pose=jaw, eyelids=eyelids)


def _pose(surface: HeadSurface, codes: FaceCode) -> NDArray[np.float64]:
    with torch.no_grad():
        chunks = [surface.head(codes[start : start + CHUNK]) for start in range(0, len(codes), CHUNK)]
    vertices: NDArray[np.float64] = torch.cat(chunks).cpu().numpy()
    return vertices
