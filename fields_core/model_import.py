"""Models from files that the user has: checked, rewritten in our own formats and kept in the user data folder.

Nothing is downloaded, and nothing in a file is run.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from fields_core.errors import ModelFileError
from fields_core.files import replacing
from fields_core.model_library import ModelFacts, Role, describe, own_file
from fields_core.progress import CancelToken

_WEIGHTS = (".pt", ".pth", ".tar", ".ckpt")
_NO_LANDMARKS = (
    "It has no landmarks, so it cannot be fitted to photos. Put FLAME's mediapipe_landmark_embedding.npz beside its "
    "file and import it again."
)


@dataclass(frozen=True)
class ImportedModel:
    """What came of a file."""

    facts: ModelFacts
    left_out: tuple[str, ...] = ()
    """The parts of the file that nothing here uses."""
    note: str = ""
    """What cannot be done with it, and how that is put right."""


def import_model(path: Path, token: CancelToken | None = None) -> ImportedModel:
    """Check a file that the user has, and keep it in our own format in the user data folder.

    Head models: .npz of ours, FLAME's .pkl (with the files that lie beside it). Encoders: .safetensors of ours,
    SMIRK's, DECA's and EMOCA's files as published. The landmarker: MediaPipe's .task.

    Raises:
        ModelFileError: missing, damaged, hostile, or none of these.
        ExportError: the user data folder cannot be written.
        Cancelled: the token said so.
    """
    token = token or CancelToken()
    suffix = path.suffix.lower()
    if not path.is_file():
        raise ModelFileError(f"{path} does not exist", remedy="Check the path.")
    if suffix in (".npz", ".pkl"):
        return _import_head(path, token)
    if suffix in (".safetensors", *_WEIGHTS):
        return _import_encoder(path, token)
    if suffix == ".task":
        return _import_landmarker(path)
    raise ModelFileError(
        f"{path.name} is none of the model files that can be imported",
        expected="a head model (.npz, FLAME's .pkl), weights (.safetensors, SMIRK_em1.pt, deca_model.tar, EMOCA's"
        " .ckpt) or MediaPipe's face_landmarker.task",
        found=f"the suffix {suffix!r}",
        remedy="Unpack archives first, and choose the file inside." if suffix in (".zip", ".gz", ".7z") else "",
    )


def _import_head(path: Path, token: CancelToken) -> ImportedModel:
    from fields_core.head.flame_pickle import read_flame
    from fields_core.head.model_file import read_head_file, write_head_file

    file = read_flame(path) if path.suffix.lower() == ".pkl" else read_head_file(path)
    token.raise_if_cancelled()
    to = own_file(Role.HEAD, file.name)
    write_head_file(file, to)
    bare = "" if len(file.landmark_ids) else _NO_LANDMARKS
    return ImportedModel(describe(to, Role.HEAD), note=bare)


def _import_encoder(path: Path, token: CancelToken) -> ImportedModel:
    from fields_core.encoder.checkpoint import load_checkpoint, save_checkpoint
    from fields_core.encoder.importers import import_checkpoint
    from fields_core.encoder.onnx_graph import export_onnx

    left_out: tuple[str, ...] = ()
    if path.suffix.lower() == ".safetensors":
        checkpoint, name = load_checkpoint(path), path.stem
    else:
        imported = import_checkpoint(path)
        checkpoint, left_out, name = imported.checkpoint, imported.left_out, f"{imported.source}-{path.stem}"
    token.raise_if_cancelled()
    to = own_file(Role.ENCODER, name)
    save_checkpoint(to, checkpoint)
    token.raise_if_cancelled()
    export_onnx(checkpoint, to.with_suffix(".onnx"))  # what makes it fast
    return ImportedModel(describe(to, Role.ENCODER), left_out)


def _import_landmarker(path: Path) -> ImportedModel:
    describe(path, Role.LANDMARKER)  # is it one?
    to = own_file(Role.LANDMARKER, path.stem)
    with replacing(to) as temporary:
        shutil.copyfile(path, temporary)
    return ImportedModel(describe(to, Role.LANDMARKER))
