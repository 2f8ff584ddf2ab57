"""Batches as a run asks for them: of training samples in order of their steps, and of what was held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from fields_core.data.mixture import Mixture, Share
from fields_core.data.sample import SampleBatch, collate
from fields_core.data.view import EvaluationView, TrainingView
from fields_core.datatypes import FaceCode
from fields_core.training.training_data import Kinds


class _Batches(Dataset[SampleBatch]):
    """Batch n, whoever asks."""

    def __init__(self, mixed: Mixture, neutral: FaceCode, share: Share) -> None:
        self._mixed, self._neutral, self._share = mixed, neutral, share

    def __getitem__(self, step: int) -> SampleBatch:
        samples, chances = self._mixed.batch(step, self._share), self._mixed.chances(step, self._share)
        views = [TrainingView(chance)(sample) for sample, chance in zip(samples, chances, strict=True)]
        return collate(views, self._neutral)


class BatchStream:
    """The batches of some steps, in order; each is the same whoever makes it and whenever."""

    def __init__(
        self,
        mixed: Mixture,
        neutral: FaceCode,
        steps: Callable[[], range],
        workers: int,
        share: Callable[[], Share] = Share,
    ) -> None:
        """
        Args:
            mixed: whose batches.
            neutral: (1) stands in for absent 3D truth.
            steps: numbers of the batches, asked for when the first batch is.
            workers: processes that make them; 0 makes them when asked for.
            share: of every batch, asked for when the first batch is.
        """
        self._mixed, self._neutral, self._steps, self._workers = mixed, neutral, steps, workers
        self._share = share

    def __iter__(self) -> Iterator[SampleBatch]:
        yield from DataLoader(
            _Batches(self._mixed, self._neutral, self._share()),
            batch_size=None,
            sampler=self._steps(),
            num_workers=self._workers,
            # The threads of the face detector and of numba do not survive a fork.
            multiprocessing_context="spawn" if self._workers else None,
            prefetch_factor=4 if self._workers else None,
            worker_init_fn=_use_one_thread if self._workers else None,
        )


def _use_one_thread(worker: int) -> None:
    del worker
    torch.set_num_threads(1)


class ValidationSet:
    """The held-out samples of some kinds, in batches, as the encoder sees faces in the app."""

    def __init__(self, kinds: Kinds, limit: int, batch_size: int, neutral: FaceCode) -> None:
        self._samples = [
            samples[number]
            for samples in (kinds.with_3d, kinds.labelled, kinds.plain)
            for number in _spread(len(samples), limit)
        ]
        self._batch_size, self._neutral = batch_size, neutral

    def __len__(self) -> int:
        return -(-len(self._samples) // self._batch_size)

    def __iter__(self) -> Iterator[SampleBatch]:
        view = EvaluationView()
        for start in range(0, len(self._samples), self._batch_size):
            chosen = self._samples[start : start + self._batch_size]
            yield collate([view(sample) for sample in chosen], self._neutral)


def _spread(size: int, limit: int) -> list[int]:
    """At most ``limit`` of ``size`` numbers, evenly spread."""
    return sorted(set(np.linspace(0, size - 1, min(size, limit)).round().astype(int).tolist()))
