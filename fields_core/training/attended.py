"""A training that can be watched and steered through its folder: journal, process and orders around `run`."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import traceback
from pathlib import Path
from typing import Any

import psutil
import torch

from fields_core.data.addresses import absolute, address_list
from fields_core.errors import ExportError, FieldsError
from fields_core.files import replacing
from fields_core.progress import Cancelled, CancelToken
from fields_core.training.events import (
    CheckpointSaved,
    EventCallback,
    StageFinished,
    StageStarted,
    StepDone,
    TrainingEvent,
    Validated,
)
from fields_core.training.journal import Journal, Note
from fields_core.training.run import CONFIG_FILE, RunRequest, run
from fields_core.training.run_process import REQUEST_FILE, claimed, obeying


def train_attended(
    request: RunRequest, report: EventCallback, token: CancelToken, enough: CancelToken | None = None
) -> Path:
    """As `run`, and in the run's folder: the story (`journal`), who trains, what was asked; orders are obeyed.

    Raises:
        as `run`, and SettingsError if another process trains in the folder.
    """
    enough = enough or CancelToken()
    talks = os.environ.get("RANK", "0") == "0"  # of several processes one
    refused = (request.out / CONFIG_FILE).exists() and not request.resume  # another run's story is left alone
    if refused or not talks:
        return run(request, report, token, enough)
    journal = Journal(request.out)
    with claimed(request.out), obeying(request.out, token, enough):
        _keep(request)
        journal.write(Note("began"))

        def noted(event: TrainingEvent) -> None:
            journal.write(_note(event, request.out))
            report(event)

        try:
            path = run(request, noted, token, enough)
        except Cancelled:
            journal.write(Note("interrupted"))
            raise
        except Exception as error:
            text = str(error) if isinstance(error, FieldsError) else "".join(traceback.format_exception(error)[-3:])
            with contextlib.suppress(ExportError):  # a full disk is told on stderr alone
                journal.write(Note("failed", text=text))
            raise
        journal.write(Note("finished"))
    return path


def _keep(request: RunRequest) -> None:
    """What `--resume` has to be told again."""
    given = {name: getattr(request, name) for name in ("start", "head", "cache")}
    row: dict[str, Any] = {"data": [absolute(address) for address in address_list(request.data)]}
    row |= {name: None if value is None else absolute(value) for name, value in given.items()}
    with replacing(request.out / REQUEST_FILE) as temporary:
        temporary.write_text(json.dumps(row, indent=1) + "\n", "utf-8")


def _note(event: TrainingEvent, folder: Path) -> Note:
    match event:
        case StageStarted(stage, step, steps):
            return Note("stage", stage=stage, step=step, steps=steps)
        case StepDone(stage, step, steps, rate, losses):
            gauges = {"images_per_second": rate, "learning_rate": event.learning_rate, **_memory()}
            return Note("step", stage=stage, step=step, steps=steps, values=losses, gauges=gauges)
        case Validated(stage, step, metrics, best, picture):
            name = picture.relative_to(folder).as_posix() if picture is not None else ""
            return Note(
                "validated", stage=stage, step=step, values=dataclasses.asdict(metrics), best=best, picture=name
            )
        case CheckpointSaved(stage, step):
            return Note("saved", stage=stage, step=step)
        case StageFinished(stage):
            return Note("stage finished", stage=stage)


def _memory() -> dict[str, float]:
    """Bytes that this process and those that read its samples hold, and on the GPU."""
    process = psutil.Process()
    used = 0
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it has just ended
            used += member.memory_info().rss
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return {"memory": float(used), "gpu_memory": float(torch.cuda.max_memory_allocated())}
    return {"memory": float(used)}
