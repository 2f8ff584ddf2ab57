"""Reads pictures: every kind of file a user may drop becomes an upright 8-bit RGB `Photo` or a clear `PhotoError`.

Decisions: the first frame of an animation is the picture; a truncated file is refused, not shown half; transparent
parts lie on mid-grey; an embedded colour profile is converted to sRGB (a damaged profile is ignored: sRGB is then what
every viewer assumes too); photos above `WORKING_PIXELS` are shrunk by a whole factor while they are read, so that
memory stays bounded, and all later photo pixels are those of the shrunk picture.
"""

from __future__ import annotations

import contextlib
import glob
import io
import math
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from fields_core.datatypes import Photo
from fields_core.detection.pixel_array import NEUTRAL_GROUND, rgb8
from fields_core.detection.stderr_gate import silent_stderr
from fields_core.errors import PhotoError

MIN_SIDE = 16  # pixels; nothing smaller shows a face
MAX_JPEG_PIXELS = 300_000_000  # JPEG is shrunk while it is decoded
MAX_PIXELS = 150_000_000  # the other formats are decoded whole: 0.6 GB
WORKING_PIXELS = 40_000_000
_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_OTHER_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".webp", ".avif", ".ppm", ".pgm", ".pbm", ".jp2")
SUFFIXES = frozenset(_JPEG_SUFFIXES + _OTHER_SUFFIXES)

# A closed list: Pillow's other readers start programs (EPS) or guess (raw formats without a signature). MPO comes
# through the JPEG reader and must not be named: Pillow knows no reader of that name.
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "DIB", "GIF", "WEBP", "AVIF", "PPM", "JPEG2000")
_READABLE = "a JPEG, PNG, TIFF, BMP, GIF, WebP or AVIF picture"
_EXPORT_AS_JPEG = "Open it in a picture viewer and export it as JPEG or PNG."
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ORIENTATION = 0x0112  # the EXIF tag
_ORIENT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_pillow_settings = threading.Lock()


def load_photo(path: Path | str) -> Photo:
    """Read a picture file.

    Returns:
        The photo, upright, sRGB, at most `WORKING_PIXELS` pixels.

    Raises:
        PhotoError: missing, a folder, not readable, empty, not a picture, damaged, too small or too large.
    """
    path = Path(path)
    _require_file(path)
    with _quiet_pillow(), _reading(path), Image.open(path, formats=_FORMATS) as image:
        _require_size(path, image)
        pixels = _decode(image)
    return photo_from_array(pixels, path)


def photo_from_array(array: NDArray[Any], path: Path | None = None) -> Photo:
    """A photo of an array: a pasted picture, a camera frame, a plot.

    Args:
        array: (H, W), (H, W, 1) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGBA; bool, uint8 in
            [0, 255], uint16 in [0, 65535], or floating point in [0, 1]. Any memory layout. Not modified.
        path: where the picture came from, for messages and names.

    Raises:
        PhotoError: another shape or number type, values that are not finite or out of range, too small, too large.
    """
    name = str(path) if path is not None else "the picture"
    pixels = rgb8(array, name)
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise _too_small(name, width, height)
    if height * width > MAX_PIXELS:
        raise _too_large(name, width, height, MAX_PIXELS)
    factor = _shrink_factor(width, height)
    if factor > 1:
        pixels = np.asarray(Image.fromarray(pixels).reduce(factor))
    if pixels is array or np.may_share_memory(pixels, array):
        pixels = pixels.copy()  # a camera buffer may be overwritten while the photo is still in use
    return Photo(pixels, path)


def photo_paths(inputs: Iterable[Path | str]) -> list[Path]:
    """Expand files, folders (their pictures by suffix, not their sub-folders) and globs (`**` allowed).

    Files named outright are kept whatever their suffix, and even if missing, so that `load_photo` reports them.

    Returns:
        Sorted paths without repeats.

    Raises:
        PhotoError: nothing at all was found.
    """
    names = [str(item) for item in inputs]
    found = {path for name in names for path in _expand(name)}
    if not found:
        raise PhotoError(
            f"No picture in {', '.join(names)}" if names else "No picture was named",
            expected="pictures, folders that hold pictures, or patterns such as 'holiday/*.jpg'",
            remedy="Check the spelling of the folder or pattern.",
        )
    return sorted(found)


