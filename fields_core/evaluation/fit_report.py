"""How well heads fit a folder of photos: errors, times, and whether expressions mean what they say.

Photos named ``*_neutral`` and ``*_smiling`` (as the Face Research Lab London Set is here) tell more: the same person
must smile more in the smiling one, and nobody must be given an expression in the neutral one.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.datatypes import Reconstruction
from fields_core.detection.photo_file import load_photo, photo_paths
from fields_core.errors import FieldsError, NoFaceError, SettingsError
from fields_core.evaluation.results import Cell, Column, Table
from fields_core.files import replacing
from fields_core.pipeline import Reconstructor
from fields_core.progress import CancelToken, Progress, ProgressCallback

MAX_MEDIAN_ERROR = 0.012  # of the distance of the irises
MAX_NEUTRAL_MEAN = 0.15  # of any unit over the neutral photos
MIN_SMILING_SHARE = 95 / 102  # of the pairs


@dataclass(frozen=True, eq=False)
class PhotoFit:
    """What happened to one photo (to its largest face)."""

    name: str
    """File name without suffix."""
    problem: str
    """Why there is no fit, or the fit's own warning; empty when all is well."""
    landmark_error: float
    """Mean over all landmarks, over the distance of the irises; NaN without a face."""
    detect_ms: float
    fit_ms: float
    expression: NDArray[np.float64]
    """(E,) coefficients; NaN without a face."""
    identity: float
    """Root mean square of the fitted shape coefficients, standard deviations; NaN without a face."""

    @property
    def found(self) -> bool:
        return bool(np.isfinite(self.landmark_error))


@dataclass(frozen=True)
class Requirement:
    """One figure and what it has to be."""

    name: str
    value: str
    wanted: str
    met: bool


@dataclass(frozen=True, eq=False)
class FitReport:
    """All photos of a folder."""

    expression_names: tuple[str, ...]
    photos: tuple[PhotoFit, ...]

    @property
    def found(self) -> tuple[PhotoFit, ...]:
        return tuple(photo for photo in self.photos if photo.found)

    @property
    def median_error(self) -> float:
        return float(np.median([photo.landmark_error for photo in self.found])) if self.found else float("nan")

    @property
    def worst(self) -> PhotoFit | None:
        return max(self.found, key=lambda photo: photo.landmark_error, default=None)

    @cached_property
    def pairs(self) -> tuple[tuple[PhotoFit, PhotoFit], ...]:
        """(neutral, smiling) photos of the same person, where both have a face."""
        by_name = {photo.name: photo for photo in self.found}
        people = sorted(name.removesuffix("_neutral") for name in by_name if name.endswith("_neutral"))
        return tuple(
            (by_name[f"{person}_neutral"], by_name[f"{person}_smiling"])
            for person in people
            if f"{person}_smiling" in by_name
        )

    @property
    def neutral(self) -> tuple[PhotoFit, ...]:
        return tuple(photo for photo in self.found if photo.name.endswith("_neutral"))

    def smile(self, photo: PhotoFit) -> float:
        """Mean of mouthSmileLeft and mouthSmileRight; NaN if the head model does not name them."""
        places = [i for i, name in enumerate(self.expression_names) if name in ("mouthSmileLeft", "mouthSmileRight")]
        return float(photo.expression[places].mean()) if places else float("nan")

    @property
    def unsmiling(self) -> tuple[str, ...]:
        """Names of the smiling photos that smile no more than their neutral partner."""
        return tuple(smiling.name for neutral, smiling in self.pairs if not self.smile(smiling) > self.smile(neutral))

    @cached_property
    def neutral_means(self) -> NDArray[np.float64]:
        """(E,) mean coefficient over the neutral photos; NaN if there are none."""
        if not self.neutral:
            return np.full(len(self.expression_names), np.nan)
        return np.asarray(np.mean([photo.expression for photo in self.neutral], axis=0))

    @property
    def flagged(self) -> tuple[str, ...]:
        """Units that neutral faces are given too much of."""
        above = np.abs(self.neutral_means) > MAX_NEUTRAL_MEAN
        return tuple(name for name, bad in zip(self.expression_names, above, strict=True) if bad)

    @property
    def identity(self) -> float:
        """Median over the photos of the root mean square shape coefficient."""
        return float(np.median([photo.identity for photo in self.found])) if self.found else float("nan")

    def requirements(self) -> tuple[Requirement, ...]:
        """The figures that are asked for, and whether they are reached."""
        found, total = len(self.found), len(self.photos)
        listed = [
            Requirement("faces found", f"{found} of {total}", "all", found == total),
            Requirement(
                "median landmark error",
                f"{self.median_error:.2%}",
                f"at most {MAX_MEDIAN_ERROR:.1%}",
                self.median_error <= MAX_MEDIAN_ERROR,
            ),
        ]
        if self.pairs:
            smiling, pairs = len(self.pairs) - len(self.unsmiling), len(self.pairs)
            wanted = int(np.ceil(MIN_SMILING_SHARE * pairs))
            listed.append(
                Requirement("smile more when smiling", f"{smiling} of {pairs}", f"at least {wanted}", smiling >= wanted)
            )
        if self.neutral and self.expression_names:
            highest = int(np.abs(self.neutral_means).argmax())
            value = f"{self.expression_names[highest]} {self.neutral_means[highest]:.3f}"
            wanted_mean = f"at most {MAX_NEUTRAL_MEAN}"
            listed.append(Requirement("largest mean unit, neutral", value, wanted_mean, not self.flagged))
        return tuple(listed)


