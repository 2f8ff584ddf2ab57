"""The encoder that looks at faces laid flat: it follows turned, scaled and moved faces exactly, and learns."""

from __future__ import annotations

import copy
import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fields_core.camera import project
from fields_core.datatypes import FaceCode
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, load_checkpoint, save_checkpoint
from fields_core.encoder.face_encoder import EncoderConfig
from fields_core.encoder.landmark_model import LandmarkModel
from fields_core.encoder.onnx_graph import export_onnx
from fields_core.encoder.rectified_encoder import RectifiedEncoder
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.errors import ModelFileError
from fields_core.head.loading import load_head
from fields_core.head.model import HeadModel
from tests.heads import tiny_head_file


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> HeadModel:
    return load_head(tiny_head_file(tmp_path_factory.mktemp("head") / "tiny.npz"))


@pytest.fixture(scope="module", params=[0, 2], ids=["without refinements", "with refinements"])
def encoder(head: HeadModel, request: pytest.FixtureRequest) -> RectifiedEncoder:
    torch.manual_seed(0)
    config = EncoderConfig(
        head.n_shape,
        head.n_expression,
        (0.0,) * head.n_expression,
        (1.0,) * head.n_expression,
        gaze=True,
        layout="rectified",
        landmarks=len(head.landmark_ids),
        landmark_components=32,
        rectified_size=24,
        width=32,
        appearance_width=8,
        refinements=request.param,
    )
    made = RectifiedEncoder(config)
    made.of_head(head)
    with torch.no_grad():
        made.pose_layer.weight.normal_(0.0, 0.3)
        made.expression_layer.weight.normal_(0.0, 0.3)
    return made.eval()


def seen(head: HeadModel, code: FaceCode) -> Tensor:
    return project(head.landmarks(head(code)), code.camera)[..., :2]


def detected(head: HeadModel, points: Tensor) -> Tensor:
    """All 478 of MediaPipe's, those that the head model lacks in the middle."""
    everything = points.mean(dim=1, keepdim=True).repeat(1, 478, 1)
    everything[:, head.landmark_ids] = points
    return everything


def complete(head: HeadModel, code: FaceCode) -> FaceCode:
    rest = head.neutral_code(len(code))
    return code.replace(lighting=rest.lighting, albedo=rest.albedo)


def test_a_face_turned_scaled_and_moved_in_the_picture_gives_a_head_that_is_too(
    head: HeadModel, encoder: RectifiedEncoder
) -> None:
    torch.manual_seed(1)
    points = seen(head, head.neutral_code(3)) + 0.02 * torch.randn(3, len(head.landmark_ids), 2)
    turn, scale, shift = 0.6, 0.8, torch.tensor([0.1, -0.2])
    rotation = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    images = torch.rand(3, 3, 224, 224)
    with torch.no_grad():
        outputs = list(encoder.regress(images, detected(head, points)))
        moved = scale * points @ rotation.T + shift
        other = [*outputs[:3], encoder.regress(images, detected(head, moved))[3], *outputs[4:]]
        # The correction for the root joint is that of the mean head at rest.
        for number in (1, 2):
            outputs[number] = other[number] = torch.zeros_like(outputs[number])
        upright, turned = (seen(head, complete(head, encoder.decode(o))) for o in (outputs, other))
    assert upright.std() > 0.05
    assert torch.allclose(turned, scale * upright @ rotation.T + shift, atol=1e-4)


def test_the_landmarks_components_do_not_depend_on_where_the_face_is(
    head: HeadModel, encoder: RectifiedEncoder
) -> None:
    points = seen(head, head.neutral_code()) + 0.01 * torch.randn(1, len(head.landmark_ids), 2)
    rotation = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    first = encoder.chart.place(detected(head, points)).components
    second = encoder.chart.place(detected(head, 0.5 * points @ rotation.T + 0.3)).components
    assert torch.allclose(first, second, atol=1e-2 * float(first.abs().max()))


