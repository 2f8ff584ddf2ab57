"""From folders of shards to the samples of a run, by what they can teach, and how its batches are mixed of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fields_core.data.addresses import Addresses
from fields_core.data.holdout import among, held_out
from fields_core.data.mixture import Ingredient, Mixture, SampleSet
from fields_core.data.sample import Sample
from fields_core.data.shard_folder import ShardFolders, open_folders
from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion
from fields_core.encoder.intensity import intensity_scale
from fields_core.errors import SettingsError
from fields_core.head.model import HeadModel
from fields_core.training.config import DataConfig, TrainConfig

_CODES_MEASURED = 2000  # enough for a 95th percentile


class Chosen:
    """Some samples of a set, by their numbers."""

    def __init__(self, samples: SampleSet, numbers: Sequence[int]) -> None:
        self._samples, self._numbers = samples, np.asarray(numbers, np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, number: int) -> Sample:
        return self._samples[int(self._numbers[number])]


class Joined:
    """Several sets as one."""

    def __init__(self, sets: Sequence[SampleSet]) -> None:
        self._sets = [samples for samples in sets if len(samples)]
        self._ends = np.cumsum([len(samples) for samples in self._sets])

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._sets else 0

    def __getitem__(self, number: int) -> Sample:
        which = int(np.searchsorted(self._ends, number, side="right"))
        return self._sets[which][number - (int(self._ends[which - 1]) if which else 0)]


@dataclass(frozen=True, eq=False)
class Kinds:
    """Samples by what they can teach."""

    with_3d: Joined
    labelled: Joined
    plain: Joined
    """All photos, labelled or not."""
    people: tuple[tuple[int, ...], ...] = ()
    """Numbers of those among ``plain`` that show the same person, for everybody with several photos."""

    def __len__(self) -> int:
        return len(self.with_3d) + len(self.plain)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a run reads."""

    names: tuple[str, ...]
    """Of the data sets."""
    sizes: tuple[int, ...]
    """Samples of each data set."""
    training: Kinds
    validation: Kinds
    class_counts: tuple[int, ...]
    """Labelled training photos of each emotion."""
    class_counts_3d: tuple[int, ...]
    """Labelled training samples with 3D truth of each emotion: drawn, not met, so that they say nothing of photos."""
    declared_scale: float | None
    """d95 in metres that the 3D set says its intensities are relative to."""


def read_folder(folder: Addresses, config: DataConfig, cache: Path | None = None) -> TrainingData:
    """Sort the shards of a folder or several. A data set's samples all have 3D truth or none has.

    Args:
        folder: paths, or addresses elsewhere (see `fields_core.data.shard_folder`); their order makes no difference.
        cache: keeps whole shards from elsewhere.

    Raises:
        SettingsError: no shards, or a data set that is asked for and not there.
        ShardError, RemoteFileError: a shard cannot be read.
    """
    where = open_folders(folder, cache)
    present = where.names
    missing = [name for name in config.sources if name not in present]
    if not present or missing:
        raise SettingsError(
            f"{where} lacks data to train on",
            expected="shards named " + ", ".join(f"{name}-000000.tar" for name in missing or ["NAME"]),
            found=", ".join(present) or "no shards",
            remedy="Make them with fields prepare.",
        )
    parts: dict[tuple[str, bool], list[SampleSet]] = {}
    counts: dict[bool, Counter[int]] = {True: Counter(), False: Counter()}
    names_3d: list[str] = []
    people: dict[bool, list[tuple[int, ...]]] = {True: [], False: []}
    sizes: list[int] = []
    for name in config.sources or present:
        shards = where.shards(name)
        sizes.append(len(shards))
        with_3d = len(shards) > 0 and shards[0].code is not None
        names_3d += [name] if with_3d else []
        facts = shards.facts()
        owners = [item.owner for item in facts]
        aside = held_out(owners, config.holdout_every)
        taken = [True] * len(facts) if with_3d else among(owners, config.people_share)
        for validating in (False, True):
            numbers = [n for n in range(len(shards)) if aside[n] == validating and (validating or taken[n])]
            known = [n for n in numbers if facts[n].label >= 0]
            if not with_3d:
                before = sum(len(part) for part in parts.get(("plain", validating), []))
                people[validating] += _same_people([facts[n].person for n in numbers], before)
            parts.setdefault(("3d" if with_3d else "plain", validating), []).append(Chosen(shards, numbers))
            if not with_3d:
                parts.setdefault(("labelled", validating), []).append(Chosen(shards, known))
            if not validating:
                counts[with_3d].update(facts[n].label for n in known)
    training, validation = (
        Kinds(
            with_3d=Joined(parts.get(("3d", validating), [])),
            labelled=Joined(parts.get(("labelled", validating), [])),
            plain=Joined(parts.get(("plain", validating), [])),
            people=tuple(people[validating]),
        )
        for validating in (False, True)
    )
    return TrainingData(
        tuple(config.sources or present),
        tuple(sizes),
        training,
        validation,
        tuple(counts[False][emotion] for emotion in Emotion),
        tuple(counts[True][emotion] for emotion in Emotion),
        _declared_scale(where, names_3d),
    )


