"""Photo textures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fields_core.camera import project
from fields_core.datatypes import CROP_SIZE, FaceCode, FaceCrop, Photo
from fields_core.errors import ModelFileError
from fields_core.head import HeadModel, load_head
from fields_core.render.photo_view import FACE_OVAL
from fields_core.render.renderer import HeadRenderer
from fields_core.render.texture import TextureProjector, project_texture
from fields_core.render.tone import SurfaceTone, smooth_over_mesh
from fields_core.render.uv_chart import UvChart, mirror_faces, mirror_vertices
from tests.heads import tiny_head

SIZE = 256


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head()


@pytest.fixture(scope="module")
def projector(head: HeadModel) -> TextureProjector:
    return TextureProjector(head, SIZE)


def front(head: HeadModel, yaw: float = 0.0) -> FaceCode:
    code = head.neutral_code()
    return code.replace(camera=torch.tensor([[7.0, 0.0, -0.01]]), head_pose=torch.tensor([[0.0, yaw, 0.0]]))


def photographed(head: HeadModel, code: FaceCode, texture: torch.Tensor, size: int = 448) -> tuple[Photo, FaceCrop]:
    """A picture of the head wearing a texture (1, 3, T, T), before a green wall, and the crop that is all of it."""
    with torch.no_grad():
        rendered = HeadRenderer(head).textured(code, texture, size)
        picture = rendered.image + (1 - rendered.mask) * torch.tensor([0.0, 1.0, 0.0])[None, :, None, None]
        points = project(head.landmarks(head(code)), code.camera)[0, :, :2]
    pixels = np.round(picture[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).astype(np.uint8)
    scale = size // CROP_SIZE
    to_photo = np.array([[scale, 0.0, (scale - 1) / 2], [0.0, scale, (scale - 1) / 2]])
    crop = FaceCrop(pixels[::scale, ::scale].copy(), to_photo, points.numpy().astype(np.float32))
    return Photo(np.ascontiguousarray(pixels)), crop


def region(head: HeadModel, name: str, size: int = SIZE) -> NDArray[np.bool_]:
    return UvChart(head, size).region(head.region(name).float().numpy()) > 0.99


def test_the_visible_face_gets_the_photos_own_colours(head: HeadModel, projector: TextureProjector) -> None:
    skin = torch.full((1, 3, SIZE, SIZE), 0.5)
    skin[:, 0] = 0.8
    photo, crop = photographed(head, front(head), skin)
    texture = projector.project(photo, crop, front(head))
    nose = texture[region(head, "nose")].astype(float)
    assert np.abs(np.median(nose, axis=0) - [204, 127.5, 127.5]).max() < 8


def test_detail_lands_where_it_was(head: HeadModel, projector: TextureProjector) -> None:
    """A texture, photographed and projected back, is itself again in the middle of the face."""
    v, u = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    waves = 0.55 + 0.2 * np.sin(40 * u) * np.cos(40 * v)
    worn = torch.tensor(np.stack([waves, waves, waves])[None], dtype=torch.float32)
    photo, crop = photographed(head, front(head), worn)
    texture = projector.project(photo, crop, front(head))[..., 1] / 255.0
    nose = region(head, "nose")
    assert np.corrcoef(texture[nose], waves[nose])[0, 1] > 0.9


def test_no_background_reaches_the_texture(head: HeadModel, projector: TextureProjector) -> None:
    skin = torch.full((1, 3, SIZE, SIZE), 0.5)
    skin[:, 0] = 0.8
    for yaw in (0.0, 0.6):
        photo, crop = photographed(head, front(head, yaw), skin)
        texture = projector.project(photo, crop, front(head, yaw)).astype(int)
        greenish = texture[..., 1] > texture[..., 0] + 20
        assert greenish[region(head, "face")].mean() < 0.002


def test_the_hidden_side_is_the_mirror_image_of_the_seen_one(head: HeadModel, projector: TextureProjector) -> None:
    """A face that turned away shows one cheek; a mark there appears on both."""
    chart = UvChart(head, SIZE)
    template = head.mesh(head.neutral_code()).vertices
    x, y = np.moveaxis(chart.from_vertices(template[:, :2]), -1, 0)
    mark = np.exp(-((np.abs(x) - 0.045) ** 2 + (y + 0.01) ** 2) / (2 * 0.006**2)) * region(head, "face")
    for turn in (0.7, -0.7):
        one_side = mark * (x * turn < 0)  # the side turned to the viewer
        worn = torch.tensor(0.65 - 0.35 * one_side, dtype=torch.float32).expand(1, 3, -1, -1)
        photo, crop = photographed(head, front(head, turn), worn)
        texture = projector.project(photo, crop, front(head, turn))[..., 1] / 255.0
        for side in (x < 0, x > 0):
            centre, around = side & (mark > 0.8), side & (mark < 0.1) & (mark > 0.02)
            assert texture[centre].mean() < texture[around].mean() - 0.1


def test_neck_and_ears_take_the_tone_of_the_face(head: HeadModel, projector: TextureProjector) -> None:
    tones = {}
    for name, level in (("light", 0.8), ("dark", 0.3)):
        photo, crop = photographed(head, front(head), torch.full((1, 3, SIZE, SIZE), level))
        texture = projector.project(photo, crop, front(head))
        tones[name] = {part: float(texture[region(head, part)].mean()) for part in ("neck", "ears", "face")}
    for tone in tones.values():
        assert tone["neck"] == pytest.approx(tone["face"], abs=25)
        assert tone["ears"] == pytest.approx(tone["face"], abs=25)
    assert tones["light"]["neck"] > tones["dark"]["neck"] + 80


def test_the_light_is_taken_out(head: HeadModel, projector: TextureProjector) -> None:
    code = front(head)
    lighting = code.lighting.clone()
    lighting[:, 1] = 0.5  # from the person's left
    lit = code.replace(lighting=lighting)
    with torch.no_grad():
        rendered = HeadRenderer(head).shade(lit, 448)
    photo, crop = photographed(head, code, torch.zeros(1, 3, 8, 8))
    pixels = np.round(rendered.image[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255).astype(np.uint8)
    photo = replace(photo, pixels=np.ascontiguousarray(pixels))
    x = UvChart(head, SIZE).from_vertices(head.mesh(head.neutral_code()).vertices)[..., 0]
    cheeks = region(head, "face") & (np.abs(x) > 0.03) & (np.abs(x) < 0.06)

    def slant(code: FaceCode) -> float:
        texture = projector.project(photo, crop, code).astype(float)
        return abs(float(texture[cheeks & (x > 0)].mean() - texture[cheeks & (x < 0)].mean()))

    assert slant(code) > 20
    assert slant(lit) < 0.4 * slant(code)


def test_the_irises_take_their_colour_from_the_photo(head: HeadModel, projector: TextureProjector) -> None:
    code = head.neutral_code()
    blue = head.albedo(code.albedo, 1024).clone()
    chart = UvChart(head, 1024)
    eyeballs = torch.from_numpy(chart.region(head.region("eyeballs").float().numpy()) > 0.5)
    dark = (blue[0].mean(dim=0) < 0.6) & eyeballs
    blue[0][:, dark] = torch.tensor([0.2, 0.4, 0.9])[:, None]
    photo, crop = photographed(head, front(head), blue, size=896)
    texture = projector.project(photo, crop, front(head)).astype(float)
    small = UvChart(head, SIZE).region(head.region("eyeballs").float().numpy()) > 0.5
    plain = head.albedo(code.albedo, SIZE)[0].permute(1, 2, 0).numpy() * 255
    iris = small & (plain.mean(-1) < 130) & (plain.mean(-1) > 40)
    assert iris.sum() > 10
    red, _, blue_mean = texture[iris].mean(axis=0)
    assert blue_mean > 1.5 * red
    assert plain[iris][:, 2].mean() < 1.2 * plain[iris][:, 0].mean()


def test_a_photo_that_ends_at_the_face_is_filled(head: HeadModel, projector: TextureProjector) -> None:
    photo, crop = photographed(head, front(head), torch.full((1, 3, SIZE, SIZE), 0.7))
    cut = Photo(np.ascontiguousarray(photo.pixels[:, : photo.width // 2]))
    texture = projector.project(cut, crop, front(head))
    face = texture[region(head, "face")].astype(float).mean(axis=1)
    assert np.percentile(face, 2) > 90


def test_projection_repeats_to_the_bit_and_leaves_its_input(head: HeadModel, projector: TextureProjector) -> None:
    photo, crop = photographed(
        head, front(head), torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(2))
    )
    before = photo.pixels.copy()
    first, second = (projector.project(photo, crop, front(head)) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape == (SIZE, SIZE, 3)
    assert np.array_equal(first, second)
    assert np.array_equal(photo.pixels, before)


@pytest.mark.parametrize("bare", [False, True])
def test_other_head_models_are_textured_too(bare: bool) -> None:
    """The egg has no teeth; without albedo, regions and mirror symmetry it still takes the photo's tone."""
    file = tiny_head()
    if bare:
        file = replace(
            file,
            albedo_dirs=file.albedo_dirs[:0],
            albedo_scales=file.albedo_scales[:0],
            region_names=(),
            region_masks=file.region_masks[:0],
        )
    egg = HeadModel(file)
    photo, crop = photographed(egg, front(egg), torch.full((1, 3, 64, 64), 0.3))
    angle = np.linspace(0, 2 * np.pi, len(FACE_OVAL), dtype=np.float32)
    crop.landmarks[list(FACE_OVAL)] = 0.4 * np.stack([np.sin(angle), -np.cos(angle)], axis=1)  # its own are no face's
    texture = project_texture(photo, crop, front(egg), egg, 128)
    covered = UvChart(egg, 128).covered
    assert np.median(texture[covered]) == pytest.approx(0.3 * 255, abs=12)


