"""From photos to rows of faces; what is wrong with a photo becomes its row and never the end."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from fields_core.assets import ENCODER, find_asset
from fields_core.bulk.face_row import FaceRow
from fields_core.data.addresses import is_remote
from fields_core.data.shard_files import stored_file
from fields_core.datatypes import Photo, Reconstruction
from fields_core.detection.photo_file import load_photo
from fields_core.encoder.runtime import EncoderRuntime, load_runtime
from fields_core.errors import AssetMissingError, FieldsError, ModelFileError
from fields_core.fitting.encoded_fit import encoder_for
from fields_core.head import HeadModel, load_head
from fields_core.live.networks import EmotionReader
from fields_core.pipeline import Reconstructor

Codes = Literal["encoder", "refine", "fit"]


@dataclass(frozen=True)
class CodingSettings:
    """Where codes come from. The same on every machine, or the rows would not belong together."""

    codes: Codes = "encoder"
    """"fit" where there are no weights."""
    head: str | None = None
    """File of the head model; None: the open head."""
    encoder: str | None = None
    """File of the weights; None: those installed on each machine."""
    weights: str = ""
    """Digest of that file, which all machines must agree on; "" for "fit"."""


class Coder(Protocol):
    """Photos to rows; `PhotoCoder` is one."""

    @property
    def head(self) -> HeadModel: ...

    def rows(self, place: int, photo: str) -> list[FaceRow]: ...


class PhotoCoder:
    """Codes of every face of a photo.

    Args:
        settings: as `settled` gave them.

    Raises:
        ModelFileError: the weights here are not those of the settings.
    """

    def __init__(self, settings: CodingSettings) -> None:
        self.head = load_head(Path(settings.head) if settings.head else None)
        encoder: EncoderRuntime | None = None
        if settings.codes != "fit":
            found = _digest(_weights_file(settings))
            if found != settings.weights:
                raise ModelFileError(
                    "The encoder weights on this machine are not those that the batch was begun with",
                    expected=f"weights {settings.weights}",
                    found=f"weights {found}",
                    remedy="Install the same weights everywhere, or name one file that all machines see: --encoder.",
                )
            encoder = load_runtime(Path(settings.encoder)) if settings.encoder else encoder_for(self.head)
        self._refine = settings.codes == "refine"
        has_emotion = encoder is not None and encoder.emotion is not None
        self._emotion = EmotionReader(encoder.emotion, self.head) if has_emotion else None  # type: ignore[union-attr,arg-type]
        self._reconstructor = Reconstructor(head=self.head, encoder=encoder)

    def rows(self, place: int, photo: str) -> list[FaceRow]:
        """One row a face.

        Raises:
            FieldsError: the photo cannot be read, shows no face, or cannot be fitted.
        """
        start = time.perf_counter()
        found = self._reconstructor.reconstruct(_load(photo), texture=False)
        if self._refine:
            found = [self._reconstructor.refine(one) for one in found]
        seconds = time.perf_counter() - start
        return [self._row(place, photo, face, one, seconds) for face, one in enumerate(found, start=1)]

    def _row(self, place: int, photo: str, face: int, found: Reconstruction, seconds: float) -> FaceRow:
        return FaceRow(
            place,
            photo,
            face,
            width=found.photo.width,
            height=found.photo.height,
            box=tuple(map(float, found.face.box)),
            crop_to_photo=tuple(map(float, found.crop.crop_to_photo.ravel())),
            landmark_error=float(found.landmark_error),
            warning=found.warning,
            code=found.code,
            emotion=self._emotion(found.code) if self._emotion else None,
            seconds=seconds,
        )


def code_photos(photos: Iterable[tuple[int, str]], coder: Coder) -> Iterator[FaceRow]:
    """The rows of numbered photos, in order; whatever a photo does, the others are still wanted."""
    for place, photo in photos:
        start = time.perf_counter()
        try:
            yield from coder.rows(place, photo)
        except FieldsError as error:
            seconds = time.perf_counter() - start
            yield FaceRow(place, photo, error=str(error), error_kind=type(error).__name__, seconds=seconds)
        except Exception as error:  # noqa: BLE001 - a bug that one photo in a million shows
            told = f"Internal error: {type(error).__name__}: {error}"[:500]
            yield FaceRow(place, photo, error=told, error_kind="Bug", seconds=time.perf_counter() - start)


def settled(settings: CodingSettings) -> CodingSettings:
    """The settings with what is installed here: without weights the fit takes the encoder's place.

    Raises:
        ModelFileError: weights that are damaged, missing, or for another head model.
    """
    head = load_head(Path(settings.head) if settings.head else None)
    if settings.codes == "fit":
        return settings
    if settings.encoder is None and encoder_for(head) is None:
        return CodingSettings("fit", settings.head)
    weights = _digest(_weights_file(settings))
    return CodingSettings(settings.codes, settings.head, settings.encoder, weights)


def _weights_file(settings: CodingSettings) -> Path:
    try:
        return find_asset(ENCODER, Path(settings.encoder) if settings.encoder else None)
    except AssetMissingError as error:
        raise ModelFileError(error.title, expected=error.expected, found=error.found, remedy=error.remedy) from error


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read", found=error.strerror or str(error)) from error


def _load(photo: str) -> Photo:
    if not is_remote(photo):
        return load_photo(photo)
    content = stored_file(photo).read()
    with tempfile.NamedTemporaryFile(suffix=Path(photo).suffix[:8]) as file:
        file.write(content)
        file.flush()
        loaded = load_photo(file.name)
    return Photo(loaded.pixels, Path(photo))
