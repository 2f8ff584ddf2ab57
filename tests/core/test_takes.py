"""Takes: written as they come, read with suspicion, edited beside the recording."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fields_core.camera import image_to_pixels, project
from fields_core.datatypes import CROP_SIZE, FaceCode
from fields_core.errors import ExportError, TakeError
from fields_core.head import HeadModel, load_head
from fields_core.takes.clip import identity_of, make_clip
from fields_core.takes.edits import Identity, Marker, TakeEdits, edits_path, load_edits, save_edits
from fields_core.takes.frame_pose import in_frame, whole_frame
from fields_core.takes.record_file import MAGIC
from fields_core.takes.recorder import TakeRecorder
from fields_core.takes.smoothing import Smoother
from fields_core.takes.take import Take, load_take
from tests.heads import tiny_head, tiny_head_file
from tests.takes import HEIGHT, WIDTH, performance, record


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def take(head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Take:
    return load_take(record(tmp_path_factory.mktemp("take") / "clip.take", head, people=2, pictures=True), head)


class TestRecording:
    def test_gives_back_what_was_tracked(self, take: Take, head: HeadModel) -> None:
        frames = [tracked for tracked, _ in performance(head, people=2)]
        assert len(take) == len(frames) == 60
        np.testing.assert_array_equal(take.timestamps, [frame.timestamp for frame in frames])
        assert take.note == ""
        for track in take.tracks:
            for row, frame in enumerate(frames):
                face = frame.face(track.face_id)
                assert face is not None
                for name in ("shape", "expression", "head_pose", "camera", "lighting"):
                    assert torch.equal(getattr(track.code, name)[row], getattr(face.code, name)[0])
                np.testing.assert_array_equal(track.crop_to_photo[row], face.crop_to_photo)
                assert track.emotion[row, 1] == pytest.approx(0.65)

    def test_keeps_the_pictures(self, take: Take, head: HeadModel) -> None:
        pictures = [frame.pixels for _, frame in performance(head)]
        for index in (0, 30, 59):
            picture = take.picture(index)
            assert picture is not None
            assert picture.shape == (HEIGHT, WIDTH, 3)
            assert np.abs(picture.astype(int) - pictures[index]).mean() < 2

    def test_without_video_there_are_no_pictures(self, head: HeadModel, tmp_path: Path) -> None:
        take = load_take(record(tmp_path / "a.take", head))
        assert not take.has_pictures
        assert take.picture(0) is None

    def test_never_overwrites_a_take(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head, seconds=0.1)
        before = path.read_bytes()
        with pytest.raises(ExportError, match="Cannot record"):
            TakeRecorder(path, head)
        assert path.read_bytes() == before

    def test_ignores_a_frame_that_goes_back_in_time(self, head: HeadModel, tmp_path: Path) -> None:
        frames = list(performance(head, seconds=0.1))
        with TakeRecorder(tmp_path / "a.take", head) as recorder:
            for tracked, frame in (frames[0], frames[1], frames[0]):
                recorder.write(tracked, frame)
        assert len(load_take(tmp_path / "a.take")) == 2

    def test_a_slow_disk_costs_pictures_but_no_codes(
        self, head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("fields_core.takes.recorder._jpeg", lambda pixels: time.sleep(0.01) or b"slow")
        with TakeRecorder(tmp_path / "a.take", head, pictures=True) as recorder:
            for tracked, frame in performance(head):
                recorder.write(tracked, frame)
        assert recorder.dropped_pictures > 0
        assert len(load_take(tmp_path / "a.take")) == 60

    def test_a_full_disk_is_told_when_closing(
        self, head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorder = TakeRecorder(tmp_path / "a.take", head)
        monkeypatch.setattr(
            "fields_core.takes.record_file.os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        for tracked, frame in performance(head, seconds=0.2):
            recorder.write(tracked, frame)
        with pytest.raises(ExportError, match="Cannot record"):
            recorder.close()
        recorder.close()

    def test_a_killed_process_loses_at_most_a_second(self, tmp_path: Path) -> None:
        script = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from dataclasses import replace\n"
            "from fields_core.head import load_head\n"
            "from fields_core.takes.recorder import TakeRecorder\n"
            "from tests.takes import performance\n"
            "head = load_head(Path(sys.argv[2]))\n"
            "recorder = TakeRecorder(Path(sys.argv[1]), head, pictures=True)\n"
            "for tracked, frame in performance(head, seconds=600):\n"
            "    recorder.write(tracked, frame)\n"
            "    print(tracked.timestamp, flush=True)\n"
            "    time.sleep(1 / 30)\n"
        )
        path, model = tmp_path / "killed.take", tiny_head_file(tmp_path / "head.npz")
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(model)], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert process.stdout is not None
        last = 0.0
        for line in process.stdout:
            last = float(line)
            if last > 6.0:
                process.send_signal(signal.SIGKILL)
                break
        last = max([last, *(float(line) for line in process.stdout.read().split())])
        process.stdout.close()
        process.wait()
        take = load_take(path)
        assert last - take.timestamps[-1] < 1.0
        assert take.picture(len(take) - 1) is not None


class TestReading:
    @pytest.mark.parametrize("lost", [1, 7, 300])
    def test_a_torn_last_record_is_dropped_with_a_note(self, head: HeadModel, tmp_path: Path, lost: int) -> None:
        path = record(tmp_path / "a.take", head)
        whole = path.read_bytes()
        path.write_bytes(whole[:-lost])
        take = load_take(path)
        assert len(take) == 59
        assert "breaks off" in take.note

    def test_damage_in_the_middle_keeps_what_comes_before(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
        take = load_take(path)
        assert 20 < len(take) < 40
        assert take.note

    def test_a_damaged_picture_is_an_error_of_that_picture_only(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head, pictures=True)
        data = bytearray(path.read_bytes())
        where = data.index(b"\xff\xd8\xff", len(data) // 2)
        data[where + 50] ^= 0xFF
        path.write_bytes(data)
        take = load_take(path)
        assert len(take) == 60
        broken = 0
        for index in range(60):
            try:
                take.picture(index)
            except TakeError:
                broken += 1
        assert broken == 1

    @pytest.mark.parametrize(
        "content",
        [b"", b"PK\3\4 not a take", MAGIC, MAGIC + b"H" + b"\xff" * 8, MAGIC + b"H\2\0\0\0\0\0\0\0{}", b"\0" * 4096],
    )
    def test_other_files_are_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.take"
        path.write_bytes(content)
        with pytest.raises(TakeError):
            load_take(path)

    def test_a_missing_file_and_a_folder_are_refused(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.take", tmp_path):
            with pytest.raises(TakeError):
                load_take(path)

    @pytest.mark.parametrize(
        "change",
        [
            {"format": "fields-take-9"},
            {"n_shape": 10**9},
            {"n_shape": -1},
            {"n_albedo": "4"},
            {"expression_names": []},
            {"expression_names": ["a", "a"]},
            {"expression_names": 3},
            {"head_model": None},
            {"pictures": 1},
            {"more": 1},
        ],
    )
    def test_a_hostile_header_is_refused(self, head: HeadModel, change: dict[str, object]) -> None:
        from fields_core.takes.layout import TakeHeader

        content = json.loads(TakeHeader.of(head, "", "", False).to_bytes())
        content.update(change)
        with pytest.raises(TakeError, match="header"):
            TakeHeader.from_bytes(json.dumps(content).encode(), "x.take")

    @pytest.mark.parametrize("part", ["expression", "camera", "head_pose", "confidence", "crop"])
    def test_numbers_no_tracker_gives_are_refused(self, head: HeadModel, part: str) -> None:
        from fields_core.takes.layout import FRAME_HEAD, TakeHeader, pack_frame, unpack_frame

        header = TakeHeader.of(head, "", "", False)
        tracked, _ = next(performance(head))
        payload = bytearray(pack_frame(tracked, header))
        row = np.frombuffer(payload, header.face_row, offset=FRAME_HEAD.itemsize)
        assert unpack_frame(bytes(payload), header, "x")[1]["id"][0] == 0
        np.ndarray.__setitem__(row[part], ..., np.nan)
        with pytest.raises(TakeError, match="damaged"):
            unpack_frame(bytes(payload), header, "x")
        with pytest.raises(TakeError, match="damaged"):
            unpack_frame(bytes(payload[:-3]), header, "x")

    def test_another_head_model_is_refused(self, take: Take) -> None:
        with pytest.raises(TakeError, match="another head model"):
            load_take(take.path, load_head())

    def test_random_damage_never_escapes_as_another_error(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head, seconds=0.3, pictures=True)
        whole = path.read_bytes()
        rng = np.random.default_rng(5)
        for _ in range(60):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 4):
                data[place] = rng.integers(256)
            path.write_bytes(data[: rng.integers(1, len(data) + 1)])
            try:
                damaged = load_take(path)
                for index in range(len(damaged)):
                    damaged.picture(index)
            except TakeError:
                continue


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


class TestSmoothing:
    times = np.sort(np.random.default_rng(1).uniform(0, 4, 120))

    def test_a_quadratic_passes_unchanged_at_uneven_times(self) -> None:
        curve = 3 - 2 * self.times + 0.7 * self.times**2
        smooth = Smoother.of(self.times, 0.3, np.random.default_rng(2).uniform(0.2, 1, 120)).values(curve)
        dense = np.abs(np.diff(self.times)).max() < 0.25
        assert dense
        np.testing.assert_allclose(smooth, curve, atol=0.02)
        assert np.median(np.abs(smooth - curve)) < 1e-9

    def test_nothing_is_delayed(self) -> None:
        times = np.arange(0, 6, 1 / 30)
        clean = np.exp(-(((times - 3) / 0.25) ** 2))
        noisy = clean + 0.05 * np.random.default_rng(3).normal(size=len(times))
        smooth = Smoother.of(times, 0.25).values(noisy)
        lags = np.arange(-10, 11)
        match = [np.dot(np.roll(clean, lag), smooth) for lag in lags]
        assert lags[int(np.argmax(match))] == 0
        assert np.abs(smooth - clean).std() < 0.5 * np.abs(noisy - clean).std()

    def test_a_mirrored_series_gives_the_mirrored_answer(self) -> None:
        values = np.random.default_rng(4).normal(size=(120, 3))
        forward = Smoother.of(self.times, 0.2).values(values)
        backward = Smoother.of(-self.times[::-1], 0.2).values(values[::-1])[::-1]
        np.testing.assert_allclose(forward, backward, atol=1e-9)

    def test_a_blink_keeps_its_height(self) -> None:
        times = np.arange(0, 4, 1 / 30)
        blink = np.maximum(0, np.sin(2 * np.pi * 3 * times)) ** 2
        smooth = Smoother.of(times, 0.12).values(blink)
        assert smooth.max() > 0.85 * blink.max()

    def test_a_gap_separates(self) -> None:
        times = np.concatenate([np.arange(0, 1, 1 / 30), np.arange(2, 3, 1 / 30)])
        values = np.where(times < 1.5, 0.0, 1.0)
        np.testing.assert_allclose(Smoother.of(times, 0.9).values(values), values, atol=1e-6)

    def test_no_width_changes_nothing(self) -> None:
        values = np.random.default_rng(4).normal(size=(120, 3))
        np.testing.assert_array_equal(Smoother.of(self.times, 0.0).values(values), values)

    def test_rotations_pass_half_a_turn_without_a_jump(self) -> None:
        times = np.arange(0, 2, 1 / 30)
        turning = Rotation.from_rotvec(np.outer(np.linspace(2.8, 3.5, len(times)), [0.0, 1.0, 0.0]))
        noisy = turning * Rotation.from_rotvec(0.02 * np.random.default_rng(6).normal(size=(len(times), 3)))
        smooth = Rotation.from_rotvec(Smoother.of(times, 0.3).rotations(noisy.as_rotvec()))
        error = (turning.inv() * smooth).magnitude()
        assert error.max() < 0.1  # a jump is 2 pi; at the ends a quadratic follows the noise
        assert error[5:-5].max() < 0.03
        assert error.mean() < 0.6 * (turning.inv() * noisy).magnitude().mean()

    def test_rotations_do_not_depend_on_the_axes(self) -> None:
        series = Rotation.from_rotvec(np.random.default_rng(7).normal(size=(40, 3)) * 0.3)
        times = np.arange(40) / 30
        turn = Rotation.from_rotvec([0.5, -1.0, 2.0])
        here = Rotation.from_rotvec(Smoother.of(times, 0.2).rotations(series.as_rotvec()))
        there = Rotation.from_rotvec(Smoother.of(times, 0.2).rotations((turn * series).as_rotvec()))
        assert ((turn * here).inv() * there).magnitude().max() < 1e-9


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
