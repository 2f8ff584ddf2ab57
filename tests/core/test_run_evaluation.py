"""A trained run on what it held out."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from fields_core.encoder.install import install_encoder
from fields_core.errors import SettingsError
from fields_core.evaluation.run_evaluation import RunEvaluation, SampleScore, evaluate_run, write_evaluation_csv
from fields_core.progress import CancelToken
from fields_core.training.attended import train_attended
from fields_core.training.journal import JournalReader
from fields_core.training.run import RunRequest
from tests.heads import tiny_head_file
from tests.training_data import TINY, write_data

pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.:FutureWarning")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = write_data(tmp_path_factory.mktemp("data"))
    tiny_head_file(data / "egg.npz")
    out = tmp_path_factory.mktemp("runs") / "one"
    config = dataclasses.replace(TINY, b=dataclasses.replace(TINY.b, steps=0))
    train_attended(RunRequest(config, data, out, head=data / "egg.npz"), lambda event: None, CancelToken())
    return out


def score(label: int, guess: int, intensity: float = math.nan, true: float = math.nan) -> SampleScore:
    return SampleScore("photos", "x", 0.1, label, guess, intensity, true)


def test_the_story_of_a_run_is_in_its_folder(run: Path) -> None:
    kinds = [note.kind for note in JournalReader(run).new()]
    assert (kinds[0], kinds[-1]) == ("began", "finished")
    assert kinds.count("stage finished") == 2
    assert not (run / "process.json").exists()


def test_a_run_is_not_overwritten_and_its_story_stays(run: Path) -> None:
    before = (run / "events.jsonl").read_bytes()
    data = Path(json.loads((run / "request.json").read_text())["data"][0])
    with pytest.raises(SettingsError, match="already holds a run"):
        train_attended(RunRequest(TINY, data, run, head=data / "egg.npz"), lambda event: None, CancelToken())
    assert (run / "events.jsonl").read_bytes() == before


def test_held_out_samples_are_scored_and_the_worst_shown(run: Path) -> None:
    found = evaluate_run(run, lambda progress: None, CancelToken())
    assert {score.source for score in found.scores} == {"made", "photos"}
    errors = [photo.score.landmark_error for photo in found.worst]
    assert errors == sorted(errors, reverse=True)
    assert found.worst[0].picture.shape == (160, 320, 3)
    assert all(b.count > 0 for b in found.reliability)


def test_a_run_that_does_not_say_its_data_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((run / "config.json").read_text())
    with pytest.raises(SettingsError, match="what data"):
        evaluate_run(tmp_path, lambda progress: None, CancelToken())


def test_confusion_counts_photos_by_truth_and_guess() -> None:
    scores = (score(1, 1), score(1, 2), score(-1, 3), score(0, -1), score(4, 4, 0.5, 0.5))
    confusion = RunEvaluation("x", scores, ()).confusion
    assert confusion[1, 1] == confusion[1, 2] == 1
    assert confusion.sum() == 2, "without label, guess, or of a rendered head: not counted"


def test_reliability_is_binned_by_the_truth() -> None:
    truth = np.linspace(0.01, 0.99, 99)
    scores = tuple(score(-1, -1, 0.5 * value, value) for value in truth)
    bins = RunEvaluation("x", scores, ()).reliability
    assert [b.predicted / b.true for b in bins] == pytest.approx([0.5] * len(bins))
    assert sum(b.count for b in bins) == 99


def test_tables_are_written_as_csv(tmp_path: Path) -> None:
    files = write_evaluation_csv(RunEvaluation("x", (score(1, 2),), ()), tmp_path)
    assert {path.name for path in files} == {"samples.csv", "worst.csv", "confusion.csv", "reliability.csv"}
    with (tmp_path / "confusion.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[2][3] == "1"
    assert len(rows) == 9


def test_weights_are_installed_with_their_graph(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDS_ASSETS", str(tmp_path))
    info = install_encoder(run / "encoder.safetensors", tmp_path)
    assert info.encoder.layout == "split"
    assert (tmp_path / "encoder.safetensors").read_bytes() == (run / "encoder.safetensors").read_bytes()
    assert (tmp_path / "encoder.onnx").stat().st_size > 1000


def test_an_encoder_that_would_not_be_used_is_named(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "encoder.safetensors").write_bytes(b"other")
    monkeypatch.setenv("FIELDS_ASSETS", str(tmp_path / "first"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    with pytest.raises(SettingsError, match="comes first"):
        install_encoder(run / "encoder.safetensors")
