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
from fields_core.evaluation.emotion_probe import ProbeConfig
from fields_core.evaluation.emotion_report import Coder, evaluate_emotion, fit_coder, format_report
from fields_core.head import HeadModel, load_head
from fields_core.progress import CancelToken, Progress

PROBE = ProbeConfig(width=32, depth=2, epochs=15, batch_size=16, learning_rate=3e-3)


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_head()


def ignore(report: Progress) -> None:
    pass


def photos(seed: int, count: int = 160) -> list[Sample]:
    """Pictures whose grey level tells the emotion; every fifth has no label."""
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(-0.5, 0.5, (478, 2)).astype(np.float32)
    labels = [-1 if number % 5 == 0 else int(rng.integers(0, 2)) for number in range(count)]
    return [
        Sample(str(n), "test", np.full((32, 32, 3), 60 + 90 * max(label, 0), np.uint8), landmarks, label)
        for n, label in enumerate(labels)
    ]


def grey_coder(head: HeadModel, strength: float) -> Coder:
    def code(crops: Sequence[FaceCrop]) -> FaceCode:
        levels = torch.tensor([float(crop.image.mean()) / 255.0 for crop in crops])
        neutral = head.neutral_code(len(crops))
        expression = neutral.expression.clone()
        expression[:, head.expression_names.index("mouthSmileLeft")] = strength * levels
        return neutral.replace(expression=expression)

    return code


def test_accuracy_comes_with_naturalness_and_the_unlabelled_are_left_out(head: HeadModel) -> None:
    coder = grey_coder(head, 1.0)
    report = evaluate_emotion(
        photos(0),
        photos(1),
        coder,
        head,
        EmotionHead(42),
        4,
        PROBE,
        ignore,
        CancelToken(),
    )
    assert (report.trained_on, report.tested_on) == (128, 128)
    assert len(report.probes) == 5
    assert all(result.metrics.accuracy > 0.95 for result in report.probes[:4])
    assert report.probes[4].features == "built-in branch"
    text = format_report(report)
    assert "macro recall" in text
    assert "intensity ratio" in text
    assert f"{Emotion.HAPPY.name.lower()} 1.00" in text


def test_photos_without_labels_are_refused(head: HeadModel) -> None:
    unlabelled = [sample for sample in photos(0) if sample.label < 0]
    with pytest.raises(SettingsError, match="no labelled photos"):
        evaluate_emotion(
            unlabelled,
            unlabelled,
            grey_coder(head, 1.0),
            head,
            None,
            2,
            PROBE,
            ignore,
            CancelToken(),
        )


def test_the_fit_is_a_coder(head: HeadModel) -> None:
    with torch.no_grad():
        truth = head.neutral_code()
        points = head.landmarks(head(truth))[0, :, :2].numpy() * [5.0, -5.0]
    crop = FaceCrop(np.zeros((224, 224, 3), np.uint8), np.eye(2, 3), points.astype(np.float32))
    code = fit_coder(head)([crop, crop])
    assert code.expression.shape == (2, 42)
    assert code.expression.abs().max() < 0.1


def test_the_command_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = tmp_path / "x-000000.tar"
    write_shard(shard, [sample for sample in photos(0, 10) if sample.label < 0])
    assert main(["evaluate", "emotion", "--train", str(shard), "--test", str(shard)]) == 2
    assert "no labelled photos" in capsys.readouterr().err
    assert main(["evaluate", "emotion", "--train", "nothing.tar", "--test", str(shard)]) == 2
    assert "not a readable shard" in capsys.readouterr().err
    assert main(["evaluate", "emotion", "--train", str(shard), "--test", str(shard), "--rendered", "0"]) == 2
    assert "Too little" in capsys.readouterr().err
