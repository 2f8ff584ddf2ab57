"""A sheet of pictures: for every person the photo, the head over it, the head alone, scores and strongest units."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import ExportError
from fields_core.export.morphs import unit_names, unit_weights
from fields_core.export.people import ExportedPerson
from fields_core.files import replacing
from fields_core.head import HeadModel
from fields_core.render import render_overlay, turntable_frames

DPI = 150
PAGE = (1754, 1240)  # A4 across
PER_PAGE = 3
_MARGIN, _GAP, _PICTURE = 70, 26, 326
_HEAD, _ROW = 74, 342
_PAPER, _INK, _SOFT, _RAIL, _BAR = "#ffffff", "#1b1e23", "#6b7480", "#e4e8ec", "#23897b"
_BARS = 8
_AROUND = 0.9  # of the face's size that is shown on each side of it
_CLOSER = 0.2  # of the picture of the head that is cut off
_FAINTEST = 0.02  # of a unit that is worth a bar

Pixels = NDArray[np.uint8]


def write_sheet(
    people: Sequence[ExportedPerson], head: HeadModel, path: Path, each: Callable[[int], None] = lambda done: None
) -> list[Path]:
    """Write ``path``: .pdf with all pages, or .png, one file a page (``-2``, ``-3`` ... before the ending).

    Args:
        each: called with the number of people done so far; may raise to stop.

    Raises:
        ExportError: there is nobody, another ending, or a file cannot be written.
    """
    if not people or path.suffix not in (".pdf", ".png"):
        raise ExportError(
            "There is no such picture sheet",
            expected="at least one person, and a name ending in .pdf or .png",
            found=f"{len(people)} people, {path.name}",
        )
    pages = []
    for first in range(0, len(people), PER_PAGE):
        page = Image.new("RGB", PAGE, _PAPER)
        draw = ImageDraw.Draw(page)
        _frame(draw, head, first // PER_PAGE + 1, -(-len(people) // PER_PAGE))
        for place, person in enumerate(people[first : first + PER_PAGE]):
            each(first + place)
            _row(page, draw, person, head, _HEAD + _MARGIN // 2 + place * (_ROW + _GAP // 2))
        pages.append(page)
    note = f"Head model {head.name}: {head.licence}"
    return _write_pdf(pages, path, note) if path.suffix == ".pdf" else _write_png(pages, path, note)


def _write_pdf(pages: list[Image.Image], path: Path, note: str) -> list[Path]:
    stream = io.BytesIO()
    pages[0].save(
        stream, "PDF", save_all=True, append_images=pages[1:], resolution=DPI, title=path.stem, creator="FIELDS",
        keywords=note, quality=92,
    )  # fmt: skip
    with replacing(path) as temporary:
        temporary.write_bytes(stream.getvalue())
    return [path]


def _write_png(pages: list[Image.Image], path: Path, note: str) -> list[Path]:
    about = PngInfo()
    about.add_text("Software", "FIELDS")
    about.add_itxt("Copyright", note)
    written = []
    for number, page in enumerate(pages, 1):
        stream = io.BytesIO()
        page.save(stream, "PNG", dpi=(DPI, DPI), pnginfo=about)
        place = path if number == 1 else path.with_name(f"{path.stem}-{number}.png")
        with replacing(place) as temporary:
            temporary.write_bytes(stream.getvalue())
        written.append(place)
    return written


def _frame(draw: ImageDraw.ImageDraw, head: HeadModel, page: int, pages: int) -> None:
    width, height = PAGE
    draw.text((_MARGIN, 52), "FIELDS", _INK, _font(30))
    draw.text((_MARGIN + 130, 60), "photo  ·  head over photo  ·  head  ·  expression", _SOFT, _font(20))
    foot = f"Head model {head.name}, licence {head.licence}. Scores are an expression classifier's, not feelings."
    draw.text((_MARGIN, height - 48), foot, _SOFT, _font(16))
    draw.text((width - _MARGIN, height - 48), f"{page} / {pages}", _SOFT, _font(16), anchor="ra")


def _row(page: Image.Image, draw: ImageDraw.ImageDraw, person: ExportedPerson, head: HeadModel, top: int) -> None:
    found = person.reconstruction
    border = round(_PICTURE * _CLOSER / 2)
    frame = next(turntable_frames(head, found.code, found.texture, 1, _PICTURE + 2 * border))
    head_picture = frame[border : border + _PICTURE, border : border + _PICTURE]
    pictures = (
        _close_up(found.photo.pixels, found.face.box),
        _close_up(render_overlay(found, head), found.face.box),
        head_picture,
    )
    for i, picture in enumerate(pictures):
        page.paste(Image.fromarray(picture), (_MARGIN + i * (_PICTURE + _GAP), top))
    left = _MARGIN + 3 * (_PICTURE + _GAP) + 10
    width = PAGE[0] - _MARGIN - left
    name = person.name or f"Face {person.face}"
    draw.text((left, top), _shortened(name, 26, width), _INK, _font(26))
    error = f"{100 * found.landmark_error:.1f} % of the eye distance"
    where = f"{found.photo.name}, face {person.face}  ·  landmarks to {error}"
    draw.text((left, top + 36), _shortened(where, 16, width), _SOFT, _font(16))
    columns = [_unit_bars(person, head)]
    if person.emotion is not None:
        columns.insert(0, [(e.name.capitalize(), person.emotion.scores[e]) for e in Emotion])
        affect = f"Valence {person.emotion.valence:+.2f}   Arousal {person.emotion.arousal:+.2f}"
        draw.text((left, top + _PICTURE - 18), affect, _SOFT, _font(16))
    each = (width - _GAP * (len(columns) - 1)) // len(columns)
    for i, bars in enumerate(columns):
        _bars(draw, bars, (left + i * (each + _GAP), top + 72), each, 0.4 if i < len(columns) - 1 else 0.66)


def _unit_bars(person: ExportedPerson, head: HeadModel) -> list[tuple[str, float]]:
    """The units that are most on, the strongest first."""
    weights = unit_weights(person.reconstruction.code, head)
    order = np.argsort(-np.abs(weights), kind="stable")[:_BARS]
    return [(unit_names(head)[i], float(weights[i])) for i in order if abs(weights[i]) >= _FAINTEST]


def _bars(
    draw: ImageDraw.ImageDraw, bars: list[tuple[str, float]], corner: tuple[int, int], width: int, share: float
) -> None:
    """Names in ``share`` of the width, then bars, then values."""
    left, top = corner
    label = int(width * share)
    for i, (name, value) in enumerate(bars):
        y = top + 29 * i
        draw.text((left, y), _shortened(name, 16, label - 6), _INK, _font(16))
        start, end = left + label, left + width - 46
        draw.rounded_rectangle((start, y + 6, end, y + 15), 4, _RAIL)
        reach = start + round((end - start) * min(abs(value), 1.0))
        if reach > start + 1:
            draw.rounded_rectangle((start, y + 6, reach, y + 15), 4, _BAR)
        draw.text((left + width, y), f"{value:.2f}", _SOFT, _font(16), anchor="ra")


def _close_up(pixels: Pixels, box: tuple[float, float, float, float]) -> Pixels:
    """The square round a face, (_PICTURE, _PICTURE, 3); grey where the photo ends."""
    left, top, right, bottom = box
    half = max(right - left, bottom - top) * (0.5 + _AROUND / 2)
    x, y = (left + right) / 2, (top + bottom) / 2 - 0.1 * half
    edges = (x - half, y - half, x + half, y + half)
    area = tuple(round(edge) for edge in edges)
    inside = (max(area[0], 0), max(area[1], 0), min(area[2], pixels.shape[1]), min(area[3], pixels.shape[0]))
    square = np.full((max(area[3] - area[1], 1), max(area[2] - area[0], 1), 3), 0xE4, np.uint8)
    if inside[0] < inside[2] and inside[1] < inside[3]:
        part = pixels[inside[1] : inside[3], inside[0] : inside[2]]
        square[inside[1] - area[1] :, inside[0] - area[0] :][: part.shape[0], : part.shape[1]] = part
    return np.asarray(Image.fromarray(square).resize((_PICTURE, _PICTURE), Image.Resampling.LANCZOS))


def _shortened(text: str, size: int, width: int) -> str:
    """As much of a text as fits."""
    text, font = " ".join(text.split()), _font(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
