"""How long a head takes to fit, beside finding the face in the same photo."""

from __future__ import annotations

from skimage import data

from fields_core.detection.crop import crop_face
from fields_core.detection.face_detector import FaceDetector
from fields_core.detection.photo_file import photo_from_array
from fields_core.fitting import LandmarkFitter
from fields_core.head import load_head
from tests.benchmarks.bench import Row, seconds

_LIMIT_MS = 60.0  # a face, on two cores
_BATCH = 16


def measure() -> list[Row]:
    photo = photo_from_array(data.astronaut())
    with FaceDetector() as detector:
        face = detector.detect(photo)[0]
        detect = 1e3 * seconds(lambda: detector.detect(photo), 11)
    landmarks = crop_face(photo, face).landmarks[None].repeat(_BATCH, axis=0)
    scores = [face.scores] * _BATCH
    fitter = LandmarkFitter(load_head())
    one = 1e3 * seconds(lambda: fitter.fit(landmarks[:1], scores[:1]), 21)
    many = 1e3 * seconds(lambda: fitter.fit(landmarks, scores), 5) / _BATCH
    return [
        Row("fit one face (limit 60 ms)", one, "ms", _LIMIT_MS, note=f"finding it took {detect:.1f} ms"),
        Row(f"fit {_BATCH} faces, each (limit 60 ms)", many, "ms", _LIMIT_MS),
    ]
