from __future__ import annotations

import csv
import dataclasses
import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.cli import main
from fields_core.data.shards import ShardSet, shard_path
from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.encoder.checkpoint import load_checkpoint
from fields_core.errors import SettingsError
from fields_core.evaluation import rendered_file
from fields_core.evaluation.ablation import (
    VARIANTS,
    ablation_config,
    chosen_variants,
)
from fields_core.evaluation.ablation_report import ablation_tables
from fields_core.evaluation.ablation_scores import AblationScorer, ScoredRun, Scores, evenly
from fields_core.evaluation.comparison import ComparisonPlan, planned_runs, train_runs
from fields_core.evaluation.rendered import RenderedHeads
from fields_core.evaluation.results import Spread
from fields_core.progress import Cancelled, CancelToken
from fields_core.training.config import StageConfig, save_config
from fields_core.training.events import StageStarted, StepDone, TrainingEvent
from fields_core.training.run import RunRequest, run
from tests.heads import tiny_head_file
from tests.training_data import TINY, egg, random_code, write_data

pytestmark = pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.:FutureWarning")
CONFIG = ablation_config(TINY)


def ignore(event: object) -> None:
    del event


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_data(tmp_path_factory.mktemp("data"))
    tiny_head_file(folder / "egg.npz")
    return folder


