"""From a fitted face to its texture."""

from __future__ import annotations

import numpy as np
import torch

from fields_core.camera import project
from fields_core.datatypes import FaceCrop, Photo
from fields_core.head import load_head
from fields_core.render import AppearanceFitter, HeadRenderer, TextureProjector
from tests.benchmarks.bench import Row, seconds


def measure() -> list[Row]:
    head = load_head()
    code = head.neutral_code().replace(camera=torch.tensor([[7.0, 0.0, -0.01]]))
    with torch.no_grad():
        picture = HeadRenderer(head).shade(code, 672).image[0].permute(1, 2, 0).clamp(0, 1).numpy()
        points = project(head.landmarks(head(code)), code.camera)[0, :, :2].numpy()
    pixels = np.round(picture * 255).astype(np.uint8)
    crop = FaceCrop(pixels[1::3, 1::3].copy(), np.array([[3.0, 0.0, 1.0], [0.0, 3.0, 1.0]]), points)
    fitter, projector = AppearanceFitter(head), TextureProjector(head, 1024)
    photo = Photo(pixels)
    lit = fitter.fit([crop], code)
    return [
        Row("albedo and lighting of a face", seconds(lambda: fitter.fit([crop], code), 10) * 1e3, "ms"),
        Row(
            "photo texture, 1024 x 1024",
            seconds(lambda: projector.project(photo, crop, lit), 5) * 1e3,
            "ms",
            500.0,
            note="against the goal",
        ),
    ]
