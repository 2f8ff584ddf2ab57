"""The encoder in the live path: its codes as they are, a locked identity, and the weights that are installed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.assets import ENVIRONMENT_VARIABLE
from fields_core.datatypes import FaceCrop
from fields_core.detection.crop import crop_face
from fields_core.detection.photo_file import photo_from_array
from fields_core.encoder.checkpoint import Checkpoint, save_checkpoint
from fields_core.encoder.emotion_head import EmotionHead
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.errors import ModelFileError
from fields_core.head import HeadModel
from fields_core.live.coder import EncodedCoder
from fields_core.live.networks import installed_networks
from fields_core.live.tracked import FaceState
from fields_core.live.tracker import Tracker
from tests.core.live.scenes import ToldDetector, face, frame, person
from tests.core.test_encoded_fit import checkpoint_for
from tests.core.test_pipeline import face_of
from tests.heads import tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def checkpoint(head: HeadModel) -> Checkpoint:
    """An encoder with an emotion branch; neither has learned anything."""
    bare = checkpoint_for(head)
    torch.manual_seed(1)
    info = dataclasses.replace(bare.info, emotion_branch=True)
    return dataclasses.replace(bare, info=info, emotion=EmotionHead(bare.info.encoder.n_expression).eval())


def crop(head: HeadModel, seed: int = 1) -> FaceCrop:
    pixels = np.random.default_rng(seed).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    return crop_face(photo_from_array(pixels), face_of(head, seed, 100))


def test_every_frame_is_encoded_on_its_own(head: HeadModel, checkpoint: Checkpoint) -> None:
    runtime = EncoderRuntime(checkpoint)
    coder = EncodedCoder(runtime, head)
    assert coder.needs_pixels
    follower = coder.follow()
    first = follower(crop(head, 1), {})
    other = follower(crop(head, 2), {})
    again = follower(crop(head, 1), {})
    expected = runtime([crop(head, 1)])
    count = expected.expression.shape[1]
    torch.testing.assert_close(first.code.expression[:, :count], expected.expression)
    assert not torch.equal(first.code.expression, other.code.expression)
    assert torch.equal(first.code.expression, again.code.expression)
    assert first.code.shape.shape == (1, head.n_shape)
    assert first.landmark_error.shape == (1,)


def test_a_locked_identity_stays_and_the_rest_moves(head: HeadModel, checkpoint: Checkpoint) -> None:
    coder = EncodedCoder(EncoderRuntime(checkpoint), head)
    follower, stranger = coder.follow(), coder.follow()
    free = follower(crop(head), {})
    shape = np.full(head.n_shape, 0.5)
    follower.lock(shape)
    locked = follower(crop(head), {})
    assert torch.equal(locked.code.shape, torch.full((1, head.n_shape), 0.5))
    assert torch.equal(locked.code.expression, free.code.expression)
    shape[:] = 9.0
    assert float(follower(crop(head), {}).code.shape.max()) == 0.5
    follower.forget()
    assert torch.equal(follower(crop(head), {}).code.shape, locked.code.shape)
    assert torch.equal(stranger(crop(head), {}).code.shape, free.code.shape)
    follower.unlock()
    assert torch.equal(follower(crop(head), {}).code.shape, free.code.shape)


def test_an_encoder_of_another_head_is_refused(head: HeadModel, checkpoint: Checkpoint) -> None:
    info = dataclasses.replace(checkpoint.info, head_model="flame-other")
    with pytest.raises(ModelFileError, match="another head model"):
        EncodedCoder(EncoderRuntime(dataclasses.replace(checkpoint, info=info)), head)


def test_installed_weights_are_found_and_track_a_face_with_its_emotion(
    head: HeadModel, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    monkeypatch.setattr("fields_core.assets.user_data_folder", lambda: tmp_path / "none")
    monkeypatch.setattr("fields_core.assets.ASSETS", {})
    assert installed_networks(head).coder is None
    save_checkpoint(tmp_path / "encoder.safetensors", checkpoint)
    networks = installed_networks(head)
    assert networks.coder is not None
    monkeypatch.setattr("fields_core.live.person.Person.trust", lambda self, result: 1.0)  # it has learned nothing
    scripted = ToldDetector(lambda number: [face(head, person(head, 1))])
    with Tracker(head, networks.coder, emotion=networks.emotion, detector=scripted) as tracker:
        tracked = [tracker.track(frame(number)) for number in range(3)]
    (last,) = tracked[-1].faces
    assert last.state in (FaceState.LOCKING, FaceState.TRACKED)
    assert last.code.expression.any()
    assert last.emotion is not None
    assert sum(last.emotion.probabilities) == pytest.approx(1.0, abs=1e-5)
    (tmp_path / "encoder.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelFileError):
        installed_networks(head)


def test_weights_of_another_head_leave_the_fit(
    head: HeadModel, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    info = dataclasses.replace(checkpoint.info, head_model="flame-other")
    save_checkpoint(tmp_path / "encoder.safetensors", dataclasses.replace(checkpoint, info=info))
    assert installed_networks(head).coder is None
