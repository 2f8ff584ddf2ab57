from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch.autograd import gradcheck

from fields_core.datatypes import FaceCode
from fields_core.errors import AssetMissingError, ModelFileError
from fields_core.head import HeadModel, load_head
from fields_core.head.flame_pickle import read_flame
from fields_core.head.model_file import HeadModelFile
from tests.heads import EYES, tiny_flame_pickle, tiny_head, tiny_head_file

Float = NDArray[np.float64]


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


def random_code(head: HeadModel, batch: int, seed: int = 0) -> FaceCode:
    """Shape, expression and every joint well away from neutral, float64."""
    generator = torch.Generator().manual_seed(seed)

    def random(*size: int) -> torch.Tensor:
        return torch.rand(*size, generator=generator, dtype=torch.float64)

    code = head.neutral_code(batch).to(torch.float64)
    poses = {name: random(batch, 3) - 0.5 for name in ("head_pose", "neck_pose", "jaw_pose")}
    return code.replace(
        shape=random(batch, head.n_shape) * 4 - 2,
        expression=random(batch, head.n_expression),
        eye_pose=random(batch, 6) - 0.5,
        eyelids=random(batch, 2),
        albedo=random(batch, head.n_albedo) * 4 - 2,
        **poses,
    )


def obvious_flame(file: HeadModelFile, code: FaceCode) -> Float:
    """FLAME as its paper writes it, one vertex and one joint at a time, for a batch of one. Slow and plain."""
    values = {f.name: getattr(code, f.name)[0].double().numpy() for f in fields(code)}
    count = len(file.v_template)
    shaped = file.v_template.astype(np.float64)
    for k, b in enumerate(values["shape"]):
        shaped = shaped + b * file.shapedirs[:, :, k]
    for k, b in enumerate(values["expression"]):
        shaped = shaped + b * file.expression_dirs[:, :, k]
    joints = file.J_regressor @ shaped
    shaped = shaped + values["eyelids"][0] * file.l_eyelid + values["eyelids"][1] * file.r_eyelid
    vectors = np.concatenate([values[n] for n in ("head_pose", "neck_pose", "jaw_pose", "eye_pose")]).reshape(5, 3)
    rotations = Rotation.from_rotvec(vectors).as_matrix()
    feature = (rotations[1:] - np.eye(3)).ravel()
    for column, k in enumerate(file.posedirs_columns):
        shaped = shaped + feature[k] * file.posedirs[:, :, column]
    world: list[Float] = []
    for joint, parent in enumerate((-1, 0, 1, 1, 1)):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        local[:3, 3] = joints[joint] - (joints[parent] if parent >= 0 else 0)
        world.append(world[parent] @ local if parent >= 0 else local)
    posed = np.zeros((count, 3))
    for vertex in range(count):
        for joint in range(5):
            at_rest = np.eye(4)
            at_rest[:3, 3] = -joints[joint]
            moved = world[joint] @ at_rest @ np.append(shaped[vertex], 1)
            posed[vertex] += file.weights[vertex, joint] * moved[:3]
    return posed


def test_it_agrees_with_a_plain_reading_of_the_flame_paper(head: HeadModel) -> None:
    file, code = tiny_head(), random_code(head, 1)
    np.testing.assert_allclose(head(code)[0].numpy(), obvious_flame(file, code), atol=1e-8)


def test_flame_s_own_file_agrees_with_a_plain_reading_of_the_flame_paper(tmp_path: Path) -> None:
    path = tmp_path / "generic_model.pkl"
    dense = tiny_flame_pickle(path)
    flame, file = load_head(path), read_flame(path)
    code = random_code(flame, 1)
    np.testing.assert_allclose(flame(code)[0].numpy(), obvious_flame(file, code), atol=1e-8)
    np.testing.assert_array_equal(file.shapedirs, dense["shapedirs"][..., :300].astype(np.float32))
    np.testing.assert_array_equal(file.expression_dirs, dense["shapedirs"][..., 300:].astype(np.float32))


