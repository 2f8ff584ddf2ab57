from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path

import pytest

from fields_core.cli import main
from fields_core.data.holdout import among
from fields_core.data.sample import Sample
from fields_core.data.shards import ShardSet, shard_path, write_shard
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import SettingsError
from fields_core.evaluation.comparison import ComparisonPlan, planned_runs
from fields_core.evaluation.learning_curve import (
    ACCURACY,
    NATURALNESS,
    SHARES,
    CurvePoint,
    curve_config,
    recall_name,
    score_name,
    share_variants,
)
from fields_core.evaluation.learning_curve_report import curve_tables, trend
from fields_core.evaluation.results import Spread
from fields_core.progress import CancelToken
from fields_core.training.config import StageConfig, save_config
from fields_core.training.run import RunRequest, run
from fields_core.training.training_data import read_folder
from tests.core.test_ablation import made_up_heads  # noqa: F401 - a fixture
from tests.heads import tiny_head_file
from tests.training_data import TINY, egg, sample, write_data

pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.:FutureWarning")
PEOPLE = [f"person {number}" for number in range(2000)]
BRANCH = score_name("branch", ACCURACY)


def face(number: int) -> Sample:
    """The egg of one of ten people."""
    one = sample(egg(), 100 + number, with_3d=False, label=number % 3)
    return dataclasses.replace(one, person=f"person {number % 10}")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_data(tmp_path_factory.mktemp("data"))
    write_shard(shard_path(folder, "faces", 0), [face(number) for number in range(40)])
    tiny_head_file(folder / "egg.npz")
    return folder


def test_a_share_of_the_people_is_about_that_many_and_part_of_a_larger_one() -> None:
    quarter, half, everybody = (among(PEOPLE, share) for share in (0.25, 0.5, 1.0))
    assert sum(quarter) == pytest.approx(500, abs=80)
    assert sum(half) == pytest.approx(1000, abs=90)
    assert all(everybody)
    assert all(larger for smaller, larger in zip(quarter, half, strict=True) if smaller)


def test_a_training_reads_photos_of_some_people_but_validates_on_the_same_ones(data: Path) -> None:
    def people(share: float, *, validating: bool) -> set[str]:
        kinds = read_folder(data, dataclasses.replace(TINY.data, people_share=share))
        plain = (kinds.validation if validating else kinds.training).plain
        return {plain[number].person for number in range(len(plain)) if plain[number].person}

    some, everybody = people(0.5, validating=False), people(1.0, validating=False)
    assert set() < some < everybody
    assert people(0.5, validating=True) == people(1.0, validating=True)
    whole, part = (read_folder(data, dataclasses.replace(TINY.data, people_share=share)) for share in (1.0, 0.5))
    assert len(part.training.with_3d) == len(whole.training.with_3d)  # rendered heads are nobody's
    assert sum(part.class_counts) == len(part.training.labelled) < len(whole.training.labelled)


def test_the_curve_is_the_same_training_with_more_people() -> None:
    plan = ComparisonPlan(
        curve_config(TINY, 7), Path("d"), Path("s"), Path("r"), share_variants((1.0, *SHARES[:2])), seeds=2
    )
    runs = planned_runs(plan)
    assert [(one.config.data.people_share, one.seed) for one in runs] == [
        (share, seed) for seed in (0, 1) for share in (0.125, 0.25, 1.0)
    ]
    for one in runs:
        whole = dataclasses.replace(one.config.data, people_share=1.0)
        assert dataclasses.replace(one.config, data=whole, seed=0) == plan.config
    assert (plan.config.pretrain.steps, plan.config.a.steps, plan.config.b) == (0, 7, TINY.b)


@pytest.mark.parametrize("shares", [(), (0.5, 0.5), (0.0,), (1.5,), (math.nan,)])
def test_shares_that_make_no_sense_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="shares"):
        share_variants(shares)
    with pytest.raises(SettingsError, match="step A"):
        curve_config(dataclasses.replace(TINY, a=StageConfig()))


