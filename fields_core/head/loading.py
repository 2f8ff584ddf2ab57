"""Head model files of every kind, by their suffix."""

from __future__ import annotations

from pathlib import Path

from fields_core.assets import find_asset
from fields_core.errors import ModelFileError
from fields_core.head.flame_pickle import read_flame
from fields_core.head.model import HeadModel
from fields_core.head.model_file import read_head_file


def load_head(path: Path | None = None) -> HeadModel:
    """Load a head model.

    Args:
        path: an .npz in our own format or a .pkl of FLAME 2020 or 2023; without it the open head.

    Raises:
        AssetMissingError: the open head is nowhere to be found.
        ModelFileError: the file is missing, damaged, hostile or of another kind.
    """
    path = find_asset("open_head.npz") if path is None else path
    readers = {".npz": read_head_file, ".pkl": read_flame}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ModelFileError(
            f"{path} is not a head model",
            expected="a head model .npz, or FLAME's .pkl",
            found=f"the suffix {path.suffix!r}",
            remedy="Choose open_head.npz, or generic_model.pkl or flame2023.pkl from flame.is.tue.mpg.de.",
        )
    return HeadModel(reader(path))
