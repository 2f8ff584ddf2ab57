from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.cli import main
from fields_core.data.sample import Sample
from fields_core.data.shards import write_shard
from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.errors import SettingsError
from fields_core.evaluation.coders import Coder, code_photos, fit_coder
from fields_core.evaluation.emotion_probe import ProbeConfig
from fields_core.evaluation.emotion_report import (
    ALL,
    BRANCH,
    EXPRESSION,
    LINEAR,
    NETWORK,
    RENDERED,
    WITH_SHAPE,
    ProbePlan,
    emotion_tables,
    evaluate_emotion,
    features,
)
from fields_core.evaluation.rendered import CodedHeads, RenderedHeads, code_heads, measure_naturalness, render_heads
from fields_core.evaluation.results import Result, plain_text
from fields_core.head import HeadModel, load_head
from fields_core.progress import CancelToken, Progress
from tests.training_data import egg, random_code

PROBE = ProbeConfig(width=32, depth=2, epochs=15, batch_size=16, learning_rate=3e-3)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return egg()


def ignore(report: Progress) -> None:
    pass


def photos(seed: int, count: int = 160) -> list[Sample]:
    """Pictures whose grey level tells the emotion and the valence; every fifth has no label."""
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(-0.5, 0.5, (478, 2)).astype(np.float32)
    labels = [-1 if number % 5 == 0 else int(rng.integers(0, 2)) for number in range(count)]
    return [
        Sample(
            str(n),
            "test",
            np.full((32, 32, 3), 60 + 90 * max(label, 0), np.uint8),
            landmarks,
            label=label,
            valence_arousal=(0.8 * max(label, 0), float(rng.normal(0, 0.1))),
        )
        for n, label in enumerate(labels)
    ]


def grey_coder(head: HeadModel) -> Coder:
    def code(crops: Sequence[FaceCrop]) -> FaceCode:
        levels = torch.tensor([float(crop.image.mean()) / 255.0 for crop in crops])
        neutral = head.neutral_code(len(crops))
        expression = neutral.expression.clone()
        expression[:, head.expression_names.index("mouthSmileLeft")] = levels
        return neutral.replace(expression=expression)

    return code


def made_up_heads(head: HeadModel, strength: float, jaw: float = 1.0, count: int = 24) -> CodedHeads:
    """Heads whose coder exaggerates everything by ``strength``, the jaw by ``jaw``."""
    rng = np.random.default_rng(3)
    truth = FaceCode.concatenate([random_code(head, rng) for _ in range(count)])
    truth = truth.replace(jaw_pose=torch.from_numpy(rng.uniform(0.0, 0.2, (count, 3)) * [1, 0, 0]).float())
    crop = FaceCrop(np.zeros((224, 224, 3), np.uint8), np.eye(2, 3), np.zeros((478, 2), np.float32))
    labels, affect = rng.integers(-1, 8, count), rng.uniform(-1, 1, (count, 2))
    heads = RenderedHeads((crop,) * count, truth, labels, affect, 0.005, 2)
    return CodedHeads(heads, truth.replace(expression=strength * truth.expression, jaw_pose=jaw * truth.jaw_pose))


def test_accuracy_comes_with_naturalness_and_the_unlabelled_are_left_out(head: HeadModel) -> None:
    train, test = (code_photos(photos(seed), grey_coder(head), ignore, CancelToken(), labelled=True) for seed in (0, 1))
    heads = made_up_heads(head, 1.0)
    branch = EmotionHead(head.n_expression)
    report = evaluate_emotion(train, test, heads, head, branch, ProbePlan(PROBE, seeds=2), ignore, CancelToken())
    assert (report.trained_on, report.tested_on, report.unseen) == (128, 128, 2)
    for codes, reader in ((EXPRESSION, LINEAR), (WITH_SHAPE, LINEAR), (ALL, LINEAR), (EXPRESSION, NETWORK)):
        for balanced in (False, True):
            reading = report.reading(codes, reader, balanced=balanced)
            assert reading is not None
            assert len(reading.metrics) == (2 if reader == NETWORK else 1)
            assert all(metrics.accuracy > 0.95 for metrics in reading.metrics)
    network = report.reading(EXPRESSION, NETWORK)
    assert network is not None
    assert all(valence.ccc > 0.8 for valence, _ in network.affect)
    assert [reading.tested_on for reading in report.readings if reading.reader == BRANCH] == ["photos", RENDERED]
    assert report.naturalness.whole.ratio == pytest.approx(1.0)
    text = plain_text(Result("", emotion_tables(report)))
    for word in ("macro recall", "intensity of", "without the jaw", "valence CCC", f"{Emotion.HAPPY.name.lower()} ("):
        assert word in text


