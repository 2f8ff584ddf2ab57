"""The face code as a file: npz with the mesh beside it for programs, JSON for people."""

from __future__ import annotations

from pathlib import Path

from fields_core.export.surface import HeadSurface
from fields_core.head import save_code


def write_npz(surface: HeadSurface, path: Path) -> list[Path]:
    """Write the code with ``vertices`` (V, 3) and ``landmarks478`` (478, 3) in metres and ``faces`` (F, 3).

    A head model that names fewer landmarks writes those, and no more; see `HeadModel.landmark_ids`.

    Raises:
        ExportError: the file cannot be written.
        CodeFileError: the code does not fit the head model or is not finite.
    """
    mesh = surface.mesh
    arrays = {"vertices": mesh.vertices, "faces": mesh.faces, "landmarks478": mesh.landmarks}
    save_code(path, surface.code, surface.head, arrays)
    return [path]


def write_json(surface: HeadSurface, path: Path) -> list[Path]:
    """Write the code with every name and unit.

    Raises:
        ExportError: the file cannot be written.
        CodeFileError: the code does not fit the head model or is not finite.
    """
    save_code(path, surface.code, surface.head)
    return [path]
