"""What validation looks like: photos, predicted heads, both together, and the expression as sliders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from fields_core.data.sample import SampleBatch
from fields_core.files import replacing
from fields_core.head.model import HeadModel
from fields_core.render.renderer import HeadRenderer
from fields_core.training.module import EncoderTraining

FACES = 8
_SIZE = 160  # pixels a picture
_OPACITY = 0.7
_LINE, _EDGE = 20, 5  # pixels of a slider
_GROUND, _TRACK, _BAR, _MINUS, _TEXT = "#15171b", "#30363f", "#4fb3a5", "#e8776f", "#e7eaee"  # as in the window


class PicturePainter:
    """Draws the same held-out faces again and again."""

    def __init__(self, head: HeadModel, batches: list[SampleBatch]) -> None:
        """
        Args:
            head: the whole head model.
            batches: faces are taken from all of them alike.
        """
        share = -(-FACES // max(1, len(batches)))
        steps = [slice(None, None, max(1, len(batch) // share)) for batch in batches]
        pairs = list(zip(batches, steps, strict=True))
        self._images = torch.cat([batch.images[step][:share] for batch, step in pairs])[:FACES]
        self._landmarks = torch.cat([batch.observed[step][:share] for batch, step in pairs])[:FACES]
        self._renderer = HeadRenderer(head)
        self._names = head.expression_names

    @torch.no_grad()
    def paint(self, module: EncoderTraining, path: Path) -> None:
        """Write a PNG: a column a face; photo, head, head over photo, and the strongest units of the expression.

        Raises:
            ExportError: it cannot be written.
        """
        training = module.training
        module.eval()
        code = module.predict(self._images.to(module.device), self._landmarks.to(module.device)).code
        module.train(training)
        seen = self._renderer.clay(code.to(torch.device("cpu")), _SIZE)
        photos = functional.interpolate(self._images, (_SIZE, _SIZE), mode="area")
        overlay = photos + _OPACITY * seen.mask * (seen.image - photos)
        rows = [_row(pictures) for pictures in (photos, seen.image, overlay)]
        pixels = (np.concatenate(rows).clip(0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
        sliders = [slider_picture(self._names, values) for values in code.expression.cpu().numpy()]
        pixels = np.concatenate([pixels, np.concatenate(sliders, axis=1)])
        with replacing(path) as temporary:
            temporary.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())


def slider_picture(names: Sequence[str], values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The strongest units of an expression, by name and as bars from 0 to 1.

    Args:
        names: of all units.
        values: (E,) what they are at.

    Returns:
        (S, S, 3) RGB.
    """
    picture = Image.new("RGB", (_SIZE, _SIZE), _GROUND)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(_LINE - 8)
    for line, unit in enumerate(np.argsort(-np.abs(values), kind="stable")[: _SIZE // _LINE]):
        top, share = line * _LINE, float(min(abs(values[unit]), 1.0))
        draw.rectangle((_EDGE, top + _LINE - 5, _SIZE - _EDGE, top + _LINE - 3), fill=_TRACK)
        if share > 0.005:
            end = _EDGE + share * (_SIZE - 2 * _EDGE)
            draw.rectangle((_EDGE, top + _LINE - 5, end, top + _LINE - 3), fill=_BAR if values[unit] > 0 else _MINUS)
        draw.text((_EDGE, top), names[unit], font=font, fill=_TEXT)
        draw.text((_SIZE - _EDGE, top), f"{values[unit]:.2f}", font=font, fill=_TEXT, anchor="ra")
    return np.asarray(picture)


def _row(pictures: Tensor) -> np.ndarray:
    """(N, 3, S, S) -> (S, N S, 3)"""
    return pictures.permute(2, 0, 3, 1).reshape(pictures.shape[2], -1, 3).numpy()