def test_a_head_without_texture_layout_is_refused() -> None:
    file = tiny_head()
    head = HeadModel(replace(file, vt=file.vt[:0], ft=file.ft[:0]))
    with pytest.raises(ModelFileError, match="texture layout"):
        TextureProjector(head, 64)


def test_one_face_at_a_time(head: HeadModel, projector: TextureProjector) -> None:
    photo, crop = photographed(head, front(head), torch.full((1, 3, 8, 8), 0.5))
    with pytest.raises(ValueError, match="one face"):
        projector.project(photo, crop, head.neutral_code(2))


def test_the_open_heads_mirror_image_is_itself(head: HeadModel) -> None:
    mesh = head.mesh(head.neutral_code())
    partner = mirror_vertices(mesh.vertices)
    assert (partner >= 0).mean() > 0.95
    opposite = mirror_faces(mesh.faces.astype(np.int64), partner)
    known = opposite[:, 0] >= 0
    assert known.mean() > 0.9
    back = opposite[opposite[known, 0], 0]
    assert np.array_equal(back, np.flatnonzero(known))
    corners = mesh.faces[opposite[known, 0, None], opposite[known, 1:]]
    assert np.array_equal(corners, partner[mesh.faces[known]])


def test_tones_spread_from_what_is_known_and_fade_to_what_is_expected() -> None:
    count = 200  # a strip of triangles
    top = np.arange(count - 1)
    faces = np.concatenate(
        [np.stack([top, top + 1, top + count], 1), np.stack([top + 1, top + 1 + count, top + count], 1)]
    )
    values = np.zeros((2 * count, 1), np.float32)
    values[[0, count]] = 1.0
    weights = np.zeros(2 * count, np.float32)
    weights[[0, count]] = 1.0
    spread = SurfaceTone(2 * count, faces).spread(values, weights, np.full((2 * count, 1), 0.2, np.float32))[:count, 0]
    assert spread[0] > 0.8
    assert (np.diff(spread) <= 1e-6).all()
    assert spread[-1] == pytest.approx(0.2, abs=0.01)


def test_smoothing_keeps_a_constant() -> None:
    faces = np.array([[0, 1, 2], [1, 2, 3]])
    assert np.allclose(smooth_over_mesh(np.ones(4, np.float32), faces, 5), 1.0)
