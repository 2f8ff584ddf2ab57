"""``fields reconstruct --shards`` and ``--cluster``: very large sets, a row a face, in shards that can be resumed."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fields_core.cli.options import parse_choices, writable_folder
from fields_core.cli.terminal import Terminal
from fields_core.errors import SettingsError
from fields_core.progress import Progress

if TYPE_CHECKING:
    from fields_core.bulk.job import BatchJob, ShardDone

SHARD_SIZE = 1000


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "very large sets of photos",
        "One row a face (code, landmark error, expression scores; no meshes) in shards under DIR. PHOTO may also be a "
        "list (.txt, a photo a line), an address (https://, s3://) or a folder of folders. The same command again goes "
        "on where the last one stopped.",
    )
    group.add_argument("--shards", action="store_true", help="on processes of this machine")
    group.add_argument("--cluster", action="store_true", help="on Ray: this machine's, or the cluster of --ray-address")
    group.add_argument("--ray-address", metavar="HOST:PORT", help="a running Ray cluster (default: RAY_ADDRESS)")
    group.add_argument("--workers", type=int, metavar="N", help="processes of one core each (default: all cores)")
    group.add_argument(
        "--shard-size", type=int, default=SHARD_SIZE, metavar="N", help=f"photos in a shard (default: {SHARD_SIZE})"
    )


def run_bulk(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Do what is left of a batch."""
    for option in ("overlay", "turntable", "json"):
        if getattr(arguments, option):
            raise SettingsError(f"--{option} makes no sense with --shards or --cluster", remedy="Leave it out.")
    if arguments.workers is not None and arguments.workers < 1:
        raise SettingsError("Nobody would work", expected="--workers 1 or more", found=str(arguments.workers))
    if arguments.shard_size < 1:
        raise SettingsError(
            "A shard must hold photos", expected="--shard-size 1 or more", found=str(arguments.shard_size)
        )
    (table,) = parse_choices(arguments.format or "parquet", ("parquet", "jsonl"), "format")[:1]
    out = writable_folder(arguments.out).resolve()
    terminal.note("Loading ...")
    from fields_core.bulk import job as batches
    from fields_core.bulk.photo_coder import CodingSettings, settled
    from fields_core.bulk.shard_table import TABLE_FORMATS, require_format

    table_format = TABLE_FORMATS[TABLE_FORMATS.index(table)]
    require_format(table_format)
    asked = CodingSettings(
        "fit" if arguments.fit else "refine" if arguments.refine else "encoder",
        _absolute(arguments.head),
        _absolute(arguments.encoder),
    )
    coding = settled(asked)
    if coding.codes != asked.codes:
        terminal.warn("No encoder weights are installed: codes by fitting landmarks")
    inputs = tuple(name if "://" in name else os.path.abspath(name) for name in arguments.photos)  # noqa: PTH100
    job = batches.begin_batch(out, batches.BatchSettings(inputs, coding, table_format, arguments.shard_size))
    return _finish(job, arguments, terminal)


def _finish(job: BatchJob, arguments: argparse.Namespace, terminal: Terminal) -> int:
    pending, start = job.pending(), time.perf_counter()
    before = job.work.shards - len(pending)
    terminal.note(f"{job.work.photos} photos in {job.work.shards} shards, {before} of them done")
    photos = faces = failed = 0
    with terminal.progress() as bar:
        for number, done in enumerate(_shards(job, pending, arguments), start=before + 1):
            photos, faces, failed = photos + done.photos, faces + done.faces, failed + done.failed
            rate = photos / (time.perf_counter() - start)
            bar.show_or_tell(Progress(number, job.work.shards, f"{rate:.1f} photos/s, {faces} faces, {failed} failed"))
    terminal.note(f"{faces} faces in {photos} photos, {failed} of which gave none: {job.folder / 'shards'}")
    return 0 if not failed else 1 if failed < photos else 2


def _shards(job: BatchJob, pending: Sequence[int], arguments: argparse.Namespace) -> Iterator[ShardDone]:
    from fields_core.bulk.photo_coder import PhotoCoder

    if not pending:
        return iter(())
    if arguments.cluster:
        from fields_core.bulk.ray_cluster import shards_on_ray

        return shards_on_ray(job, pending, arguments.workers, arguments.ray_address, PhotoCoder)
    from fields_core.bulk.local_pool import shards_here

    return shards_here(job, pending, arguments.workers or os.cpu_count() or 1, PhotoCoder)


def _absolute(name: str | None) -> str | None:
    return str(Path(name).expanduser().resolve()) if name else None
