"""What surrounds a training: descriptions, remarks, the check of data, estimates, lists of runs."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import SettingsError
from fields_core.progress import CancelToken
from fields_core.training.config import StageConfig, TrainConfig, save_config
from fields_core.training.data_check import DataCheck, check_data
from fields_core.training.descriptions import DESCRIPTIONS, describe, settings, value_of
from fields_core.training.estimate import estimate
from fields_core.training.presets import PRESETS
from fields_core.training.remarks import Circumstances, remarks
from fields_core.training.run_status import RunState
from fields_core.training.runs import differences, differs_from_default, list_runs, read_curves, run_facts, with_values
from tests.training_data import TINY, write_data


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> DataCheck:
    folder = write_data(tmp_path_factory.mktemp("data"))
    (folder / "photos-000000.json").write_text('{"dropped": [{"key": "x", "reason": "no face"}]}')
    return check_data(str(folder), 4, lambda progress: None, CancelToken())


def leaves(values: dict[str, object], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, value in values.items():
        found += leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return found


class TestDescriptions:
    def test_every_setting_has_a_label_and_a_sentence(self) -> None:
        described = {setting.name: setting.description for setting in settings()}
        assert sorted(described) == sorted(leaves(dataclasses.asdict(TrainConfig())))
        for name, description in described.items():
            assert description.label, name
            assert description.sentence.endswith("."), name

    def test_there_is_no_description_without_a_setting(self) -> None:
        assert set(DESCRIPTIONS) <= {setting.name for setting in settings()}
        with pytest.raises(KeyError):
            describe("losses.nothing")

    def test_values_are_found_and_set_by_name(self) -> None:
        changed = with_values(TrainConfig(), {"losses.landmarks": 3.0, "a.steps": 7, "batch_size": 2})
        assert [value_of(changed, name) for name in ("losses.landmarks", "a.steps", "batch_size")] == [3.0, 7, 2]
        assert set(differs_from_default(changed)) == {"losses.landmarks", "a.steps", "batch_size"}
        with pytest.raises(SettingsError, match="batch_size"):
            with_values(TrainConfig(), {"batch_size": 0})


class TestDataCheck:
    def test_counts_labels_dropped_photos_and_pictures_are_told(self, check: DataCheck) -> None:
        made, photos = check.sources
        assert (made.name, made.samples, made.with_3d) == ("made", 6, True)
        assert (photos.name, photos.samples, photos.with_3d) == ("photos", 12, False)
        assert sum(photos.class_counts) == 6
        assert photos.class_counts[Emotion.HAPPY] > 0
        assert photos.dropped == {"no face": 1}
        assert photos.validation > 0
        assert photos.thumbnails[0].shape == (64, 64, 3)
        assert check.class_counts == photos.class_counts

    def test_a_folder_without_shards_is_refused_with_the_way_out(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="no training data") as caught:
            check_data(str(tmp_path), 20, lambda progress: None, CancelToken())
        assert "fields prepare" in caught.value.remedy


class TestRemarks:
    @pytest.mark.parametrize("name", PRESETS)
    def test_presets_have_no_fatal_remarks(self, name: str, check: DataCheck) -> None:
        assert not [remark for remark in remarks(PRESETS[name], Circumstances(check)) if remark.fatal]

    @pytest.mark.parametrize(
        ("values", "setting"),
        [
            ({"pretrain.steps": 0}, "pretrain.steps"),
            ({"data.fraction_3d": 0.0, "data.fraction_labelled": 0.0, "data.fraction_plain": 0.0}, "data.fraction_3d"),
            ({"data.sources": ["nowhere"]}, "data.sources"),
            ({"data.sources": ["photos"]}, "intensity_scale"),
            ({"device": "cuda"}, "device"),
        ],
    )
    def test_what_cannot_work_is_fatal(self, values: dict[str, object], setting: str, check: DataCheck) -> None:
        config = with_values(TrainConfig(), values)
        found = remarks(config, Circumstances(check, gpu=False))
        assert setting in {remark.setting for remark in found if remark.fatal}

    @pytest.mark.parametrize(
        ("values", "setting"),
        [
            ({"a.steps": 50}, "a.warmup"),
            ({"precision": "bfloat16"}, "precision"),
            ({"losses.photometric": 2.0}, "losses.photometric"),
            ({"threads": 99}, "threads"),
            ({"encoder.pose_backbone": "resnet18"}, "encoder.pose_backbone"),
        ],
    )
    def test_what_is_odd_is_said_but_not_forbidden(
        self, values: dict[str, object], setting: str, check: DataCheck
    ) -> None:
        config = with_values(TrainConfig(), values)
        found = remarks(config, Circumstances(check, gpu=False, processors=2))
        assert [remark.fatal for remark in found if remark.setting == setting] == [False]

    def test_a_checkpoint_to_start_from_replaces_pretraining(self) -> None:
        config = with_values(TrainConfig(), {"pretrain.steps": 0})
        assert not [remark for remark in remarks(config, Circumstances(from_checkpoint=True)) if remark.fatal]


class TestRuns:
    def make(self, folder: Path, config: TrainConfig, speed: float = 10.0) -> None:
        stage = folder / "a"
        stage.mkdir(parents=True)
        save_config(folder / "config.json", config)
        (stage / "training.csv").write_text("step,total\n20,2.0\n40,1.0\n60,0.")  # cut short, but a row
        (stage / "validation.csv").write_text("step,loss,accuracy\n20,0.5,0.3\n40,0.25,0.6\n60,nan,0.1\n")
        (stage / "speed.csv").write_text(f"step,images_per_second\n20,{speed}\n40,{speed}\n")
        (folder / "encoder.safetensors").write_bytes(b"x" * 1000)

    def test_runs_tell_their_best_and_where_they_differ(self, tmp_path: Path) -> None:
        self.make(tmp_path / "one", TINY)
        self.make(tmp_path / "two", with_values(TINY, {"a.steps": 9}))
        (tmp_path / "other").mkdir()
        runs = list_runs(tmp_path)
        assert {run.name for run in runs} == {"one", "two"}
        assert runs[0].best == {"loss": 0.25, "accuracy": 0.6}
        assert (runs[0].stage, runs[0].step, runs[0].state) == ("a", 60, RunState.FINISHED)
        assert differences(runs) == {"a.steps": tuple(run.config.a.steps for run in runs if run.config)}

    def test_runs_on_other_data_differ_in_them(self, tmp_path: Path) -> None:
        for name, data in (("one", '["/a", "/b"]'), ("old", '"/a"'), ("damaged", "[")):
            save_config(tmp_path / name / "config.json", TrainConfig())
            (tmp_path / name / "request.json").write_text(f'{{"data": {data}}}')
        runs = [run_facts(tmp_path / name) for name in ("one", "old", "damaged")]
        assert differences(runs) == {"data": (("/a", "/b"), ("/a",), ())}
        assert differences(runs[:1] * 2) == {}

    def test_damaged_logs_are_no_reason_to_fail(self, tmp_path: Path) -> None:
        self.make(tmp_path / "one", TINY)
        (tmp_path / "one" / "config.json").write_text("{")
        (tmp_path / "one" / "a" / "validation.csv").write_bytes(b"\xff\xfe")
        (run,) = list_runs(tmp_path)
        assert (run.config, run.best) == (None, {})
        assert {curve.name for curve in read_curves(run.folder)} == {"total", "images_per_second"}

    def test_no_folder_no_runs(self, tmp_path: Path) -> None:
        assert list_runs(tmp_path / "nowhere") == []

    def test_the_estimate_follows_runs_of_the_same_encoder(self, tmp_path: Path) -> None:
        self.make(tmp_path / "one", TINY, speed=50.0)
        config = dataclasses.replace(TINY, pretrain=StageConfig(100), a=StageConfig(0), b=StageConfig(0), batch_size=5)
        guess = estimate(config, list_runs(tmp_path), gpu=False, validation_samples=0)
        assert guess.measured
        assert math.isclose(guess.seconds, 100 * 5 / 50.0)
        rough = estimate(TrainConfig(), list_runs(tmp_path), gpu=False, validation_samples=0)
        assert not rough.measured
        assert rough.seconds > estimate(TrainConfig(), [], gpu=True, validation_samples=0).seconds