def test_rectified_faces_show_the_same_wherever_the_face_is(head: HeadModel, encoder: RectifiedEncoder) -> None:
    """A picture that is a smooth function of the place on the face looks the same after rectification."""
    grid = torch.stack(torch.meshgrid(*[(torch.arange(224) + 0.5) / 112 - 1] * 2, indexing="xy"))

    def picture(scale: float, shift: float) -> Tensor:
        place = (grid - shift) / scale
        return (0.5 + 0.3 * torch.sin(3.0 * place[:1]) * torch.cos(2.0 * place[1:])).repeat(3, 1, 1)[None]

    points = seen(head, head.neutral_code())
    points = points / points.abs().max() * 0.6
    still = encoder.rectified(picture(1.0, 0.0), detected(head, points))
    moved = encoder.rectified(picture(0.8, 0.1), detected(head, 0.8 * points + 0.1))
    assert still.std() == pytest.approx(1.0, abs=0.1)
    assert (still - moved).abs().mean() < 0.03


def test_the_neutral_face_is_predicted_before_any_training(head: HeadModel, encoder: RectifiedEncoder) -> None:
    fresh = RectifiedEncoder(encoder.config)
    fresh.of_head(head)
    with torch.no_grad():
        for name, layer in fresh.named_modules():
            if name.endswith("_layer"):
                assert isinstance(layer, torch.nn.Linear)
                layer.weight.zero_()
                layer.bias.zero_()
        code = fresh.eval()(torch.rand(1, 3, 224, 224), detected(head, seen(head, head.neutral_code())))
    assert torch.allclose(
        seen(head, complete(head, code)), seen(head, head.neutral_code()), atol=1e-4 * float(code.camera[0, 0])
    )


def test_it_learns_pose_and_expression_from_landmarks(head: HeadModel, encoder: RectifiedEncoder) -> None:
    torch.manual_seed(2)
    fresh = RectifiedEncoder(encoder.config)
    fresh.of_head(head)
    code = head.neutral_code(16)
    code = code.replace(
        expression=(torch.rand(code.expression.shape) < 0.2).float(), head_pose=0.2 * torch.randn(16, 3)
    )
    landmarks, images = detected(head, seen(head, code)), torch.rand(16, 3, 224, 224)
    optimizer = torch.optim.Adam(fresh.parameters(), 3e-3)
    errors = []
    for _ in range(60):
        predicted = fresh(images, landmarks)
        error = (predicted.expression - code.expression).square().mean()
        error = error + (predicted.head_pose - code.head_pose).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.2 * errors[0]


def test_refinements_know_where_landmarks_of_upright_heads_are(head: HeadModel) -> None:
    """Exact in shape, expression, eyelids and head pose; jaw and gaze are linear where they were sampled."""
    torch.manual_seed(3)
    code = head.neutral_code(5)
    turns = torch.zeros(5, 6)
    code = code.replace(
        shape=torch.randn(code.shape.shape),
        expression=torch.rand(code.expression.shape),
        eyelids=torch.rand(5, 2),
        head_pose=0.4 * torch.randn(5, 3),
    )
    model = LandmarkModel(len(head.landmark_ids), head.n_shape, head.n_expression)
    model.of_head(head)
    units = torch.cat([code.shape, code.expression, code.eyelids, turns, torch.zeros(5, 1)], dim=1)
    assert torch.allclose(model(units, code.head_pose), head.landmarks(head(code)), atol=1e-5)
    opened = head.neutral_code().replace(jaw_pose=torch.tensor([[0.15, 0.0, 0.0]]))
    jaw = torch.zeros(1, units.shape[1])
    jaw[0, head.n_shape + head.n_expression + 2] = 0.15
    assert torch.allclose(model(jaw, torch.zeros(1, 3)), head.landmarks(head(opened)), atol=1e-5)


@pytest.mark.parametrize("encoder", [2], indirect=True)
def test_a_guess_that_explains_the_landmarks_leaves_no_misfit(head: HeadModel, encoder: RectifiedEncoder) -> None:
    assert isinstance(encoder.model, LandmarkModel)
    torch.manual_seed(4)
    code = head.neutral_code(3)
    code = code.replace(
        expression=0.9 * torch.rand(code.expression.shape),
        head_pose=0.2 * torch.randn(3, 3),
        camera=torch.tensor([1.1, 0.01, -0.02]).repeat(3, 1),
    )
    placed = dataclasses.replace(encoder.chart.place(torch.rand(3, 478, 2)), points=seen(head, code))
    guess = torch.cat([code.expression, torch.zeros(3, 9)], dim=1)
    pose = torch.cat([code.head_pose, torch.tensor([0.1, 0.01, -0.02]).repeat(3, 1)], dim=1)
    misfit = encoder._misfit(encoder.model, placed, pose, code.shape, guess)
    wrong = encoder._misfit(encoder.model, placed, pose, code.shape, torch.zeros_like(guess))
    assert misfit.abs().max() < 1e-2
    assert wrong.abs().max() > 1.0


