"""Rows of faces as files: Parquet for what reads columns, JSON lines for everything else."""

from __future__ import annotations

import gzip
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from fields_core.bulk.face_row import CODE_FIELDS, FaceRow, plain_row, row_of
from fields_core.encoder.emotion_head import Emotion
from fields_core.errors import CodeFileError, SettingsError
from fields_core.files import replacing
from fields_core.head.model import HeadModel

TableFormat = Literal["parquet", "jsonl"]
TABLE_FORMATS: tuple[TableFormat, ...] = ("parquet", "jsonl")
SUFFIXES = {"parquet": ".parquet", "jsonl": ".jsonl.gz"}


def require_format(table: TableFormat) -> None:
    """Raises:
    SettingsError: what writes it is not installed.
    """
    if table == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise SettingsError(
            "Parquet needs pyarrow, which is not installed",
            remedy="pip install 'fields-head[cluster]', or choose --format jsonl.",
        )


def write_table(path: Path, rows: Sequence[FaceRow], head: HeadModel, about: str) -> None:
    """Write rows as ``.parquet`` or ``.jsonl.gz``, whole or not at all.

    Args:
        path: the file.
        rows: of faces of ``head``.
        head: says how long the parts of a code are.
        about: JSON kept in a Parquet file's metadata under "fields".

    Raises:
        ExportError: it cannot be written.
    """
    plain = [plain_row(row) for row in rows]
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            _write_parquet(temporary, plain, head, about)
        else:
            lines = "".join(json.dumps(values, allow_nan=False) + "\n" for values in plain)
            temporary.write_bytes(gzip.compress(lines.encode("ascii"), 6, mtime=0))


def read_table(path: Path) -> list[FaceRow]:
    """The rows of a file.

    Raises:
        CodeFileError: it cannot be read, or is none of ours.
    """
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as parquet

            plain = parquet.read_table(path).to_pylist()
        else:
            plain = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        return [row_of(values) for values in plain]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:  # pyarrow's errors are ValueErrors
        raise CodeFileError(f"{path} is not a table of faces", found=str(error)[:200]) from error


def _write_parquet(path: Path, plain: Sequence[dict[str, Any]], head: HeadModel, about: str) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    rest = head.neutral_code()
    lengths = {name: getattr(rest, name)[0].numel() for name in CODE_FIELDS}
    lengths |= {"box": 4, "crop_to_photo": 6, "emotion": len(Emotion)}
    types = {
        "place": arrow.int64(),
        **dict.fromkeys(("photo", "error", "error_kind", "warning"), arrow.string()),
        **dict.fromkeys(("face", "width", "height"), arrow.int32()),
        **dict.fromkeys(("landmark_error", "valence", "arousal", "seconds"), arrow.float32()),
        **{name: arrow.list_(arrow.float32(), size) for name, size in lengths.items()},
    }
    schema = arrow.schema(list(types.items()), metadata={"fields": about})
    parquet.write_table(arrow.Table.from_pylist(list(plain), schema), path, compression="zstd")
