"""Puts trained weights where the program looks for them."""

from __future__ import annotations

import shutil
from pathlib import Path

from fields_core.assets import ENCODER, find_asset, user_data_folder
from fields_core.encoder.checkpoint import CheckpointInfo, load_checkpoint
from fields_core.encoder.onnx_graph import export_onnx
from fields_core.errors import SettingsError
from fields_core.files import replacing


def install_encoder(checkpoint: Path, folder: Path | None = None) -> CheckpointInfo:
    """Copy a checkpoint into the user data folder, with its graph for ONNX Runtime beside it.

    Args:
        folder: instead of the user data folder; `find_asset` must be told to look there.

    Raises:
        ModelFileError: it is no checkpoint.
        ExportError: the files cannot be written.
        SettingsError: another encoder, of a place that comes first, would be used all the same.
    """
    loaded = load_checkpoint(checkpoint)
    target = (folder or user_data_folder()) / ENCODER
    graph = target.with_suffix(".onnx")
    with replacing(target) as temporary:
        shutil.copyfile(checkpoint, temporary)
    made = checkpoint.with_suffix(".onnx")
    if made.is_file():
        with replacing(graph) as temporary:
            shutil.copyfile(made, temporary)
    else:
        export_onnx(loaded, graph)
    if folder is None and (used := find_asset(ENCODER)) != target:
        raise SettingsError(
            "Another encoder comes first", expected=str(target), found=str(used), remedy="Unset FIELDS_ASSETS."
        )
    return loaded.info