def test_what_step_a_trains_leaves_pose_and_shape_alone(head: HeadModel, encoder: RectifiedEncoder) -> None:
    changed = copy.deepcopy(encoder)
    with torch.no_grad():
        for part in changed.expression_parts():
            for parameter in part.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    points = seen(head, head.neutral_code(2)) + 0.02 * torch.randn(2, len(head.landmark_ids), 2)
    images = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        before, after = (net(images, detected(head, points)) for net in (encoder, changed))
    assert not torch.equal(before.expression, after.expression)
    for name in ("shape", "head_pose", "camera"):
        assert torch.equal(getattr(before, name), getattr(after, name)), name


def test_in_bfloat16_it_places_heads_nearly_as_in_float32(head: HeadModel, encoder: RectifiedEncoder) -> None:
    points = seen(head, head.neutral_code(3)) + 0.01 * torch.randn(3, len(head.landmark_ids), 2)
    images = torch.rand(3, 3, 224, 224)
    with torch.no_grad():
        exact = encoder(images, detected(head, points))
        with torch.autocast("cpu", torch.bfloat16):
            rough = encoder(images, detected(head, points)).to(torch.float32)
    for name, within in (("expression", 0.1), ("head_pose", 0.02), ("camera", 0.1)):
        assert torch.allclose(getattr(rough, name), getattr(exact, name), atol=within), name


def test_without_landmarks_it_says_so(encoder: RectifiedEncoder) -> None:
    with pytest.raises(ValueError, match="landmarks"):
        encoder(torch.rand(1, 3, 224, 224))


def test_onnx_runtime_and_the_stored_file_agree_with_pytorch(
    head: HeadModel, encoder: RectifiedEncoder, tmp_path: Path
) -> None:
    checkpoint = Checkpoint(CheckpointInfo(head.name, encoder.config, None, emotion_branch=False), encoder, None)
    save_checkpoint(tmp_path / "e.safetensors", checkpoint)
    loaded = load_checkpoint(tmp_path / "e.safetensors")
    export_onnx(loaded, tmp_path / "e.onnx")
    runtime = EncoderRuntime(loaded, tmp_path / "e.onnx")
    assert (runtime.backend, runtime.fallback_reason) == ("onnxruntime", "")
    for batch in (1, 3):
        points = seen(head, head.neutral_code(batch)) + 0.01 * torch.randn(batch, len(head.landmark_ids), 2)
        landmarks, images = detected(head, points), torch.rand(batch, 3, 224, 224)
        with torch.no_grad():
            expected = encoder(images, landmarks)
        answer = runtime.encode(images, landmarks)
        for item in dataclasses.fields(FaceCode):
            assert torch.allclose(getattr(answer, item.name), getattr(expected, item.name), atol=2e-4), item.name


@pytest.mark.parametrize(
    "changes",
    [{"appearance_width": 4096}, {"rectified_size": 64}, {"landmarks": 9000}, {"width": 1}, {"refinements": 10**9}],
)
def test_sizes_that_would_fill_the_memory_or_fit_no_layer_are_refused(
    encoder: RectifiedEncoder, changes: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        dataclasses.replace(encoder.config, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("buffer", "number"), [("ids", 478), ("corners", -1), ("corners", 10**9)])
def test_a_file_that_names_landmarks_that_do_not_exist_is_refused(
    head: HeadModel, encoder: RectifiedEncoder, tmp_path: Path, buffer: str, number: int
) -> None:
    bad = copy.deepcopy(encoder)
    getattr(bad.chart, buffer).flatten()[0] = number
    info = CheckpointInfo(head.name, bad.config, None, emotion_branch=False)
    save_checkpoint(tmp_path / "bad.safetensors", Checkpoint(info, bad, None))
    with pytest.raises(ModelFileError, match="cannot work"):
        load_checkpoint(tmp_path / "bad.safetensors")