def evaluate_fit(
    folder: Path,
    reconstructor: Reconstructor | None = None,
    progress: ProgressCallback | None = None,
    token: CancelToken | None = None,
) -> FitReport:
    """Fit every photo of a folder.

    Args:
        folder: with photos; other files are passed over.
        reconstructor: None makes one with the open head.
        progress: told after every photo.
        token: looked at before every photo.

    Raises:
        SettingsError: no such folder.
        PhotoError: no photo in it.
        Cancelled: the token was cancelled.
    """
    if not folder.is_dir():
        raise SettingsError(f"{folder} is not a folder", expected="a folder of photos", remedy="Name another folder.")
    paths = photo_paths([folder])
    if reconstructor is None:
        with Reconstructor() as made:
            return evaluate_fit(folder, made, progress, token)
    token = token or CancelToken()
    fits = []
    for number, path in enumerate(paths, start=1):
        token.raise_if_cancelled()
        fits.append(_fit_one(path, reconstructor))
        if progress is not None:
            progress(Progress(number, len(paths), path.name))
    return FitReport(reconstructor.head.expression_names, tuple(fits))


def _fit_one(path: Path, reconstructor: Reconstructor) -> PhotoFit:
    nothing = np.full(reconstructor.head.n_expression, np.nan)
    try:
        largest = reconstructor.reconstruct(load_photo(path), texture=False)[0]
    except NoFaceError:
        return PhotoFit(path.stem, "no face found", float("nan"), 0.0, 0.0, nothing, float("nan"))
    except FieldsError as error:
        return PhotoFit(path.stem, error.title, float("nan"), 0.0, 0.0, nothing, float("nan"))
    return _summary(path.stem, largest)


def _summary(name: str, reconstruction: Reconstruction) -> PhotoFit:
    code = reconstruction.code
    shape = code.shape[0].double().cpu().numpy()
    fitted = shape[shape != 0.0]
    return PhotoFit(
        name=name,
        problem=reconstruction.warning,
        landmark_error=reconstruction.landmark_error,
        detect_ms=1e3 * reconstruction.timings.detect,
        fit_ms=1e3 * reconstruction.timings.fit,
        expression=code.expression[0].double().cpu().numpy(),
        identity=float(np.sqrt(np.mean(fitted**2))) if fitted.size else 0.0,
    )


def fit_tables(report: FitReport, worst: int = 5) -> tuple[Table, ...]:
    """The report as tables: requirements, distributions, and whatever is worth a look."""
    columns = (Column("requirement"), Column("measured"), Column("wanted"), Column("verdict"))
    rows = tuple((r.name, r.value, r.wanted, "met" if r.met else "NOT MET") for r in report.requirements())
    tables = [Table("Requirements", columns, rows), _distributions(report)]
    ranked = sorted(report.found, key=lambda photo: -photo.landmark_error)[:worst]
    lists: tuple[tuple[str, str, list[tuple[Cell, ...]]], ...] = (
        ("Worst fits", "landmark error", [(photo.name, f"{photo.landmark_error:.2%}") for photo in ranked]),
        ("Problems", "what", [(photo.name, photo.problem) for photo in report.photos if photo.problem]),
        (
            "No larger smile",
            "smile",
            [(photo.name, report.smile(photo)) for _, photo in report.pairs if photo.name in report.unsmiling],
        ),
    )
    tables += [Table(title, (Column("photo"), Column(name)), tuple(rows)) for title, name, rows in lists if rows]
    if report.neutral and report.expression_names:
        order = np.argsort(-np.abs(report.neutral_means), kind="stable")
        units = [(report.expression_names[place], float(report.neutral_means[place])) for place in order]
        flags = ["too much" if name in report.flagged else "" for name, _ in units]
        means = tuple((name, mean, flag) for (name, mean), flag in zip(units, flags, strict=True))
        wanted = (Column("unit"), Column("mean"), Column("verdict"))
        tables.append(Table("Mean units on neutral photos, largest first", wanted, means))
    return tuple(tables)


def _distributions(report: FitReport) -> Table:
    measures: tuple[tuple[str, Callable[[PhotoFit], float]], ...] = (
        ("landmark error, %", lambda photo: 100 * photo.landmark_error),
        ("identity, standard deviations", lambda photo: photo.identity),
        ("detect, ms", lambda photo: photo.detect_ms),
        ("fit, ms", lambda photo: photo.fit_ms),
    )
    rows: list[tuple[Cell, ...]] = []
    for name, value in measures:
        values = [value(photo) for photo in report.found]
        if values:
            rows.append((name, float(np.median(values)), float(np.percentile(values, 95)), float(max(values))))
    columns = (Column("of photos"), Column("median", ".2f"), Column("95 %", ".2f"), Column("largest", ".2f"))
    return Table(f"{len(report.found)} photos", columns, tuple(rows))


def write_csv(report: FitReport, path: Path) -> None:
    """One row a photo, with every expression coefficient.

    Raises:
        ExportError: the file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        header = ["photo", "found", "landmark_error", "detect_ms", "fit_ms", "identity_rms", "problem"]
        writer.writerow([*header, *report.expression_names])
        for photo in report.photos:
            figures = (photo.landmark_error, photo.detect_ms, photo.fit_ms, photo.identity)
            row = [photo.name, int(photo.found), *(f"{figure:.6g}" for figure in figures), photo.problem]
            writer.writerow([*row, *(f"{value:.4f}" for value in photo.expression)])
