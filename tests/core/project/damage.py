"""Projects rewritten with other members, as a stranger would."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def change(path: Path, edit: Callable[[dict[str, bytes]], object]) -> Path:
    """Rewrite a project with other members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    edit(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def change_json(path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    def rewrite(members: dict[str, bytes]) -> None:
        content = json.loads(members["project.json"])
        edit(content)
        members["project.json"] = json.dumps(content).encode()

    return change(path, rewrite)


def change_arrays(path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    def rewrite(members: dict[str, bytes]) -> None:
        with np.load(io.BytesIO(members["arrays.npz"])) as archive:
            arrays = dict(archive)
        edit(arrays)
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        members["arrays.npz"] = stream.getvalue()

    return change(path, rewrite)
