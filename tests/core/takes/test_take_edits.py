"""Takes are edited beside the recording, and played as edited."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.camera import image_to_pixels, project
from fields_core.datatypes import CROP_SIZE, FaceCode
from fields_core.errors import TakeError
from fields_core.head import HeadModel
from fields_core.takes.clip import identity_of, make_clip
from fields_core.takes.edits import Identity, Marker, TakeEdits, edits_path, load_edits, save_edits
from fields_core.takes.frame_pose import in_frame, whole_frame
from fields_core.takes.take import Take, load_take
from tests.takes import record


class TestEdits:
    def test_round_trip_leaves_the_recording_alone(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head)
        before = path.read_bytes()
        edits = TakeEdits(
            (0.5, 1.5), 0.1, (Marker(1.0, "Lächeln"), Marker(0.2, "start")), Identity("x", (0.5,) * 6, ()), 0
        )
        save_edits(edits, path)
        assert load_edits(path) == edits
        assert [marker.text for marker in edits.markers] == ["start", "Lächeln"]
        assert path.read_bytes() == before

    def test_no_file_means_no_edits(self, tmp_path: Path) -> None:
        assert load_edits(tmp_path / "a.take") == TakeEdits()

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "fields-take-edits-1"}', "[" * 100_000, "NaN"])
    def test_a_damaged_file_is_refused(self, tmp_path: Path, text: str) -> None:
        edits_path(tmp_path / "a.take").write_text(text)
        with pytest.raises(TakeError, match="cannot be read"):
            load_edits(tmp_path / "a.take")

    @pytest.mark.parametrize("trim", [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (0.0, float("nan"))])
    def test_an_empty_trim_is_refused(self, trim: tuple[float, float]) -> None:
        with pytest.raises(TakeError, match="trimmed"):
            TakeEdits(trim=trim)

    @pytest.mark.parametrize("smoothing", [-0.1, 5.0, float("nan")])
    def test_smoothing_out_of_range_is_refused(self, smoothing: float) -> None:
        with pytest.raises(TakeError, match="smoothing"):
            TakeEdits(smoothing=smoothing)


class TestFramePose:
    def test_shows_the_same_picture_without_a_moving_crop(self, head: HeadModel) -> None:
        rng = np.random.default_rng(0)
        torch.manual_seed(0)
        code = FaceCode.concatenate([head.neutral_code()] * 4).replace(
            shape=torch.randn(4, head.n_shape),
            head_pose=0.5 * torch.randn(4, 3),
            expression=torch.rand(4, head.n_expression),
        )
        angle, scale = rng.normal(size=4), np.array([1.0, 2.0, 0.5, 3.0])
        crops = np.zeros((4, 2, 3))
        crops[:, 0, 0] = crops[:, 1, 1] = scale * np.cos(angle)
        crops[:, 1, 0], crops[:, 0, 1] = scale * np.sin(angle), -scale * np.sin(angle)
        crops[:, :, 2] = 100 * rng.normal(size=(4, 2))
        frame = whole_frame((640, 480))
        steady = in_frame(code, crops, frame, head)
        np.testing.assert_allclose(
            _pixels(head, code, crops), _pixels(head, steady, np.tile(frame, (4, 1, 1))), atol=1e-2
        )

    def test_the_whole_frame_covers_the_picture(self) -> None:
        frame = whole_frame((640, 480))
        corner = frame @ np.array([-0.5, -0.5, 1])
        np.testing.assert_allclose(corner, [-0.5, -0.5 - 80])


class TestClip:
    def test_without_edits_shows_what_was_tracked(self, take: Take, head: HeadModel) -> None:
        clip = make_clip(take, TakeEdits(face_id=1), head)
        track = take.track(1)
        assert track is not None
        assert len(clip) == 60
        assert clip.times[0] == 0
        before = _pixels(head, track.code, track.crop_to_photo)
        after = _pixels(head, clip.code, np.tile(clip.frame_to_photo, (60, 1, 1)))
        np.testing.assert_allclose(before, after, atol=1e-2)

    def test_trim_keeps_the_inside_and_its_markers(self, take: Take, head: HeadModel) -> None:
        edits = TakeEdits((0.5, 1.5), markers=(Marker(0.1, "out"), Marker(1.0, "in")))
        clip = make_clip(take, edits, head)
        assert len(clip) == 31
        assert clip.times[0] == pytest.approx(0)
        assert clip.times[-1] == pytest.approx(1)
        assert [(m.time, m.text) for m in clip.markers] == [(0.5, "in")]
        assert clip.row_at(0.5) == 15
        assert clip.row_at(99) == 30

    def test_a_trim_beyond_the_end_says_so(self, take: Take, head: HeadModel) -> None:
        with pytest.raises(TakeError, match="Nothing is left"):
            make_clip(take, TakeEdits((50.0, 60.0)), head)

    def test_smoothing_calms_noise_and_stays_in_bounds(self, head: HeadModel, tmp_path: Path) -> None:
        take = load_take(record(tmp_path / "n.take", head, noise=0.03))
        raw, calm = (make_clip(take, TakeEdits(smoothing=width), head).code for width in (0.0, 0.2))
        for name in ("expression", "head_pose"):
            rough = [getattr(code, name).diff(n=2, dim=0).pow(2).mean() for code in (raw, calm)]
            assert rough[1] < 0.1 * rough[0]
        assert calm.expression.min() >= 0
        assert calm.expression.max() <= 1

    def test_retargeting_changes_the_identity_and_nothing_else(self, take: Take, head: HeadModel) -> None:
        other = identity_of("other", head.neutral_code().replace(shape=torch.full((1, head.n_shape), -1.0)))
        own, played = (make_clip(take, TakeEdits(identity=who), head).code for who in (None, other))
        assert (played.shape == -1).all()
        for name in ("expression", "head_pose", "jaw_pose", "camera", "eye_pose"):
            assert torch.equal(getattr(own, name), getattr(played, name))

    def test_an_identity_of_another_model_is_refused(self, take: Take, head: HeadModel) -> None:
        with pytest.raises(TakeError, match="another head model"):
            make_clip(take, TakeEdits(identity=Identity("x", (0.0,) * 100, ())), head)

    def test_a_face_that_is_not_there_is_refused(self, take: Take, head: HeadModel) -> None:
        with pytest.raises(TakeError, match="no face 7"):
            make_clip(take, TakeEdits(face_id=7), head)

    def test_nobody_in_the_take_is_told(self, head: HeadModel, tmp_path: Path) -> None:
        take = load_take(record(tmp_path / "empty.take", head, people=0))
        with pytest.raises(TakeError, match="nobody"):
            make_clip(take, TakeEdits(), head)

    def test_the_identity_is_that_of_the_locked_frames(self, take: Take, head: HeadModel) -> None:
        clip = make_clip(take, TakeEdits(), head)
        assert torch.allclose(clip.code.shape, torch.full_like(clip.code.shape, 0.3 * (take.tracks[0].face_id + 1)))


def _pixels(head: HeadModel, code: FaceCode, crops: np.ndarray) -> np.ndarray:
    points = image_to_pixels(project(head(code), code.camera)[..., :2], CROP_SIZE).double().numpy()
    return np.einsum("bij,bvj->bvi", crops[:, :, :2], points) + crops[:, None, :, 2]
