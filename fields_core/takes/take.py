"""Takes as they were recorded: read once, never changed."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fields_core.datatypes import FaceCode
from fields_core.errors import TakeError
from fields_core.head.model import HeadModel
from fields_core.takes.layout import Rows, TakeHeader, code_of_rows, unpack_frame
from fields_core.takes.record_file import FRAME, HEADER, PICTURE, Record, read_payload, scan

SUFFIX = ".take"
_LIMIT_BYTES = 2 << 30  # of all codes together
_NO_PICTURE = -1


@dataclass(frozen=True, eq=False)
class Track:
    """One person through the take; M frames of the take's N."""

    face_id: int
    frames: NDArray[np.int64]
    """(M,) which frames of the take, growing."""
    code: FaceCode
    """M rows as tracked; the camera is that of the crop."""
    crop_to_photo: NDArray[np.float64]
    """(M, 2, 3) as `TrackedFace.crop_to_photo`."""
    box: NDArray[np.float32]
    """(M, 4) left, top, right, bottom, frame pixels."""
    confidence: NDArray[np.float32]
    """(M,) in [0, 1]."""
    state: NDArray[np.uint8]
    """(M,) places in `layout.STATES`."""
    emotion: NDArray[np.float32]
    """(M, 10) eight probabilities, valence, arousal; NaN without an emotion branch."""

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True, eq=False)
class Take:
    """A recording."""

    path: Path
    header: TakeHeader
    timestamps: NDArray[np.float64]
    """(N,) seconds, growing; the first need not be 0."""
    numbers: NDArray[np.int64]
    """(N,) of the source's frames."""
    sizes: NDArray[np.int32]
    """(N, 2) width, height, pixels."""
    tracks: tuple[Track, ...]
    """By length, the longest first."""
    note: str = ""
    """A sentence for the user when the end of the file was lost; empty when all is well."""
    _pictures: tuple[Record | None, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.timestamps)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return float(self.timestamps[-1] - self.timestamps[0])

    @property
    def frames_per_second(self) -> float:
        """The usual rate: from the median distance of two frames; 30 where there is only one."""
        return float(1.0 / np.median(np.diff(self.timestamps))) if len(self) > 1 else 30.0

    @property
    def has_pictures(self) -> bool:
        return any(picture is not None for picture in self._pictures)

    def track(self, face_id: int) -> Track | None:
        return next((track for track in self.tracks if track.face_id == face_id), None)

    def picture(self, index: int) -> NDArray[np.uint8] | None:
        """The frame's picture (H, W, 3) RGB; None if it was not recorded.

        Raises:
            TakeError: it is damaged, or the file is gone.
        """
        record = self._pictures[index]
        if record is None:
            return None
        try:
            with self.path.open("rb") as file:
                payload = read_payload(file, record)
            if payload is None:
                raise OSError("its checksum is wrong")
            with Image.open(io.BytesIO(payload), formats=["JPEG"]) as image:
                if image.size != tuple(self.sizes[index]):
                    raise OSError(f"it has {image.size[0]} x {image.size[1]} pixels")
                return np.array(image.convert("RGB"))
        except (OSError, Image.DecompressionBombError, SyntaxError, ValueError) as cause:
            raise TakeError(
                f"A picture of {self.path} cannot be read", expected=f"frame {index} as a JPEG", found=str(cause)[:200],
                remedy="The codes can still be exported.",
            ) from cause  # fmt: skip


def load_take(path: Path, head: HeadModel | None = None) -> Take:
    """Read a take from anybody.

    A recording that was cut off (a crash, a full disk) is read as far as it goes; `Take.note` says so.

    Args:
        head: if given, the take must have been recorded with it.

    Raises:
        TakeError: missing, not a take, without a frame, of another head model, or holding what no tracker gives.
    """
    try:
        with path.open("rb") as file:
            reader = _Reader(path)
            for record in scan(file, path):
                payload = None if record.kind == PICTURE else read_payload(file, record)
                if not reader.take(record, payload):
                    break
            file.seek(0, io.SEEK_END)
            take = reader.finish(file.tell())
    except FileNotFoundError as cause:
        raise TakeError(f"{path} does not exist", remedy="Check the path.") from cause
    except OSError as cause:
        raise TakeError(f"{path} cannot be read", found=cause.strerror or str(cause)) from cause
    if head is not None:
        check_head(take, head)
    return take


def check_head(take: Take, head: HeadModel) -> None:
    """Raises:
    TakeError: the take was recorded with another head model.
    """
    header = take.header
    mine = (head.name, head.expression_names, head.n_shape, head.n_albedo)
    if (header.head_model, header.expression_names, header.n_shape, header.n_albedo) != mine:
        raise TakeError(
            f"{take.path} was recorded with another head model", expected=head.name, found=header.head_model[:80],
            remedy="Open it with the head model it was recorded with.",
        )  # fmt: skip


class _Reader:
    """Puts the records together."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header: TakeHeader | None = None
        self._heads: list[Rows] = []
        self._faces: list[Rows] = []
        self._pictures: list[Record | None] = []
        self._picture: Record | None = None
        self._end = 0
        self._bytes = 0

    def take(self, record: Record, payload: bytes | None) -> bool:
        """Add one record; False where the recording breaks off."""
        if record.kind == PICTURE:
            self._picture = record
            return self._header is not None
        if payload is None or (record.kind == HEADER) != (self._header is None):
            return False
        if record.kind == HEADER:
            self._header = TakeHeader.from_bytes(payload, str(self._path))
        elif record.kind == FRAME and self._header is not None:
            head, faces = unpack_frame(payload, self._header, str(self._path))
            if self._heads and head["timestamp"] <= self._heads[-1]["timestamp"]:
                raise TakeError(f"{self._path} is damaged", expected="time that goes on", found="a frame out of order")
            self._bytes += len(payload)
            if self._bytes > _LIMIT_BYTES:
                raise TakeError(f"{self._path} is too long", expected=f"at most {_LIMIT_BYTES >> 30} GiB of codes")
            self._heads.append(head)
            self._faces.append(faces)
            self._pictures.append(self._picture)
            self._picture = None
        self._end = record.start + record.length
        return True

    def finish(self, size: int) -> Take:
        if self._header is None or not self._heads:
            raise TakeError(
                f"{self._path} holds no frames", expected="at least one recorded frame", remedy="Record it again."
            )
        heads = np.stack(self._heads)
        lost = size - self._end
        note = ""
        if lost:
            seconds = heads["timestamp"][-1] - heads["timestamp"][0]
            note = f"The recording breaks off after {seconds:.1f} s; its last {lost} bytes were dropped."
        return Take(
            self._path, self._header, heads["timestamp"].copy(), heads["number"].copy(),
            np.stack([heads["width"], heads["height"]], 1), self._tracks(), note, tuple(self._pictures),
        )  # fmt: skip

    def _tracks(self) -> tuple[Track, ...]:
        rows = np.concatenate(self._faces)
        frames = np.repeat(np.arange(len(self._faces)), [len(faces) for faces in self._faces])
        tracks = []
        for face_id in np.unique(rows["id"]):
            mine = rows["id"] == face_id
            own = rows[mine]
            tracks.append(
                Track(int(face_id), frames[mine], code_of_rows(own), own["crop"].copy(), own["box"].copy(),
                      own["confidence"].copy(), own["state"].copy(), own["emotion"].copy())
            )  # fmt: skip
        return tuple(sorted(tracks, key=len, reverse=True))
