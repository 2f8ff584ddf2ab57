"""How steady a still face is held, and how much of quick blinks is left: the whole path of a frame, on real photos.

The photos (../shared/data/london) are none of those that the smoothing's constants were chosen on. A still face is one
photo repeated with a sensor's noise. Blinks are made in the picture: the skin between brow and lid is drawn over the
eye. They pass detector, coder and smoothing, set as in the window, where several faces are looked for; what is kept is
measured against the same eyes closed for a long time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import Photo
from fields_core.detection.face_detector import FaceDetector
from fields_core.detection.photo_file import load_photo
from fields_core.head import HeadModel, load_head
from fields_core.live.coder import FaceCoder
from fields_core.live.networks import installed_networks
from fields_core.live.person import TrackerSettings
from fields_core.live.tracked import Frame
from fields_core.live.tracker import Tracker
from tests.benchmarks.bench import Row

_PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "london"
_PEOPLE = ("101", "113", "125")
_RATE = 30.0
_NOISE = 4.0  # standard deviation of the sensor's noise, of 255
_FIELDS = 24  # of noise; each is shifted anew for every picture, for drawing a new one takes longer than tracking
_SETTLED = round(2.0 * _RATE)  # frames until the identity is locked
_STILL, _BLINKS = 60, 60  # frames that are measured
_BLINK_HZ = 3.0
# Landmarks from the outer corner to the inner one: upper lid, lower lid, and the brow's lower edge.
_EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133), (46, 53, 52, 65, 55)),
    ((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362),
     (276, 283, 282, 295, 285)),
)  # fmt: skip

Picture = NDArray[np.uint8]


def measure() -> Iterator[Row]:
    torch.set_num_threads(1)
    if not _PHOTOS.is_dir():
        sys.stderr.write(f"{_PHOTOS} is not here: no rows\n")
        return
    head = load_head()
    coder = installed_networks(head).coder
    coders = {"encoder": coder, "landmark fit": None} if coder is not None else {"landmark fit": None}
    photos = [_frame(load_photo(_PHOTOS / f"{person}_neutral.jpg")) for person in _PEOPLE]
    for name, used in coders.items():
        calm, raw = ([_jitter(head, used, photo, setting) for photo in photos] for setting in (0.5, 0.0))
        note = f"worst of {len(photos)} photos; mean {np.mean(calm):.2f}, unsmoothed {np.mean(raw):.2f} mm"
        yield Row(f"live: vertex jitter of a still face, {name} (limit 0.3)", max(calm), "mm", 0.3, note=note)
        kept, smoothed = zip(*(_kept(head, used, photo) for photo in photos), strict=True)
        note = f"least of {len(photos)}; mean {np.mean(kept):.2f}; of what the smoothing got: {min(smoothed):.2f}"
        yield Row(f"live: amplitude kept of 3 Hz blinks, {name} (limit 0.8)", min(kept), "", 0.8, True, note)


def _frame(photo: Photo) -> Picture:
    """(480, 640, 3): the photo in the middle."""
    side = cv2.resize(photo.pixels, (round(480 * photo.width / photo.height), 480), interpolation=cv2.INTER_AREA)
    left = (640 - side.shape[1]) // 2
    return cv2.copyMakeBorder(side, 0, 0, left, 640 - side.shape[1] - left, cv2.BORDER_REPLICATE).astype(np.uint8)


def _noisy(pictures: Iterable[Picture]) -> Iterator[Frame]:
    fields, rng = _noise(), np.random.default_rng(2)
    for number, picture in enumerate(pictures):
        field = np.roll(fields[number % _FIELDS], rng.integers(0, 480, 2), axis=(0, 1))
        yield Frame(np.clip(picture + field, 0, 255).astype(np.uint8), number / _RATE, number)


@lru_cache(maxsize=1)
def _noise() -> list[NDArray[np.int16]]:
    """Of one size of picture, (480, 640, 3)."""
    rng = np.random.default_rng(1)
    return [np.round(rng.normal(0.0, _NOISE, (480, 640, 3))).astype(np.int16) for _ in range(_FIELDS)]


def _jitter(head: HeadModel, coder: FaceCoder | None, photo: Picture, calm: float) -> float:
    """Root mean square distance of the vertices from their mean, mm."""
    vertices = []
    with Tracker(head, coder, TrackerSettings(calm=calm)) as tracker:
        for frame in _noisy([photo] * (_SETTLED + _STILL)):
            tracked = tracker.track(frame)
            if frame.number >= _SETTLED:
                with torch.no_grad():
                    vertices.append(head(tracked.faces[0].code)[0].numpy())
    spread = np.stack(vertices)
    return 1e3 * float(np.sqrt(((spread - spread.mean(axis=0)) ** 2).sum(axis=-1).mean()))


def _kept(head: HeadModel, coder: FaceCoder | None, photo: Picture) -> tuple[float, float]:
    """Of the amplitude of slow blinks, and of that of the same quick blinks without smoothing."""
    with FaceDetector() as detector:
        points = detector.detect(Photo(photo))[0].landmarks[:, :2].astype(np.float64)
    shades = [_closed(photo, points, share) for share in np.linspace(0.0, 1.0, 21)]
    time = np.arange(_BLINKS) / _RATE
    quick = [shades[round(20 * share)] for share in 0.5 - 0.5 * np.cos(2.0 * np.pi * _BLINK_HZ * time)]
    slow = [shades[0]] * 30 + [shades[-1]] * 30
    smooth, raw = (_blinked(head, coder, photo, quick, calm) for calm in (0.5, 0.0))
    still = _blinked(head, coder, photo, slow, 0.0)
    whole = float(still[50:].mean() - still[15:30].mean())
    return _amplitude(smooth) / whole, _amplitude(smooth) / _amplitude(raw)


def _amplitude(values: NDArray[np.float64]) -> float:
    """Between the middle of the peaks and that of the valleys, the first third of a second left out."""
    periods = values[10:].reshape(-1, round(_RATE / _BLINK_HZ))
    return float(np.median(periods.max(axis=1)) - np.median(periods.min(axis=1)))


def _blinked(
    head: HeadModel, coder: FaceCoder | None, photo: Picture, pictures: list[Picture], calm: float
) -> NDArray[np.float64]:
    """The mean of both eyes' blink unit in each of the pictures."""
    places = [head.expression_names.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
    values = []
    with Tracker(head, coder, TrackerSettings(calm=calm)) as tracker:
        for frame in _noisy([photo] * _SETTLED + pictures):
            code = tracker.track(frame).faces[0].code
            values.append(float(code.expression[0, places].mean()))
    return np.array(values[_SETTLED:])


def _closed(photo: Picture, points: NDArray[np.float64], share: float) -> Picture:
    """The photo with both lids so far down; 1 is closed."""
    height, width = photo.shape[:2]
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    source = ys.copy()
    for upper, lower, brow in _EYES:
        columns = np.arange(int(points[list(upper), 0].min()) + 1, int(points[list(upper), 0].max()) + 1)
        lid, low, top = (_curve(points[list(places)], columns) for places in (upper, lower, brow))
        low = np.maximum(low, lid + 0.1)
        moved = lid + share * (low - lid - 0.5)
        rows = ys[:, columns]
        skin = top + (rows - top) * (lid - top) / np.maximum(moved - top, 0.1)
        eye = lid + (rows - moved) * (low - lid) / np.maximum(low - moved, 0.1)
        inside = np.where(rows < moved, skin, eye)
        source[:, columns] = np.where((rows > top) & (rows < low), inside, rows)
    return cv2.remap(photo, xs, source.astype(np.float32), cv2.INTER_LINEAR).astype(np.uint8)


def _curve(points: NDArray[np.float64], columns: NDArray[np.int_]) -> NDArray[np.float64]:
    """Height of a line of landmarks at each column."""
    order = np.argsort(points[:, 0])
    return np.interp(columns, points[order, 0], points[order, 1])
