"""A face code as Apple's 52 blend shapes with the angles of head and eyes: what other programs understand.

Names and order are those of Unreal's Live Link Face (its enumeration EARFaceBlendShape), which are Apple's
ARFaceAnchor.BlendShapeLocation. Left and right are the person's own. Angles are radians in ARKit's face frame, which is
our model frame (`fields_core.camera`): yaw about +Y is positive towards the person's left, pitch about +X is positive
downwards, roll about +Z is positive when the head tilts to its right shoulder; R = Ry(yaw) Rx(pitch) Rz(roll).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fields_core.datatypes import FaceCode
from fields_core.head.model import HeadModel
from fields_core.streams.unit_map import UnitMap, fit_unit_map

ARKIT_NAMES = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
ANGLE_NAMES = (
    "headYaw", "headPitch", "headRoll", "leftEyeYaw", "leftEyePitch", "leftEyeRoll",
    "rightEyeYaw", "rightEyePitch", "rightEyeRoll",
)  # fmt: skip
LIVE_LINK_NAMES = (*ARKIT_NAMES, *ANGLE_NAMES)
"""The 61 values of Live Link Face, in order."""
LOOK_RADIANS = 0.6
"""The turn of an eye that is eyeLook... = 1; ARKit does not say, this is about what its values mean."""

Floats = NDArray[np.float32]
_COLUMN = {name: i for i, name in enumerate(ARKIT_NAMES)}


@dataclass(frozen=True, eq=False)
class ArkitFrames:
    """B faces in ARKit's terms."""

    shapes: Floats
    """(B, 52) in [0, 1], in the order of `ARKIT_NAMES`."""
    head: Floats
    """(B, 3) axis-angle radians, head and neck together, in the picture's frame."""
    eyes: Floats
    """(B, 2, 3) axis-angle radians, left then right, relative to the head."""
    jaw: Floats
    """(B, 3) axis-angle radians."""

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def angles(self) -> Floats:
        """(B, 9) radians in the order of `ANGLE_NAMES`."""
        turns = np.concatenate([self.head[:, None], self.eyes], axis=1)
        return _yaw_pitch_roll(turns).reshape(len(self), 9)

    @property
    def live_link(self) -> Floats:
        """(B, 61) in the order of `LIVE_LINK_NAMES`."""
        return np.concatenate([self.shapes, self.angles], axis=1)


class ArkitMapper:
    """Turns codes of one head model into ARKit's terms.

    A head model whose coefficients bear ARKit's names (the open head) passes them on; any other (FLAME) is mapped by
    `unit_map.fit_unit_map`, fitted once here. The jaw's turn is jawOpen, the eyelids blink, the eyes' turn looks.
    """

    def __init__(self, head: HeadModel, reference: HeadModel | None = None) -> None:
        """Args:
            head: whose codes come.
            reference: a head model with ARKit's names, needed if ``head`` has others.

        Raises:
            SettingsError: the head model has other names, and no landmarks to compare it with the reference.
        """
        self._jaw_open = head.jaw_open_radians
        self._map: UnitMap | None = None
        names = head.expression_names
        if not set(names) <= _COLUMN.keys():
            self._map = fit_unit_map(head, _needed(reference))
            names = self._map.names
        self._columns = np.array([_COLUMN[name] for name in names])

    def __call__(self, code: FaceCode, crop_to_photo: NDArray[np.float64] | None = None) -> ArkitFrames:
        """Map B faces.

        Args:
            code: of B faces.
            crop_to_photo: (B, 2, 3) of tracked faces, whose crops were turned upright; None for codes whose head pose
                is already that of the picture.
        """
        expression = code.expression.detach().cpu().numpy().astype(np.float64)
        jaw, eyes = _array(code.jaw_pose), _array(code.eye_pose).reshape(-1, 2, 3)
        shapes = np.zeros((len(code), len(ARKIT_NAMES)))
        units = expression if self._map is None else self._map(expression)
        shapes[:, self._columns] = units
        shapes[:, _COLUMN["jawOpen"]] += jaw[:, 0] / self._jaw_open
        lids = _array(code.eyelids)
        for eye, side in enumerate(("Left", "Right")):
            shapes[:, _COLUMN[f"eyeBlink{side}"]] += lids[:, eye]
            _look(shapes, eyes[:, eye], side)
        turn = Rotation.from_rotvec(_array(code.head_pose)) * Rotation.from_rotvec(_array(code.neck_pose))
        if crop_to_photo is not None:
            roll = np.zeros((len(code), 3))
            roll[:, 2] = -np.arctan2(crop_to_photo[:, 1, 0], crop_to_photo[:, 0, 0])  # y goes down in pictures
            turn = Rotation.from_rotvec(roll) * turn
        return ArkitFrames(_floats(shapes.clip(0, 1)), _floats(turn.as_rotvec()), _floats(eyes), _floats(jaw))


def _look(shapes: NDArray[np.float64], eye: NDArray[np.float64], side: str) -> None:
    """+x looks down, +y to the person's left: outwards for the left eye, inwards for the right."""
    outwards = eye[:, 1] if side == "Left" else -eye[:, 1]
    for name, value in (("Down", eye[:, 0]), ("Up", -eye[:, 0]), ("Out", outwards), ("In", -outwards)):
        shapes[:, _COLUMN[f"eyeLook{name}{side}"]] = value / LOOK_RADIANS


def _yaw_pitch_roll(turns: Floats) -> Floats:
    """(..., 3) axis-angle -> (..., 3) yaw, pitch, roll."""
    flat = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix()
    pitch = np.arcsin((-flat[:, 1, 2]).clip(-1, 1))
    yaw = np.arctan2(flat[:, 0, 2], flat[:, 2, 2])
    roll = np.arctan2(flat[:, 1, 0], flat[:, 1, 1])
    return _floats(np.stack([yaw, pitch, roll], -1).reshape(turns.shape))


def _needed(reference: HeadModel | None) -> HeadModel:
    if reference is not None:
        return reference
    from fields_core.head import load_head

    return load_head()


def _array(values: object) -> NDArray[np.float64]:
    return np.asarray(values.detach().cpu().numpy(), np.float64)  # type: ignore[attr-defined]


def _floats(values: NDArray[np.floating]) -> Floats:
    return np.ascontiguousarray(values, np.float32)
