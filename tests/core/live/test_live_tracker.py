"""Faces followed: steady ids, one identity, calm without lag, and a way back for those who were hidden."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fields_core.encoder.emotion_head import EmotionHead
from fields_core.errors import SettingsError
from fields_core.fitting import LandmarkFitter
from fields_core.head.model import HeadModel
from fields_core.live.adjustment import Adjustment, UnitSettings
from fields_core.live.association import assign, distinct
from fields_core.live.coder import FittedCoder
from fields_core.live.identity import IdentityEstimate
from fields_core.live.motion import Motion
from fields_core.live.networks import EmotionReader
from fields_core.live.one_euro import OneEuro
from fields_core.live.person import TrackerSettings
from fields_core.live.smoothing import Smoother
from fields_core.live.tracked import FaceState, TrackedFrame
from fields_core.live.tracker import Tracker
from tests.core.live.scenes import RATE, ToldDetector, face, frame, person
from tests.core.test_landmark_fit import image_landmarks, loose, random_code
from tests.heads import tiny_head

UNIT = 0  # the expression coefficient that tests move


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


def track(tracker: Tracker, numbers: range, **options: float) -> list[TrackedFrame]:
    return [tracker.track(frame(number, **options)) for number in numbers]


def smile(head: HeadModel) -> str:
    return head.expression_names[UNIT]


# One-Euro


def test_the_filter_settles_on_a_constant_and_never_overshoots() -> None:
    filtered = OneEuro(np.array([1.0]), np.array([0.5]))
    filtered(np.array([0.0]), 1 / RATE)
    steps = [float(filtered(np.array([1.0]), 1 / RATE)[0]) for _ in range(60)]
    assert np.all(np.diff(steps) >= 0.0)
    assert steps[-1] == pytest.approx(1.0, abs=1e-3)


def test_the_filter_calms_noise_and_follows_speed() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, 300)
    calm = OneEuro(np.array([1.0]), np.array([1.5]))
    still = [float(calm(np.array([value]), 1 / RATE)[0]) for value in noise]
    assert np.std(still[30:]) < 0.45 * np.std(noise)
    quick = OneEuro(np.array([1.0]), np.array([1.5]))
    ramp = [float(quick(np.array([value]), 1 / RATE)[0]) for value in 3.0 * np.arange(60) / RATE]
    assert 3.0 * 59 / RATE - ramp[-1] < 0.15  # a twentieth of a second behind


@pytest.mark.parametrize("closed", [1.0, 0.1])
def test_blinks_at_three_hertz_keep_four_fifths_however_little_a_coder_sees_of_them(
    head: HeadModel, closed: float
) -> None:
    motion, smoother = Motion(head.n_expression), Smoother(head)
    blinks = [n for n, name in enumerate(head.expression_names) if name.startswith("eyeBlink")]
    lids = [motion.expression.start + n for n in blinks] or [motion.eyelids.start]
    kept = []
    for value in 0.5 - 0.5 * np.cos(2 * np.pi * 3.0 * np.arange(90) / RATE):
        vector = np.zeros(motion.size)
        vector[lids] = closed * value
        kept.append(float(smoother(vector, 1 / RATE)[lids[0]]))
    assert np.ptp(kept[30:]) > 0.8 * closed


def test_the_slider_goes_from_raw_to_hardly_moving(head: HeadModel) -> None:
    rest, jump = np.zeros(Motion(head.n_expression).size), np.zeros(Motion(head.n_expression).size)
    jump[Motion(head.n_expression).expression.start] = 0.3
    moved = []
    for calm in (0.0, 0.25, 0.5, 0.75, 1.0):
        smoother = Smoother(head, calm)
        smoother(rest, 1 / RATE)
        moved.append(float(smoother(jump, 1 / RATE).max()))
    assert moved[0] == 0.3
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] < 0.02


# Parts


def test_a_wild_frame_hardly_moves_the_identity() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1, 20)
    estimate = IdentityEstimate(1.0)
    for number in range(30):
        noise = rng.normal(0, 0.1, 20) if number % 6 else rng.normal(0, 5.0, 20)
        estimate.add(truth + noise, 1 / RATE)
    assert np.linalg.norm(estimate.mean() - truth) < 0.3
    assert estimate.progress == pytest.approx(1.0)


def test_motion_survives_a_change_of_crop(head: HeadModel) -> None:
    motion, code = Motion(head.n_expression), random_code(head, 1)
    first = np.array([[0.5, 0.0, 40.0], [0.0, 0.5, 10.0]])
    second = np.array([[0.8, 0.0, -10.0], [0.0, 0.8, 25.0]])
    vector = motion.pack(code, first)
    moved = motion.unpack(vector, code, second)
    seen = image_landmarks(head, code)[0] * 112 + 111.5
    there = image_landmarks(head, moved)[0] * 112 + 111.5
    np.testing.assert_allclose(seen @ first[:, :2].T + first[:, 2], there @ second[:, :2].T + second[:, 2], atol=1e-2)
    np.testing.assert_allclose(motion.pack(moved, second), vector, atol=1e-4)


def test_faces_are_given_to_whom_they_are_nearest_whatever_their_order() -> None:
    left, right = (0.0, 0.0, 50.0, 50.0), (100.0, 0.0, 150.0, 50.0)
    assert assign([left, right], [0.0, 0.0], [right, left]) == {0: 1, 1: 0}
    assert assign([left], [0.0], [(300.0, 0.0, 350.0, 50.0)]) == {}
    assert assign([left], [5.0], [(300.0, 0.0, 350.0, 50.0)]) == {0: 0}
    assert distinct([left, (2.0, 0.0, 52.0, 50.0), right]) == [0, 2]


def test_a_known_identity_is_kept_by_the_fit_and_explains_the_landmarks(head: HeadModel) -> None:
    code = person(head, 3, **{smile(head): 0.7})
    target = image_landmarks(head, code)
    fitter = LandmarkFitter(head, loose(), code.shape[0].numpy())
    result = fitter.fit(target)
    torch.testing.assert_close(result.code.shape, code.shape)
    assert result.landmark_error[0] < 0.01
    assert float(result.code.expression[0, UNIT]) == pytest.approx(0.7, abs=0.1)


# The tracker


def test_the_identity_is_locked_after_a_second_and_stays(head: HeadModel) -> None:
    code = person(head, 1)
    with Tracker(head, detector=ToldDetector(lambda number: [face(head, code)])) as tracker:
        frames = track(tracker, range(60))
    states = [tracked.faces[0].state for tracked in frames]
    assert states[:20] == [FaceState.LOCKING] * 20
    assert states[40:] == [FaceState.TRACKED] * 20
    shapes = [tracked.faces[0].code.shape for tracked in frames[40:]]
    assert all(torch.equal(shape, shapes[0]) for shape in shapes)
    assert frames[-1].faces[0].confidence > 0.8


def test_expressions_move_while_the_identity_is_locked(head: HeadModel) -> None:
    name = smile(head)
    codes = [person(head, 2, **{name: 0.0}), person(head, 2, **{name: 0.8})]
    with Tracker(
        head, coder=FittedCoder(head, loose()), detector=ToldDetector(lambda number: [face(head, codes[number >= 45])])
    ) as tracker:
        frames = track(tracker, range(75))
    assert float(frames[44].faces[0].code.expression[0, UNIT]) < 0.15
    assert float(frames[74].faces[0].code.expression[0, UNIT]) > 0.55


def test_ids_stay_with_people_when_the_detector_changes_their_order(head: HeadModel) -> None:
    faces = [face(head, person(head, seed), (80.0 + 160.0 * seed, 120.0)) for seed in (0, 1)]
    detector = ToldDetector(lambda number: faces if number % 2 else faces[::-1])
    with Tracker(head, detector=detector) as tracker:
        frames = track(tracker, range(10))
    for tracked in frames:
        assert [shown.id for shown in tracked.faces] == [0, 1]
        centres = [sum(shown.box[::2]) / 2 for shown in tracked.faces]
        assert centres == [
            sum(found.box[::2]) / 2 for found in (faces if frames[0].faces[0].box == faces[0].box else faces[::-1])
        ]


def test_a_hidden_face_is_held_then_fades_to_neutral_then_goes_and_comes_back_as_itself(head: HeadModel) -> None:
    code = person(head, 4, **{smile(head): 0.9})
    there = face(head, code)
    detector = ToldDetector(lambda number: [] if 45 <= number < 90 else [there])
    settings = TrackerSettings(hold_seconds=0.3, fade_seconds=0.5)
    with Tracker(head, settings=settings, detector=detector) as tracker:
        frames = track(tracker, range(100))
    held = frames[44].faces[0]
    assert frames[46].faces[0].state is FaceState.HIDDEN
    assert torch.equal(frames[46].faces[0].code.expression, held.code.expression)
    fading = [tracked.faces[0] for tracked in frames[56:66]]
    assert all(shown.state is FaceState.FADING for shown in fading)
    strengths = [float(shown.code.expression.abs().sum()) for shown in fading]
    assert np.all(np.diff(strengths) < 0)
    assert all(torch.equal(shown.code.shape, held.code.shape) for shown in fading)
    assert not frames[80].faces
    back = frames[90].faces[0]
    assert (back.id, back.state) == (0, FaceState.TRACKED)
    torch.testing.assert_close(back.code.expression, held.code.expression, atol=0.1, rtol=0)


def test_who_was_forgotten_is_somebody_new(head: HeadModel) -> None:
    there = face(head, person(head, 5))
    detector = ToldDetector(lambda number: [] if 10 <= number < 70 else [there])
    with Tracker(head, settings=TrackerSettings(memory_seconds=1.0), detector=detector) as tracker:
        frames = track(tracker, range(72))
    assert frames[5].faces[0].id == 0
    assert frames[71].faces[0].id == 1


def test_landmarks_that_are_no_face_count_as_hidden(head: HeadModel) -> None:
    there = face(head, person(head, 6))
    rng = np.random.default_rng(0)
    noisy = there.landmarks + rng.normal(0, 30, there.landmarks.shape).astype(np.float32)
    box = (*noisy[:, :2].min(0).tolist(), *noisy[:, :2].max(0).tolist())
    covered = type(there)(box, noisy, {})
    with Tracker(head, detector=ToldDetector(lambda number: [there if number < 5 else covered])) as tracker:
        frames = track(tracker, range(7))
    assert frames[6].faces[0].state is FaceState.HIDDEN


def test_another_resolution_does_not_lose_the_face(head: HeadModel) -> None:
    code = person(head, 7)
    near, far = face(head, code), face(head, code, (320.0, 240.0), 120.0)
    detector = ToldDetector(lambda number: [near if number < 5 else far])
    with Tracker(head, detector=detector) as tracker:
        track(tracker, range(5))
        tracked = tracker.track(frame(5, size=(640, 480)))
    assert [shown.id for shown in tracked.faces] == [0]
    assert detector.clips == 1


def test_time_that_runs_backwards_or_stands_still_is_survived(head: HeadModel) -> None:
    there = face(head, person(head, 8))
    with Tracker(head, detector=ToldDetector(lambda number: [there])) as tracker:
        frames = [tracker.track(frame(number)) for number in (5, 5, 0, 1, 2000)]
    assert {shown.id for tracked in frames for shown in tracked.faces} == {0}
    assert all(torch.isfinite(tracked.faces[0].code.expression).all() for tracked in frames)


def test_a_calibrated_neutral_face_is_neutral(head: HeadModel) -> None:
    name = smile(head)
    rest, grin = person(head, 9, **{name: 0.3}), person(head, 9, **{name: 1.0})
    detector = ToldDetector(lambda number: [face(head, rest if number < 30 else grin)])
    with Tracker(head, FittedCoder(head, loose()), detector=detector) as tracker:
        before = track(tracker, range(15), rate=10.0)[-1].faces[0]
        tracker.calibrate_neutral()
        assert tracker.calibrating
        after = track(tracker, range(15, 30), rate=10.0)[-1].faces[0]
        assert not tracker.calibrating
        laughing = track(tracker, range(30, 40), rate=10.0)[-1].faces[0]
        tracker.clear_calibration()
        cleared = track(tracker, range(40, 50), rate=10.0)[-1].faces[0]
    assert float(before.code.expression[0, UNIT]) > 0.1
    assert float(after.code.expression[0, UNIT]) < 0.05
    assert float(laughing.code.expression[0, UNIT]) > 0.6
    assert float(cleared.code.expression[0, UNIT]) > 0.6


def test_gains_and_limits_apply_to_each_unit(head: HeadModel) -> None:
    name = smile(head)
    motion, vector = Motion(head.n_expression), np.zeros(Motion(head.n_expression).size)
    vector[motion.expression.start] = 0.4
    vector[motion.jaw_pose.start] = head.jaw_open_radians / 2
    settings = UnitSettings(gains={name: 2.0, "jawOpen": 0.5}, limits={name: (0.0, 0.6)})
    result = Adjustment(head, settings)(vector, None)
    assert result[motion.expression.start] == pytest.approx(0.6)
    assert result[motion.jaw_pose.start] == pytest.approx(head.jaw_open_radians / 4)
    assert vector[motion.expression.start] == 0.4


@pytest.mark.parametrize(
    "units",
    [
        UnitSettings(gains={"nonsense": 1.0}),
        UnitSettings(gains={"jawOpen": -1.0}),
        UnitSettings(limits={"jawOpen": (1, 0)}),
    ],
    ids=["unknown", "negative gain", "limits the wrong way round"],
)
def test_settings_that_make_no_sense_are_refused(head: HeadModel, units: UnitSettings) -> None:
    with pytest.raises(SettingsError):
        Tracker(head, settings=TrackerSettings(units=units), detector=ToldDetector(lambda number: []))


def test_settings_may_change_while_it_runs(head: HeadModel) -> None:
    name = smile(head)
    detector = ToldDetector(lambda number: [face(head, person(head, 10, **{name: 0.8}))])
    with Tracker(head, detector=detector) as tracker:
        track(tracker, range(40))
        tracker.settings = TrackerSettings(calm=0.0, units=UnitSettings(gains={name: 0.0}))
        tracked = tracker.track(frame(40)).faces[0]
    assert float(tracked.code.expression[0, UNIT]) == 0.0


def test_emotion_is_read_from_the_code_and_held_while_hidden(head: HeadModel) -> None:
    torch.manual_seed(0)
    branch = EmotionHead(head.n_expression).eval()
    there = face(head, person(head, 11, **{smile(head): 0.5}))
    detector = ToldDetector(lambda number: [there] if number < 5 else [])
    with Tracker(head, emotion=EmotionReader(branch, head), detector=detector) as tracker:
        frames = track(tracker, range(7))
    shown = frames[4].faces[0]
    assert shown.emotion is not None
    with torch.no_grad():
        expected = branch(shown.code)
    assert shown.emotion.probabilities == pytest.approx(expected.logits[0].softmax(0).tolist(), abs=1e-4)
    assert (shown.emotion.valence, shown.emotion.arousal) == pytest.approx(
        expected.valence_arousal[0].tolist(), abs=1e-4
    )
    assert frames[6].faces[0].emotion == shown.emotion


def test_a_rolled_head_keeps_its_crop_until_it_is_clearly_turned(head: HeadModel) -> None:
    def rolled(number: int) -> list:
        angle = math.radians(40 + number)  # passes 45 degrees slowly
        code = person(head, 12).replace(head_pose=torch.tensor([[0.0, 0.0, angle]]))
        found = face(head, code)
        turned = round(math.degrees(-angle) / 90.0) % 4 * 90
        return [type(found)(found.box, found.landmarks, {}, turned)]

    with Tracker(head, detector=ToldDetector(rolled)) as tracker:
        frames = track(tracker, range(12))
    turns = {round(float(tracked.faces[0].crop_to_photo[1, 0]), 6) for tracked in frames}
    assert turns == {0.0}


def test_reset_and_close_forget_everybody(head: HeadModel) -> None:
    detector = ToldDetector(lambda number: [face(head, person(head, number))])
    tracker = Tracker(head, detector=detector)
    track(tracker, range(3))
    tracker.reset()
    assert tracker.track(frame(4)).faces[0].id == 0
    tracker.close()
    assert not detector.closed  # it is the caller's