def point(share: float, seed: int, photos: int, accuracy: float) -> CurvePoint:
    scores = dict.fromkeys(NATURALNESS, 1.0) | {BRANCH: accuracy, score_name("branch", "macro recall"): math.nan}
    labels = (photos - 1, 1, 0, 0, 0, 0, 0, 0)
    return CurvePoint(share, seed, photos // 2, photos, labels, scores)


def test_what_twice_the_photos_bring() -> None:
    """.5, .6 and .65 at 100, 200 and 800 photos: the last two doublings bring .05, or .025 each."""
    points = [point(s, 0, n, a) for s, n, a in ((0.1, 100, 0.5), (0.2, 200, 0.6), (1.0, 800, 0.65))]
    found = trend(points, BRANCH)
    assert found is not None
    assert found.last.mean == pytest.approx(0.025)
    # least squares through (0, .5), (1, .6), (3, .65): sum (x - 4/3) (y - .58333) / sum (x - 4/3)^2
    assert found.all == pytest.approx((-4 / 3 * 0.5 - 1 / 3 * 0.6 + 5 / 3 * 0.65) / (16 / 9 + 1 / 9 + 25 / 9))
    assert found.photos_for_a_point == pytest.approx(2.0**0.4)
    falling = [point(0.5, 0, 100, 0.6), point(1.0, 0, 200, 0.5)]
    worse = trend(falling, BRANCH)
    assert worse is not None
    assert worse.photos_for_a_point == math.inf


def test_gains_are_paired_by_seed() -> None:
    points = [point(0.5, 0, 100, 0.5), point(0.5, 1, 100, 0.7), point(1.0, 0, 200, 0.52), point(1.0, 1, 200, 0.73)]
    found = trend(points, BRANCH)
    assert found is not None
    assert (found.last.mean, found.last.deviation) == (pytest.approx(0.025), pytest.approx(0.005 * math.sqrt(2.0)))


def test_without_two_shares_in_common_there_is_no_trend() -> None:
    assert trend([point(0.5, 0, 100, 0.5)], BRANCH) is None
    assert trend([point(0.5, 0, 100, 0.5), point(1.0, 1, 200, 0.6)], BRANCH) is None
    assert trend([point(0.5, 0, 100, 0.5), point(1.0, 0, 100, 0.6)], BRANCH) is None
    assert trend([point(0.5, 0, 100, math.nan), point(1.0, 0, 200, 0.6)], BRANCH) is None


def test_tables_hold_emotion_naturalness_and_the_photos_of_each_class() -> None:
    points = [point(0.5, seed, 100, 0.5 + seed / 10) for seed in (0, 1)] + [point(1.0, 0, 200, 0.7)]
    for one in points:
        one.scores[recall_name("balanced all-codes probe", Emotion.HAPPY)] = 0.25
    curve, _, recalls, trends, every = curve_tables(points)
    names = [column.name for column in curve.columns]
    assert [row[:3] for row in curve.rows] == [(50, 100, 2), (100, 200, 1)]
    accuracy = curve.rows[0][names.index(BRANCH)]
    assert isinstance(accuracy, Spread)
    assert (accuracy.mean, accuracy.runs) == (pytest.approx(0.55), 2)
    assert set(NATURALNESS) <= set(names)
    assert [column.name for column in recalls.columns[2:]] == [
        "neutral photos",
        "neutral recall",
        "happy photos",
        "happy recall",
    ]
    assert recalls.texts()[1] == ["100", "200", "199", "–", "1", "0.25"]
    assert trends.rows[0][0] == BRANCH
    assert len(every.rows) == 3
    assert "twice" not in " ".join(table.title for table in curve_tables(points[:2]))


def test_the_command_trains_measures_and_remembers(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    made_up_heads: list[int],  # noqa: F811
) -> None:
    config = dataclasses.replace(TINY, a=StageConfig(), b=StageConfig())
    start = run(RunRequest(config, data, tmp_path / "start", head=data / "egg.npz"), lambda _: None, CancelToken())
    save_config(tmp_path / "tiny.json", dataclasses.replace(TINY, b=StageConfig()))
    shard, runs = str(shard_path(data, "faces", 0)), tmp_path / "runs"
    command = ["evaluate", "curve", "--data", str(data), "--start", str(start), "--runs", str(runs)]
    command += ["--train", shard, "--test", shard, "--config", str(tmp_path / "tiny.json")]
    command += ["--head", str(data / "egg.npz"), "--rendered", "6", "--seeds", "1", "--steps", "2"]
    assert main([*command, "--shares", "1", ".5", "--out", str(tmp_path / "curve.json")]) == 0
    out = capsys.readouterr().out
    assert "What twice the labelled photos bring" in out
    assert (tmp_path / "curve.json").exists()
    with (runs / "curve.csv").open() as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    facts = ShardSet([shard_path(data, "faces", 0)]).facts()
    taken = among([one.owner for one in facts], 0.5)
    people = {one.owner for one, chosen in zip(facts, taken, strict=True) if chosen}
    assert [int(rows[1][0]), int(rows[1][1])] == [len(people), sum(taken)]
    assert [int(rows[2][0]), int(rows[2][1])] == [10, 40]
    assert 0.0 <= float(rows[1][rows[0].index(BRANCH)]) <= 1.0
    trained = {path: path.stat().st_mtime_ns for path in runs.glob("*/*")}
    assert main([*command, "--shares", ".5", "1"]) == 0
    assert capsys.readouterr().out == out
    assert {path: path.stat().st_mtime_ns for path in runs.glob("*/*")} == trained
    assert len(made_up_heads) == 1
    assert main([*command, "--shares", "2"]) == 2
    assert "at most 1" in capsys.readouterr().err
