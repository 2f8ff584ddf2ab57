"""From people of the document to files: heads, pictures over photos, the table and the sheets. Runs on a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fields_app.export_settings import CUSTOM, ExportChoice
from fields_core.progress import CancelToken, Progress, ProgressCallback

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode, Photo, Reconstruction
    from fields_core.export import EmotionScores, ExportedPerson, Target
    from fields_core.expression.tools import ExpressionTools
    from fields_core.head.model import HeadModel


@dataclass(frozen=True, eq=False)
class PersonToExport:
    """A face, or with ``what`` a code the head on show without a photo."""

    what: Reconstruction | FaceCode
    stem: str
    """Of its files; no two people have the same."""
    name: str = ""
    face: int = 1
    photo: Path | None = None
    """To read the photo's pixels from, where they are not in memory."""


@dataclass(frozen=True, eq=False)
class ExportTools:
    """What an export needs of the engine."""

    head: HeadModel
    expression: ExpressionTools
    open_photo: Callable[[Path], Photo]
    with_code: Callable[[Reconstruction, FaceCode], Reconstruction]
    """The mesh of the very code, where a drag left an older one."""


def export_people(
    people: Sequence[PersonToExport],
    tools: ExportTools,
    choice: ExportChoice,
    report: ProgressCallback,
    token: CancelToken,
) -> list[Path]:
    """Write everything the choice asks for; the files, in the order they were written.

    Raises:
        ExportError: a file could not be written.
        PhotoError: a photo is no longer where it was.
        Cancelled: the token said so.
    """
    from fields_core.datatypes import FaceCode
    from fields_core.export import OVERLAY, export_code, export_head, write_sheet, write_table

    target, written = target_of(choice), list[Path]()
    pictures = choice.overlay or bool(choice.sheet)
    exported: list[ExportedPerson] = []
    for done, person in enumerate(people):
        token.raise_if_cancelled()
        report(Progress(done, len(people), person.name or person.stem))
        if isinstance(person.what, FaceCode):
            for name in choice.formats:
                token.raise_if_cancelled()
                written += export_code(person.what, tools.head, choice.directory, (name,), person.stem, target)
            continue
        face = tools.with_code(person.what, person.what.code)
        if pictures and person.photo is not None:
            face = replace(face, photo=tools.open_photo(person.photo))
        bare = face if choice.texture else replace(face, texture=None)
        for name in (*choice.formats, *((OVERLAY,) if choice.overlay else ())):
            token.raise_if_cancelled()
            written += export_head(bare, tools.head, choice.directory, (name,), person.stem, target)
        exported.append(_described(person, face, tools, choice, token))
    if choice.table and exported:
        written += write_table(exported, tools.head, choice.directory / "people.csv")
    if choice.sheet and exported:

        def each(done: int) -> None:
            token.raise_if_cancelled()
            report(Progress(done, len(exported), exported[done].name))

        written += write_sheet(exported, tools.head, choice.directory / f"people.{choice.sheet}", each)
    return list(dict.fromkeys(written))  # OBJ and USD share their texture


def target_of(choice: ExportChoice) -> Target:
    """Unit and axes of the choice; those of any program where it names one that is not known."""
    from fields_core.export import GENERAL, TARGETS, Space, custom_target

    if choice.target == CUSTOM:
        return custom_target(Space(choice.unit, choice.up, choice.left_handed))  # type: ignore[arg-type]
    return TARGETS.get(choice.target, GENERAL)


def _described(
    person: PersonToExport, face: Reconstruction, tools: ExportTools, choice: ExportChoice, token: CancelToken
) -> ExportedPerson:
    from fields_core.export import ExportedPerson

    emotion = _scores(face.code, tools, token) if choice.table or choice.sheet else None
    kept = face if choice.sheet else replace(face, texture=None)
    return ExportedPerson(person.name, person.face, kept, emotion)


def _scores(code: FaceCode, tools: ExportTools, token: CancelToken) -> EmotionScores | None:
    from fields_core.export import EmotionScores

    reading = tools.expression.read(code, token)
    if reading.scores is None or reading.valence_arousal is None:
        return None
    return EmotionScores(reading.scores, *reading.valence_arousal)
