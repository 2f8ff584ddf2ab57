"""Rendered heads kept in a file: the same for every coder that is measured on them, and slow to make."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.evaluation.rendered import HELD_OUT_SEED, RenderedHeads, render_heads
from fields_core.evaluation.results import program_version
from fields_core.files import replacing
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, ProgressCallback

_CODE = "code_"


def kept_heads(
    path: Path, head: HeadModel, count: int, progress: ProgressCallback, token: CancelToken
) -> RenderedHeads:
    """The heads in a file, or new ones, which are then in it.

    Args:
        path: .npz; heads of another head model, number or program are made anew.

    Raises:
        ExportError: the file cannot be written.
        ModelFileError, SettingsError, Cancelled: see `render_heads`.
    """
    story = _story(head, count)
    known = _read(path, story)
    if known is not None:
        return known
    heads = render_heads(head, count, progress, token)
    codes = {_CODE + item.name: getattr(heads.truth, item.name).numpy() for item in fields(FaceCode)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            story=np.array(story),
            images=np.stack([crop.image for crop in heads.crops]),
            placements=np.stack([crop.crop_to_photo for crop in heads.crops]),
            landmarks=np.stack([crop.landmarks for crop in heads.crops]),
            labels=heads.labels,
            valence_arousal=heads.valence_arousal,
            intensity_scale=np.array(heads.intensity_scale),
            unseen=np.array(heads.unseen),
            **codes,
        )
    return heads


def _story(head: HeadModel, count: int) -> str:
    """What heads are the same: those of the same program, head model, seed and number."""
    shape = hashlib.sha256()
    for tensor in (head.template, head.directions):
        shape.update(tensor.cpu().numpy().tobytes())
    return f"{program_version()}; {head.name} {shape.hexdigest()[:16]}; {count} of seed {HELD_OUT_SEED}"


def _read(path: Path, story: str) -> RenderedHeads | None:
    """None for no such file, an unreadable one, or other heads."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["story"]) != story:
                return None
            stored: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    parts = zip(stored["images"], stored["placements"], stored["landmarks"], strict=True)
    return RenderedHeads(
        tuple(FaceCrop(*part) for part in parts),
        FaceCode(**{item.name: torch.from_numpy(stored[_CODE + item.name]) for item in fields(FaceCode)}),
        stored["labels"],
        stored["valence_arousal"],
        float(stored["intensity_scale"]),
        int(stored["unseen"]),
    )
