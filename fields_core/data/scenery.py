"""What is around and in front of synthetic faces, and what cameras do to pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fields_core.data.head_painter import Floats, Illumination
from fields_core.render.lighting import FACTORS

Point = NDArray[np.floating]

_AMBIENT = math.sqrt(4.0 * math.pi)  # coefficient of order 0 that lights every side with 1
_JPEG_QUALITY = (35, 95)


def draw_lighting(rng: np.random.Generator) -> tuple[Floats, Illumination]:
    """Light from everywhere and from one to three lamps or windows.

    A distant lamp's coefficients are the harmonics in its direction (Ramamoorthi and Hanrahan 2001, equation 9).

    Returns:
        (9, 3) as `FaceCode.lighting`, and the same light for painting.
    """
    lighting = np.zeros((9, 3))
    directions, powers = [], []
    ambient = rng.uniform(0.25, 0.8)
    lighting[0] += ambient * _AMBIENT * _tint(rng, 0.08)
    factors = np.array(FACTORS)
    for number in range(int(rng.integers(1, 4))):
        # The main light comes from the front and above, as in most photos; others from anywhere before the face.
        spread = (0.8, 0.5) if number == 0 else (1.4, 0.8)
        azimuth, elevation = rng.normal(0.0, spread[0]), rng.normal(0.35, spread[1])
        x, y = math.sin(azimuth) * math.cos(elevation), math.sin(elevation)
        z = math.cos(azimuth) * math.cos(elevation)
        power = rng.uniform(0.1, 0.8) * (1.0 if number == 0 else 0.5)
        basis = np.array([math.pi, x, y, z, x * y, x * z, y * z, x * x - y * y, 3.0 * z * z - 1.0])
        # Harmonics are the basis' factors without the cosine lobe's.
        lobe = np.array([1.0, *3 * (2.0 * math.pi / 3.0,), *5 * (math.pi / 4.0,)])
        lighting += power * (basis * factors / lobe)[:, None] * _tint(rng, 0.1)
        directions.append((x, y, z))
        powers.append(power)
    exposure = rng.uniform(0.65, 1.1) / float(np.mean(factors @ (lighting * _FRONT[:, None])))
    lighting *= min(exposure, 1.6)
    main = np.array(directions[int(np.argmax(powers))])
    halfway = main + np.array([0.0, 0.0, 1.0])
    gloss = min(exposure, 1.6) * max(powers) * rng.uniform(0.0, 0.35) * np.ones(3)
    painted = Illumination(
        coefficients=(lighting * factors[:, None]).astype(np.float32),
        halfway=(halfway / max(np.linalg.norm(halfway), 1e-6)).astype(np.float32),
        gloss=gloss.astype(np.float32),
        sharpness=float(rng.uniform(8.0, 40.0)),
    )
    return lighting.astype(np.float32), painted


_FRONT = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0])  # the basis' functions at the normal (0, 0, 1)


def muted_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    """(3,) RGB in [0, 1], seldom bright and pure: most of the world is grey or brown."""
    grey = rng.random()
    purity = rng.random() ** 2
    return np.clip(grey + purity * 0.6 * (rng.random(3) - 0.5) * 2.0, 0.0, 1.0)


def draw_background(rng: np.random.Generator, size: int, photos: Sequence[NDArray[np.uint8]]) -> Floats:
    """(size, size, 3) RGB in [0, 1]: graded, clouds, lamps or a room out of focus, or a photo's part."""
    kind = rng.random()
    if photos and kind < 0.4:
        return _photo_part(rng, size, photos[int(rng.integers(len(photos)))])
    first, second = muted_colour(rng), muted_colour(rng)
    if kind < 0.5:
        corners = first + 0.2 * rng.normal(0.0, 1.0, (2, 2, 1)) + 0.06 * rng.normal(0.0, 1.0, (2, 2, 3))
        picture = cv2.resize(corners.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    elif kind < 0.7:
        coarse = int(rng.integers(3, 14))
        clouds = (
            first + 0.2 * rng.normal(0.0, 1.0, (coarse, coarse, 1)) + 0.06 * rng.normal(0.0, 1.0, (coarse, coarse, 3))
        )
        picture = cv2.resize(clouds.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    else:
        picture = np.full((size, size, 3), first, np.float32)
        for _ in range(int(rng.integers(3, 16))):
            colour = tuple(
                float(value) for value in np.clip(second + rng.normal(0.0, 0.25) + rng.normal(0.0, 0.12, 3), 0.0, 1.0)
            )
            if kind < 0.85:
                centre = tuple(int(value) for value in rng.integers(0, size, 2))
                cv2.circle(picture, centre, int(rng.integers(size // 30, size // 4)), colour, -1)
            else:
                corners = np.sort(rng.integers(-size // 4, size * 5 // 4, (2, 2)), axis=0)
                cv2.rectangle(picture, corners[0].tolist(), corners[1].tolist(), colour, -1)
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 9.0)))
    return np.clip(picture, 0.0, 1.0)


def _photo_part(rng: np.random.Generator, size: int, photo: NDArray[np.uint8]) -> Floats:
    side = int(min(photo.shape[:2]) * rng.uniform(0.3, 1.0))
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in photo.shape[:2])
    part = cv2.resize(photo[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(part.astype(np.float32) / 255.0, (0, 0), float(rng.uniform(0.5, 5.0)))


def lay(picture: Floats, colours: Floats, coverage: Floats) -> Floats:
    """``colours`` (H, W, 3), already times ``coverage`` (H, W), over ``picture`` (H, W, 3)."""
    return picture * (1.0 - coverage[..., None]) + colours


def draw_clothes(rng: np.random.Generator, picture: Floats, neck: Point, width: float, *, front: bool) -> Floats:
    """Shoulders behind the neck, or a collar before it.

    Args:
        neck: (2,) pixels, where the neck ends.
        width: of the neck there, pixels.
    """
    colour = muted_colour(rng)
    shade = float(rng.uniform(0.75, 1.0))
    covered = picture.copy()
    size = len(picture)
    x, y = float(neck[0]), float(neck[1])
    rise = width * float(rng.uniform(0.1, 0.25))
    slope = width * float(rng.uniform(0.5, 0.9))
    dip = width * float(rng.uniform(0.05, 0.3)) if front else -0.25 * width
    half = 0.55 * width
    outline = [
        (x - 4.0 * width, y + 2.0 * slope),
        (x - 1.7 * width, y + slope),
        (x - half, y - rise if front else y - 0.1 * width),
        (x, y + dip),
        (x + half, y - rise if front else y - 0.1 * width),
        (x + 1.7 * width, y + slope),
        (x + 4.0 * width, y + 2.0 * slope),
        (x + 4.0 * width, y + 3.0 * size),
        (x - 4.0 * width, y + 3.0 * size),
    ]
    polygon = np.round(np.clip(np.array(outline), -4.0 * size, 5.0 * size) * 16).astype(np.int32)
    tone = tuple(float(value) for value in colour * (1.0 if front else shade))
    cv2.fillPoly(covered, [polygon], tone, cv2.LINE_AA, 4)
    return covered


def draw_glasses(rng: np.random.Generator, picture: Floats, rims: Sequence[Point], temples: Sequence[Point]) -> Floats:
    """Glasses, now and then dark ones.

    Args:
        rims: two (N, 2) closed outlines in pixels, their first points nearest the nose.
        temples: lines (2, 2) in pixels from rim to ear.
    """
    covered = picture.copy()
    colour = tuple(float(value) for value in rng.random(3) ** 3 * 0.5)
    thickness = int(rng.integers(1, 4))
    outlines = [np.round(np.asarray(rim) * 16).astype(np.int32) for rim in rims]
    tint = float(rng.uniform(0.75, 0.95)) if rng.random() < 0.06 else float(rng.uniform(0.0, 0.12))
    if tint > 0.02:
        lenses = covered.copy()
        glass = (0.05, 0.05, 0.06) if tint > 0.5 else (0.85, 0.9, 0.95)
        cv2.fillPoly(lenses, outlines, glass, cv2.LINE_AA, 4)
        covered = covered * (1.0 - tint) + lenses * tint
    bridge = np.round(np.array([rims[0][0], rims[1][0]]) * 16).astype(np.int32)
    sides = [np.round(np.asarray(temple) * 16).astype(np.int32) for temple in temples]
    cv2.polylines(covered, outlines, True, colour, thickness, cv2.LINE_AA, 4)
    cv2.polylines(covered, [bridge, *sides], False, colour, thickness, cv2.LINE_AA, 4)
    return covered


def draw_occluder(rng: np.random.Generator, picture: Floats, face: Point, skin: Floats) -> Floats:
    """A hand, a microphone, a cup or strands of hair before the face.

    Args:
        face: (N, 2) pixels of the face's landmarks.
        skin: (3,) a colour for hands.
    """
    low, high = face.min(axis=0), face.max(axis=0)
    extent = float((high - low).max())
    covered = picture.copy()
    kind = rng.random()
    if kind < 0.35:
        colour = tuple(float(value) for value in rng.random(3) ** 2)
        for _ in range(int(rng.integers(2, 12))):
            start = np.array([rng.uniform(low[0], high[0]), low[1] - 0.25 * extent])
            end = start + rng.normal(0.0, 0.3, 2) * extent + [0.0, rng.uniform(0.3, 0.9) * extent]
            bend = (start + end) / 2.0 + rng.normal(0.0, 0.08, 2) * extent
            t = np.linspace(0.0, 1.0, 12)[:, None]
            line = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
            cv2.polylines(covered, [np.round(line * 16).astype(np.int32)], False, colour, 1, cv2.LINE_AA, 4)
        return covered
    # From below or from the side, seldom over the eyes.
    edge = np.array(
        [rng.uniform(low[0] - 0.1 * extent, high[0] + 0.1 * extent), high[1] - rng.uniform(-0.1, 0.3) * extent]
    )
    if kind < 0.65:
        fingers = int(rng.integers(1, 5))
        direction = rng.normal(0.0, 0.6)
        step = np.array([math.cos(direction), math.sin(direction)]) * 0.09 * extent
        along = np.array([-math.sin(direction), math.cos(direction)])
        for number in range(fingers):
            tip = edge + step * number
            tone = tuple(float(value) for value in np.clip(skin * rng.uniform(0.8, 1.05), 0.0, 1.0))
            base = tip + along * 1.2 * extent
            ends = [np.round(point * 16).astype(int).tolist() for point in (tip, base)]
            cv2.line(covered, ends[0], ends[1], tone, max(2, round(0.085 * extent)), cv2.LINE_AA, 4)
        return covered
    colour = tuple(float(value) for value in muted_colour(rng))
    axes = tuple(round(float(value) * extent) for value in rng.uniform(0.08, 0.25, 2))
    centre = tuple(round(float(value)) for value in edge)
    cv2.ellipse(covered, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    return covered


def photograph(rng: np.random.Generator, picture: Floats) -> NDArray[np.uint8]:
    """What a camera and a file make of a scene: shadows, tone, grey film, blur, noise, JPEG.

    Args:
        picture: (H, W, 3) RGB, 1 is white.

    Returns:
        (H, W, 3) RGB.
    """
    size = picture.shape[:2][::-1]
    if rng.random() < 0.25:  # a shadow or a light patch falls across the scene
        patch = 1.0 + rng.normal(0.0, 0.25, (3, 3)).clip(-0.5, 0.4)
        picture = picture * cv2.resize(patch.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)[..., None]
    if rng.random() < 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.4)))
    if rng.random() < 0.25:
        picture = cv2.cvtColor(cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    gamma, contrast = float(np.exp(rng.normal(0.0, 0.12))), float(np.exp(rng.normal(0.0, 0.08)))
    picture = np.clip((np.clip(picture, 0.0, 1.0) ** gamma - 0.5) * contrast + 0.5, 0.0, 1.0)
    picture = picture + rng.normal(0.0, 1.0, picture.shape).astype(np.float32) * (0.03 * float(rng.random()) ** 2)
    pixels = (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    if rng.random() < 0.3:
        quality = int(rng.integers(*_JPEG_QUALITY))
        file = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        pixels = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)
    return pixels


def _tint(rng: np.random.Generator, spread: float) -> NDArray[np.float64]:
    warmth = rng.normal(0.0, spread)
    return np.exp(np.array([warmth, 0.0, -warmth]) + rng.normal(0.0, 0.02, 3))
