"""How one tracked frame lies in its record: a fixed layout that the take's header describes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode
from fields_core.errors import TakeError
from fields_core.head.model import HeadModel
from fields_core.live.tracked import FaceState, TrackedFace, TrackedFrame

FORMAT = "fields-take-1"
EMOTION_COLUMNS = 10  # eight probabilities, valence, arousal; NaN without an emotion branch
STATES = tuple(FaceState)
MOST_COEFFICIENTS = 2000
MOST_FACES = 64  # in one frame
LARGEST_SIDE = 16_384  # pixels of a frame

FRAME_HEAD = np.dtype([("timestamp", "<f8"), ("number", "<i8"), ("width", "<i4"), ("height", "<i4"), ("faces", "<i4")])
Rows = NDArray[Any]


@dataclass(frozen=True)
class TakeHeader:
    """What a take says of itself."""

    head_model: str
    expression_names: tuple[str, ...]
    n_shape: int
    n_albedo: int
    source: str = ""
    """What was recorded: the name of a camera or file."""
    created: str = ""
    """ISO 8601, with time zone."""
    pictures: bool = False
    """Whether the video was recorded too."""

    @staticmethod
    def of(head: HeadModel, source: str, created: str, pictures: bool) -> TakeHeader:
        return TakeHeader(head.name, head.expression_names, head.n_shape, head.n_albedo, source, created, pictures)

    @property
    def face_row(self) -> np.dtype[Any]:
        """One face of one frame."""
        part = {"shape": (self.n_shape,), "expression": (len(self.expression_names),), "head_pose": (3,),
                "neck_pose": (3,), "jaw_pose": (3,), "eye_pose": (6,), "eyelids": (2,), "camera": (3,),
                "lighting": (9, 3), "albedo": (self.n_albedo,)}  # fmt: skip
        code = [(f.name, "<f4", part[f.name]) for f in fields(FaceCode)]
        return np.dtype(
            [("id", "<i4"), ("state", "u1"), ("confidence", "<f4"), ("box", "<f4", (4,)), ("crop", "<f8", (2, 3)),
             ("emotion", "<f4", (EMOTION_COLUMNS,)), *code]
        )  # fmt: skip

    def to_bytes(self) -> bytes:
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False).encode()

    @staticmethod
    def from_bytes(data: bytes, name: str) -> TakeHeader:
        """Read what anybody may have written.

        Raises:
            TakeError: not a header, of another format, or of sizes no take has.
        """
        try:
            content = json.loads(data)
            if content.pop("format") != FORMAT:
                raise ValueError("another version of the format")
            names = content.pop("expression_names")
            header = TakeHeader(expression_names=tuple(names), **content)
            header._check()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
            raise TakeError(
                f"{name} has no usable header", expected=f"a take of format {FORMAT}", found=str(cause)[:200],
                remedy="Record it again, or open it with the version of FIELDS that made it.",
            ) from cause  # fmt: skip
        return header

    def _check(self) -> None:
        texts = (self.head_model, self.source, self.created, *self.expression_names)
        if not all(isinstance(text, str) and len(text) <= 1000 for text in texts) or not self.expression_names:
            raise ValueError("names that are no short texts")
        if len(set(self.expression_names)) != len(self.expression_names):
            raise ValueError("an expression name twice")
        counts = (self.n_shape, self.n_albedo, len(self.expression_names))
        if not all(type(count) is int and 0 <= count <= MOST_COEFFICIENTS for count in counts):
            raise ValueError("impossible numbers of coefficients")
        if type(self.pictures) is not bool:
            raise ValueError("pictures must be true or false")


def pack_frame(frame: TrackedFrame, header: TakeHeader) -> bytes:
    """The payload of one frame's record."""
    head = np.array((frame.timestamp, frame.number, *frame.size, len(frame.faces)), FRAME_HEAD)
    rows = np.zeros(len(frame.faces), header.face_row)
    for row, face in zip(rows, frame.faces, strict=True):
        _fill(row, face)
    return head.tobytes() + rows.tobytes()


def unpack_frame(payload: bytes, header: TakeHeader, name: str) -> tuple[Rows, Rows]:
    """The frame's head (scalar `FRAME_HEAD`) and its faces (n,) `face_row`.

    Raises:
        TakeError: of another length than its number of faces asks for, or holding what no tracker gives.
    """
    row = header.face_row
    if len(payload) < FRAME_HEAD.itemsize:
        raise _damaged(name, "a frame shorter than its head")
    head = np.frombuffer(payload, FRAME_HEAD, 1)[0]
    count = int(head["faces"])
    if not 0 <= count <= MOST_FACES or len(payload) != FRAME_HEAD.itemsize + count * row.itemsize:
        raise _damaged(name, f"a frame of {count} faces in {len(payload)} bytes")
    faces = np.frombuffer(payload, row, count, FRAME_HEAD.itemsize)
    sides = (int(head["width"]), int(head["height"]))
    if not np.isfinite(head["timestamp"]) or not all(0 < side <= LARGEST_SIDE for side in sides):
        raise _damaged(name, f"a frame of {sides[0]} x {sides[1]} pixels at {head['timestamp']} s")
    if count:
        _check_faces(faces, name)
    return head, faces


def _check_faces(faces: Rows, name: str) -> None:
    for part in (*(f.name for f in fields(FaceCode)), "confidence", "box", "crop"):
        values = faces[part]
        if not np.isfinite(values).all() or (values.size and np.abs(values).max() > 1e6):
            raise _damaged(name, f"{part} that is not finite")
    if (faces["camera"][:, 0] <= 0).any() or (faces["state"] >= len(STATES)).any():
        raise _damaged(name, "a camera or a state that cannot be")
    if len(np.unique(faces["id"])) != len(faces):
        raise _damaged(name, "one face twice in a frame")


def _fill(row: Any, face: TrackedFace) -> None:
    row["id"], row["state"], row["confidence"] = face.id, STATES.index(face.state), face.confidence
    row["box"], row["crop"] = face.box, face.crop_to_photo
    emotion = face.emotion
    row["emotion"] = np.nan if emotion is None else (*emotion.probabilities, emotion.valence, emotion.arousal)
    for part in fields(FaceCode):
        row[part.name] = getattr(face.code, part.name)[0].detach().cpu().numpy()


def code_of_rows(rows: Rows) -> FaceCode:
    """The codes of many face rows, float32."""
    return FaceCode(**{f.name: torch.from_numpy(np.array(rows[f.name], np.float32)) for f in fields(FaceCode)})


def _damaged(name: str, found: str) -> TakeError:
    return TakeError(
        f"{name} is damaged", expected="frames as the tracker gives them", found=found, remedy="Record it again."
    )