def test_the_neutral_code_gives_the_template(head: HeadModel) -> None:
    vertices = head(head.neutral_code(2))
    template = torch.from_numpy(tiny_head().v_template).expand(2, -1, -1)
    torch.testing.assert_close(vertices, template, atol=1e-7, rtol=0)


def test_the_neutral_code_has_the_model_s_sizes_and_a_usable_camera(head: HeadModel) -> None:
    code = head.neutral_code(3)
    assert len(code) == 3
    assert code.shape.shape == (3, head.n_shape) == (3, 6)
    assert code.expression.shape == (3, head.n_expression) == (3, 42)
    assert code.albedo.shape == (3, head.n_albedo) == (3, 4)
    assert code.lighting.shape == (3, 9, 3)
    assert (code.camera[:, 0] > 0).all()


def test_a_batch_is_its_heads_one_by_one(head: HeadModel) -> None:
    code = random_code(head, 4)
    one_by_one = torch.cat([head(code[i]) for i in range(4)])
    torch.testing.assert_close(head(code), one_by_one, atol=1e-14, rtol=0)
    assert head(code[0:0]).shape == (0, len(one_by_one[0]), 3)


def test_the_precision_is_the_code_s(head: HeadModel) -> None:
    code = random_code(head, 1)
    precise, quick = head(code), head(code.to(torch.float32))
    assert (precise.dtype, quick.dtype) == (torch.float64, torch.float32)
    torch.testing.assert_close(quick.double(), precise, atol=1e-6, rtol=0)
    assert head.landmarks(precise).dtype == torch.float64
    assert HeadModel(tiny_head()).double().neutral_code().shape.dtype == torch.float64


def test_all_parameters_have_exact_gradients_also_at_neutral(head: HeadModel) -> None:
    names = ("shape", "expression", "head_pose", "neck_pose", "jaw_pose", "eye_pose", "eyelids")
    watched = torch.arange(0, head.n_vertices, 37)
    for code in (head.neutral_code().to(torch.float64), random_code(head, 1)):

        def vertices(*values: torch.Tensor, code: FaceCode = code) -> torch.Tensor:
            return head(code.replace(**dict(zip(names, values, strict=True))))[:, watched]

        inputs = [getattr(code, name).clone().requires_grad_() for name in names]
        assert gradcheck(vertices, inputs, eps=1e-6, atol=1e-7)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own, on first use
def test_forward_mode_derivatives_agree_with_backward_ones(head: HeadModel) -> None:
    code = random_code(head, 1)

    def landmarks(jaw: torch.Tensor) -> torch.Tensor:
        return head.landmarks(head(code.replace(jaw_pose=jaw)))

    forward = torch.func.jacfwd(landmarks)(code.jaw_pose)
    torch.testing.assert_close(forward, torch.func.jacrev(landmarks)(code.jaw_pose))


def test_inputs_are_left_as_they_were(head: HeadModel) -> None:
    code = random_code(head, 2)
    before = {f.name: getattr(code, f.name).clone() for f in fields(code)}
    head.landmarks(head(code))
    head.albedo(code.albedo)
    assert all(torch.equal(getattr(code, name), value) for name, value in before.items())


def test_head_pose_turns_the_whole_head_rigidly_about_its_root(head: HeadModel) -> None:
    code = random_code(head, 1).replace(head_pose=torch.zeros(1, 3, dtype=torch.float64))
    turned = code.replace(head_pose=torch.tensor([[0.3, -0.8, 0.2]], dtype=torch.float64))
    still, moved = head(code)[0], head(turned)[0]
    R = torch.from_numpy(Rotation.from_rotvec(turned.head_pose[0].numpy()).as_matrix())
    offset = moved - still @ R.T
    torch.testing.assert_close(offset, offset[:1].expand_as(offset), atol=1e-8, rtol=0)


