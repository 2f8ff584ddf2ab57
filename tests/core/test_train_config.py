from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fields_core.errors import SettingsError
from fields_core.training.config import DataConfig, StageConfig, TrainConfig, load_config, save_config
from fields_core.training.presets import PRESETS, preset

UNUSUAL = TrainConfig(
    data=DataConfig(sources=("wild", "made up"), workers=0),
    pretrain=StageConfig(7, learning_rate=2.5e-5),
    emotion_loss="plain",
    intensity_scale=0.0063,
    threads=3,
)


@pytest.mark.parametrize("ending", ["json", "toml"])
@pytest.mark.parametrize("config", [UNUSUAL, *PRESETS.values()])
def test_configurations_come_back_as_they_went(tmp_path: Path, config: TrainConfig, ending: str) -> None:
    path = tmp_path / f"config.{ending}"
    save_config(path, config)
    assert load_config(path) == config


def test_what_is_not_mentioned_has_its_default() -> None:
    assert TrainConfig.from_dict({"pretrain": {"steps": 5}}) == TrainConfig(pretrain=StageConfig(5))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batchsize": 3}, "batch_size"),
        ({"data": {"worker": 1}}, "workers"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "many"}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"losses": {"emotion": -1}}, "emotion"),
        ({"losses": {"emotion": float("nan")}}, "emotion"),
        ({"pretrain": {"learning_rate": 0}}, "learning_rate"),
        ({"encoder": {"layout": "four-branch"}}, "layout"),
        ({"data": {"sources": "wild"}}, "sources"),
        ({"data": 3}, "data"),
        ({"pretrain": {"steps": 0}, "a": {"steps": 0}}, "0 steps"),
        ([], "table"),
    ],
)
def test_nonsense_is_refused_by_name(values: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        TrainConfig.from_dict(values)


@pytest.mark.parametrize("content", ["{", "batch_size = 3", b"\xff\xfe"])
def test_files_that_are_no_configuration_are_refused(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match="config"):
        load_config(path)
    with pytest.raises(SettingsError, match="none"):
        load_config(tmp_path / "none.json")


def test_presets_have_names() -> None:
    assert preset("quick").total_steps < preset("default").total_steps < preset("full").total_steps
    with pytest.raises(SettingsError, match="quicker"):
        preset("quicker")


def test_configurations_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().seed = 1  # type: ignore[misc]
