"""Faces of every size, way up and number; nothing where there is none; no noise, no leak, no hang."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from fields_core.datatypes import DetectedFace
from fields_core.detection.crop import crop_face
from fields_core.detection.face_detector import SEARCH_EVERY, FaceDetector
from fields_core.detection.photo_file import photo_from_array
from fields_core.errors import AssetMissingError

FACE_WIDTH = 91.0  # of the landmarks in the astronaut picture, pixels
FACE_CENTRE = np.array([225.0, 124.0])


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    with FaceDetector() as detector:
        yield detector


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()


def head(astronaut: np.ndarray, face_width: float) -> np.ndarray:
    """The astronaut's head and shoulders, the face so many pixels wide."""
    cut = astronaut[0:260, 90:350]
    side = round(260 * face_width / FACE_WIDTH)
    return cv2.resize(cut, (side, side), interpolation=cv2.INTER_AREA)


def canvas_with(heads: list[tuple[np.ndarray, int, int]], width: int = 960, height: int = 640) -> np.ndarray:
    texture = cv2.resize(data.coffee(), (width, height))
    for picture, left, top in heads:
        texture[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return texture


def centre(face: DetectedFace) -> np.ndarray:
    return np.array([(face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2])


def expected_centre(picture: np.ndarray, left: int, top: int) -> np.ndarray:
    return (FACE_CENTRE - [90, 0]) * picture.shape[0] / 260 + [left, top]


def test_astronaut_is_found_with_landmarks_and_scores(detector: FaceDetector, astronaut: np.ndarray) -> None:
    (face,) = detector.detect(photo_from_array(astronaut))
    assert face.landmarks.shape == (478, 3)
    assert face.landmarks.dtype == np.float32
    assert face.box == pytest.approx((*face.landmarks[:, :2].min(0), *face.landmarks[:, :2].max(0)))
    assert centre(face) == pytest.approx(FACE_CENTRE, abs=6)
    assert face.rotation_degrees == 0
    assert len(face.scores) == 52
    assert face.scores["mouthSmileLeft"] > 0.4
    right_iris, left_iris, nose = face.landmarks[[468, 473, 1], :2]
    assert right_iris[0] < left_iris[0]  # the person's right is on the viewer's left
    assert nose[1] > right_iris[1]


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_turned_photo_gives_the_same_landmarks(
    detector: FaceDetector, astronaut: np.ndarray, quarter_turns: int
) -> None:
    (upright,) = detector.detect(photo_from_array(astronaut))
    (turned,) = detector.detect(photo_from_array(np.rot90(astronaut, quarter_turns)))
    assert turned.rotation_degrees == 360 - 90 * quarter_turns
    x, y = turned.landmarks[:, 0], turned.landmarks[:, 1]
    back = {1: (511 - y, x), 2: (511 - x, 511 - y), 3: (y, 511 - x)}[quarter_turns]
    distance = np.linalg.norm(np.stack(back, -1) - upright.landmarks[:, :2], axis=1)
    assert distance.mean() < 0.02 * FACE_WIDTH
    crop = crop_face(photo_from_array(np.rot90(astronaut, quarter_turns)), turned)
    right_iris, left_iris, chin = crop.landmarks[[468, 473, 152]]
    assert right_iris[0] < left_iris[0]
    assert chin[1] > left_iris[1] + 0.3


@pytest.mark.parametrize("percent", [3, 4, 6, 10, 20])
def test_small_face_is_found(detector: FaceDetector, astronaut: np.ndarray, percent: int) -> None:
    picture = head(astronaut, 960 * percent / 100)
    found = detector.detect(photo_from_array(canvas_with([(picture, 340, 10)])))
    (face,) = found
    width = face.box[2] - face.box[0]
    assert width == pytest.approx(960 * percent / 100, rel=0.12)
    assert centre(face) == pytest.approx(expected_centre(picture, 340, 10), abs=0.1 * width)


def test_group_of_small_faces_is_found_once_each(detector: FaceDetector, astronaut: np.ndarray) -> None:
    heads = [(head(astronaut, 30 + 4 * i), 20 + 230 * (i % 4), 20 + 300 * (i // 4)) for i in range(8)]
    faces = detector.detect(photo_from_array(canvas_with(heads)))
    assert len(faces) == 8
    widths = [face.box[2] - face.box[0] for face in faces]
    assert widths == sorted(widths, reverse=True)
    for picture, left, top in heads:
        gaps = [np.abs(centre(face) - expected_centre(picture, left, top)).max() for face in faces]
        assert min(gaps) < 6


def test_small_faces_behind_a_large_one_are_found(detector: FaceDetector, astronaut: np.ndarray) -> None:
    heads = [(head(astronaut, 190), 20, 40), (head(astronaut, 32), 760, 60), (head(astronaut, 40), 720, 400)]
    faces = detector.detect(photo_from_array(canvas_with(heads)))
    assert len(faces) == 3
    assert faces[0].box[2] - faces[0].box[0] == pytest.approx(190, rel=0.1)


def test_small_faces_can_be_left_out(astronaut: np.ndarray) -> None:
    heads = [(head(astronaut, 190), 20, 40), (head(astronaut, 32), 760, 60)]
    with FaceDetector(small_faces=False) as detector:
        assert len(detector.detect(photo_from_array(canvas_with(heads)))) == 1


def test_at_most_max_faces_the_largest(astronaut: np.ndarray) -> None:
    heads = [(head(astronaut, 60), 20, 40), (head(astronaut, 120), 400, 60), (head(astronaut, 80), 60, 330)]
    with FaceDetector(max_faces=2) as detector:
        widths = [face.box[2] - face.box[0] for face in detector.detect(photo_from_array(canvas_with(heads)))]
    assert widths == pytest.approx([120, 80], rel=0.1)


def test_face_that_fills_the_photo_is_found(detector: FaceDetector, astronaut: np.ndarray) -> None:
    tight = cv2.cvtColor(np.ascontiguousarray(astronaut[65:172, 170:275]), cv2.COLOR_RGB2GRAY)
    (face,) = detector.detect(photo_from_array(tight))
    assert face.box[2] - face.box[0] > 70


def test_small_face_has_the_landmarks_of_the_large_one(detector: FaceDetector, astronaut: np.ndarray) -> None:
    (large,) = detector.detect(photo_from_array(astronaut))
    picture = head(astronaut, 43)
    (small,) = detector.detect(photo_from_array(canvas_with([(picture, 500, 100)])))
    scale = picture.shape[0] / 260
    there = (large.landmarks[:, :2] + 0.5 - [90, 0]) * scale - 0.5 + [500, 100]
    assert np.linalg.norm(there - small.landmarks[:, :2], axis=1).mean() < 0.03 * 43


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea", "grass", "gravel", "coins", "text", "moon"])
def test_no_face_is_found_where_there_is_none(detector: FaceDetector, name: str) -> None:
    assert detector.detect(photo_from_array(getattr(data, name)())) == []


@pytest.mark.parametrize("shape", [(16, 16, 3), (20, 3000, 3), (3000, 20, 3), (100, 128, 3)])
def test_photos_of_odd_shape_have_no_face(detector: FaceDetector, shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert detector.detect(photo_from_array(noise)) == []
    assert detector.detect(photo_from_array(np.zeros(shape, np.uint8))) == []


def test_detection_is_repeatable_and_leaves_the_photo_alone(detector: FaceDetector, astronaut: np.ndarray) -> None:
    photo = photo_from_array(astronaut)
    first, second = detector.detect(photo)[0], detector.detect(photo)[0]
    np.testing.assert_array_equal(first.landmarks, second.landmarks)
    np.testing.assert_array_equal(photo.pixels, astronaut)


def test_video_follows_a_face_and_begins_again_when_time_goes_back(astronaut: np.ndarray) -> None:
    with FaceDetector(mode="video") as detector:
        for i in range(4):
            (face,) = detector.detect_frame(np.roll(astronaut, 3 * i, axis=1), 33 * i)
            assert centre(face) == pytest.approx(np.add(FACE_CENTRE, (3 * i, 0)), abs=8)
        moved = np.ascontiguousarray(np.roll(astronaut, 150, axis=1))
        detector.start_clip()
        (face,) = detector.detect_frame(moved, 1)
        assert centre(face) == pytest.approx(np.add(FACE_CENTRE, (150, 0)), abs=8)
        (face,) = detector.detect_frame(astronaut, 0)
        assert centre(face) == pytest.approx(FACE_CENTRE, abs=8)
        assert detector.detect_frame(np.zeros((480, 640, 3), np.uint8), 1000) == []


@pytest.mark.parametrize("max_faces", [1, 4])
def test_video_does_not_lag_behind_a_small_quick_movement(astronaut: np.ndarray, max_faces: int) -> None:
    moved = np.ascontiguousarray(np.roll(astronaut, 1, axis=1))
    with FaceDetector(mode="video", max_faces=max_faces) as detector:
        for number in range(10):
            (rest,) = detector.detect_frame(astronaut, 33 * number)
        (face,) = detector.detect_frame(moved, 33 * 10)
    assert (face.landmarks - rest.landmarks)[:, 0].mean() > 0.8


def test_video_frame_upside_down_is_found(astronaut: np.ndarray) -> None:
    with FaceDetector(mode="video") as detector:
        (face,) = detector.detect_frame(np.ascontiguousarray(astronaut[::-1, ::-1]), 0)
    assert face.rotation_degrees == 180


def test_frames_without_anybody_are_searched_now_and_then(
    astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, turned = np.zeros((64, 64, 3), np.uint8), np.ascontiguousarray(astronaut[::-1, ::-1])
    searched: list[int] = []
    with FaceDetector(mode="video") as detector:
        search = detector._search

        def counted(pixels: np.ndarray, small_faces: bool) -> list[DetectedFace]:
            searched.append(frame)
            return search(pixels, small_faces)

        monkeypatch.setattr(detector, "_search", counted)
        for frame in range(2 * SEARCH_EVERY + 1):
            assert detector.detect_frame(empty, 33 * frame) == []
        assert searched == [0, SEARCH_EVERY, 2 * SEARCH_EVERY]
        found = []
        for frame in range(2 * SEARCH_EVERY + 1, 3 * SEARCH_EVERY + 3):
            found.append(len(detector.detect_frame(turned, 33 * frame)))
        # Found at the next search at the latest, and from then on in every frame.
        assert found[SEARCH_EVERY - 1 :] == [1] * (len(found) - SEARCH_EVERY + 1)
        detector.start_clip()
        searched.clear()
        detector.detect_frame(empty, 10_000)
        assert len(searched) == 1


def test_wrong_use_is_refused_and_does_no_harm(astronaut: np.ndarray) -> None:
    with FaceDetector(mode="video") as detector:
        for bad in (astronaut[..., 0], astronaut.astype(np.uint16), np.zeros((0, 0, 3), np.uint8)):
            with pytest.raises(ValueError, match="expected"):
                detector.detect_frame(bad, 0)
        assert len(detector.detect_frame(astronaut, 5)) == 1
    with FaceDetector() as photos, pytest.raises(RuntimeError, match="video"):
        photos.detect_frame(astronaut, 0)
    with pytest.raises(ValueError, match="max_faces"):
        FaceDetector(max_faces=0)
    with pytest.raises(ValueError, match="mode"):
        FaceDetector(mode="film")  # type: ignore[arg-type]


def test_use_after_close_is_refused(astronaut: np.ndarray) -> None:
    photos, video = FaceDetector(), FaceDetector(mode="video")
    for detector in (photos, video):
        detector.close()
        detector.close()
    with pytest.raises(RuntimeError, match="close"):
        photos.detect(photo_from_array(astronaut))
    with pytest.raises(RuntimeError, match="close"):
        video.detect_frame(astronaut, 0)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x05\x06" + bytes(18)])
def test_damaged_model_is_refused(content: bytes, tmp_path: Path) -> None:
    model = tmp_path / "face_landmarker.task"
    model.write_bytes(content)
    with pytest.raises(AssetMissingError, match="not a usable face landmarker"):
        FaceDetector(model)
    with pytest.raises(AssetMissingError):
        FaceDetector(tmp_path / "nothing.task")


def test_model_may_lie_at_a_path_outside_ascii(astronaut: np.ndarray, tmp_path: Path) -> None:
    from fields_core.assets import find_asset

    model = tmp_path / "Modèle 顔" / "face_landmarker.task"
    model.parent.mkdir()
    model.write_bytes(find_asset("face_landmarker.task").read_bytes())
    with FaceDetector(model) as detector:
        assert len(detector.detect(photo_from_array(astronaut))) == 1


def test_nothing_is_written_to_the_terminal(astronaut: np.ndarray, capfd: pytest.CaptureFixture) -> None:
    with FaceDetector(mode="video") as detector:
        detector.detect(photo_from_array(astronaut))
        detector.detect_frame(astronaut, 0)
        sys.stderr.write("still open\n")
    assert capfd.readouterr() == ("", "still open\n")


def test_detectors_come_and_go_without_threads_left(astronaut: np.ndarray) -> None:
    photo = photo_from_array(astronaut)
    before = set(threading.enumerate())
    for _ in range(5):
        with FaceDetector(small_faces=False) as detector:
            assert len(detector.detect(photo)) == 1
    assert set(threading.enumerate()) <= before


def test_detector_works_in_another_thread(detector: FaceDetector, astronaut: np.ndarray) -> None:
    found: list[list[DetectedFace]] = []
    thread = threading.Thread(target=lambda: found.append(detector.detect(photo_from_array(astronaut))))
    thread.start()
    thread.join(timeout=30)
    assert len(found[0]) == 1


def test_forgotten_detector_is_closed_by_the_collector(astronaut: np.ndarray) -> None:
    detector = FaceDetector()
    detector.myself = detector  # type: ignore[attr-defined]  # a cycle: only the collector can free it
    del detector
    gc.collect()


def test_program_that_forgets_to_close_ends(capfd: pytest.CaptureFixture) -> None:
    program = "from fields_core.detection.face_detector import FaceDetector as D; d = D(); d.me = d; print('made')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "made\n"
    assert done.stderr == ""


@pytest.mark.skipif(not hasattr(signal, "SIGPROF"), reason="Windows has no such signal")
@pytest.mark.parametrize("mode", ["image", "video"])
def test_it_outlives_that_somebody_resets_the_handler_of_its_profiler(mode: str) -> None:
    """As Lightning does after each training: MediaPipe's timers then ended the process."""
    program = f"""
import signal
from skimage import data
from fields_core.datatypes import Photo
from fields_core.detection.face_detector import FaceDetector
picture = data.astronaut()
with FaceDetector(mode={mode!r}) as detector:
    find = lambda n: detector.detect(Photo(picture)) if {mode!r} == "image" else detector.detect_frame(picture, 40 * n)
    assert find(1)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    assert all(find(n) for n in range(2, 25))
with FaceDetector() as another:
    assert another.detect(Photo(picture))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
