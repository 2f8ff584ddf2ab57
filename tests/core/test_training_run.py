from __future__ import annotations

import csv
import dataclasses
import math
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from fields_core.cli import main
from fields_core.encoder.checkpoint import load_checkpoint
from fields_core.encoder.runtime import load_runtime
from fields_core.errors import SettingsError
from fields_core.progress import Cancelled, CancelToken
from fields_core.training.attended import train_attended
from fields_core.training.config import StageConfig, TrainConfig, save_config
from fields_core.training.events import CheckpointSaved, StageFinished, StepDone, TrainingEvent, Validated
from fields_core.training.run import RunRequest, run
from tests.heads import tiny_head_file
from tests.training_data import TINY, write_data

pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.:FutureWarning")
EVERY_STEP = 1e-9  # minutes between checkpoints


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_data(tmp_path_factory.mktemp("data"))
    tiny_head_file(folder / "egg.npz")
    return folder


def request(data: Path, out: Path, config: TrainConfig = TINY, *, resume: bool = False) -> RunRequest:
    return RunRequest(config, data, out, resume=resume, head=data / "egg.npz")


def rows(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))


def ignore(event: TrainingEvent) -> None:
    del event


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    run(request(data, out), ignore, CancelToken())
    return out


def test_a_run_leaves_an_encoder_with_its_story(data: Path, tmp_path: Path) -> None:
    events: list[TrainingEvent] = []
    config = dataclasses.replace(TINY, pictures_every=2)
    path = run(request(data, tmp_path / "run", config), events.append, CancelToken())
    checkpoint = load_checkpoint(path)
    assert checkpoint.info.intensity_scale == 0.01
    assert checkpoint.info.data == ("made", "photos")
    assert checkpoint.info.training["stage"] == "b"
    assert checkpoint.info.training["config"]["batch_size"] == 4
    assert checkpoint.info.metrics["loss"] > 0
    assert checkpoint.emotion is not None
    steps = [(event.stage, event.step) for event in events if isinstance(event, StepDone)]
    assert steps == [("pretrain", step) for step in (1, 2, 3, 4)] + [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert [event.stage for event in events if isinstance(event, StageFinished)] == ["pretrain", "a", "b"]
    validations = [event for event in events if isinstance(event, Validated)]
    knows = {event.stage: math.isfinite(event.metrics.accuracy) for event in validations}
    assert knows == {"pretrain": False, "a": True, "b": True}, "before step A there is no emotion branch"
    pictures = [event.picture for event in validations if event.picture]
    assert len(pictures) == 3
    assert all(picture.stat().st_size > 1000 for picture in pictures)


def test_a_run_says_how_fast_it_is_and_where_the_time_goes(data: Path, tmp_path: Path) -> None:
    events: list[TrainingEvent] = []
    config = dataclasses.replace(TINY, a=StageConfig(), b=StageConfig(), log_every=2, checkpoint_minutes=EVERY_STEP)
    run(request(data, tmp_path, config), events.append, CancelToken())
    (finished,) = [event.speed for event in events if isinstance(event, StageFinished)]
    steps = [event.speed for event in events if isinstance(event, StepDone)]
    assert len(steps) == 2
    for speed in (finished, *steps):
        assert speed is not None
        shares = [getattr(speed, item.name) for item in dataclasses.fields(speed)[1:]]
        assert sum(shares) == pytest.approx(1.0)
        assert min(speed.data, speed.forward, speed.backward, speed.optimizer) > 0
        assert speed.images_per_second > 0
    assert finished is not None
    assert min(finished.validation, finished.saving) > 0
    with (tmp_path / "pretrain" / "speed.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["step"] for row in table] == ["2", "4"]
    assert [float(row["forward"]) for row in table] == [speed.forward for speed in steps if speed]


def test_tensorboard_reads_what_the_tables_say(data: Path, tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    token = CancelToken()
    config = dataclasses.replace(TINY, a=StageConfig(), b=StageConfig(), pictures_every=1)

    def report(event: TrainingEvent) -> None:
        if isinstance(event, StepDone) and event.step == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        run(request(data, tmp_path, config), report, token)
    run(request(data, tmp_path, config, resume=True), ignore, CancelToken())
    board = event_accumulator.EventAccumulator(str(tmp_path / "pretrain" / "tensorboard"))
    board.Reload()
    for group, log in (("loss", "training"), ("validation", "validation")):
        header, *table = rows(tmp_path / "pretrain" / f"{log}.csv")
        for column, name in enumerate(header[1:], start=1):
            shown = [(event.step, event.value) for event in board.Scalars(f"{group}/{name}")]
            assert [step for step, _ in shown] == [int(row[0]) for row in table]
            wanted = [float(row[column]) for row in table]
            assert [value for _, value in shown] == pytest.approx(wanted, rel=1e-5, nan_ok=True), name
    assert [event.step for event in board.Scalars("speed/images_per_second")] == [1, 2, 3, 4]
    assert [event.value for event in board.Scalars("rate/learning")] == pytest.approx([1e-3] * 4, rel=1.0)
    pictures = board.Images("validation")
    assert [picture.step for picture in pictures] == [2, 4]
    assert pictures[0].width > pictures[0].height > 100


def test_steps_a_and_b_keep_the_pretrained_pose_and_shape_bit_identical(whole: Path) -> None:
    before = load_checkpoint(whole / "pretrain" / "encoder.safetensors").encoder.state_dict()
    after = load_checkpoint(whole / "encoder.safetensors").encoder.state_dict()
    for layer in ("pose_layer", "shape_layer"):
        assert torch.equal(after[f"{layer}.weight"], before[f"{layer}.weight"])
    names = [name for name in after if name.startswith("pose_backbone.")]
    assert names
    assert all(torch.equal(after[name], before[name.replace("pose", "expression")]) for name in names)
    assert not torch.equal(after["expression_layer.weight"], before["expression_layer.weight"])


@pytest.mark.parametrize("stop", [("pretrain", 1), ("pretrain", 3), ("a", 1), ("b", 1)])
def test_a_cancelled_run_goes_on_as_if_nothing_had_happened(
    data: Path, whole: Path, tmp_path: Path, stop: tuple[str, int]
) -> None:
    token, saved = CancelToken(), []

    def report(event: TrainingEvent) -> None:
        if isinstance(event, StepDone) and (event.stage, event.step) == stop:
            token.cancel()
        if isinstance(event, CheckpointSaved):
            saved.append((event.stage, event.step))

    with pytest.raises(Cancelled):
        run(request(data, tmp_path), report, token)
    assert saved == [stop]
    run(request(data, tmp_path, resume=True), ignore, CancelToken())
    same_logs(tmp_path, whole)
    same_weights(tmp_path, whole)


def same_logs(one: Path, other: Path) -> None:
    for stage in ("pretrain", "a", "b"):
        for log in ("training.csv", "validation.csv"):
            assert rows(one / stage / log) == rows(other / stage / log), (stage, log)


def same_weights(one: Path, other: Path) -> None:
    states = [load_checkpoint(path / "encoder.safetensors").encoder.state_dict() for path in (one, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def train_until_killed(data: Path, out: Path) -> None:
    run(request(data, out, dataclasses.replace(TINY, checkpoint_minutes=EVERY_STEP)), ignore, CancelToken())


def test_a_killed_run_goes_on_as_if_nothing_had_happened(data: Path, whole: Path, tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=train_until_killed, args=(data, tmp_path))
    child.start()
    resume_file, deadline = tmp_path / "pretrain" / "last.ckpt", time.monotonic() + 60
    while not resume_file.exists() and child.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    config = dataclasses.replace(TINY, checkpoint_minutes=EVERY_STEP)
    run(request(data, tmp_path, config, resume=True), ignore, CancelToken())
    same_logs(tmp_path, whole)
    same_weights(tmp_path, whole)


def test_enough_ends_a_run_with_the_best_so_far(data: Path, tmp_path: Path) -> None:
    enough = CancelToken()

    def report(event: TrainingEvent) -> None:
        if isinstance(event, StepDone) and event.step == 1:
            enough.cancel()

    path = run(request(data, tmp_path), report, CancelToken(), enough)
    assert load_checkpoint(path).info.training["step"] == 1
    assert len(rows(tmp_path / "pretrain" / "training.csv")) == 2
    assert not (tmp_path / "a").exists()


def test_a_stage_without_gain_ends_early(data: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        TINY,
        pretrain=StageConfig(50, learning_rate=1e-12),
        a=StageConfig(),
        patience=1,
        validate_every=1,
        ema_decay=0.0,
    )
    run(request(data, tmp_path, config), ignore, CancelToken())
    assert len(rows(tmp_path / "pretrain" / "training.csv")) < 30


def test_a_run_may_hand_on_its_last_weights_instead_of_its_best(data: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        TINY,
        pretrain=StageConfig(6, learning_rate=1.0, warmup=0),  # far too fast: it only gets worse
        a=StageConfig(),
        b=StageConfig(),
        validate_every=1,
        ema_decay=0.0,
    )
    steps = {}
    for keep in ("best", "last"):
        path = run(request(data, tmp_path / keep, dataclasses.replace(config, keep=keep)), ignore, CancelToken())
        steps[keep] = load_checkpoint(path).info.training["step"]
    assert steps["best"] < steps["last"] == 6


def test_a_run_may_start_from_another_ones_encoder(data: Path, whole: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY, pretrain=StageConfig(), a=StageConfig(1), b=StageConfig())
    start = dataclasses.replace(request(data, tmp_path, config), start=whole / "pretrain" / "encoder.safetensors")
    assert load_checkpoint(run(start, ignore, CancelToken())).encoder.config.layout == "split"


def test_folders_are_not_mixed_up(data: Path, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="already holds a run"):
        run(request(data, whole), ignore, CancelToken())
    with pytest.raises(SettingsError, match="another configuration"):
        run(request(data, whole, dataclasses.replace(TINY, seed=1), resume=True), ignore, CancelToken())
    with pytest.raises(SettingsError, match="no run"):
        run(request(data, tmp_path, resume=True), ignore, CancelToken())


def test_a_finished_run_that_is_resumed_is_finished(data: Path, whole: Path) -> None:
    events: list[TrainingEvent] = []
    assert run(request(data, whole, resume=True), events.append, CancelToken()) == whole / "encoder.safetensors"
    assert events == []


def test_the_command_leaves_weights_and_the_graph_that_goes_with_them(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = dataclasses.replace(TINY, pretrain=StageConfig(1), a=StageConfig(0), b=StageConfig(0))
    save_config(tmp_path / "config.toml", short)
    out = tmp_path / "run"
    arguments = [tmp_path / "config.toml", "--data", data, "--out", out, "--head", data / "egg.npz"]
    assert main(["train", *map(str, arguments)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "encoder.safetensors")
    assert load_runtime(out / "encoder.safetensors").backend == "onnxruntime"


def test_a_run_goes_on_with_the_data_it_began_with_and_no_other(data: Path, tmp_path: Path) -> None:
    apart = [tmp_path / "one", tmp_path / "two"]
    for where, name in zip(apart, ("made", "photos"), strict=True):
        where.mkdir()
        shutil.copy(data / f"{name}-000000.tar", where)
    short = dataclasses.replace(TINY, pretrain=StageConfig(2), a=StageConfig(0), b=StageConfig(0))
    token, out = CancelToken(), tmp_path / "run"
    begun = RunRequest(short, tuple(apart), out, head=data / "egg.npz")
    with pytest.raises(Cancelled):
        train_attended(begun, lambda event: token.cancel() if isinstance(event, StepDone) else None, token)
    with pytest.raises(SettingsError, match="on other data"):
        run(RunRequest(short, apart[0], out, resume=True, head=data / "egg.npz"), ignore, CancelToken())
    assert main(["train", "--resume", "--out", str(out)]) == 0, "both folders and the head are remembered"
    together = run(request(data, tmp_path / "together", short), ignore, CancelToken()).parent
    assert rows(out / "pretrain" / "training.csv") == rows(together / "pretrain" / "training.csv")


def test_nothing_is_trained_without_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--preset", "quick", "--out", str(tmp_path / "run")]) == 2
    assert "--data DIR" in capsys.readouterr().err


def test_where_there_is_no_run_none_is_resumed_and_no_folder_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--resume", "--out", str(tmp_path / "nothing")]) == 2
    assert "There is no run in" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()