def test_eyes_turn_about_their_centres_and_take_nothing_else_along(head: HeadModel) -> None:
    neutral = head.neutral_code()
    rest = head(neutral)[0]
    gaze = neutral.eye_pose.clone()
    gaze[0, 1] = 0.4  # the left eye, towards the person's left
    posed = head(neutral.replace(eye_pose=gaze))[0]
    moved = (posed - rest).norm(dim=1) > 1e-6
    centre = torch.tensor(EYES["Left"], dtype=torch.float32)
    assert moved.any()
    assert ((rest[moved] - centre).norm(dim=1) < 0.0125).all()
    torch.testing.assert_close((posed[moved] - centre).norm(dim=1), (rest[moved] - centre).norm(dim=1))
    iris = head.landmarks(posed[None])[0, 473]
    assert iris[0] > head.landmarks(rest[None])[0, 473][0] + 0.003


def test_a_positive_eye_x_looks_down(head: HeadModel) -> None:
    neutral = head.neutral_code()
    gaze = torch.zeros(1, 6)
    gaze[:, [0, 3]] = 0.3
    before, after = head.landmarks(head(neutral)), head.landmarks(head(neutral.replace(eye_pose=gaze)))
    assert (after[0, [468, 473], 1] < before[0, [468, 473], 1] - 0.002).all()


def test_a_positive_jaw_x_moves_the_chin_down_and_back(head: HeadModel) -> None:
    neutral = head.neutral_code()
    chin = int(torch.argmin((head(neutral)[0] - torch.tensor([0.0, -0.07, 0.07])).norm(dim=1)))
    jaw = torch.tensor([[head.jaw_open_radians, 0.0, 0.0]])
    change = (head(neutral.replace(jaw_pose=jaw)) - head(neutral))[0, chin]
    assert change[1] < -0.01
    assert change[2] < 0


@pytest.mark.parametrize("roll", [0.0, np.pi / 2, np.pi])
def test_a_blink_closes_the_same_way_on_a_head_that_lies_or_stands_upside_down(head: HeadModel, roll: float) -> None:
    pose = torch.tensor([[0.0, 0.0, roll]], dtype=torch.float64)
    code = head.neutral_code().to(torch.float64).replace(head_pose=pose)
    closed = head(code.replace(eyelids=torch.ones(1, 2, dtype=torch.float64))) - head(code)
    R = torch.from_numpy(Rotation.from_rotvec(pose[0].numpy()).as_matrix())
    at_rest = torch.from_numpy(tiny_head().l_eyelid + tiny_head().r_eyelid).double()
    torch.testing.assert_close(closed[0] @ R, at_rest, atol=1e-8, rtol=0)


def test_left_eyelid_is_the_first_and_on_the_person_s_left(head: HeadModel) -> None:
    neutral = head.neutral_code()
    moved = (head(neutral.replace(eyelids=torch.tensor([[1.0, 0.0]]))) - head(neutral))[0].norm(dim=1)
    assert head(neutral)[0, moved.argmax(), 0] > 0.02


def test_landmarks_ride_on_their_faces(head: HeadModel) -> None:
    file, vertices = tiny_head(), head(random_code(head, 2))
    landmarks = head.landmarks(vertices)
    assert landmarks.shape == (2, 478, 3)
    corners = vertices[1].numpy()[file.f[file.landmark_faces[77]]]
    np.testing.assert_allclose(
        landmarks[1, 77], file.landmark_barycentrics[77].astype(np.float64) @ corners, atol=1e-12
    )
    shift = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(head.landmarks(vertices + shift), landmarks + shift, atol=1e-6, rtol=0)


def test_landmark_subsets_are_rows_of_the_landmarks(head: HeadModel) -> None:
    assert head.has_landmarks
    assert head.landmark_ids.tolist() == list(range(478))
    assert (len(head.landmarks_105), len(head.landmarks_68)) == (105, 68)
    assert head.landmark_weights.shape == (478,)


def test_a_region_is_a_mask_over_the_vertices_and_a_misspelt_one_is_named(head: HeadModel) -> None:
    lips = head.region("lips")
    assert lips.dtype == torch.bool
    assert lips.shape == (head.n_vertices,)
    assert (head(head.neutral_code())[0, lips, 2] > 0).all()
    with pytest.raises(ModelFileError, match="lip") as caught:
        head.region("lip")
    assert "Did you mean lips?" in caught.value.remedy


