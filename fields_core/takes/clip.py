"""One person of a take with the edits put in: what is played, exported and shown."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode
from fields_core.errors import TakeError
from fields_core.head.model import HeadModel
from fields_core.live.tracked import FaceState
from fields_core.takes.edits import Identity, Marker, TakeEdits
from fields_core.takes.frame_pose import in_frame, whole_frame
from fields_core.takes.layout import STATES
from fields_core.takes.smoothing import Smoother
from fields_core.takes.take import Take, Track, check_head

_ROTATIONS = ("head_pose", "neck_pose", "jaw_pose")


@dataclass(frozen=True, eq=False)
class Clip:
    """An animation of one head; K frames."""

    name: str
    take: Take
    frames: NDArray[np.int64]
    """(K,) frames of the take."""
    times: NDArray[np.float64]
    """(K,) seconds; the trimmed start is 0."""
    code: FaceCode
    """K rows, float32, one identity. Head pose and camera are those of the whole picture (`frame_to_photo`)."""
    frame_to_photo: NDArray[np.float64]
    """(2, 3) the crop that ``code.camera`` belongs to: `frame_pose.whole_frame`."""
    confidence: NDArray[np.float32]
    """(K,)"""
    emotion: NDArray[np.float32]
    """(K, 10) as `Track.emotion`."""
    markers: tuple[Marker, ...]
    """Those inside, in seconds of ``times``."""

    def __len__(self) -> int:
        return len(self.times)

    @property
    def frames_per_second(self) -> float:
        return self.take.frames_per_second

    @property
    def has_emotion(self) -> bool:
        return bool(np.isfinite(self.emotion).any())

    def row_at(self, time: float) -> int:
        """The frame on show at a moment: the last that is not later."""
        return int(np.clip(np.searchsorted(self.times, time + 1e-9, side="right") - 1, 0, len(self) - 1))


def make_clip(take: Take, edits: TakeEdits, head: HeadModel) -> Clip:
    """Put the edits into a take; the take stays as it is.

    Smoothing comes before trimming, so a trimmed end is smoothed with what lay beyond it.

    Raises:
        TakeError: another head model, nobody in the take, no such face, an identity of another head model, or nothing
            left after trimming.
    """
    check_head(take, head)
    track = _chosen(take, edits)
    seconds = take.timestamps[track.frames] - take.timestamps[0]
    code, frame = _steady(take, track, head)
    if edits.smoothing > 0:
        code = _smoothed(code, Smoother.of(seconds, edits.smoothing, track.confidence.astype(np.float64)), head)
    if edits.identity is not None:
        code = retarget(code, edits.identity, head)
    first, last = edits.trim if edits.trim is not None else (0.0, np.inf)
    kept = np.flatnonzero((seconds >= first - 1e-6) & (seconds <= last + 1e-6))
    if not len(kept):
        raise TakeError(
            "Nothing is left of the take", expected="a trim with the face in it",
            found=f"{first:.2f} to {last:.2f} s; the face is there from {seconds[0]:.2f} to {seconds[-1]:.2f} s",
            remedy="Move the trim handles.",
        )  # fmt: skip
    start = first if edits.trim is not None else float(seconds[kept[0]])
    rows = slice(int(kept[0]), int(kept[-1]) + 1)
    return Clip(
        take.name, take, track.frames[rows], seconds[rows] - start, code[rows], frame,
        track.confidence[rows], track.emotion[rows],
        tuple(Marker(m.time - start, m.text) for m in edits.markers if first <= m.time <= last),
    )  # fmt: skip


def identity_of(name: str, code: FaceCode) -> Identity:
    """The first face of a code as an identity to retarget to."""
    return Identity(name, tuple(code.shape[0].tolist()), tuple(code.albedo[0].tolist()))


def retarget(code: FaceCode, identity: Identity, head: HeadModel) -> FaceCode:
    """The same performance on another person's head.

    Raises:
        TakeError: the identity belongs to another head model.
    """
    if (len(identity.shape), len(identity.albedo)) != (head.n_shape, head.n_albedo):
        raise TakeError(
            f"The identity {identity.name} belongs to another head model",
            expected=f"{head.n_shape} shape and {head.n_albedo} albedo coefficients",
            found=f"{len(identity.shape)} and {len(identity.albedo)}",
        )
    count = len(code)
    return code.replace(
        shape=torch.tensor(identity.shape, dtype=torch.float32).expand(count, -1).clone(),
        albedo=torch.tensor(identity.albedo, dtype=torch.float32).expand(count, -1).clone(),
    )


def _chosen(take: Take, edits: TakeEdits) -> Track:
    if not take.tracks:
        raise TakeError(f"There is nobody in {take.path}", remedy="Record again with a face in the picture.")
    track = take.tracks[0] if edits.face_id is None else take.track(edits.face_id)
    if track is None:
        raise TakeError(
            f"There is no face {edits.face_id} in {take.path}",
            expected=", ".join(str(t.face_id) for t in take.tracks),
        )
    return track


def _steady(take: Take, track: Track, head: HeadModel) -> tuple[FaceCode, NDArray[np.float64]]:
    """One identity, and one camera for the whole picture."""
    frame = whole_frame((int(take.sizes[0, 0]), int(take.sizes[0, 1])))
    # A source may change its resolution: every crop is brought to the size of the first frame.
    ratio = take.sizes[0].max() / take.sizes[track.frames].max(1)
    code = in_frame(track.code, track.crop_to_photo * ratio[:, None, None], frame, head)
    locked = track.state == STATES.index(FaceState.TRACKED)
    known = torch.from_numpy(locked if locked.any() else np.ones_like(locked))
    means = {name: getattr(code, name)[known].median(0).values for name in ("shape", "albedo")}
    return code.replace(**{name: mean.expand(len(code), -1).clone() for name, mean in means.items()}), frame


def _smoothed(code: FaceCode, smoother: Smoother, head: HeadModel) -> FaceCode:
    smooth: dict[str, torch.Tensor] = {}
    for part in fields(FaceCode):
        values = getattr(code, part.name)
        series = values.double().numpy()
        if part.name in _ROTATIONS:
            series = smoother.rotations(series)
        elif part.name == "eye_pose":
            series = np.concatenate([smoother.rotations(series[:, :3]), smoother.rotations(series[:, 3:])], 1)
        elif part.name == "camera":
            scale = np.exp(smoother.values(np.log(series[:, :1])))  # a scale stays above 0
            series = np.concatenate([scale, smoother.values(series[:, 1:])], 1)
        elif part.name not in ("shape", "albedo"):
            series = smoother.values(series)
        smooth[part.name] = torch.from_numpy(np.ascontiguousarray(series)).to(values)
    low, high = head.expression_bounds.T
    # A quadratic may swing past what it fits; a code may not leave its bounds, nor what was tracked past them.
    low, high = torch.minimum(low, code.expression.amin(0)), torch.maximum(high, code.expression.amax(0))
    smooth["expression"] = torch.maximum(torch.minimum(smooth["expression"], high), low)
    smooth["eyelids"] = smooth["eyelids"].clamp(0.0, 1.0)
    return FaceCode(**smooth)