def _expand(item: str) -> Iterator[Path]:
    path = Path(item)
    if path.is_dir():
        yield from (p for p in path.iterdir() if _looks_like_photo(p))
    elif glob.has_magic(item) and not path.exists():
        matches = glob.glob(item, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
        yield from (p for p in map(Path, matches) if _looks_like_photo(p))
    else:
        yield path


def _looks_like_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _require_file(path: Path) -> None:
    """Raises: PhotoError for what a decoder would only stumble over."""
    try:
        if path.is_dir():
            raise PhotoError(
                f"{path} is a folder",
                expected="a picture file",
                found="a folder",
                remedy="Choose one of the pictures inside it.",
            )
        if not path.exists():
            raise PhotoError(
                f"{path} does not exist",
                found="no such file",
                remedy="Check the spelling; it may have been moved or deleted.",
            )
        if not path.is_file():
            raise PhotoError(f"{path} is not a file", expected="a picture file", found="a device, pipe or socket")
        with path.open("rb") as file:
            head = file.read(12)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise PhotoError(
            f"{path} cannot be read",
            found=getattr(error, "strerror", None) or str(error),
            remedy="Check that you may read the file.",
        ) from error
    if not head:
        raise PhotoError(f"{path} is empty", expected=_READABLE, found="a file of zero bytes", remedy="Copy it again.")
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        raise PhotoError(
            f"{path} is a HEIC picture, which is not supported",
            expected=_READABLE,
            found="a HEIC picture",
            remedy=_EXPORT_AS_JPEG,
        )


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Pillow without its warnings and with our size limit instead of its own, put back afterwards.

    Both are settings of the whole process, hence the lock.
    """
    with _pillow_settings, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into a `PhotoError`: damaged files make Pillow raise nearly any kind."""
    try:
        yield
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"{path} is not a picture this program can read",
            expected=_READABLE,
            found="another kind of file, or a damaged one",
            remedy=_EXPORT_AS_JPEG,
        ) from error
    except MemoryError as error:
        raise PhotoError(
            f"{path} does not fit into memory",
            found="too little memory",
            remedy="Shrink the picture, or close other programs.",
        ) from error
    except Exception as error:
        raise PhotoError(
            f"{path} is damaged",
            expected="a complete picture file",
            found=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
            remedy="Copy or download it again; if it opens in a picture viewer, export it from there as JPEG or PNG.",
        ) from error


def _require_size(path: Path, image: Image.Image) -> None:
    limit = MAX_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MAX_PIXELS
    if image.width * image.height > limit:
        raise _too_large(str(path), image.width, image.height, limit)
    if min(image.size) < MIN_SIDE:
        raise _too_small(str(path), image.width, image.height)


def _too_small(name: str, width: int, height: int) -> PhotoError:
    return PhotoError(
        f"{name} is too small",
        expected=f"at least {MIN_SIDE} x {MIN_SIDE} pixels",
        found=f"{width} x {height} pixels",
        remedy="Use the original photo instead of a thumbnail or icon.",
    )


def _too_large(name: str, width: int, height: int, limit: int) -> PhotoError:
    return PhotoError(
        f"{name} is too large",
        expected=f"at most {limit // 1_000_000} megapixels",
        found=f"{width} x {height} pixels ({width * height / 1e6:.0f} megapixels)",
        remedy="Shrink the picture, or save it as JPEG (up to 300 megapixels).",
    )


def _shrink_factor(width: int, height: int) -> int:
    return math.ceil(math.sqrt(width * height / WORKING_PIXELS))


def _decode(image: Image.Image) -> NDArray[Any]:
    """The upright picture as an array that `photo_from_array` takes (8-bit RGB, or the 16-bit and float originals)."""
    if image.format in ("JPEG", "MPO"):
        factor = _shrink_factor(*image.size)
        if factor > 1:
            factor = min(8, 2 ** math.ceil(math.log2(factor)))  # what the JPEG decoder offers
            image.draft(None, (image.width // factor, image.height // factor))
    profile = image.info.get("icc_profile")
    # Before `_orientation`, which for PNG would load too and swallow what is wrong with the pixels.
    with silent_stderr() if image.format == "TIFF" else contextlib.nullcontext():  # libtiff complains there
        image.load()
    orientation = _orientation(image)
    if orientation is not None and image.format != "TIFF":  # Pillow turns TIFF itself
        image = image.transpose(orientation)
    factor = _shrink_factor(*image.size)
    if image.mode.startswith(("I", "F")):
        return _deep(image, factor)
    image = _to_rgb(image, profile)
    return np.asarray(image.reduce(factor) if factor > 1 else image)


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """How the camera was held, from EXIF; None if upright, or if the EXIF block is damaged (not rare)."""
    try:
        return _ORIENT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - a damaged EXIF block raises nearly anything, and the picture is fine without it
        return None


def _deep(image: Image.Image, factor: int) -> NDArray[Any]:
    """16-bit, 32-bit and float grey: the values as they are; 32-bit integers become the [0, 1] of their own range."""
    values = np.asarray(image)[::factor, ::factor]
    if values.dtype == np.int32:  # Pillow keeps some 16-bit files so
        return values / 65535.0 if values.max() < 65536 else values / float(np.iinfo(np.int32).max)
    if values.dtype.kind == "u":
        return values.astype(np.uint16)  # native byte order
    return values


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        colours = _to_srgb(image.convert("RGB"), profile)
        ground = Image.new("RGB", image.size, NEUTRAL_GROUND)
        return Image.composite(colours, ground, image.getchannel("A"))
    if image.mode in ("P", "1"):
        image = image.convert("RGB")
    return _to_srgb(image, profile)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """8-bit RGB of an L, RGB, CMYK, YCbCr, LAB or HSV picture."""
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, ValueError, OSError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" in ImageCms.getProfileDescription(source):
                return image.convert("RGB")
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    return image.convert("RGB")
