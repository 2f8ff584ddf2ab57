"""Pictures of the result: the head over its photo, and the head turning once around."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from fields_core.datatypes import Reconstruction
from fields_core.export.surface import HeadSurface
from fields_core.export.video import write_video
from fields_core.files import replacing
from fields_core.head import HeadModel
from fields_core.render import render_overlay, turntable_frames

OVERLAY_QUALITY = 92  # of the JPEG
TURNTABLE_FRAMES, TURNTABLE_SIZE = 48, 384  # two seconds


def write_overlay(reconstruction: Reconstruction, head: HeadModel, path: Path) -> list[Path]:
    """Write the photo with the shaded head over it, as JPEG.

    Raises:
        ExportError: the file cannot be written.
    """
    stream = io.BytesIO()
    Image.fromarray(render_overlay(reconstruction, head)).save(stream, "JPEG", quality=OVERLAY_QUALITY)
    with replacing(path) as temporary:
        temporary.write_bytes(stream.getvalue())
    return [path]


def write_turntable(surface: HeadSurface, path: Path) -> list[Path]:
    """Write a video of the head turning once around; see `write_video` for what happens without an encoder.

    Raises:
        ExportError: the file cannot be written.
    """
    frames = turntable_frames(surface.head, surface.code, surface.texture, TURNTABLE_FRAMES, TURNTABLE_SIZE)
    return write_video(list(frames), path)
