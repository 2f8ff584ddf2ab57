from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fields_core.data.sample import Sample, SampleBatch, collate
from fields_core.data.shards import shard_path, write_shard
from fields_core.data.view import EvaluationView
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo
from fields_core.encoder.emotion_head import EmotionHead
from fields_core.encoder.face_encoder import FaceEncoder
from fields_core.errors import SettingsError
from fields_core.head.model import HeadModel
from fields_core.training.batches import BatchStream
from fields_core.training.config import DataConfig, Stage, StageConfig, TrainConfig
from fields_core.training.ema import MovingAverage
from fields_core.training.face_geometry import FaceGeometry
from fields_core.training.metrics_log import MetricsLog
from fields_core.training.module import DivergedError, EncoderTraining
from fields_core.training.objective import Objective
from fields_core.training.stages import encoder_config, split, starting_networks
from fields_core.training.training_data import class_weights, mixture, read_folder
from tests.training_data import TINY, egg, sample, write_data


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return egg()


def batch_of(head: HeadModel, samples: list[Sample]) -> SampleBatch:
    view = EvaluationView()
    return collate([view(item) for item in samples], head.neutral_code())


def mixed_batch(head: HeadModel) -> SampleBatch:
    made = [sample(head, number, with_3d=True) for number in (0, 1)]
    return batch_of(head, made + [sample(head, 100 + label, with_3d=False, label=label) for label in (0, 1)])


def pretrained(head: HeadModel) -> Checkpoint:
    torch.manual_seed(1)
    encoder, emotion = FaceEncoder(encoder_config(TINY.encoder, head)), EmotionHead(head.n_expression)
    return Checkpoint(CheckpointInfo(head.name, encoder.config, 0.01), encoder.eval(), emotion.eval())


def module_of(head: HeadModel, stage: Stage, config: TrainConfig = TINY) -> EncoderTraining:
    start = None if stage == "pretrain" else pretrained(head)
    networks = starting_networks(config, stage, head, start)
    objective = Objective(config, stage, FaceGeometry(head), 0.01, torch.ones(8))
    return EncoderTraining(networks, objective, config.stage(stage), config)


def descend(module: EncoderTraining, batch: SampleBatch, steps: int) -> list[float]:
    module.train()
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=5e-4)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        total = module.losses(batch).total
        total.backward()
        optimizer.step()
        losses.append(float(total.detach()))
    return losses


@pytest.mark.parametrize("stage", ["pretrain", "a"])
def test_a_stage_learns_its_batch(head: HeadModel, stage: Stage) -> None:
    losses = descend(module_of(head, stage), mixed_batch(head), 12)
    assert losses[-1] < 0.9 * losses[0]


def test_step_a_leaves_pose_shape_and_base_bit_identical(head: HeadModel) -> None:
    module = module_of(head, "a")
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    descend(module, mixed_batch(head), 3)
    for name, tensor in module.state_dict().items():
        frozen = name.startswith(("base.", "encoder.pose", "encoder.shape"))
        learns = name.endswith("weight") and not frozen
        assert torch.equal(tensor, before[name]) or not frozen, name
        assert not torch.equal(tensor, before[name]) or not learns, name


def test_step_a_starts_where_pretraining_ended(head: HeadModel) -> None:
    module, start = module_of(head, "a").eval(), pretrained(head)
    images = torch.rand(2, 3, 224, 224)
    landmarks = torch.rand(2, 478, 2) - 0.5
    prediction, wanted = module.predict(images, landmarks), start.encoder(images, landmarks)
    assert prediction.base is not None
    for item in dataclasses.fields(wanted):
        assert torch.allclose(getattr(prediction.code, item.name), getattr(wanted, item.name), atol=1e-5)
        assert torch.allclose(getattr(prediction.base, item.name), getattr(wanted, item.name), atol=1e-5)


def test_a_split_encoder_predicts_what_the_shared_one_did(head: HeadModel) -> None:
    shared = pretrained(head).encoder
    assert isinstance(shared, FaceEncoder)
    images = torch.rand(1, 3, 224, 224)
    code, again = shared(images), split(shared).eval()(images)
    assert all(torch.equal(getattr(code, f.name), getattr(again, f.name)) for f in dataclasses.fields(code))


def test_every_loss_accepts_that_nothing_is_known(head: HeadModel) -> None:
    unknown = Sample("x", "photos", np.zeros((64, 64, 3), np.uint8))
    for stage in ("pretrain", "a"):
        module = module_of(head, stage).train()
        terms = module.losses(batch_of(head, [unknown, unknown]))
        assert terms.numbers().keys() >= {"total", "landmarks", "rank"}
        assert sum(value for name, value in terms.numbers().items() if "prior" not in name and name != "base") < 1e-3
        terms.total.backward()
        assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.grad is not None)


