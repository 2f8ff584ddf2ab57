"""How long the shipped encoder takes for a face, and a whole photo with it, beside finding the face."""

from __future__ import annotations

from skimage import data

from fields_core.detection.face_detector import FaceDetector
from fields_core.detection.photo_file import photo_from_array
from fields_core.fitting.encoded_fit import encoder_for
from fields_core.head import load_head
from fields_core.pipeline import Reconstructor
from tests.benchmarks.bench import Row, seconds

_LIMIT_MS = 4.0  # a crop, on two cores


def measure() -> list[Row]:
    photo, head = photo_from_array(data.astronaut()), load_head()
    encoder = encoder_for(head)
    if encoder is None:
        raise SystemExit("No encoder weights for the open head are installed.")
    with FaceDetector() as detector, Reconstructor(head, detector, encoder) as reconstructor:
        crop = reconstructor.reconstruct(photo, texture=False)[0].crop
        code = 1e3 * seconds(lambda: encoder([crop]), 51)
        detect = 1e3 * seconds(lambda: detector.detect(photo), 11)
        bare = 1e3 * seconds(lambda: reconstructor.reconstruct(photo, texture=False), 11)
        textured = 1e3 * seconds(lambda: reconstructor.reconstruct(photo), 7)
    note = f"finding it takes {detect:.0f} ms"
    return [
        Row("face crop to code (limit 4 ms)", code, "ms", _LIMIT_MS, note=encoder.backend),
        Row("photo to head (limit: twice the detector)", bare, "ms", 2.0 * detect, note=note),
        Row("photo to textured head", textured, "ms", 2.0 * detect, note=note),
    ]
