"""The encoder's answer in the form of a fit: milliseconds instead of iterations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fields_core.assets import ENCODER, find_asset
from fields_core.camera import project
from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.encoder.runtime import EncoderRuntime, load_runtime
from fields_core.errors import AssetMissingError, ModelFileError
from fields_core.fitting.landmark_fit import FitResult, landmark_errors
from fields_core.head.model import HeadModel
from fields_core.head.restriction import restricted


class EncodedFit:
    """Codes of face crops, complete for a head model.

    Args:
        encoder: trained for ``head``.
        head: with landmarks.

    Raises:
        ModelFileError: the encoder predicts codes of another head model, or more coefficients than the head has.
    """

    def __init__(self, encoder: EncoderRuntime, head: HeadModel) -> None:
        info = encoder.info
        if info.head_model != head.name:
            raise ModelFileError(
                "The encoder is for another head model",
                expected=f"an encoder for {head.name}",
                found=f"one for {info.head_model}",
                remedy=f"Choose the head model {info.head_model}, or an encoder trained for {head.name}.",
            )
        if info.encoder.n_shape > head.n_shape or info.encoder.n_expression > head.n_expression:
            raise ModelFileError(
                f"The encoder does not fit the head model {head.name}",
                expected=f"at most {head.n_shape} shape and {head.n_expression} expression coefficients",
                found=f"{info.encoder.n_shape} and {info.encoder.n_expression}",
            )
        self._encoder, self._head = encoder, head
        needed = torch.zeros(head.n_vertices, dtype=torch.bool)
        needed[head.landmark_corners] = True
        self._landmarks = restricted(head, needed)  # the whole head would cost a millisecond more a face

    @torch.no_grad()
    def fit(self, crops: Sequence[FaceCrop]) -> FitResult:
        """What the encoder makes of each crop, and how far its landmarks are from the detector's."""
        code = self._complete(self._encoder(crops))
        points = project(self._landmarks.landmarks(self._landmarks(code)), code.camera)[..., :2]
        seen = np.stack([crop.landmarks for crop in crops])
        error = landmark_errors(points.double().numpy(), seen, self._head.landmark_ids.numpy())
        return FitResult(code, error, np.ones(len(crops), np.bool_), np.zeros(len(crops), np.intp))

    def _complete(self, code: FaceCode) -> FaceCode:
        """With the coefficients that the encoder does not know at rest."""
        rest = self._head.neutral_code(len(code))
        return code.replace(
            shape=_padded(code.shape, self._head.n_shape),
            expression=_padded(code.expression, self._head.n_expression),
            lighting=rest.lighting,
            albedo=rest.albedo,
        )


def find_encoder(chosen: Path | None = None) -> EncoderRuntime | None:
    """The encoder that came with the program or that the user put beside the other models; None where there is none.

    Args:
        chosen: the user's choice; nothing else is tried then.

    Raises:
        AssetMissingError: the chosen one is not there.
        ModelFileError: there is one, but it is damaged.
    """
    try:
        path = find_asset(ENCODER, chosen)
    except AssetMissingError:
        if chosen is not None:
            raise
        return None
    return load_runtime(path)


def encoder_for(head: HeadModel, chosen: Path | None = None) -> EncoderRuntime | None:
    """The encoder of `find_encoder`, if it predicts codes of this head model.

    Raises:
        AssetMissingError: the chosen one is not there.
        ModelFileError: it is damaged.
    """
    encoder = find_encoder(chosen)
    return encoder if encoder is not None and encoder.info.head_model == head.name else None


def _padded(coefficients: Tensor, count: int) -> Tensor:
    return torch.nn.functional.pad(coefficients, (0, count - coefficients.shape[1]))