@pytest.fixture(scope="module")
def start(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pretrained encoder."""
    config = dataclasses.replace(TINY, a=StageConfig(), b=StageConfig())
    out = tmp_path_factory.mktemp("start")
    return run(RunRequest(config, data, out, head=data / "egg.npz"), ignore, CancelToken())


def test_every_variant_lacks_one_thing_and_has_the_same_budget() -> None:
    configs = {variant.name: variant.change(CONFIG) for variant in VARIANTS}
    assert configs["full"] == CONFIG
    assert configs["no-direct-3d"].losses == dataclasses.replace(CONFIG.losses, direct_3d=0.0)
    assert configs["no-3d-truth"] == dataclasses.replace(CONFIG, truth_3d=False)
    assert configs["no-emotion"].losses == dataclasses.replace(CONFIG.losses, emotion=0.0)
    assert configs["no-base"].losses == dataclasses.replace(CONFIG.losses, base=0.0)
    assert configs["plain-cross-entropy"] == dataclasses.replace(CONFIG, emotion_loss="plain")
    together = configs["one-step"]
    assert (together.a.steps, together.b.steps) == (0, CONFIG.total_steps)
    assert together.b.expression_rate == 1.0
    assert together.b.learning_rate == CONFIG.a.learning_rate
    assert {config.total_steps for config in configs.values()} == {CONFIG.total_steps}


def test_the_budget_keeps_the_proportion_of_the_steps() -> None:
    config = dataclasses.replace(TINY, a=StageConfig(300), b=StageConfig(100))
    small = ablation_config(config, 40)
    assert (small.pretrain.steps, small.a.steps, small.b.steps) == (0, 30, 10)
    without_b = ablation_config(dataclasses.replace(TINY, a=StageConfig(100), b=StageConfig(0)))
    assert (without_b.a.steps, without_b.b.steps) == (75, 25)
    with pytest.raises(SettingsError, match="Too few steps"):
        ablation_config(config, 1)


def test_only_what_matters_is_repeated_and_repetitions_come_last() -> None:
    plan = ComparisonPlan(CONFIG, Path("d"), Path("s"), Path("r"), VARIANTS, seeds=3)
    runs = planned_runs(plan)
    assert [one.variant.name for one in runs[:7]] == [variant.name for variant in VARIANTS]
    assert [(one.variant.name, one.seed) for one in runs[7:]] == [
        (name, seed) for seed in (1, 2) for name in ("full", "no-direct-3d", "no-3d-truth", "plain-cross-entropy")
    ]
    assert all(one.config.seed == one.seed for one in runs)
    assert len({one.folder for one in runs}) == len(runs) == 15


def test_an_unknown_variant_is_refused() -> None:
    assert [variant.name for variant in chosen_variants(("one-step", "full"))] == ["full", "one-step"]
    with pytest.raises(SettingsError, match="no variant 'best'"):
        chosen_variants(("best",))


def test_finished_runs_are_not_repeated_and_others_are_refused(data: Path, start: Path, tmp_path: Path) -> None:
    plan = ComparisonPlan(
        CONFIG, data, start, tmp_path, chosen_variants(("no-emotion", "one-step")), head=data / "egg.npz"
    )
    events: list[TrainingEvent] = []
    runs = list(train_runs(plan, events.append, CancelToken()))
    assert all(one.finished for one in runs)
    branches = [load_checkpoint(one.encoder).emotion for one in runs]
    assert branches[0] is None  # nothing has trained one
    assert branches[1] is not None
    stages = [(event.stage, event.steps) for event in events if isinstance(event, StageStarted)]
    assert stages == [("a", CONFIG.a.steps), ("b", CONFIG.b.steps), ("b", CONFIG.total_steps)]
    events.clear()
    assert list(train_runs(plan, events.append, CancelToken())) == runs
    assert events == []
    longer = dataclasses.replace(plan, config=ablation_config(TINY, 8))
    with pytest.raises(SettingsError, match="another configuration"):
        list(train_runs(longer, ignore, CancelToken()))
    elsewhere = dataclasses.replace(plan, start=runs[0].encoder)
    with pytest.raises(SettingsError, match="cannot be compared") as refusal:
        list(train_runs(elsewhere, ignore, CancelToken()))
    assert refusal.value.found == "another start"


def test_an_interrupted_ablation_goes_on_within_the_run(data: Path, start: Path, tmp_path: Path) -> None:
    plan = ComparisonPlan(CONFIG, data, start, tmp_path, chosen_variants(("full",)), seeds=1, head=data / "egg.npz")
    token, events = CancelToken(), list[TrainingEvent]()

    def stop_in_step_b(event: TrainingEvent) -> None:
        if isinstance(event, StepDone) and event.stage == "b":
            token.cancel()

    with pytest.raises(Cancelled):
        list(train_runs(plan, stop_in_step_b, token))
    (one,) = train_runs(plan, events.append, CancelToken())
    assert one.finished
    assert [(event.stage, event.step) for event in events if isinstance(event, StageStarted)] == [("b", 1)]


def scores(accuracy: float, ratio: float) -> Scores:
    return Scores(accuracy, 0.5, 0.5, accuracy, 0.5, 0.5, 0.6, 0.6, 0.6, ratio, ratio, 0.9, 0.8, 0.03, 1.2)


def scored(name: str, *pairs: tuple[float, float]) -> list[ScoredRun]:
    variant = chosen_variants((name,))[0]
    return [ScoredRun(variant, seed, scores(*pair)) for seed, pair in enumerate(pairs)]


def test_the_table_has_mean_and_spread_and_judges_the_claims() -> None:
    runs = [
        *scored("full", (0.80, 0.99), (0.82, 1.01), (0.81, 1.0)),
        *scored("no-direct-3d", (0.70, 0.7), (0.71, 0.72), (0.72, 0.71)),
        *scored("plain-cross-entropy", (0.81, 1.3), (0.80, 1.31), (0.82, 1.32)),
        *scored("one-step", (0.5, 1.5)),
    ]
    table, differences, claims, verdicts, every = ablation_tables(scores(math.nan, 0.8), runs)
    assert [row[:2] for row in table.rows] == [
        ("(the common start)", 0),
        ("full", 3),
        ("without direct 3D", 3),
        ("plain cross entropy", 3),
        ("one step instead of two", 1),
    ]
    accuracy = table.rows[1][2]
    assert isinstance(accuracy, Spread)
    assert (accuracy.mean, accuracy.deviation) == (pytest.approx(0.81), pytest.approx(0.01))
    less = {row[0]: row[2] for row in differences.rows}
    assert [(name, spread.runs) for name, spread in less.items() if isinstance(spread, Spread)] == [
        ("without direct 3D", 3),
        ("plain cross entropy", 3),
        ("one step instead of two", 1),
    ]
    assert isinstance(paired := less["without direct 3D"], Spread)
    # .70 - .80, .71 - .82, .72 - .81: of the same seed, not of the means
    assert (paired.mean, paired.deviation) == (pytest.approx(-0.1), pytest.approx(0.01))
    found = {(row[0], row[1]): row[-1] for row in claims.rows}
    assert found[("direct 3D", "branch accuracy")] == "better"
    assert found[("direct 3D", "|intensity ratio - 1|")] == "better"
    assert found[("the intensity-aware loss", "branch accuracy")] == "undecided"
    assert found[("the intensity-aware loss", "|intensity ratio - 1|")] == "better"
    assert [str(row[-1]).partition(":")[0] for row in verdicts.rows] == ["yes", "not shown"]
    assert verdicts.rows[1][-1] == (
        "not shown: with the intensity-aware loss accuracy differs by no more than chance and the intensity ratio "
        "comes closer to 1"
    )
    assert len(every.rows) == len(runs)


def test_a_single_run_decides_nothing() -> None:
    runs = [*scored("full", (0.9, 1.0)), *scored("no-direct-3d", (0.5, 0.5))]
    _, _, claims, verdicts, _ = ablation_tables(scores(0.1, 1.0), runs)
    assert {row[-1] for row in claims.rows} == {"undecided"}
    assert [str(row[-1]).partition(":")[0] for row in verdicts.rows] == ["not shown"]


def test_two_pairs_must_differ_much_more_than_among_themselves() -> None:
    """Student's t of one degree of freedom is 12.7: .05 and .07 are .06 +- .127 apart, .060 and .061 are sure."""
    start = scores(0.1, 1.0)
    for apart, verdict in (((0.05, 0.07), "undecided"), ((0.060, 0.061), "better")):
        runs = [*scored("full", *((0.5 + a, 1.0) for a in apart)), *scored("no-direct-3d", (0.5, 1.0), (0.5, 1.0))]
        claims = ablation_tables(start, runs)[2]
        assert claims.rows[0][-1] == verdict


def test_a_part_that_harms_is_said_to() -> None:
    runs = [
        *scored("full", (0.60, 1.30), (0.61, 1.31), (0.62, 1.32)),
        *scored("no-direct-3d", (0.70, 1.01), (0.712, 1.0), (0.72, 1.01)),
    ]
    verdicts = ablation_tables(scores(0.1, 1.0), runs)[3]
    assert verdicts.rows[0][-1] == (
        "not shown: with direct 3D accuracy falls and the intensity ratio goes further from 1"
    )


def test_a_gain_in_accuracy_that_costs_rare_classes_is_said_to() -> None:
    better = scored("full", (0.80, 1.0), (0.81, 1.0), (0.82, 1.0))
    worse = scored("plain-cross-entropy", (0.70, 1.3), (0.712, 1.3), (0.72, 1.31))
    assert str(ablation_tables(scores(0.1, 1.0), [*better, *worse])[3].rows[0][-1]).endswith("closer to 1")
    rare = [
        dataclasses.replace(run, scores=dataclasses.replace(run.scores, branch_macro_recall=0.6 + run.seed / 1000))
        for run in worse
    ]
    verdict = str(ablation_tables(scores(0.1, 1.0), [*better, *rare])[3].rows[0][-1])
    assert verdict.startswith("yes")
    assert verdict.endswith("; of the mean class fewer are found")


def test_at_most_so_many_samples_evenly_spread() -> None:
    class Numbers(list[int]):
        pass

    chosen = evenly(Numbers(range(10)), 4)  # type: ignore[arg-type]
    assert [chosen[n] for n in range(len(chosen))] == [0, 3, 6, 9]
    assert len(evenly(Numbers(range(3)), 4)) == 3  # type: ignore[arg-type]


@pytest.fixture
def made_up_heads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rendering is for the open head: the egg's heads are made up. Counts how often that is asked for."""
    calls: list[int] = []

    def heads(head: object, count: int, *_: object) -> RenderedHeads:
        calls.append(count)
        rng = np.random.default_rng(0)
        truth = FaceCode.concatenate([random_code(egg(), rng) for _ in range(count)])
        crops = tuple(
            FaceCrop(
                rng.integers(0, 255, (224, 224, 3), dtype=np.uint8),
                np.eye(2, 3),
                rng.uniform(-0.5, 0.5, (478, 2)).astype(np.float32),
            )
            for _ in range(count)
        )
        return RenderedHeads(crops, truth, np.zeros(count, np.int64), np.full((count, 2), np.nan), 0.003, 0)

    monkeypatch.setattr(rendered_file, "render_heads", heads)
    return calls


def test_scores_are_remembered_until_the_conditions_change(
    data: Path, start: Path, tmp_path: Path, made_up_heads: list[int]
) -> None:
    photos = ShardSet([shard_path(data, "photos", 0)])
    memory = tmp_path / "scores.json"

    def scorer(words: str) -> AblationScorer:
        return AblationScorer(egg(), photos, photos, words, 6, tmp_path / "heads.npz", ignore)

    first = scorer("these photos").score(start, memory, CancelToken())
    assert math.isnan(first.branch_accuracy)  # pretraining has trained none
    assert 0.0 <= first.probe_accuracy <= 1.0
    assert first.landmark_error > 0.0
    again = scorer("these photos").score(start, memory, CancelToken())
    assert str(again) == str(first)
    assert len(made_up_heads) == 1
    other = scorer("other photos").score(start, memory, CancelToken())
    assert str(other) == str(first)  # they are the same under another name, and so are the heads, read from their file
    assert len(made_up_heads) == 1


def test_rendered_heads_are_kept_until_others_are_asked_for(tmp_path: Path, made_up_heads: list[int]) -> None:
    path, head = tmp_path / "heads.npz", egg()
    made, kept = (rendered_file.kept_heads(path, head, 6, ignore, CancelToken()) for _ in range(2))
    assert made_up_heads == [6]
    assert len(kept.crops) == 6
    for one, other in zip(made.crops, kept.crops, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.landmarks, other.landmarks)
    assert all(torch.equal(getattr(made.truth, f.name), getattr(kept.truth, f.name)) for f in fields(FaceCode))
    assert (made.intensity_scale, made.unseen) == (kept.intensity_scale, kept.unseen)
    assert np.array_equal(made.labels, kept.labels)
    rendered_file.kept_heads(path, head, 7, ignore, CancelToken())
    path.write_bytes(b"half a file")
    rendered_file.kept_heads(path, head, 7, ignore, CancelToken())
    assert made_up_heads == [6, 7, 7]


def test_the_command_trains_measures_and_goes_on_where_it_was(
    data: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], made_up_heads: list[int]
) -> None:
    config, shard = tmp_path / "tiny.json", str(shard_path(data, "photos", 0))
    save_config(config, TINY)
    command = ["evaluate", "ablation", "--data", str(data), "--start", str(start), "--runs", str(tmp_path / "runs")]
    command += ["--train", shard, "--test", shard, "--config", str(config), "--head", str(data / "egg.npz")]
    command += ["--rendered", "6", "--seeds", "2", "--steps", "2", "--only", "full,no-emotion"]
    assert main([*command, "--out", str(tmp_path / "table.json")]) == 0
    out = capsys.readouterr().out
    assert "without emotion" in out
    assert (tmp_path / "table.json").exists()
    written = (tmp_path / "runs" / "ablation.md").read_text("utf-8")
    for word in ("made by", "--only full,no-emotion", "1 steps A and 1 steps B", "tested on: photos-000000.tar"):
        assert word in written
    with (tmp_path / "runs" / "ablation.csv").open() as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    assert [row[0] for row in rows[1:4]] == ["(the common start)", "full", "without emotion"]
    assert rows[3][rows[0].index("branch accuracy")] == ""  # nothing trained it
    assert main(command) == 0
    assert capsys.readouterr().out == out
    assert len(made_up_heads) == 1


def test_the_command_refuses_what_makes_no_sense(
    data: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = str(shard_path(data, "photos", 0))
    command = ["evaluate", "ablation", "--data", str(data), "--start", str(start), "--runs", str(tmp_path)]
    command += ["--train", shard, "--test", shard]
    assert main([*command, "--only", "ful"]) == 2
    assert "Did you mean full?" in capsys.readouterr().err
    assert main([*command, "--seeds", "0"]) == 2
    assert "Too little" in capsys.readouterr().err
