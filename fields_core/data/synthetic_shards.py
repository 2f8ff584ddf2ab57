"""Writes synthetic faces as shards, with several processes; what is done stays done."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.data.prepare import SHARD_ENTRIES
from fields_core.data.sample import Sample
from fields_core.data.shards import ShardSet, shard_path, write_shard
from fields_core.data.synthetic import SOURCE, SyntheticFaces
from fields_core.datatypes import Photo
from fields_core.detection.crop import pixels_to_image
from fields_core.detection.face_detector import FaceDetector
from fields_core.detection.photo_file import load_photo
from fields_core.errors import SettingsError
from fields_core.files import replacing
from fields_core.head import load_head
from fields_core.progress import Cancelled, CancelToken, Progress, ProgressCallback

_LARGEST_BACKGROUND = 512  # pixels


@dataclass(frozen=True)
class SyntheticSet:
    """What a folder of synthetic shards holds; kept beside them as ``synthetic.json``."""

    seed: int
    head: str
    """Name of the head model."""
    backgrounds: tuple[str, ...]
    """Names of the photos whose parts are seen behind the heads."""
    intensity_scale: float
    """d95 in metres that the intensities are relative to."""


def write_synthetic(
    folder: Path,
    count: int,
    seed: int,
    progress: ProgressCallback,
    token: CancelToken,
    *,
    processes: int | None = None,
    head_file: Path | None = None,
    backgrounds: tuple[Path, ...] = (),
) -> SyntheticSet:
    """Write ``synthetic-000000.tar`` and so on, 1000 samples each; shards already there are kept.

    Args:
        count: of samples. A larger one continues what a smaller one began.
        processes: None takes one for each processor.
        head_file: None takes the open head.
        backgrounds: photos; without them backgrounds are drawn.

    Raises:
        Cancelled: the finished shards stay.
        SettingsError: the folder holds shards of another sequence.
        ExportError: a shard cannot be written.
        PhotoError: a background cannot be read.
    """
    token.raise_if_cancelled()
    described = _describe(folder, seed, head_file, backgrounds)
    numbers = range((count + SHARD_ENTRIES - 1) // SHARD_ENTRIES)
    sizes = {number: min(SHARD_ENTRIES, count - number * SHARD_ENTRIES) for number in numbers}
    todo = [number for number in numbers if not _holds(shard_path(folder, SOURCE, number), sizes[number])]
    done = count - sum(sizes[number] for number in todo)
    progress(Progress(done, count, SOURCE))
    workers = max(1, min(processes or os.cpu_count() or 1, len(todo)))
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _use_one_thread)
    with tempfile.TemporaryDirectory(prefix="fields-") as room, pool:
        stop = Path(room) / "stop"
        jobs = {
            pool.submit(
                _write, shard_path(folder, SOURCE, number), number, sizes[number], seed, head_file, backgrounds, stop
            ): number
            for number in todo
        }
        waiting: set[Future[None]] = set(jobs)
        try:
            while waiting:
                token.raise_if_cancelled()
                finished, waiting = wait(waiting, timeout=0.2)
                for job in finished:
                    job.result()
                    done += sizes[jobs[job]]
                    progress(Progress(done, count, shard_path(folder, SOURCE, jobs[job]).name))
        except BaseException:
            stop.touch()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return described


def _describe(folder: Path, seed: int, head_file: Path | None, backgrounds: tuple[Path, ...]) -> SyntheticSet:
    """Compare with what the folder says of itself, or write it down."""
    notes = folder / f"{SOURCE}.json"
    faces = _faces(seed, head_file, backgrounds)
    found = SyntheticSet(seed, faces.head.name, tuple(path.name for path in backgrounds), faces.intensity_scale)
    text = json.dumps(asdict(found), indent=1) + "\n"
    if not notes.exists():
        with replacing(notes) as temporary:
            temporary.write_text(text, "utf-8")
    elif notes.read_text("utf-8") != text:
        raise SettingsError(
            f"{folder} holds synthetic faces made otherwise",
            expected=" ".join(text.split()),
            found=" ".join(notes.read_text("utf-8").split()),
            remedy="Choose an empty folder, or the same seed, head model and backgrounds.",
        )
    return found


def _holds(path: Path, size: int) -> bool:
    return path.exists() and len(ShardSet([path])) == size


def _use_one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _write(
    path: Path, number: int, size: int, seed: int, head_file: Path | None, backgrounds: tuple[Path, ...], stop: Path
) -> None:
    """In a process of its own, until a file ``stop`` is there or whoever asked for it is not."""
    faces = _faces(seed, head_file, backgrounds)
    start = number * SHARD_ENTRIES
    with FaceDetector(max_faces=1, small_faces=False) as detector:

        def samples() -> Iterator[Sample]:
            for index in range(start, start + size):
                asker = multiprocessing.parent_process()
                if stop.exists() or (asker is not None and not asker.is_alive()):
                    raise Cancelled
                yield observed(faces[index], detector)

        write_shard(path, samples())


def observed(sample: Sample, detector: FaceDetector) -> Sample:
    """The sample with what the detector sees of it: an encoder that is given landmarks must learn from such, not from
    the truth. Unchanged where the detector finds no face."""
    found = detector.detect(Photo(sample.image))
    if not found:
        return sample
    points = pixels_to_image(found[0].landmarks[:, :2].astype(np.float64), sample.image.shape[0])
    return replace(sample, observed=points.astype(np.float32))


@functools.lru_cache(maxsize=1)  # a worker writes many shards of one sequence
def _faces(seed: int, head_file: Path | None, backgrounds: tuple[Path, ...]) -> SyntheticFaces:
    return SyntheticFaces(load_head(head_file), seed, [_background(path) for path in backgrounds])


def _background(path: Path) -> NDArray[np.uint8]:
    pixels = load_photo(path).pixels
    factor = min(1.0, _LARGEST_BACKGROUND / min(pixels.shape[:2]))
    return cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
