"""The shards of a batch on processes of this machine."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait

from fields_core.bulk.job import BatchJob, ShardDone
from fields_core.bulk.photo_coder import Coder, CodingSettings
from fields_core.errors import FieldsError

MakeCoder = Callable[[CodingSettings], Coder]
_PATIENCE = 10  # processes that died one after the other without a shard done
_FAREWELL = 10.0  # seconds

# torch and MediaPipe do not survive a fork.
_CONTEXT = multiprocessing.get_context("spawn")


def shards_here(job: BatchJob, pending: Sequence[int], workers: int, make_coder: MakeCoder) -> Iterator[ShardDone]:
    """Do shards, in whatever order they become ready. A process that dies is replaced, and its shard begun again.

    Args:
        job: the batch.
        pending: the shards to do.
        workers: processes.
        make_coder: a function or class at the top of a module, called once in each process.

    Raises:
        FieldsError: a shard cannot be written, models are missing, or processes die again and again.
    """
    queue, deaths = deque(pending), 0
    crew = [_Worker(job, make_coder) for _ in range(min(workers, len(queue)))]
    try:
        for worker in crew:
            worker.take(queue.popleft())
        while busy := {worker.pipe: worker for worker in crew if worker.shard is not None}:
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                answer = worker.answer()
                if isinstance(answer, FieldsError):
                    raise answer
                if answer is None:
                    deaths += 1
                    if deaths >= _PATIENCE:
                        raise _too_many(deaths)
                    replacement = _Worker(job, make_coder)
                    crew[crew.index(worker)] = replacement
                    replacement.take(worker.last)
                    continue
                deaths = 0
                if queue:
                    worker.take(queue.popleft())
                yield answer
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A process that does one shard after the other."""

    def __init__(self, job: BatchJob, make_coder: MakeCoder) -> None:
        self.shard: int | None = None
        self.last = -1
        self.pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_work, args=(theirs, job, make_coder), daemon=True)
        self._process.start()
        theirs.close()  # so that its death closes the pipe

    def take(self, shard: int) -> None:
        self.shard = self.last = shard
        self.pipe.send(shard)

    def answer(self) -> ShardDone | FieldsError | None:
        """What became of its shard; None: the process died."""
        self.shard = None
        try:
            told: ShardDone | FieldsError = self.pipe.recv()
        except (EOFError, OSError):
            self.end()
            return None
        return told

    def end(self) -> None:
        idle = self.shard is None
        self.pipe.close()
        if idle:
            self._process.join(_FAREWELL)  # it sees the closed pipe and frees its networks
        self._process.terminate()
        self._process.join()


def _work(pipe: Connection, job: BatchJob, make_coder: MakeCoder) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # with what is begun put back
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells everybody; the first process decides
    coder: Coder | None = None
    while True:
        try:
            shard = pipe.recv()
        except EOFError:
            return
        try:
            coder = coder or make_coder(job.settings.coding)
            pipe.send(job.code(shard, coder))
        except FieldsError as error:
            pipe.send(error)


def _too_many(deaths: int) -> FieldsError:
    return FieldsError(
        "The processes of the batch end again and again",
        found=f"{deaths} in a row without finishing a shard",
        remedy="If memory runs out, use fewer --workers.",
    )