def test_without_a_branch_or_networks_there_is_less_to_read(head: HeadModel) -> None:
    train, test = (code_photos(photos(seed), grey_coder(head), ignore, CancelToken(), labelled=True) for seed in (0, 1))
    report = evaluate_emotion(train, test, made_up_heads(head, 1.0), head, None, ProbePlan(None), ignore, CancelToken())
    assert {reading.reader for reading in report.readings} == {LINEAR}
    assert len(emotion_tables(report)) == 3  # no valence and arousal
    few = train.rows(np.arange(len(train)) < 20)
    with pytest.raises(SettingsError, match="too few labelled"):
        evaluate_emotion(few, test, made_up_heads(head, 1.0), head, None, ProbePlan(PROBE), ignore, CancelToken())


def test_the_jaw_is_told_from_the_rest_of_the_expression(head: HeadModel) -> None:
    natural = measure_naturalness(made_up_heads(head, 1.0, jaw=2.0), head)
    assert natural.whole.ratio > 1.1
    assert natural.jaw_free.ratio == pytest.approx(1.0)
    exaggerated = measure_naturalness(made_up_heads(head, 1.5), head)
    assert exaggerated.jaw_free.ratio == pytest.approx(1.5, rel=1e-3)
    assert exaggerated.jaw_free.spearman == pytest.approx(1.0)


def test_what_probes_see(head: HeadModel) -> None:
    code = random_code(head, np.random.default_rng(0))
    sizes = [features(code, which).shape[1] for which in (EXPRESSION, WITH_SHAPE, ALL)]
    assert sizes == [42 + 5, 42 + 5 + head.n_shape, 42 + 5 + head.n_shape + 9]


def test_photos_without_labels_or_landmarks_are_refused(head: HeadModel) -> None:
    unlabelled = [sample for sample in photos(0) if sample.label < 0]
    with pytest.raises(SettingsError, match="no labelled photos"):
        code_photos(unlabelled, grey_coder(head), ignore, CancelToken(), labelled=True)
    blind = [Sample("x", "s", np.zeros((32, 32, 3), np.uint8))]
    with pytest.raises(SettingsError, match="no landmarks"):
        code_photos(blind, grey_coder(head), ignore, CancelToken())


def test_the_fit_is_a_coder() -> None:
    head = load_head()
    with torch.no_grad():
        truth = head.neutral_code()
        points = head.landmarks(head(truth))[0, :, :2].numpy() * [5.0, -5.0]
    crop = FaceCrop(np.zeros((224, 224, 3), np.uint8), np.eye(2, 3), points.astype(np.float32))
    code = fit_coder(head)([crop, crop])
    assert code.expression.shape == (2, 42)
    assert code.expression.abs().max() < 0.1


def test_rendered_heads_are_seen_as_photos_are() -> None:
    head = load_head()
    heads = render_heads(head, 4, ignore, CancelToken())
    assert len(heads.crops) + heads.unseen == 4
    assert len(heads.crops) == len(heads.truth) == len(heads.labels)
    fitted = code_heads(heads, fit_coder(head), ignore, CancelToken())
    ratio = measure_naturalness(fitted, head).whole.ratio
    assert 0.3 < ratio < 2.0
    with pytest.raises(SettingsError, match="Too few heads"):
        render_heads(head, 1, ignore, CancelToken())


def test_the_command_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = str(tmp_path / "x-000000.tar")
    write_shard(Path(shard), [sample for sample in photos(0, 10) if sample.label < 0])
    command = ["evaluate", "emotion", "--fit", "--train", shard, "--test", shard]
    assert main(command) == 2
    assert "no labelled photos" in capsys.readouterr().err
    assert main(["evaluate", "emotion", "--fit", "--train", "nothing.tar", "--test", shard]) == 2
    assert "not a readable shard" in capsys.readouterr().err
    assert main([*command, "--rendered", "0"]) == 2
    assert "Too little" in capsys.readouterr().err
    assert main([*command, "--out", "table.xls"]) == 2
    assert "table.xls" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["evaluate", "emotion", "--train", shard, "--test", shard])
    assert "--encoder" in capsys.readouterr().err
