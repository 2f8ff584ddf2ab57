"""One head in as many formats as asked for: the one door the app and the command line use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fields_core.datatypes import FaceCode, Reconstruction
from fields_core.errors import ExportError
from fields_core.export.codes import write_json, write_npz
from fields_core.export.gltf import write_glb
from fields_core.export.obj import write_obj
from fields_core.export.pictures import write_overlay, write_turntable
from fields_core.export.ply_stl import write_ply, write_stl
from fields_core.export.space import GENERAL, Target
from fields_core.export.surface import HeadSurface, surface_of_code, surface_of_reconstruction
from fields_core.export.usd import write_usd
from fields_core.head.model import HeadModel


@dataclass(frozen=True)
class HeadFormat:
    """A way to write one head."""

    description: str
    """For menus."""
    ending: str
    """What follows the stem in the file's name."""
    write: Callable[[HeadSurface, Path], list[Path]]


FORMATS: dict[str, HeadFormat] = {
    "obj": HeadFormat("OBJ with MTL and PNG texture", ".obj", write_obj),
    "glb": HeadFormat("GLB with texture and named morph targets (metres)", ".glb", write_glb),
    "ply": HeadFormat("PLY with vertex colours", ".ply", write_ply),
    "stl": HeadFormat("STL for printing", ".stl", write_stl),
    "usd": HeadFormat("USD with texture and UsdSkel blend shapes", ".usda", write_usd),
    "npz": HeadFormat("NumPy archive: mesh, landmarks and face code", ".npz", write_npz),
    "json": HeadFormat("Face code as JSON", ".json", write_json),
    "turntable": HeadFormat("Video of the turning head", "-turntable.mp4", write_turntable),
}
OVERLAY = "overlay"
"""The one format that needs the photo: the head drawn over it."""
OVERLAY_ENDING = "-overlay.jpg"


def export_head(
    reconstruction: Reconstruction,
    head: HeadModel,
    directory: Path,
    formats: Sequence[str] = ("obj", "glb"),
    stem: str = "head",
    target: Target = GENERAL,
) -> list[Path]:
    """Write a reconstructed face as ``directory/stem.*``, one or more files a format.

    Args:
        head: the model the face was made with.
        formats: keys of `FORMATS`, or "overlay".
        stem: file name without ending; white space becomes an underscore, which OBJ and MTL need.
        target: the program the files are for; it says their unit and axes.

    Returns:
        All files written, in the order of the formats.

    Raises:
        ExportError: an unknown format, a stem that is no file name, another head model, or a file that cannot be
            written.
    """
    stem = _checked(formats, stem, (*FORMATS, OVERLAY))
    surface = surface_of_reconstruction(reconstruction, head)
    written: list[Path] = []
    for name in formats:
        if name == OVERLAY:
            written += write_overlay(reconstruction, head, directory / f"{stem}{OVERLAY_ENDING}")
        else:
            written += _write(surface, name, directory, stem, target)
    return written


def export_code(
    code: FaceCode,
    head: HeadModel,
    directory: Path,
    formats: Sequence[str] = ("obj", "glb"),
    stem: str = "head",
    target: Target = GENERAL,
) -> list[Path]:
    """Write the head a code describes; like `export_head`, without a photo, so without its texture and overlay.

    Raises:
        ExportError: as `export_head`.
    """
    stem = _checked(formats, stem, tuple(FORMATS))
    surface = surface_of_code(code, head)
    return [path for name in formats for path in _write(surface, name, directory, stem, target)]


def _write(surface: HeadSurface, name: str, directory: Path, stem: str, target: Target) -> list[Path]:
    path = directory / f"{stem}{FORMATS[name].ending}"
    return FORMATS[name].write(replace(surface, space=target.space(name)), path)


def _checked(formats: Sequence[str], stem: str, known: tuple[str, ...]) -> str:
    for name in formats:
        if name not in known:
            raise ExportError(f"Cannot export as {name!r}", expected=f"one of {', '.join(known)}")
    cleaned = "_".join(stem.split())
    if not cleaned.strip(".") or Path(cleaned).name != cleaned or set(cleaned) & set('<>:"/\\|?*\0'):
        raise ExportError(f"{stem!r} is no file name", expected='a name without folder and without any of <>:"/\\|?*')
    return cleaned
