"""One photo after the other through the pipeline and into files; nothing of a photo outlives its turn."""

from __future__ import annotations

import math
from pathlib import Path

from scipy.spatial.transform import Rotation

from fields_core.cli.report import FaceReport
from fields_core.datatypes import Reconstruction
from fields_core.detection.photo_file import load_photo
from fields_core.export import export_head
from fields_core.export.morphs import unit_names, unit_weights
from fields_core.head import load_head
from fields_core.pipeline import Reconstructor


class Batch:
    """A head model and a reconstructor, kept for all photos. A context manager."""

    def __init__(self, head_file: Path | None, formats: tuple[str, ...], *, texture: bool) -> None:
        self._head = load_head(head_file)
        self._reconstructor = Reconstructor(head=self._head)
        self._formats, self._texture = formats, texture

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self._reconstructor.close()

    def reconstruct(self, path: Path, folder: Path) -> tuple[FaceReport, ...]:
        """Reconstruct every face of a photo and write its files as ``folder/face-N...``.

        Raises:
            FieldsError: the photo cannot be read, shows no face, cannot be fitted or not be written.
        """
        reconstructions = self._reconstructor.reconstruct(load_photo(path), texture=self._texture)
        reports = []
        for number, reconstruction in enumerate(reconstructions, start=1):
            files = export_head(reconstruction, self._head, folder, self._formats, stem=f"face-{number}")
            values = unit_weights(reconstruction.code, self._head)
            reports.append(
                FaceReport(
                    box=tuple(float(value) for value in reconstruction.face.box),
                    landmark_error=float(reconstruction.landmark_error),
                    head_pose_degrees=head_pose_degrees(reconstruction),
                    expression=dict(zip(unit_names(self._head), values.tolist(), strict=True)),
                    files=tuple(str(file) for file in files),
                    warning=reconstruction.warning,
                )
            )
        return tuple(reports)


def head_pose_degrees(reconstruction: Reconstruction) -> tuple[float, float, float]:
    """Pitch (+ looks down), yaw (+ looks to the person's left), roll (+ tilts to the person's right), as in the photo.

    The rotation of the head, neck included, is R = R_y(yaw) R_x(pitch) R_z(roll) in the model frame turned back by
    what the crop was turned.
    """
    code = reconstruction.code
    head, neck = (Rotation.from_rotvec(pose[0].double().numpy()) for pose in (code.head_pose, code.neck_pose))
    similarity = reconstruction.crop.crop_to_photo
    # The photo's y points down, the model's up: a turn clockwise on the photo is negative about the model's z.
    upright = Rotation.from_rotvec([0, 0, -math.atan2(similarity[1, 0], similarity[0, 0])])
    yaw, pitch, roll = (upright * head * neck).as_euler("YXZ", degrees=True)
    return float(pitch), float(yaw), float(roll)