def test_emotion_reaches_the_expression_and_nothing_else(head: HeadModel) -> None:
    module = module_of(head, "a").train()
    terms = module.losses(mixed_batch(head))
    (terms.classification + terms.calibration + terms.rank).backward()
    assert module.encoder.expression_layer.weight.grad.abs().sum() > 0
    assert module.encoder.pose_layer.weight.grad is None
    assert module.encoder.shape_layer.weight.grad is None


def test_the_plain_emotion_loss_knows_no_intensity(head: HeadModel) -> None:
    batch = mixed_batch(head)
    plain = module_of(head, "a", dataclasses.replace(TINY, emotion_loss="plain")).eval().losses(batch)
    aware = module_of(head, "a").eval().losses(batch)
    plain_terms, aware_terms = plain.numbers(), aware.numbers()
    assert plain_terms["calibration"] == plain_terms["rank"] == plain_terms["ambiguity"] == 0.0
    assert aware_terms["calibration"] > 0.0
    assert plain_terms["classification"] != pytest.approx(aware_terms["classification"])


def test_without_3d_truth_rendered_heads_are_photos(head: HeadModel) -> None:
    batch = mixed_batch(head)
    blind = dataclasses.replace(TINY, truth_3d=False)
    known, unknown = (module_of(head, "a", config).eval().losses(batch).numbers() for config in (TINY, blind))
    assert known["direct_3d"] > 0.0
    assert unknown["direct_3d"] == 0.0
    assert unknown["expression_prior"] != known["expression_prior"]  # the mean is over all samples
    told = dataclasses.replace(
        batch.emotion, intensity=torch.where(batch.emotion.from_3d, 0.9, batch.emotion.intensity)
    )
    same = module_of(head, "a", blind).eval().losses(dataclasses.replace(batch, emotion=told)).numbers()
    assert same == unknown  # no term depends on how intense a 3D sample is
    assert module_of(head, "pretrain", blind).eval().losses(batch).numbers()["direct_3d"] > 0.0


def test_photometry_has_a_gradient(head: HeadModel) -> None:
    config = dataclasses.replace(TINY, losses=dataclasses.replace(TINY.losses, photometric=2.0))
    module = module_of(head, "pretrain", config).train()
    photometric = module.losses(mixed_batch(head)).photometric
    photometric.backward()
    assert float(photometric.detach()) > 0.0
    assert module.encoder.shape_layer.weight.grad.abs().sum() > 0


def test_a_loss_that_is_no_number_ends_the_run(head: HeadModel) -> None:
    module = module_of(head, "pretrain")
    batch = dataclasses.replace(mixed_batch(head), landmarks=torch.full((4, 478, 2), math.inf))
    module.terms = module.losses(batch)
    with pytest.raises(DivergedError, match="step 0"):
        module.finite_total()


def test_steps_a_and_b_need_something_to_start_from(head: HeadModel) -> None:
    with pytest.raises(SettingsError, match="pretrained"):
        starting_networks(TINY, "a", head, None)
    start = pretrained(head)
    other = dataclasses.replace(start, info=dataclasses.replace(start.info, head_model="FLAME 2023"))
    with pytest.raises(SettingsError, match="another head"):
        starting_networks(TINY, "a", head, other)


