"""The shards of a batch on Ray Data, on this machine or a cluster. Nothing else knows Ray (extra ``cluster``)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fields_core.bulk.job import BatchJob, ShardDone
from fields_core.bulk.local_pool import MakeCoder
from fields_core.bulk.photo_coder import Coder
from fields_core.errors import FieldsError, SettingsError

_MOST_BLOCKS = 20_000  # each costs the scheduler some milliseconds and kilobytes
_TRIES = 3
_NUMBERS = tuple(field.name for field in dataclasses.fields(ShardDone))
_ERROR = ("title", "expected", "found", "remedy")


def shards_on_ray(
    job: BatchJob, pending: Sequence[int], workers: int | None, address: str | None, make_coder: MakeCoder
) -> Iterator[ShardDone]:
    """Do shards on a cluster, in whatever order they become ready. Ray restarts what dies.

    The workers write into the folder of the batch themselves: all machines must see it under the same path, as well as
    the photos, and have FIELDS and the weights installed.

    Args:
        job: the batch.
        pending: the shards to do.
        workers: processes of one core each; None takes all cores of the cluster.
        address: of a running cluster; None takes that of RAY_ADDRESS, or else starts Ray on this machine.
        make_coder: a function or class at the top of a module, called once in each process.

    Raises:
        SettingsError: Ray is not installed, or the cluster cannot be reached.
        FieldsError: a shard cannot be written, or models are missing.
    """
    ray = _started(workers, address)
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        cores = int(ray.cluster_resources().get("CPU", 1))
        actors = max(1, min(workers or cores, len(pending)))
        blocks = min(len(pending), _MOST_BLOCKS)
        done = ray.data.from_items(list(pending), override_num_blocks=blocks).map_batches(
            _RayWorker,
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=actors),
            fn_constructor_args=(job, make_coder),
        )
        for row in done.iter_rows():
            if row["title"]:
                raise FieldsError(row["title"], **{name: row[name] for name in _ERROR[1:]})
            yield ShardDone(**{name: row[name] for name in _NUMBERS})
    except ray.exceptions.RayError as error:
        raise FieldsError(
            "The cluster gave up", found=str(error).strip()[-300:], remedy="Repeat the command to go on."
        ) from error
    finally:
        ray.shutdown()


class _RayWorker:
    """One process of the cluster."""

    def __init__(self, job: BatchJob, make_coder: MakeCoder) -> None:
        self._job, self._make_coder = job, make_coder
        self._coder: Coder | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        (shard,) = batch["item"].tolist()
        answer: dict[str, Any] = dict.fromkeys(_NUMBERS, 0) | dict.fromkeys(_ERROR, "")
        try:
            self._coder = self._coder or self._make_coder(self._job.settings.coding)
            answer |= dataclasses.asdict(self._job.code(shard, self._coder))
        except FieldsError as error:  # Ray would wrap it into something that nobody can read
            answer |= {name: getattr(error, name) for name in _ERROR}
        answer["seconds"] = float(answer["seconds"])
        return {name: np.array([value]) for name, value in answer.items()}


def _started(workers: int | None, address: str | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SettingsError(
            "Ray is not installed",
            found=str(error),
            remedy="pip install 'fields-head[cluster]', or use --shards: the same on the cores of this machine.",
        ) from error
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None and "RAY_ADDRESS" not in os.environ:
        options |= {"address": "local", "num_cpus": workers, "include_dashboard": False}
    elif address is not None:
        options["address"] = address
    for attempt in range(_TRIES):
        try:
            ray.init(**options)
            return ray
        except Exception as error:  # Ray raises the bare class where a busy machine takes longer than it waits, 30 s
            ray.shutdown()
            if attempt == _TRIES - 1 or isinstance(error, (ConnectionError, ValueError)):
                raise SettingsError("Ray cannot be started or reached", found=str(error)[:300]) from error
    raise AssertionError("the last try returns or raises")
