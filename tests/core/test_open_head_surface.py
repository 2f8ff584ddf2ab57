"""The surface of the committed open head, and the pure functions that made it (the sources are not needed)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fields_core.assets import find_asset
from fields_core.detection.landmarker import Landmarker
from fields_core.face_mesh import FACE_OVAL, LEFT_IRIS, RIGHT_IRIS, mirrored_landmarks
from fields_core.head import HeadModel, load_head
from fields_core.render.cpu import CpuRasterizer
from resources.open_head import landmark_sets as sets
from resources.open_head.albedo import Complexion, Painter, sample_complexions
from resources.open_head.landmarks import COUNT, Calibration, flip, symmetrise
from resources.open_head.surface import CALIBRATION
from resources.open_head.texels import FAR, Texels, barycentrics, rings_from_seam
from resources.open_head.uv import Island, UvLayout
from resources.open_head.views import Camera, draw

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head(find_asset("open_head.npz")).double()


@pytest.fixture(scope="module")
def template(head: HeadModel) -> Array:
    return np.asarray(head.template, dtype=np.float64)


@pytest.fixture(scope="module")
def layout(head: HeadModel) -> UvLayout:
    ft = head.uv_faces.numpy()
    return UvLayout(head.uv.double().numpy(), ft, np.zeros(len(ft), dtype=np.int64))


@pytest.fixture(scope="module")
def landmarks(head: HeadModel) -> Array:
    """(478, 3) millimetres on the template."""
    return 1000 * head.landmarks(head(head.neutral_code()))[0].numpy()


def signed_areas(triangles: Array) -> Array:
    a, b, c = (triangles[:, k] for k in range(3))
    return ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


class TestLayout:
    def test_lies_in_the_unit_square(self, layout: UvLayout) -> None:
        assert layout.vt.min() >= 0
        assert layout.vt.max() <= 1

    def test_turns_no_face_over(self, layout: UvLayout) -> None:
        assert (signed_areas(layout.vt[layout.ft]) > 0).all()

    def test_puts_no_face_on_another(self, layout: UvLayout) -> None:
        flat = np.column_stack([2 * layout.vt - 1, np.zeros(len(layout.vt))])
        seen = CpuRasterizer(1)(torch.from_numpy(flat)[None], torch.from_numpy(layout.ft), 1024, 1024)
        covered = float((seen >= 0).double().mean())
        assert signed_areas(layout.vt[layout.ft]).sum() == pytest.approx(covered, rel=2e-3)

    def test_gives_the_face_three_texels_a_millimetre_at_2048(
        self, layout: UvLayout, head: HeadModel, template: Array
    ) -> None:
        face = head.region("face").numpy()[head.faces.numpy()].all(axis=1)
        corners = 1000 * template[head.faces.numpy()[face]]
        solid = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        flat = 2048**2 * signed_areas(layout.vt[layout.ft[face]])
        assert np.sqrt(flat.sum() / solid.sum()) > 3

    def test_is_mirrored_by_flipping_u(self, layout: UvLayout, head: HeadModel) -> None:
        skin = head.region("face").numpy()[head.faces.numpy()].all(axis=1)
        points = layout.vt[np.unique(layout.ft[skin])]
        distance, _ = cKDTree(points).query(flip(points))
        assert distance.max() < 3e-3


class TestAlbedo:
    def test_spans_light_to_very_dark_skin(self, head: HeadModel) -> None:
        cheek = head.albedo(torch.zeros(1, head.n_albedo))[0, :, 110, 128]
        steps = torch.zeros(2, head.n_albedo)
        steps[:, 0] = torch.tensor([-2.0, 2.0])
        ends = head.albedo(steps)[:, :, 110, 128].mean(dim=1)
        assert float(ends.max() - ends.min()) > 0.35
        assert float(ends.min()) < 0.30 < float(cheek.mean()) < 0.75

    def test_is_a_colour_for_ordinary_coefficients(self, head: HeadModel) -> None:
        generator = torch.Generator().manual_seed(0)
        albedo = head.albedo(torch.randn(8, head.n_albedo, generator=generator))
        assert torch.isfinite(albedo).all()
        assert float(albedo.min()) >= 0
        assert float(albedo.max()) <= 1
        assert head.n_albedo >= 20

    def test_is_lit_from_no_side(self, head: HeadModel) -> None:
        mean = head.albedo(torch.zeros(1, head.n_albedo))[0]
        assert float((mean - mean.flip(-1))[:, :160].mean().abs()) < 2e-3


def grid_texels(size: int = 48) -> Texels:
    """A flat square of face 180 mm wide, with a mouth, and an eyeball in one corner."""
    x, y = np.meshgrid(np.linspace(-90, 90, size), np.linspace(90, -90, size))
    island = np.full((size, size), int(Island.HEAD))
    island[-8:, :8] = Island.LEFT_EYE
    gaze = np.where(island == Island.LEFT_EYE, np.abs(x + 75) + np.abs(y + 75), 180.0)
    lips = np.clip(np.hypot(x / 3, (y + 72) / 1.5), 0, FAR)
    full = np.full((size, size), FAR)
    return Texels(np.ones_like(x, dtype=bool), island, x, y, np.full_like(x, 20.0), lips, full, gaze, np.arctan2(y, x))


class TestPainter:
    def test_paints_colours(self) -> None:
        painter = Painter(grid_texels())
        for look in sample_complexions(20, seed=3):
            picture = painter.paint(look)
            assert picture.shape == (48, 48, 3)
            assert np.isfinite(picture).all()
            assert picture.min() >= 0
            assert picture.max() <= 1

    def test_repeats_itself(self) -> None:
        first, second = (Painter(grid_texels()).paint(Complexion()) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    @pytest.mark.parametrize(("name", "row", "column"), [("melanin", 30, 24), ("hair_darkness", 2, 24)])
    def test_more_pigment_is_darker(self, name: str, row: int, column: int) -> None:
        painter = Painter(grid_texels())
        shades = [painter.paint(replace(Complexion(), **{name: v}))[row, column].mean() for v in (0.0, 0.5, 1.0)]
        assert shades[0] > shades[1] > shades[2]

    def test_lips_are_redder_than_skin(self) -> None:
        texels = grid_texels()
        picture = Painter(texels).paint(Complexion())
        lips, chin = (texels.lips > 3) & (texels.lips < 5), (texels.lips > 9) & (texels.y < -75)
        redness = picture[..., 0] / picture[..., 1]
        assert redness[lips].mean() > 1.15 * redness[chin].mean()


class TestLandmarks:
    def test_are_mirror_symmetric(self, landmarks: Array) -> None:
        distance = np.linalg.norm(landmarks - landmarks[mirrored_landmarks()] * [-1, 1, 1], axis=1)
        assert distance.max() < 1.5  # the source's layout is not symmetric to the last texel

    @pytest.mark.parametrize(
        ("ids", "regions"),
        [
            (sets.OUTER_LIPS, ("lips", "face")),
            (sets.INNER_LIPS, ("lips", "mouth")),
            (sets.LEFT_EYE + sets.RIGHT_EYE, ("eyes", "face")),
            (LEFT_IRIS + RIGHT_IRIS, ("eyeballs",)),
            (sets.NOSE, ("face", "nose")),
        ],
    )
    def test_lie_in_their_regions(self, head: HeadModel, ids: tuple[int, ...], regions: tuple[str, ...]) -> None:
        allowed = torch.stack([head.region(name) for name in regions]).any(dim=0)
        assert allowed[head.landmark_corners[list(ids)]].any(dim=1).all()

    def test_are_in_the_order_of_a_face(self, landmarks: Array) -> None:
        height = landmarks[:, 1]
        assert height[10] > height[list(sets.LEFT_BROW)].mean() > height[473] > height[4] > height[0] > height[17]
        assert height[17] > height[152]
        assert landmarks[473, 0] > 20 > -20 > landmarks[468, 0]
        assert landmarks[4, 2] > landmarks[:468, 2].max() - 1.5  # the tip of the nose is foremost

    def test_subsets_are_the_published_ones(self, head: HeadModel) -> None:
        assert tuple(head.landmarks_105.tolist()) == sets.FLAME_105
        assert tuple(head.landmarks_68.tolist()) == sets.IBUG_68
        assert len(set(sets.FLAME_105)) == 105
        assert len(set(sets.IBUG_68)) == 68

    def test_outline_is_trusted_less_than_eyes_and_lips(self, head: HeadModel) -> None:
        weights = head.landmark_weights.numpy()
        assert weights.min() > 0
        assert weights.max() <= 1
        inner = weights[list(sets.LEFT_EYE + sets.RIGHT_EYE + sets.LIPS)]
        assert weights[list(FACE_OVAL)].max() < 0.7 * inner.mean()

    def test_project_to_where_mediapipe_sees_them(self, head: HeadModel, layout: UvLayout, template: Array) -> None:
        albedo = (255 * head.albedo(torch.zeros(1, head.n_albedo), 512)[0]).round().byte().permute(1, 2, 0).numpy()
        faces, marks = head.faces.numpy(), head.landmarks(torch.from_numpy(template)[None])[0].numpy()
        with Landmarker(find_asset("face_landmarker.task")) as landmarker:
            for camera in (Camera(0, 0), Camera(25, 5), Camera(-25, -5)):
                found = landmarker.find(draw(camera, template, faces, layout, albedo))
                gap = np.linalg.norm(found[0].points[:, :2] - camera.project(marks)[:, :2], axis=1)
                assert gap[list(sets.FLAME_105)].mean() * camera.millimetres_per_pixel < 2.5


class TestCalibration:
    def test_survives_its_file(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        made = Calibration(rng.integers(-40, 40, (COUNT, 2)) / 8192, rng.uniform(0, 2, COUNT).round(2))
        made.write(tmp_path / "table.csv")
        read = Calibration.read(tmp_path / "table.csv")
        np.testing.assert_array_equal(read.offsets, made.offsets)
        np.testing.assert_array_equal(read.residuals, made.residuals)

    def test_committed_table_is_small_and_symmetric_in_the_lips(self) -> None:
        table = Calibration.read(CALIBRATION)
        assert table.offsets.shape == (COUNT, 2)
        assert np.abs(table.offsets).max() < 0.03  # of the layout: about 12 mm
        np.testing.assert_allclose(table.offsets[61] * [-1, 1], table.offsets[291], atol=2 / 8192)


class TestPureFunctions:
    def test_barycentrics_rebuild_the_point(self) -> None:
        rng = np.random.default_rng(1)
        triangles, points = rng.normal(size=(50, 3, 2)), rng.normal(size=(50, 2))
        weights = barycentrics(triangles, points)
        np.testing.assert_allclose(np.einsum("nk,nkd->nd", weights, triangles), points, atol=1e-9)
        np.testing.assert_allclose(weights.sum(axis=1), 1)

    def test_brows_and_eyes_are_each_others_mirror_images(self) -> None:
        image = mirrored_landmarks()
        for left, right in ((sets.LEFT_BROW, sets.RIGHT_BROW), (sets.LEFT_EYE, sets.RIGHT_EYE)):
            assert set(image[list(left)].tolist()) == set(right)

    def test_symmetrise_is_settled_after_one_step(self) -> None:
        once = symmetrise(np.random.default_rng(2).uniform(size=(COUNT, 2)))
        np.testing.assert_allclose(symmetrise(once), once)
        np.testing.assert_allclose(flip(once[mirrored_landmarks()]), once)

    def test_rings_count_edges_from_the_seam(self) -> None:
        strip = np.array([[k + d, k + 1 + d, k + 2] for k in range(6) for d in (0,)])
        islands = np.array([Island.MOUTH] + [Island.HEAD] * 5)
        rings = rings_from_seam(strip, islands, (Island.MOUTH,))
        np.testing.assert_array_equal(rings, [FAR, 0, 0, 1, 1, 2, 2, 3])

    def test_camera_makes_near_things_larger_and_keeps_up_up(self) -> None:
        camera = Camera(size=100)
        near, far, high = camera.project(np.array([[0.03, 0.0, 0.05], [0.03, 0.0, -0.05], [0.03, 0.05, 0.05]]))
        assert near[0] > far[0] > 49.5
        assert high[1] < near[1]
        assert near[2] > far[2]