def test_the_moving_average_follows_its_formula() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(0.0)
    average = MovingAverage({"layer": layer}, decay=0.15)
    wanted = 0.0
    for step, weight in enumerate((1.0, 2.0, 4.0)):
        layer.weight.data.fill_(weight)
        average.update()
        decay = min(0.15, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * weight
    with average.applied():
        assert layer.weight.item() == pytest.approx(wanted)
    assert layer.weight.item() == 4.0


def test_the_moving_average_of_what_stays_is_what_stays() -> None:
    norm = nn.BatchNorm1d(3)
    norm.weight.data = torch.rand(3)
    average = MovingAverage({"norm": norm}, decay=0.999)
    for _ in range(5):
        norm.num_batches_tracked += 1
        average.update()
    own = norm.weight.detach().clone()
    with average.applied():
        assert torch.equal(norm.weight, own)
        assert int(norm.num_batches_tracked) == 5


def test_a_stored_average_goes_on() -> None:
    layers = [nn.Linear(2, 2), nn.Linear(2, 2)]
    averages = [MovingAverage({"layer": layer}, 0.9) for layer in layers]
    averages[0].update()
    averages[1].restore(averages[0].state())
    layers[1].load_state_dict(layers[0].state_dict())
    for average in averages:
        average.update()
    for (name, one), other in zip(averages[0].state().items(), averages[1].state().values(), strict=True):
        assert torch.equal(one, other), name


def test_a_resumed_log_has_neither_gap_nor_overlap(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    log = MetricsLog(path, ("loss",), 0)
    for step in (1, 2, 3):
        log.add(step, {"loss": step / 3})
    with path.open("a") as file:
        file.write("4")  # the power went
    resumed = MetricsLog(path, ("loss",), 2)
    resumed.add(3, {"loss": 7.0})
    assert path.read_text().split() == ["step,loss", f"1,{1 / 3!r}", f"2,{2 / 3!r}", "3,7.0"]


def test_held_out_samples_are_never_trained_on(tmp_path: Path) -> None:
    data = read_folder(write_data(tmp_path), TINY.data)
    for name in ("with_3d", "labelled", "plain"):
        kinds = getattr(data.training, name), getattr(data.validation, name)
        keys = [{kind[number].key for number in range(len(kind))} for kind in kinds]
        assert keys[0]
        assert not keys[0] & keys[1]
    assert len(data.training.with_3d) + len(data.validation.with_3d) == 6
    assert len(data.training.plain) + len(data.validation.plain) == 12
    labelled = data.training.labelled
    assert sum(data.class_counts) == len(labelled)
    assert all(labelled[number].label >= 0 for number in range(len(labelled)))


def test_nobody_is_validated_on_who_was_trained_on(tmp_path: Path, head: HeadModel) -> None:
    faces = [
        dataclasses.replace(sample(head, 100 + n, with_3d=False, label=n % 8), person=f"person {n % 10}")
        for n in range(30)
    ]
    write_shard(shard_path(tmp_path, "photos", 0), faces)
    data = read_folder(tmp_path, TINY.data)
    people = [{kind[n].person for n in range(len(kind))} for kind in (data.training.plain, data.validation.plain)]
    assert people[0]
    assert people[1]
    assert not people[0] & people[1]
    assert len(people[0] | people[1]) == 10


def test_photos_of_one_person_are_found_and_drawn_together(tmp_path: Path, head: HeadModel) -> None:
    faces = [
        dataclasses.replace(
            sample(head, 100 + n, with_3d=False, label=n % 8), person=f"person {n % 10}" if n < 20 else ""
        )
        for n in range(30)
    ]
    write_shard(shard_path(tmp_path, "photos", 0), faces)
    config = DataConfig(fraction_plain=0.5, fraction_people=0.5, fraction_labelled=0.0, holdout_every=5)
    data = read_folder(tmp_path, config)
    plain = data.training.plain
    named = [plain[number].person for number in range(len(plain)) if plain[number].person]
    assert sorted(plain[group[0]].person for group in data.training.people) == sorted(set(named))
    assert all(len({plain[number].person for number in group}) == 1 for group in data.training.people)
    batch = next(
        iter(
            BatchStream(mixture(data, dataclasses.replace(TINY, data=config)), head.neutral_code(), lambda: range(1), 0)
        )
    )
    counts = torch.bincount(batch.people)
    assert int((counts == 2).sum()) >= len(batch) // 4


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="lacks data"):
        read_folder(tmp_path, DataConfig())
    with pytest.raises(SettingsError, match="wild-000000"):
        read_folder(write_data(tmp_path), DataConfig(sources=("wild",)))


def test_a_batch_is_the_same_whoever_asks_and_when(tmp_path: Path, head: HeadModel) -> None:
    mixed = mixture(read_folder(write_data(tmp_path), TINY.data), TINY)
    neutral = head.neutral_code()
    straight = list(BatchStream(mixed, neutral, lambda: range(4), 0))
    later = list(BatchStream(mixed, neutral, lambda: range(2, 4), 0))
    for one, other in zip(straight[2:], later, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.landmarks, other.landmarks)
        assert torch.equal(one.emotion.labels, other.emotion.labels)


def test_rare_classes_weigh_more_and_the_mean_weight_is_one() -> None:
    counts = (90, 10, 0, 0, 0, 0, 0, 0)
    weights = class_weights(counts, 1.0)
    assert float(weights[1] / weights[0]) == pytest.approx(9.0)
    assert float(weights @ torch.tensor(counts, dtype=torch.float32)) == pytest.approx(100.0)
    assert class_weights(counts, 0.0)[:2].tolist() == pytest.approx([1.0, 1.0])
    assert class_weights((0,) * 8, 0.5).tolist() == [1.0] * 8


def test_landmarks_of_the_restricted_head_are_those_of_the_whole(head: HeadModel) -> None:
    geometry = FaceGeometry(head)
    code = head.neutral_code(2)
    seen = geometry.landmarks(code)
    from fields_core.camera import project

    assert torch.allclose(seen.points, project(head.landmarks(head(code)), code.camera)[..., :2], atol=1e-6)
    assert seen.visible.shape == (2, 478)
    assert geometry.expressions(code).shape[0] == 2


def gradients(module: nn.Module) -> list[torch.Tensor | None]:
    return [parameter.grad for parameter in module.parameters()]


def test_emotion_and_3d_never_reach_the_decoder(head: HeadModel) -> None:
    module = module_of(head, "b").train()
    assert module.synthesis is not None
    terms = module.losses(mixed_batch(head), step=0)
    synthesis, rest = terms.synthesis, terms.total - terms.synthesis
    rest.backward(retain_graph=True)
    assert all(gradient is None or not gradient.any() for gradient in gradients(module.synthesis.decoder))
    assert module.encoder.expression_layer.weight.grad.abs().sum() > 0
    module.zero_grad()
    synthesis.backward()
    assert all(gradient is not None for gradient in gradients(module.synthesis.decoder))
    assert module.encoder.expression_layer.weight.grad.abs().sum() > 0
    assert module.encoder.pose_layer.weight.grad is None


def test_the_chance_of_step_b_follows_from_seed_and_step(head: HeadModel) -> None:
    module, batch = module_of(head, "b").train(), mixed_batch(head)
    first, again, other = (module.losses(batch, step).numbers() for step in (3, 3, 4))
    assert first == again
    assert first["synthesis"] != other["synthesis"]


def test_the_decoder_learns_to_paint(head: HeadModel) -> None:
    module, batch = module_of(head, "b").train(), mixed_batch(head)
    assert module.synthesis is not None
    optimizer = torch.optim.AdamW(module.synthesis.decoder.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        synthesis = module.losses(batch, step=0).synthesis
        synthesis.backward()
        optimizer.step()
        losses.append(synthesis.item())
    assert losses[-1] < 0.97 * losses[0]  # most of the picture is noise


def test_step_b_slows_the_expression_branch_down(head: HeadModel) -> None:
    config = dataclasses.replace(TINY, b=StageConfig(3, learning_rate=1e-3, warmup=0, expression_rate=0.1))
    groups = module_of(head, "b", config).configure_optimizers()["optimizer"].param_groups
    assert [group["lr"] for group in groups] == pytest.approx([1e-3, 1e-4])


def test_the_cycle_trains_the_encoder_alone(head: HeadModel) -> None:
    module = module_of(head, "b").train()
    assert module.synthesis is not None
    module.losses(mixed_batch(head), step=0).cycle.backward()
    assert all(gradient is None or not gradient.any() for gradient in gradients(module.synthesis.decoder))
    assert module.encoder.expression_layer.weight.grad.abs().sum() > 0


def test_pictures_with_3d_truth_are_not_painted(head: HeadModel) -> None:
    module, batch = module_of(head, "b").train(), mixed_batch(head)
    assert module.synthesis is not None
    painted: list[int] = []
    module.synthesis.decoder.register_forward_hook(lambda _, inputs, __: painted.append(len(inputs[0])))
    both = module.losses(batch, step=0)
    photos = module.losses(batch_of(head, [sample(head, 100 + n, with_3d=False, label=n) for n in (0, 1)]), step=0)
    assert painted == [2, 2, 2, 2]  # the two photos of each batch, twice
    assert both.synthesis.item() == pytest.approx(photos.synthesis.item(), rel=1e-4)
    assert both.cycle.item() == pytest.approx(photos.cycle.item(), rel=1e-4)


def test_a_batch_without_photos_paints_nothing_and_still_has_gradients(head: HeadModel) -> None:
    module = module_of(head, "b").train()
    assert module.synthesis is not None
    terms = module.losses(batch_of(head, [sample(head, n, with_3d=True) for n in (0, 1)]), step=0)
    assert terms.synthesis.item() == terms.cycle.item() == 0.0
    terms.synthesis.backward()  # several processes wait for each other's gradients: zeros, not none
    assert all(gradient is not None and not gradient.any() for gradient in gradients(module.synthesis.decoder))
