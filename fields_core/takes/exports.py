"""One clip in as many formats as asked for: the one door the app and the command line use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fields_core.errors import ExportError
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken, Progress, ProgressCallback
from fields_core.takes.clip import Clip
from fields_core.takes.curves import write_csv, write_json, write_live_link_csv, write_npz
from fields_core.takes.gltf_clip import write_clip_glb
from fields_core.takes.side_by_side import write_side_by_side
from fields_core.takes.usd_clip import write_clip_usd


@dataclass(frozen=True)
class ClipFormat:
    """A way to write one clip."""

    description: str
    """For menus."""
    ending: str
    """What follows the stem in the file's name; a video's may differ, by the codec."""
    write: Callable[[Clip, HeadModel, Path], list[Path]] | None
    """None for the video, which reports as it goes."""


CLIP_FORMATS: dict[str, ClipFormat] = {
    "csv": ClipFormat("Curves as CSV, one row a frame", ".csv", write_csv),
    "npz": ClipFormat("Codes as a NumPy archive", ".npz", write_npz),
    "json": ClipFormat("Curves as JSON, with names and units", ".json", write_json),
    "livelink": ClipFormat("CSV as Epic's Live Link Face app records it", "-livelink.csv", write_live_link_csv),
    "glb": ClipFormat("GLB with an animation of morph targets and joints", ".glb", write_clip_glb),
    "usd": ClipFormat("USD with an animation of blend shapes and joints", ".usda", write_clip_usd),
    "video": ClipFormat("Video of the picture and the head side by side", "-side-by-side.mp4", None),
}


def export_clip(
    clip: Clip,
    head: HeadModel,
    directory: Path,
    formats: Sequence[str],
    stem: str = "",
    report: ProgressCallback | None = None,
    token: CancelToken | None = None,
) -> list[Path]:
    """Write ``directory/stem.*``, one or more files a format.

    Args:
        stem: file name without ending; the take's name if empty.

    Returns:
        All files written, in the order of the formats.

    Raises:
        ExportError: an unknown format, a stem that is no file name, a take without pictures for "video", or a file
            that cannot be written.
        SettingsError: "livelink" of a head model that cannot be mapped to ARKit.
        Cancelled: the token said so.
    """
    stem = "_".join((stem or clip.name).split())
    if not stem.strip(".") or Path(stem).name != stem or set(stem) & set('<>:"/\\|?*\0'):
        raise ExportError(f"{stem!r} is no file name", expected='a name without folder and without any of <>:"/\\|?*')
    for name in formats:
        if name not in CLIP_FORMATS:
            raise ExportError(f"Cannot export a take as {name!r}", expected=f"one of {', '.join(CLIP_FORMATS)}")
    written: list[Path] = []
    for place, name in enumerate(formats):
        if token is not None:
            token.raise_if_cancelled()
        if report is not None:
            report(Progress(place, len(formats), f"{stem}, {name}"))
        form = CLIP_FORMATS[name]
        path = directory / f"{stem}{form.ending}"
        if form.write is None:
            written += write_side_by_side(clip, head, path, report, token)
        else:
            written += form.write(clip, head, path)
    return written
