"""What validation looks like: photos, predicted heads, and both together."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
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

    @torch.no_grad()
    def paint(self, module: EncoderTraining, path: Path) -> None:
        """Write a PNG: a column a face; photo, head, head over photo.

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
        with replacing(path) as temporary:
            temporary.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())


def _row(pictures: Tensor) -> np.ndarray:
    """(N, 3, S, S) -> (S, N S, 3)"""
    return pictures.permute(2, 0, 3, 1).reshape(pictures.shape[2], -1, 3).numpy()
