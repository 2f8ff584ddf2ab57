"""Where codes are wrong and by how much: on photos against the detector, on rendered heads against the truth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fields_core.evaluation.coders import CodedPhotos
from fields_core.evaluation.geometry import HEAD_MEASURES, PHOTO_MEASURES, Changes, ErrorMeter, Errors
from fields_core.evaluation.rendered import CodedHeads
from fields_core.evaluation.results import Cell, Column, Table

_PAIR = re.compile(r"(?P<person>.+)_(?P<state>neutral|smiling)(_[a-z]+)?")


@dataclass(frozen=True, eq=False)
class CodedBy:
    """What one coder made of the same photos and heads as the others."""

    name: str
    """As in "encoder" and "fit"."""
    photos: CodedPhotos | None
    """None where no photos are looked at."""
    heads: CodedHeads | None
    """None where no rendered heads are."""


@dataclass(frozen=True, eq=False)
class MeasuredCoder:
    """How wrong one coder is."""

    name: str
    photo_errors: Errors
    """(N, len(PHOTO_MEASURES)) see `ErrorMeter.photo_errors`."""
    head_errors: Errors
    """(M, len(HEAD_MEASURES)) see `ErrorMeter.head_errors`."""
    smiles: Changes
    """From neutral to smiling photos of the same person; nobody where there are no such pairs."""


@dataclass(frozen=True, eq=False)
class ReconstructionReport:
    """Several coders side by side."""

    sources: tuple[str, ...]
    """(N) data set of each photo."""
    unseen: int
    """Rendered heads in which the detector found no face."""
    coders: tuple[MeasuredCoder, ...]
    """Ratios are the first one's over the second one's."""

    def mean(self, coder: str, source: str, measure: str) -> float:
        """Mean error of one coder on the photos of one data set, over the distance of the irises."""
        chosen = np.array([name == source for name in self.sources], bool)
        measured = next(one for one in self.coders if one.name == coder)
        return float(measured.photo_errors[chosen, PHOTO_MEASURES.index(measure)].mean())


def evaluate_reconstruction(coded: Sequence[CodedBy], meter: ErrorMeter) -> ReconstructionReport:
    """Measure several coders on the same photos and heads.

    Args:
        coded: at least one.
        meter: of their head model.
    """
    photos, heads = coded[0].photos, coded[0].heads
    return ReconstructionReport(
        () if photos is None else photos.sources,
        0 if heads is None else heads.unseen,
        tuple(_measured(one, meter) for one in coded),
    )


def smiling_pairs(keys: Sequence[str]) -> list[tuple[int, int]]:
    """Rows of (neutral, smiling) photos of the same person, by names as the London set's: 001_neutral, 001_smiling."""
    found: dict[str, dict[str, int]] = {}
    for row, key in enumerate(keys):
        match = _PAIR.fullmatch(key)
        if match:
            found.setdefault(match["person"], {})[match["state"]] = row
    return [(states["neutral"], states["smiling"]) for states in found.values() if len(states) == 2]


def _measured(coded: CodedBy, meter: ErrorMeter) -> MeasuredCoder:
    photo_errors, head_errors = np.zeros((0, len(PHOTO_MEASURES))), np.zeros((0, len(HEAD_MEASURES)))
    smiles = Changes(np.zeros(0), np.zeros(0), np.zeros(0))
    if coded.photos is not None:
        photo_errors = meter.photo_errors(coded.photos.codes, coded.photos.landmarks)
        pairs = smiling_pairs(coded.photos.keys)
        if pairs:
            neutral, smiling = ([rows[side] for rows in pairs] for side in (0, 1))
            smiles = meter.changes(*(coded.photos.codes[torch.tensor(rows)] for rows in (neutral, smiling)))
    if coded.heads is not None:
        head_errors = meter.head_errors(coded.heads.codes, coded.heads.heads.truth)
    return MeasuredCoder(coded.name, photo_errors, head_errors, smiles)


def reconstruction_tables(report: ReconstructionReport) -> tuple[Table, ...]:
    """The report as tables: one for each data set, one of rendered heads, one of smiles."""
    tables = [_photo_table(report, source) for source in dict.fromkeys(report.sources)]
    if len(report.coders[0].head_errors):
        tables.append(_head_table(report))
    if len(report.coders[0].smiles.shape):
        tables.append(_smile_table(report))
    return tuple(tables)


def _photo_table(report: ReconstructionReport, source: str) -> Table:
    chosen = np.array([name == source for name in report.sources], bool)
    coders = [coder for coder in report.coders if len(coder.photo_errors)]
    errors = [100.0 * coder.photo_errors[chosen] for coder in coders]
    columns = [Column("where")]
    columns += [Column(f"{coder.name}, {kind}", ".2f") for coder in coders for kind in ("mean", "median", "95 %")]
    compared = len(coders) > 1
    if compared:
        names = " / ".join(coder.name for coder in coders[:2])
        columns.append(Column(f"{names} (means)", ".2f"))
    rows: list[tuple[Cell, ...]] = []
    for place, measure in enumerate(PHOTO_MEASURES):
        cells: list[Cell] = [measure]
        for error in errors:
            values = error[:, place]
            cells += [float(values.mean()), float(np.median(values)), float(np.percentile(values, 95))]
        if compared:
            cells.append(float(errors[0][:, place].mean() / errors[1][:, place].mean()))
        rows.append(tuple(cells))
    title = f"{source}: errors on {int(chosen.sum())} photos, % of the distance of the irises"
    note = "Closures: how much further apart, or nearer, the lids or the lips are than the detector saw them."
    return Table(title, tuple(columns), tuple(rows), note)


def _head_table(report: ReconstructionReport) -> Table:
    columns = (Column("mean error of"), *(Column(coder.name) for coder in report.coders))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (measure, *(float(coder.head_errors[:, place].mean()) for coder in report.coders))
        for place, measure in enumerate(HEAD_MEASURES)
    )
    count = len(report.coders[0].head_errors)
    note = (
        f"Of people that no training saw; in {report.unseen} more the detector found no face. Millimetres are mean "
        "distances of face vertices: of the expression on the mean head without head pose, of the identity at rest."
    )
    return Table(f"Errors on {count} rendered heads with known truth", columns, rows, note)


def _smile_table(report: ReconstructionReport) -> Table:
    columns = [Column("codes by"), Column("expression, mm"), Column("shape, mm"), Column("ratio", ".2f")]
    columns += [Column("shape after alignment, mm"), Column("ratio after alignment", ".2f")]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            coder.name,
            float(coder.smiles.expression.mean()),
            float(coder.smiles.shape.mean()),
            coder.smiles.ratio,
            float(coder.smiles.aligned_shape.mean()),
            coder.smiles.aligned_ratio,
        )
        for coder in report.coders
        if len(coder.smiles.shape)
    )
    count = len(report.coders[0].smiles.shape)
    note = "Mean distances of face vertices. The same person has one shape: what changes in it is wrong."
    return Table(f"From neutral to smiling: what changes, {count} people", tuple(columns), rows, note)
