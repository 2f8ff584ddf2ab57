"""One photo after the other through the pipeline and into files; nothing of a photo outlives its turn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import torch
from scipy.spatial.transform import Rotation

from fields_core.cli.report import EmotionScores, FaceReport
from fields_core.datatypes import FaceCode, Reconstruction
from fields_core.detection.photo_file import load_photo
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.encoder.runtime import EncoderRuntime, load_runtime
from fields_core.export import export_head
from fields_core.export.morphs import unit_names, unit_weights
from fields_core.fitting.encoded_fit import encoder_for
from fields_core.head import load_head
from fields_core.pipeline import Reconstructor

Codes = Literal["encoder", "refine", "fit"]


class Batch:
    """A head model and a reconstructor, kept for all photos. A context manager."""

    def __init__(
        self,
        head_file: Path | None,
        formats: tuple[str, ...],
        *,
        texture: bool,
        codes: Codes = "encoder",
        encoder_file: Path | None = None,
    ) -> None:
        """
        Args:
            head_file: None takes the open head.
            formats: of `export_head`.
            texture: project the photo onto the head.
            codes: where codes come from. Without weights for the head model the fit takes the encoder's place.
            encoder_file: a checkpoint; None takes the installed one.

        Raises:
            ModelFileError: weights that are damaged, or given and for another head model.
        """
        self._head = load_head(head_file)
        self._refine = codes == "refine"
        self._encoder: EncoderRuntime | None = None
        if encoder_file is not None:
            self._encoder = load_runtime(encoder_file)
        elif codes != "fit":
            self._encoder = encoder_for(self._head)
        self._reconstructor = Reconstructor(head=self._head, encoder=self._encoder)
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
        for number, found in enumerate(reconstructions, start=1):
            reconstruction = self._reconstructor.refine(found) if self._refine else found
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
                    emotion=self._emotion(reconstruction.code),
                )
            )
        return tuple(reports)

    @property
    def describes_codes(self) -> str:
        """A line on where the codes come from."""
        if self._encoder is None:
            return f"Codes of {self._head.name} by fitting landmarks."
        slow = f" (PyTorch: {self._encoder.fallback_reason})" if self._encoder.fallback_reason else ""
        return f"Codes of {self._head.name} by the encoder{slow}{', then refined' if self._refine else ''}."

    @torch.no_grad()
    def _emotion(self, code: FaceCode) -> EmotionScores | None:
        encoder = self._encoder
        if encoder is None or encoder.emotion is None or encoder.info.intensity_scale is None:
            return None
        said = encoder.emotion(code.replace(expression=code.expression[:, : encoder.info.encoder.n_expression]))
        scores = said.logits[0].softmax(dim=0)
        valence, arousal = said.valence_arousal[0].tolist()
        return EmotionScores(
            {emotion.name.lower(): float(scores[emotion]) for emotion in Emotion},
            valence,
            arousal,
            float(ExpressionIntensity(self._head, encoder.info.intensity_scale)(code)[0]),
        )


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
