"""The one door: photos to heads, edits to heads, and every way that goes wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from fields_core.datatypes import DetectedFace, Photo
from fields_core.detection.face_detector import FaceDetector
from fields_core.detection.photo_file import photo_from_array
from fields_core.errors import FitError, NoFaceError
from fields_core.head import HeadModel, load_head
from fields_core.pipeline import Reconstructor
from fields_core.progress import Cancelled, CancelToken
from tests.core.test_landmark_fit import image_landmarks, random_code
from tests.heads import tiny_head


class ScriptedDetector:
    """Finds the faces it was told to; cancels a token after detection if it was given one."""

    def __init__(self, faces: list[DetectedFace], token: CancelToken | None = None) -> None:
        self.faces, self.token, self.closed = faces, token, False

    def detect(self, photo: Photo) -> list[DetectedFace]:
        if self.token is not None:
            self.token.cancel()
        return self.faces

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def photo() -> Photo:
    rng = np.random.default_rng(0)
    return photo_from_array(rng.integers(0, 255, (200, 300, 3), dtype=np.uint8))


def face_of(head: HeadModel, seed: int, left: float) -> DetectedFace:
    points = (image_landmarks(head, random_code(head, 1, seed))[0] * 60 + [left, 100]).astype(np.float32)
    box = (*points.min(0).tolist(), *points.max(0).tolist())
    return DetectedFace(box, np.column_stack([points, np.zeros(478, np.float32)]), {})


def broken_face() -> DetectedFace:
    line = np.linspace(50, 100, 478, dtype=np.float32)
    return DetectedFace((50, 50, 100, 100), np.stack([line, line, line], 1), {})


@pytest.fixture(scope="module")
def found(head, photo):
    with Reconstructor(head, ScriptedDetector([face_of(head, 1, 90), face_of(head, 2, 210)])) as reconstructor:
        yield reconstructor, reconstructor.reconstruct(photo)


def test_every_face_becomes_a_head_in_the_detectors_order(head, found):
    _, results = found
    assert [result.face.box[0] < 150 for result in results] == [True, False]
    for result in results:
        assert result.mesh.vertices.shape == (head.n_vertices, 3)
        assert result.landmark_error < 0.02
        assert result.texture is not None
        assert result.texture.dtype == np.uint8
        assert result.timings.fit > 0


def test_the_mesh_is_the_head_of_the_code(head, found):
    result = found[1][0]
    np.testing.assert_array_equal(result.mesh.vertices, head.mesh(result.code).vertices)


def test_an_edited_code_gives_a_new_mesh_and_keeps_photo_and_texture(head, found):
    reconstructor, (result, _) = found
    raised = result.code.expression.clone()
    raised[:, head.expression_names.index("browInnerUp")] = 1.0
    edited = reconstructor.with_code(result, result.code.replace(expression=raised))
    assert np.abs(edited.mesh.vertices - result.mesh.vertices).max() > 1e-3
    assert edited.texture is result.texture
    assert edited.landmark_error > result.landmark_error
    same = reconstructor.with_code(result, result.code)
    assert same.landmark_error == pytest.approx(result.landmark_error, abs=1e-5)


def test_refining_comes_closer(found):
    reconstructor, results = found
    for result in results:
        refined = reconstructor.refine(result)
        assert refined.landmark_error <= result.landmark_error + 1e-6
        assert refined.texture is not None


def test_fused_faces_share_one_shape_and_keep_their_expressions(found):
    reconstructor, results = found
    fused = reconstructor.fuse(results)
    assert len(fused.reconstructions) == len(results)
    for one, alone in zip(fused.reconstructions, results, strict=True):
        assert torch.equal(one.code.shape, fused.shape)
        assert one.photo is alone.photo
        assert one.texture is alone.texture
    first, second = (r.code.expression for r in fused.reconstructions[:2])
    assert not torch.allclose(first, second)
    assert fused.weights.sum() == pytest.approx(1.0)
    with pytest.raises(FitError):
        reconstructor.fuse([])


def test_refining_keeps_a_shape_that_is_known(found):
    reconstructor, results = found
    shape = results[0].code.shape * 0.5
    assert torch.equal(reconstructor.refine(results[0], shape).code.shape, shape)


def test_a_code_that_is_known_is_adopted_as_it_is(head, found, photo):
    original = found[1][0]
    smiling = original.code.replace(expression=original.code.expression + 0.1)
    with Reconstructor(head, ScriptedDetector([])) as reconstructor:
        adopted = reconstructor.adopt(photo, original.face, original.crop.crop_to_photo, smiling)
        same = reconstructor.adopt(photo, original.face, original.crop.crop_to_photo, original.code)
    torch.testing.assert_close(adopted.code.expression, smiling.expression)
    torch.testing.assert_close(adopted.code.camera, smiling.camera)
    np.testing.assert_allclose(adopted.crop.landmarks, original.crop.landmarks, atol=1e-4)
    np.testing.assert_array_equal(adopted.crop.image, original.crop.image)
    np.testing.assert_allclose(adopted.mesh.vertices, head.mesh(adopted.code).vertices)
    assert same.landmark_error == pytest.approx(original.landmark_error, rel=1e-3)
    assert same.landmark_error < adopted.landmark_error
    assert adopted.texture is not None


def test_no_texture_unless_wanted(head, photo):
    with Reconstructor(head, ScriptedDetector([face_of(head, 1, 90)])) as reconstructor:
        result = reconstructor.reconstruct(photo, texture=False)[0]
        assert result.texture is None
        assert reconstructor.refine(result).texture is None


def test_no_face_is_an_error_that_names_the_photo(head, photo):
    with Reconstructor(head, ScriptedDetector([])) as reconstructor, pytest.raises(NoFaceError) as caught:
        reconstructor.reconstruct(dataclasses.replace(photo, path=None))
    assert "picture" in caught.value.title
    assert caught.value.remedy
    with Reconstructor(head, ScriptedDetector([])) as reconstructor, pytest.raises(NoFaceError, match=r"in me\.jpg\n"):
        reconstructor.reconstruct(dataclasses.replace(photo, path=Path("photos/me.jpg")))


def test_a_face_that_cannot_be_fitted_does_not_cost_the_others(head, photo):
    with Reconstructor(head, ScriptedDetector([broken_face(), face_of(head, 2, 210)])) as reconstructor:
        assert len(reconstructor.reconstruct(photo, texture=False)) == 1
    with Reconstructor(head, ScriptedDetector([broken_face()])) as reconstructor, pytest.raises(FitError):
        reconstructor.reconstruct(photo, texture=False)


def test_cancelling_stops_before_the_next_stage(head, photo):
    token = CancelToken()
    detector = ScriptedDetector([face_of(head, 1, 90)], token)
    with Reconstructor(head, detector) as reconstructor, pytest.raises(Cancelled):
        reconstructor.reconstruct(photo, token=token)


def test_a_borrowed_detector_stays_open(head):
    detector = ScriptedDetector([])
    Reconstructor(head, detector).close()
    assert not detector.closed


@pytest.fixture(scope="module")
def astronaut():
    """The real thing, once: open head, MediaPipe, NASA's portrait of Eileen Collins."""
    photo = photo_from_array(data.astronaut())
    with FaceDetector() as detector, Reconstructor(load_head(), detector) as reconstructor:
        yield reconstructor, reconstructor.reconstruct(photo)


def test_the_astronaut_smiles(astronaut):
    reconstructor, results = astronaut
    assert len(results) == 1
    result = results[0]
    names = reconstructor.head.expression_names
    smile = [result.code.expression[0, names.index(f"mouthSmile{side}")].item() for side in ("Left", "Right")]
    assert result.landmark_error < 0.02
    assert result.warning == ""
    assert min(smile) > 0.15
    assert result.code.shape.abs().max() < 4
    assert result.texture is not None
    assert result.texture.std() > 10


def test_the_astronaut_upside_down_is_the_same_head(astronaut):
    reconstructor, (upright,) = astronaut
    turned = photo_from_array(np.ascontiguousarray(data.astronaut()[::-1, ::-1]))
    result = reconstructor.reconstruct(turned, texture=False)[0]
    assert result.landmark_error < 0.025
    torch.testing.assert_close(result.code.expression, upright.code.expression, atol=0.25, rtol=0)