def test_albedo_is_its_mean_plus_its_directions_kept_in_range(head: HeadModel) -> None:
    file = tiny_head()
    coefficients = torch.tensor([[0.0, 0, 0, 0], [0, 1, 0, 0], [99, -99, 99, 99]])
    images = head.albedo(coefficients, size=8)
    assert images.shape == (3, 3, 8, 8)
    mean = file.albedo_mean.transpose(2, 0, 1) / 255
    change = file.albedo_dirs[1].transpose(2, 0, 1) / 127 * file.albedo_scales[1]
    np.testing.assert_allclose(images[0], mean, atol=1e-6)
    np.testing.assert_allclose(images[1], (mean + change).clip(0, 1), atol=1e-6)
    assert images[2].min() == 0
    assert images[2].max() == 1


@pytest.mark.parametrize("size", [1, 4, 5, 8, 13, 300])
def test_albedo_comes_in_any_size_with_the_same_mean_colour(head: HeadModel, size: int) -> None:
    image = head.albedo(torch.zeros(1, 4), size=size)
    assert image.shape == (1, 3, size, size)
    np.testing.assert_allclose(image.mean((0, 2, 3)), np.array([200, 160, 140]) / 255, atol=1e-6)


def test_a_large_albedo_keeps_its_detail_when_asked_for_it() -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    head = HeadModel(replace(tiny_head(), albedo_mean=stripes))
    zero = torch.zeros(1, 4)
    assert set(head.albedo(zero, 512).unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(head.albedo(zero, 256), torch.full((1, 3, 256, 256), 0.5), atol=2e-3, rtol=0)


def test_albedo_has_gradients(head: HeadModel) -> None:
    zero = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda c: head.albedo(c, size=8), (zero,))


def test_a_mesh_is_what_forward_gives_as_arrays(head: HeadModel) -> None:
    code = random_code(head, 2)
    mesh = head.mesh(code[1])
    np.testing.assert_array_equal(mesh.vertices, head(code[1])[0].float().numpy())
    assert mesh.vertices.dtype == mesh.uv.dtype == mesh.landmarks.dtype == np.float32
    assert mesh.faces.dtype == mesh.uv_faces.dtype == np.int32
    assert mesh.faces.shape == mesh.uv_faces.shape
    assert mesh.uv_faces.max() < len(mesh.uv)
    assert mesh.landmarks.shape == (478, 3)
    with pytest.raises(ValueError, match="one face"):
        head.mesh(code)


def test_the_model_adds_nothing_to_a_checkpoint_and_has_nothing_to_train(head: HeadModel) -> None:
    assert not head.state_dict()
    assert not list(head.parameters())


def test_the_tiny_head_s_faces_look_outwards() -> None:
    file = tiny_head()
    corners = file.v_template[file.f[:560]].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((normals * corners.mean(1)).sum(1) > 0).all()


def test_a_head_is_loaded_by_its_suffix(tmp_path: Path) -> None:
    assert load_head(tiny_head_file(tmp_path / "mine.NPZ")).name == "tiny-head"
    with pytest.raises(ModelFileError, match="not a head model"):
        load_head(tmp_path / "head.obj")
    with pytest.raises(ModelFileError, match="does not exist"):
        load_head(tmp_path / "none.npz")


def test_without_a_path_the_open_head_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_head_file(tmp_path / "open_head.npz")
    monkeypatch.setenv("FIELDS_ASSETS", str(tmp_path))
    assert load_head().name == "tiny-head"
    (tmp_path / "open_head.npz").unlink()
    monkeypatch.setattr("fields_core.assets._RESOURCES", tmp_path)
    monkeypatch.setattr("fields_core.assets.user_data_folder", lambda: tmp_path)
    with pytest.raises(AssetMissingError):
        load_head()
