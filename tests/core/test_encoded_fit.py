"""Photos through an encoder: codes complete for the head, checked against it, and refined by the fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.assets import ENVIRONMENT_VARIABLE
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, build_encoder, save_checkpoint
from fields_core.encoder.face_encoder import EncoderConfig, FaceEncoder
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.errors import ModelFileError
from fields_core.fitting.encoded_fit import EncodedFit, find_encoder
from fields_core.head import HeadModel
from fields_core.pipeline import Reconstructor
from tests.core.test_pipeline import ScriptedDetector, face_of
from tests.core.test_pipeline import head as head
from tests.core.test_pipeline import photo as photo


def checkpoint_for(head: HeadModel, **changes: object) -> Checkpoint:
    torch.manual_seed(0)
    config = EncoderConfig(head.n_shape, 5, (0.0,) * 5, (1.0,) * 5, layout="shared")
    config = dataclasses.replace(config, expression_backbone="mobilenetv3_small_050", **changes)  # type: ignore[arg-type]
    encoder = build_encoder(config).eval()
    assert isinstance(encoder, FaceEncoder)
    torch.nn.init.constant_(encoder.expression_layer.bias, 0.3)
    return Checkpoint(CheckpointInfo(head.name, config, None, emotion_branch=False), encoder, None)


def test_a_photo_goes_through_the_encoder_and_refine_fits_closer(head: HeadModel, photo: object) -> None:
    from fields_core.datatypes import Photo

    assert isinstance(photo, Photo)
    runtime = EncoderRuntime(checkpoint_for(head))
    detector = ScriptedDetector([face_of(head, 1, 100)])
    with Reconstructor(head, detector, runtime) as reconstructor:  # type: ignore[arg-type]
        (encoded,) = reconstructor.reconstruct(photo, texture=False)
        refined = reconstructor.refine(encoded)
    expected = runtime([encoded.crop])
    torch.testing.assert_close(encoded.code.expression[:, :5], expected.expression)
    assert encoded.code.expression[:, :5].any()
    assert not encoded.code.expression[:, 5:].any()
    assert encoded.code.expression.shape == (1, head.n_expression)
    assert encoded.code.albedo.shape == (1, head.n_albedo)
    assert np.isfinite(encoded.mesh.vertices).all()
    assert refined.landmark_error < 0.5 * encoded.landmark_error


def test_an_encoder_for_another_head_is_refused(head: HeadModel) -> None:
    checkpoint = checkpoint_for(head)
    other = dataclasses.replace(checkpoint, info=dataclasses.replace(checkpoint.info, head_model="flame-other"))
    with pytest.raises(ModelFileError, match="another head model") as caught:
        EncodedFit(EncoderRuntime(other), head)
    assert head.name in caught.value.expected
    assert "flame-other" in caught.value.found


def test_an_encoder_with_more_coefficients_than_the_head_is_refused(head: HeadModel) -> None:
    with pytest.raises(ModelFileError, match="does not fit"):
        EncodedFit(EncoderRuntime(checkpoint_for(head, n_shape=head.n_shape + 1)), head)


def test_the_encoder_is_found_among_the_users_models_or_there_is_none(
    head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    monkeypatch.setattr("fields_core.assets.user_data_folder", lambda: tmp_path / "none")
    monkeypatch.setattr("fields_core.assets.ASSETS", {})
    assert find_encoder() is None
    save_checkpoint(tmp_path / "encoder.safetensors", checkpoint_for(head))
    found = find_encoder()
    assert found is not None
    assert found.info.head_model == head.name
    (tmp_path / "encoder.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelFileError, match="cannot be read"):
        find_encoder()
