"""Albedo and light from a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fields_core.datatypes import CROP_SIZE, FaceCode, FaceCrop
from fields_core.head import HeadModel
from fields_core.render.appearance import AppearanceFitter
from fields_core.render.renderer import HeadRenderer
from tests.heads import tiny_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


def crop_of(head: HeadModel, code: FaceCode) -> FaceCrop:
    with torch.no_grad():
        image = HeadRenderer(head).shade(code).image[0].permute(1, 2, 0)
        landmarks = torch.zeros(478, 2)
    pixels = np.round(image.clamp(0, 1).numpy() * 255).astype(np.uint8)
    return FaceCrop(pixels, np.eye(2, 3) * 1.0, landmarks.numpy())


def test_the_fitted_head_looks_like_the_picture(head: HeadModel) -> None:
    code = head.neutral_code().replace(camera=torch.tensor([[7.0, 0.0, 0.0]]))
    lighting = code.lighting * 0.8
    lighting[:, 1:4] = torch.tensor([0.3, -0.1, 0.2])[None, :, None]
    true = code.replace(lighting=lighting, albedo=torch.tensor([[1.5, -1.0, 0.5, 0.0]]))
    crop = crop_of(head, true)
    found = AppearanceFitter(head).fit([crop], code)
    renderer = HeadRenderer(head)
    target, before, after = (renderer.shade(c, 96) for c in (true, code, found))
    skin = target.mask * (target.normals[:, 2:] > 0.3)

    def error(image: torch.Tensor) -> float:
        return float(((image - target.image).abs() * skin).sum() / (3 * skin.sum()))

    assert error(before.image) > 0.05
    assert error(after.image) < 0.02


def test_the_light_on_the_visible_skin_is_one_on_average(head: HeadModel) -> None:
    code = head.neutral_code().replace(camera=torch.tensor([[7.0, 0.0, 0.0]]))
    found = AppearanceFitter(head).fit([crop_of(head, code.replace(lighting=code.lighting * 0.5))], code)
    rendered = HeadRenderer(head).shade(found, 96)
    shading = (rendered.image / rendered.albedo.clamp(min=1e-3))[
        (rendered.mask * (rendered.normals[:, 2:] > 0.5) > 0).expand(-1, 3, -1, -1)
    ]
    assert float(shading.mean()) == pytest.approx(1.0, abs=0.05)


def test_faces_of_a_batch_do_not_mix(head: HeadModel) -> None:
    code = head.neutral_code(2).replace(camera=torch.tensor([[7.0, 0.0, 0.0]] * 2))
    crops = [crop_of(head, code[0].replace(albedo=code[0].albedo + sign)) for sign in (1.0, -1.0)]
    fitter = AppearanceFitter(head)
    together = fitter.fit(crops, code)
    for item in range(2):
        alone = fitter.fit([crops[item]], code[item])
        assert torch.allclose(together.albedo[item], alone.albedo[0], atol=1e-4)
        assert torch.allclose(together.lighting[item], alone.lighting[0], atol=1e-4)


def test_a_head_out_of_the_picture_stays_neutral(head: HeadModel) -> None:
    code = head.neutral_code().replace(camera=torch.tensor([[7.0, 3.0, 0.0]]))
    black = FaceCrop(np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8), np.eye(2, 3) * 1.0, np.zeros((478, 2), np.float32))
    found = AppearanceFitter(head).fit([black], code.replace(albedo=code.albedo + 1))
    neutral = head.neutral_code()
    assert torch.equal(found.albedo, neutral.albedo)
    assert torch.equal(found.lighting, neutral.lighting)


def test_a_head_without_albedo_gets_its_light() -> None:
    file = tiny_head()
    head = HeadModel(replace(file, albedo_dirs=file.albedo_dirs[:0], albedo_scales=file.albedo_scales[:0]))
    code = head.neutral_code().replace(camera=torch.tensor([[7.0, 0.0, 0.0]]))
    lighting = code.lighting.clone()
    lighting[:, 1] = 0.4
    found = AppearanceFitter(head).fit([crop_of(head, code.replace(lighting=lighting))], code)
    assert found.albedo.shape == (1, 0)
    assert float(found.lighting[0, 1].mean()) > 0.2
