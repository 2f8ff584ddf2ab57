from __future__ import annotations

import math

import numpy as np
import torch

from fields_core.data.sample import Sample, collate
from fields_core.datatypes import FaceCode


def code(value: float) -> FaceCode:
    sizes = {"shape": 2, "expression": 3, "head_pose": 3, "neck_pose": 3, "jaw_pose": 3, "eye_pose": 6, "eyelids": 2}
    parts = {name: torch.full((1, size), value) for name, size in sizes.items()}
    return FaceCode(**parts, camera=torch.ones(1, 3), lighting=torch.zeros(1, 9, 3), albedo=torch.zeros(1, 2))


def picture(level: int) -> np.ndarray:
    return np.full((4, 4, 3), level, np.uint8)


def test_a_batch_masks_what_its_samples_do_not_know() -> None:
    landmarks = np.ones((478, 2), np.float32)
    batch = collate(
        [
            Sample("a", "renders", picture(255), landmarks, label=1, intensity=0.8, confidence=1.0, code=code(0.5)),
            Sample("b", "wild", picture(0), landmarks, label=3, intensity=0.4, confidence=0.3),
            Sample("c", "scans", picture(51), None, valence_arousal=(0.1, -0.2), code=code(0.25), has_eyelids=False),
        ],
        neutral=code(0.0),
    )
    assert batch.images.shape == (3, 3, 4, 4)
    assert batch.images[:, 0, 0, 0].tolist() == [1.0, 0.0, torch.tensor(0.2).item()]
    assert batch.landmark_weights.tolist() == [1.0, 1.0, 0.0]
    assert batch.code_weights.tolist() == [1.0, 0.0, 1.0]
    assert batch.eyelid_weights.tolist() == [1.0, 0.0, 0.0]
    assert batch.code.expression[:, 0].tolist() == [0.5, 0.0, 0.25]
    assert torch.isfinite(batch.landmarks).all()
    assert batch.emotion.labels.tolist() == [1, 3, -1]
    assert batch.emotion.from_3d.tolist() == [True, False, True]
    assert math.isnan(batch.emotion.intensity[2].item())
    assert torch.isnan(batch.emotion.valence_arousal).all(dim=1).tolist() == [True, True, False]
    assert batch.emotion.source.tolist() == [0, 1, 2]


def test_moving_a_batch_moves_every_tensor() -> None:
    batch = collate([Sample("a", "renders", picture(9), code=code(0.5))], neutral=code(0.0))
    moved = batch.to(torch.device("meta"))
    assert len(moved) == 1
    for tensor in (moved.images, moved.landmarks, moved.emotion.labels, moved.code.expression, moved.code_weights):
        assert tensor.device.type == "meta"