def mixture(data: TrainingData, config: TrainConfig) -> Mixture:
    """The batches of a run; kinds without samples or without a share drop out."""
    kinds = data.training
    ingredients = [
        Ingredient(kinds.with_3d, config.data.fraction_3d),
        Ingredient(kinds.labelled, config.data.fraction_labelled),
        Ingredient(kinds.plain, config.data.fraction_plain),
    ]
    if kinds.people:
        ingredients.append(Ingredient(kinds.plain, config.data.fraction_people, kinds.people))
    present = [item for item in ingredients if len(item.samples) and item.fraction > 0]
    return Mixture(present, config.batch_size, config.seed)


def all_class_weights(data: TrainingData, balance: float) -> Tensor:
    """(2, 8) `class_weights` of photos, then of samples with 3D truth."""
    return torch.stack([class_weights(counts, balance) for counts in (data.class_counts, data.class_counts_3d)])


def class_weights(counts: Sequence[int], balance: float) -> Tensor:
    """(8,) weight of each emotion, (1 / frequency) ^ balance, 1 on average over the samples; 0 for absent ones."""
    present = torch.tensor(counts, dtype=torch.float32)
    weights = torch.where(present > 0, present.clamp(min=1.0) ** -balance, 0.0)
    total = (weights * present).sum()
    return weights * present.sum() / total if total > 0 else torch.ones(len(present))


def measured_scale(data: TrainingData, head: HeadModel) -> float:
    """d95 of the 3D training samples in metres, as they declare it or else measured.

    Raises:
        SettingsError: there are no 3D samples.
    """
    if data.declared_scale is not None:
        return data.declared_scale
    samples = data.training.with_3d
    if not len(samples):
        raise SettingsError(
            "Nothing tells how strong a strong expression is",
            expected="samples with 3D truth",
            remedy="Add synthetic data, or set intensity_scale (metres).",
        )
    step = max(1, len(samples) // _CODES_MEASURED)
    codes = [samples[number].code for number in range(0, len(samples), step)]
    return intensity_scale(head, FaceCode.concatenate([code for code in codes if code is not None]))


def _same_people(people: Sequence[str], first: int) -> list[tuple[int, ...]]:
    """Numbers, from ``first`` on, of the samples of everybody who has several; unnamed ones are nobody's."""
    found: dict[str, list[int]] = {}
    for number, person in enumerate(people, start=first):
        if person:
            found.setdefault(person, []).append(number)
    return [tuple(numbers) for numbers in found.values() if len(numbers) > 1]


def _declared_scale(where: ShardFolders, names: Sequence[str]) -> float | None:
    """What the notes of 3D sets say intensity 1 is.

    Raises:
        SettingsError: notes that do not say it, or that contradict each other.
    """
    scales: dict[str, float] = {}
    notes = where.notes
    for name in (name for name in names if name in notes):
        try:
            scales[name] = float(notes[name]["intensity_scale"])
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"{where.folder_of(name).address}/{name}.json does not say what intensity 1 is", found=str(error)
            ) from error
    if scales and max(scales.values()) > (1.0 + 1e-6) * min(scales.values()):
        raise SettingsError(
            "The 3D sets measure intensity in different units",
            expected="one displacement that counts as intensity 1",
            found=", ".join(f"{name}: {1000.0 * scale:.2f} mm" for name, scale in scales.items()),
            remedy="Prepare the codes again in a folder that has the synthetic faces' shards.",
        )
    return next(iter(scales.values()), None)
