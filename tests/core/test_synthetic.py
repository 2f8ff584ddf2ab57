from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.camera import project
from fields_core.data.head_painter import Illumination, PaintedSurface, paint
from fields_core.data.sample import STORED_SCALE, STORED_SIZE, Sample
from fields_core.data.shards import ShardSet, shard_paths, write_shard
from fields_core.data.synthetic import SyntheticFaces
from fields_core.data.synthetic_shards import write_synthetic
from fields_core.datatypes import FaceCode
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.errors import SettingsError
from fields_core.head import HeadModel, load_head
from fields_core.progress import Cancelled, CancelToken
from fields_core.render import HeadRenderer
from fields_core.render.lighting import FACTORS


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head()


@pytest.fixture(scope="module")
def faces(head: HeadModel) -> SyntheticFaces:
    return SyntheticFaces(head, 7)


@pytest.fixture(scope="module")
def samples(faces: SyntheticFaces) -> list[Sample]:
    return [faces[number] for number in range(24)]


def truth(sample: Sample) -> FaceCode:
    assert sample.code is not None
    return sample.code


def test_a_sample_follows_from_seed_and_number_alone(head: HeadModel, samples: list[Sample]) -> None:
    again = SyntheticFaces(head, 7)
    for number in (11, 3):  # in another order
        sample = again[number]
        assert np.array_equal(sample.image, samples[number].image)
        assert torch.equal(truth(sample).expression, truth(samples[number]).expression)
        assert sample.intensity == samples[number].intensity
    assert not np.array_equal(SyntheticFaces(head, 8)[3].image, samples[3].image)


def test_samples_are_complete(samples: list[Sample]) -> None:
    assert len({sample.key for sample in samples}) == len(samples)
    for sample in samples:
        assert sample.image.shape == (STORED_SIZE, STORED_SIZE, 3)
        assert sample.image.dtype == np.uint8
        assert sample.confidence == 1.0
        assert sample.intensity >= 0.0
        assert all(torch.isfinite(getattr(truth(sample), f.name)).all() for f in dataclasses.fields(FaceCode))


def test_landmarks_fill_the_stored_crop_as_those_of_photos_do(samples: list[Sample]) -> None:
    for sample in samples:
        assert sample.landmarks is not None
        low, high = sample.landmarks.min(axis=0), sample.landmarks.max(axis=0)
        assert (high - low).max() == pytest.approx(2.0 / STORED_SCALE, abs=1e-4)
        assert np.allclose(low + high, 0.0, atol=1e-4)


def test_landmarks_are_those_of_the_code(head: HeadModel, samples: list[Sample]) -> None:
    for sample in samples[:6]:
        code = truth(sample)
        projected = project(head.landmarks(head(code)), code.camera)[0, :, :2].numpy()
        assert np.abs(projected - sample.landmarks).max() < 1e-4


def test_intensity_is_that_of_the_geometry(head: HeadModel, faces: SyntheticFaces, samples: list[Sample]) -> None:
    measure = ExpressionIntensity(head, faces.intensity_scale)
    for sample in samples[:8]:
        assert sample.intensity == pytest.approx(float(measure(truth(sample))), abs=1e-5)


def test_the_picture_shows_the_head_where_the_code_has_it(head: HeadModel, samples: list[Sample]) -> None:
    """Compared with what the renderer draws from the code alone, and with the same moved aside."""
    better = 0
    for sample in samples:
        drawn = HeadRenderer(head).shade(truth(sample), STORED_SIZE)
        face = drawn.mask[0, 0].bool().numpy()
        picture = sample.image.mean(axis=2)
        expected = drawn.image[0].mean(dim=0).numpy()
        here = np.corrcoef(picture[face], expected[face])[0, 1]
        aside = np.roll(picture, 12, axis=1)
        better += here > np.corrcoef(aside[face], expected[face])[0, 1]
    assert better >= 0.9 * len(samples)


