"""Edits by meaning: they change the expression and nothing else, within bounds, and come back."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.errors import AssetMissingError, ModelFileError
from fields_core.expression.blending import scaled, with_expression_of, without_rest
from fields_core.expression.emotion_logits import EmotionLogits
from fields_core.expression.mirror import mirrored, symmetrised
from fields_core.expression.presets import (
    Preset,
    PresetFileError,
    PresetKind,
    apply_preset,
    built_in_presets,
    load_presets,
    preset_of,
    save_presets,
)
from fields_core.expression.reading import Naturalness
from fields_core.expression.space import ExpressionSpace
from fields_core.expression.steering import Steering
from fields_core.expression.tools import ExpressionTools
from fields_core.head.flame_pickle import read_flame
from fields_core.head.loading import load_head
from fields_core.head.model import HeadModel
from tests.heads import tiny_flame_pickle, tiny_head

EXPRESSION = ("expression", "jaw_pose", "eyelids")


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


@pytest.fixture(scope="module")
def space(head: HeadModel) -> ExpressionSpace:
    return ExpressionSpace(head)


@pytest.fixture(scope="module")
def tools(head: HeadModel) -> ExpressionTools:
    return ExpressionTools(head, trained_emotion_head(head))


def some_code(head: HeadModel, **units: float) -> FaceCode:
    """A person with an identity, a pose, a gaze and these units; jawOpen among them."""
    generator = torch.Generator().manual_seed(1)
    code = head.neutral_code()
    expression = code.expression.clone()
    for name, value in units.items():
        if name != "jawOpen":
            expression[0, head.expression_names.index(name)] = value
    return code.replace(
        shape=torch.randn(code.shape.shape, generator=generator),
        head_pose=torch.tensor([[0.1, 0.2, 0.0]]),
        eye_pose=torch.tensor([[0.1, 0.2, 0.0, 0.1, 0.15, 0.0]]),
        jaw_pose=torch.tensor([[units.get("jawOpen", 0.0) * head.jaw_open_radians, 0.03, 0.0]]),
        expression=expression,
    )


def trained_emotion_head(head: HeadModel, seed: int = 0) -> EmotionHead:
    """A second of training on the presets at all intensities: faces of the emotions get their class."""
    torch.manual_seed(seed)
    space, branch = ExpressionSpace(head), EmotionHead(head.n_expression)
    emotions = [preset for preset in built_in_presets(space) if preset.kind != PresetKind.VISEME]
    rng = np.random.default_rng(seed)
    rows, labels = [], []
    for label, preset in enumerate(emotions):
        for _ in range(60):
            strength = 0.0 if label == 0 else rng.uniform(0.3, 1.2)
            rows.append(space.possible(preset.vector(space, strength) + rng.normal(0.0, 0.05, len(space.names))))
            labels.append(label)
    inputs, targets = torch.tensor(np.array(rows)).float(), torch.tensor(labels)
    optimiser = torch.optim.AdamW(branch.parameters(), 3e-3, weight_decay=0.05)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(branch.layers(inputs)[:, :8], targets, label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return branch.eval()


def assert_rest_kept(before: FaceCode, after: FaceCode, changed: tuple[str, ...] = EXPRESSION) -> None:
    for field in fields(FaceCode):
        if field.name not in changed:
            assert torch.equal(getattr(before, field.name), getattr(after, field.name)), field.name


class TestSpace:
    def test_values_and_back(self, head: HeadModel, space: ExpressionSpace) -> None:
        code = some_code(head, mouthSmileLeft=0.4, jawOpen=0.5)
        again = space.put(head.neutral_code(), space.values(code))
        assert all(torch.equal(getattr(code, name), getattr(again, name)) for name in EXPRESSION)

    def test_gram_measures_vertices_in_millimetres(self, head: HeadModel, space: ExpressionSpace) -> None:
        code = some_code(head, mouthSmileLeft=0.7, browInnerUp=0.3)
        code = code.replace(jaw_pose=torch.zeros(1, 3))
        exact = float(ExpressionIntensity(head, 1.0).displacement(code)) * 1000.0
        assert space.millimetres(space.values(code)) == pytest.approx(exact, rel=1e-3)

    def test_possible_lips_do_not_close_a_shut_jaw(self, space: ExpressionSpace) -> None:
        wanted = np.zeros(len(space.names))
        wanted[space.names.index("mouthClose")] = 1.0
        assert not space.possible(wanted).any()


class TestMirror:
    def test_mirroring_twice_changes_nothing(self, head: HeadModel) -> None:
        code = some_code(head, mouthSmileLeft=0.4, browDownRight=0.3, mouthLeft=0.2, jawOpen=0.5)
        twice = mirrored(mirrored(code, head), head)
        assert all(torch.equal(getattr(code, f.name), getattr(twice, f.name)) for f in fields(FaceCode))

    def test_the_mirror_image_of_the_code_is_the_mirror_image_of_the_mesh(self) -> None:
        head = load_head()
        code = some_code(head, mouthSmileLeft=0.8, browDownRight=0.5, jawOpen=0.4, mouthRight=0.3)
        code = code.replace(shape=torch.zeros_like(code.shape), head_pose=torch.zeros(1, 3))
        there = head(mirrored(code, head))[0]
        here = head(code)[0] * torch.tensor([-1.0, 1.0, 1.0])
        nearest = torch.cdist(here[::7], there).min(1).values
        assert float(nearest.quantile(0.99)) < 2e-3

    def test_symmetrised_is_its_own_mirror_image(self, head: HeadModel) -> None:
        code = some_code(head, mouthSmileLeft=0.4, browDownRight=0.3, mouthLeft=0.2, jawOpen=0.5)
        even = symmetrised(code, head)
        other = mirrored(even, head)
        assert all(torch.allclose(getattr(even, name), getattr(other, name)) for name in EXPRESSION)
        assert_rest_kept(code, even)

    def test_unnamed_coefficients_cannot_be_mirrored(self, tmp_path: Path) -> None:
        tiny_flame_pickle(tmp_path / "flame.pkl")
        head = HeadModel(read_flame(tmp_path / "flame.pkl"))
        with pytest.raises(ModelFileError, match="mirrored"):
            mirrored(head.neutral_code(), head)


class TestBlending:
    def test_scaling_to_nothing_is_neutral_and_keeps_the_rest(self, head: HeadModel, space: ExpressionSpace) -> None:
        code = some_code(head, mouthSmileLeft=0.4, jawOpen=0.5)
        still = scaled(code, 0.0, space)
        assert not space.values(still).any()
        assert_rest_kept(code, still)

    def test_exaggeration_stays_within_bounds(self, head: HeadModel, space: ExpressionSpace) -> None:
        values = space.values(scaled(some_code(head, mouthSmileLeft=0.8, jawOpen=0.9, mouthClose=0.9), 2.0, space))
        assert (values <= space.high).all()
        assert (space.rows @ values <= 1e-6).all()

    def test_subtracting_rest_and_taking_another_face(self, head: HeadModel, space: ExpressionSpace) -> None:
        rest = some_code(head, browDownLeft=0.2)
        smile = some_code(head, browDownLeft=0.3, mouthSmileLeft=0.5, jawOpen=0.4)
        left = without_rest(smile, rest, space)
        expected = some_code(head, browDownLeft=0.1, mouthSmileLeft=0.5, jawOpen=0.4)
        assert torch.allclose(left.expression, expected.expression)
        copied = with_expression_of(head.neutral_code(), smile, space)
        assert torch.equal(copied.jaw_pose, smile.jaw_pose)
        assert_rest_kept(head.neutral_code(), copied)


class TestPresets:
    def test_there_are_the_emotions_visemes_and_neutral(self, space: ExpressionSpace) -> None:
        kinds = [preset.kind for preset in built_in_presets(space)]
        assert kinds.count(PresetKind.NEUTRAL) == 1
        assert kinds.count(PresetKind.EMOTION) == 7
        assert kinds.count(PresetKind.VISEME) == 12

    def test_a_preset_keeps_who_it_is_and_grows_with_intensity(self, head: HeadModel, space: ExpressionSpace) -> None:
        happy = next(preset for preset in built_in_presets(space) if preset.name == "Happy")
        code = some_code(head, browDownLeft=0.5)
        faint, full = (apply_preset(code, happy, space, intensity) for intensity in (0.3, 1.0))
        smile = head.expression_names.index("mouthSmileLeft")
        assert 0 < faint.expression[0, smile] < full.expression[0, smile]
        assert full.expression[0, head.expression_names.index("browDownLeft")] == 0
        assert_rest_kept(code, full)

    def test_contempt_is_of_one_side(self, space: ExpressionSpace) -> None:
        contempt = next(preset for preset in built_in_presets(space) if preset.name == "Contempt")
        assert any(name.endswith("Left") for name in contempt.values)
        assert not any(name.endswith("Right") for name in contempt.values)

    def test_own_presets_survive_the_file(self, head: HeadModel, space: ExpressionSpace, tmp_path: Path) -> None:
        code = some_code(head, mouthSmileLeft=0.4, jawOpen=0.5)
        save_presets(tmp_path / "presets.json", [preset_of(" my  smile ", code, space)])
        (preset,) = load_presets(tmp_path / "presets.json")
        assert preset.name == "my smile"
        again = apply_preset(head.neutral_code(), preset, space)
        assert np.allclose(space.values(again), space.values(code))
        assert load_presets(tmp_path / "none.json") == ()

    @pytest.mark.parametrize(
        "content",
        [
            "{", "[]", '{"format": "other"}', "[" * 100_000,
            json.dumps({"format": "fields-presets-1", "presets": 3}),
            json.dumps({"format": "fields-presets-1", "presets": ["smile"]}),
            json.dumps({"format": "fields-presets-1", "presets": [{"name": "", "values": {}}]}),
            json.dumps({"format": "fields-presets-1", "presets": [{"name": "a", "values": {"x": "1"}}]}),
            '{"format": "fields-presets-1", "presets": [{"name": "a", "values": {"x": NaN}}]}',
            '{"format": "fields-presets-1", "presets": [{"name": "a", "values": {"x": true}}]}',
        ],
    )  # fmt: skip
    def test_damaged_files_are_refused(self, content: str, tmp_path: Path) -> None:
        (tmp_path / "presets.json").write_text(content)
        with pytest.raises(PresetFileError):
            load_presets(tmp_path / "presets.json")

    def test_a_preset_of_another_head_says_what_it_lacks(self, head: HeadModel, space: ExpressionSpace) -> None:
        foreign = Preset("theirs", PresetKind.OWN, {"expression_7": 1.0})
        with pytest.raises(PresetFileError, match="another head") as error:
            apply_preset(head.neutral_code(), foreign, space)
        assert "expression_7" in error.value.found


class TestEmotionLogits:
    def test_it_says_what_the_branch_says(self, head: HeadModel, space: ExpressionSpace) -> None:
        branch = EmotionHead(head.n_expression)
        logits = EmotionLogits(branch, space)
        code = some_code(head, mouthSmileLeft=0.4, jawOpen=0.5)
        with torch.no_grad():
            truth = branch(code)
        assert np.allclose(logits.probabilities(space.values(code)), truth.logits.softmax(1)[0], atol=1e-5)
        assert np.allclose(logits.valence_arousal(space.values(code)), truth.valence_arousal[0], atol=1e-5)

    def test_its_gradient_is_the_slope_of_its_values(self, head: HeadModel, space: ExpressionSpace) -> None:
        logits = EmotionLogits(EmotionHead(head.n_expression), space)
        values = space.values(some_code(head, mouthSmileLeft=0.4, jawOpen=0.5))
        _, gradient = logits.log_odds(values, Emotion.FEAR)
        steps = np.eye(len(values)) * 1e-6
        slopes = [
            (logits.log_odds(values + h, Emotion.FEAR)[0] - logits.log_odds(values - h, Emotion.FEAR)[0]) / 2e-6
            for h in steps
        ]
        assert np.allclose(gradient, slopes, atol=1e-6)

    def test_a_branch_of_fewer_coefficients_sees_the_first(self, head: HeadModel, space: ExpressionSpace) -> None:
        branch = EmotionHead(10)
        code = some_code(head, browDownLeft=0.4, jawOpen=0.5)
        with torch.no_grad():
            truth = branch(code.replace(expression=code.expression[:, :10])).logits.softmax(1)[0]
        assert np.allclose(EmotionLogits(branch, space).probabilities(space.values(code)), truth, atol=1e-5)


class TestSteering:
    @pytest.mark.parametrize("emotion", list(Emotion)[1:])
    def test_a_dragged_bar_is_reached_with_little_change(
        self, emotion: Emotion, head: HeadModel, tools: ExpressionTools
    ) -> None:
        code = some_code(head)
        steering = tools.steering(code, emotion)
        half = steering.to(0.5)
        assert half.reached
        assert tools.read(half.code).scores[emotion] == pytest.approx(0.5, abs=0.03)
        assert_rest_kept(code, half.code)
        more = steering.to(0.75)
        space = tools.space
        assert more.probability > half.probability
        assert space.millimetres(space.values(more.code) - space.values(code)) > space.millimetres(
            space.values(half.code) - space.values(code)
        )

    def test_back_to_where_the_drag_began(self, head: HeadModel, tools: ExpressionTools) -> None:
        code = some_code(head, mouthSmileLeft=0.3, mouthSmileRight=0.3)
        start = tools.read(code).scores[Emotion.HAPPY]
        steering = tools.steering(code, Emotion.HAPPY)
        steering.to(0.8)
        again = steering.to(start).code
        assert np.allclose(tools.space.values(again), tools.space.values(code), atol=0.03)

    def test_locked_numbers_gaze_and_blinks_stay(self, head: HeadModel, tools: ExpressionTools) -> None:
        code = some_code(head, mouthSmileLeft=0.2, eyeBlinkLeft=0.4)
        steered = tools.steering(code, Emotion.HAPPY, {"mouthSmileLeft", "headTurn"}).to(0.7).code
        for name in ("mouthSmileLeft", "eyeBlinkLeft"):
            column = head.expression_names.index(name)
            assert steered.expression[0, column] == code.expression[0, column]
        assert not torch.equal(steered.expression, code.expression)
        assert_rest_kept(code, steered)

    def test_what_is_out_of_reach_stays_possible_and_says_so(self, head: HeadModel, tools: ExpressionTools) -> None:
        code = some_code(head)
        answer = tools.steering(code, Emotion.ANGER, set(tools.space.names)).to(0.9)
        assert not answer.reached
        assert torch.equal(answer.code.expression, code.expression)

    def test_answers_stay_among_the_expressions_of_the_data(self, head: HeadModel, tools: ExpressionTools) -> None:
        # Without regard to the data the shortest way through a small network is a grimace: units that mean nothing.
        support = tools.support()
        for seed in range(3):
            branch = trained_emotion_head(head, seed)
            for emotion in (Emotion.SAD, Emotion.DISGUST):
                answer = Steering(tools.space, support, branch, some_code(head), emotion).to(0.8)
                assert support.nearest(tools.space.values(answer.code)) < 1.5 * support.farthest

    def test_the_units_of_happiness_are_those_of_a_smile(self, head: HeadModel, tools: ExpressionTools) -> None:
        values = tools.space.values(tools.steering(head.neutral_code(), Emotion.HAPPY).to(0.8).code)
        strongest = {tools.space.names[column] for column in np.argsort(-values)[:4]}
        assert {"mouthSmileLeft", "mouthSmileRight"} <= strongest

    def test_the_smile_leaves_a_face_that_is_dragged_to_anger(self, head: HeadModel, tools: ExpressionTools) -> None:
        code = some_code(head, mouthSmileLeft=0.6, mouthSmileRight=0.6)
        steered = tools.steering(code, Emotion.ANGER).to(0.75).code
        smile = head.expression_names.index("mouthSmileLeft")
        assert steered.expression[0, smile] < 0.2

    def test_without_weights_it_is_refused_with_a_remedy(self, head: HeadModel) -> None:
        with pytest.raises(AssetMissingError, match="emotion") as error:
            ExpressionTools(head).steering(head.neutral_code(), Emotion.HAPPY)
        assert error.value.remedy


class TestReading:
    def test_neutral_has_no_intensity_and_is_natural(self, head: HeadModel, tools: ExpressionTools) -> None:
        reading = tools.read(head.neutral_code())
        assert reading.intensity == 0
        assert reading.naturalness == Naturalness.NATURAL
        assert reading.likeliest == Emotion.NEUTRAL
        assert sum(reading.scores) == pytest.approx(1.0)

    def test_an_open_jaw_counts_only_with_the_jaw(self, head: HeadModel, tools: ExpressionTools) -> None:
        reading = tools.read(head.neutral_code().replace(jaw_pose=torch.tensor([[0.3, 0.0, 0.0]])))
        assert reading.intensity > 0.1
        assert reading.intensity_without_jaw == 0

    def test_more_than_the_data_hold_is_exaggerated(self, head: HeadModel, tools: ExpressionTools) -> None:
        wide = some_code(head, mouthSmileLeft=3.0, mouthSmileRight=3.0, jawOpen=1.5)
        reading = tools.read(wide)
        assert reading.naturalness == Naturalness.EXAGGERATED
        assert reading.share_below == 1.0
        assert set(reading.beyond[:3]) == {"mouthSmileLeft", "mouthSmileRight", "jawOpen"}

    def test_a_combination_that_no_face_makes_is_unusual(self, head: HeadModel, tools: ExpressionTools) -> None:
        odd = some_code(head, browInnerUp=1.0, mouthPucker=1.0, noseSneerLeft=1.0, eyeBlinkRight=0.9, cheekPuff=0.9)
        assert tools.read(odd).naturalness in (Naturalness.UNUSUAL, Naturalness.EXAGGERATED)

    def test_samples_of_the_data_are_natural(self, head: HeadModel, tools: ExpressionTools) -> None:
        support = tools.support()
        rows = support.samples[::60]
        readings = [tools.read(tools.space.put(head.neutral_code(), row)) for row in rows]
        odd = [reading for reading in readings if reading.naturalness == Naturalness.EXAGGERATED]
        assert len(odd) <= 0.05 * len(readings)

    def test_a_head_without_named_coefficients_has_no_opinion(self, tmp_path: Path) -> None:
        tiny_flame_pickle(tmp_path / "flame.pkl")
        head = HeadModel(read_flame(tmp_path / "flame.pkl"))
        tools = ExpressionTools(head, EmotionHead(head.n_expression))
        code = head.neutral_code().replace(expression=torch.ones(1, head.n_expression))
        reading = tools.read(code)
        assert reading.naturalness == Naturalness.UNKNOWN
        assert reading.intensity is None
        assert reading.millimetres > 0
        start = reading.scores[Emotion.SAD]
        steered = tools.steering(code, Emotion.SAD).to(start + 0.1)
        assert steered.probability > start
        assert [preset.name for preset in tools.presets] == ["Neutral"]