def test_painting_agrees_with_the_renderer(head: HeadModel) -> None:
    generator = torch.Generator().manual_seed(0)
    code = head.neutral_code()
    lighting = code.lighting + 0.1 * torch.randn(1, 9, 3, generator=generator)
    code = code.replace(shape=torch.randn(1, head.n_shape, generator=generator), lighting=lighting)
    expected = HeadRenderer(head).shade(code, 128)
    surface = PaintedSurface(
        points=project(head(code), code.camera)[0].numpy(),
        faces=head.faces.numpy(),
        uv=head.uv.numpy(),
        uv_faces=head.uv_faces.numpy(),
        texels=head.albedo(code.albedo)[0].permute(1, 2, 0).contiguous().numpy(),
        openness=np.ones(head.n_vertices, np.float32),
        wetness=np.zeros(head.n_vertices, np.float32),
    )
    light = Illumination(
        (lighting[0] * torch.tensor(FACTORS)[:, None]).numpy(),
        np.array([0, 0, 1], np.float32),
        np.zeros(3, np.float32),
        9.0,
    )
    colours, coverage = paint([surface], light, 128)
    whole = (coverage > 0.999) & (expected.mask[0, 0].numpy() > 0)
    assert whole.mean() > 0.2
    difference = np.abs(colours - expected.image[0].permute(1, 2, 0).clamp(min=0).numpy())[whole]
    assert np.median(difference) < 0.01
    assert difference.mean() < 0.02


def test_samples_survive_a_shard(tmp_path: Path, samples: list[Sample]) -> None:
    path = tmp_path / "synthetic-000000.tar"
    write_shard(path, samples[:3])
    read = ShardSet([path])[1]
    assert read.key == samples[1].key
    assert (read.label, read.intensity) == (samples[1].label, samples[1].intensity)
    assert torch.equal(truth(read).expression, truth(samples[1]).expression)
    assert np.abs(read.image.astype(int) - samples[1].image).mean() < 8.0


def test_shards_are_the_sequence_and_a_larger_number_goes_on(
    tmp_path: Path, head: HeadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[int] = []
    made = write_synthetic(tmp_path, 3, 7, lambda report: reports.append(report.done), CancelToken(), processes=1)
    first = shard_paths(tmp_path, "synthetic")
    read = ShardSet(first)
    assert [read[number].key for number in range(len(read))] == [f"7-{number:08d}" for number in range(3)]
    assert reports[-1] == 3
    assert made.head == head.name
    before = first[0].stat().st_mtime_ns
    assert write_synthetic(tmp_path, 3, 7, lambda _: None, CancelToken(), processes=1) == made
    assert first[0].stat().st_mtime_ns == before
    with pytest.raises(SettingsError, match="made otherwise"):
        write_synthetic(tmp_path, 3, 8, lambda _: None, CancelToken(), processes=1)


def test_cancelling_leaves_no_half_shard(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        write_synthetic(tmp_path, 2, 7, lambda _: None, token, processes=1)
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tar" and path.name.startswith(".")]


def test_cancelling_does_not_wait_for_the_shard_at_work(tmp_path: Path) -> None:
    token = CancelToken()
    threading.Timer(2.0, token.cancel).start()
    with pytest.raises(Cancelled):
        write_synthetic(tmp_path, 1000, 7, lambda _: None, token, processes=1)
    assert not list(tmp_path.glob("*.tar")), "half a minute's work was not done first"


def test_photos_serve_as_backgrounds(head: HeadModel) -> None:
    photo = np.zeros((300, 200, 3), np.uint8)
    photo[..., 1] = 255
    faces = SyntheticFaces(head, 7, [photo])
    corners = [faces[number].image[:12, :12].mean(axis=(0, 1)) for number in range(16)]
    assert sum(bool(green > 1.8 * max(red, blue, 1.0)) for red, green, blue in corners) >= 2
