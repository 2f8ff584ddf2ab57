"""Every kind of bad picture file becomes a clear `PhotoError` and nothing else."""

from __future__ import annotations

import os
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fields_core.detection.photo_file import load_photo
from fields_core.errors import PhotoError
from tests.core.photo_file.pictures import encoded, ramp


def _png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def _noise(kind: str, **options: object) -> bytes:
    return encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)), kind, **options)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _corrupt_middle(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(b ^ 0xFF for b in data[middle : middle + 200]) + data[middle + 200 :]


def _float_tiff(value: float) -> bytes:
    values = ramp(np.float32, 1.0)
    values[3, 3] = value
    return encoded(Image.fromarray(values), "TIFF")


BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "zero bytes": (lambda: b"", "is empty"),
    "one byte": (lambda: b"\xff", "not a picture"),
    "text": (lambda: b"Dear diary, today I took a photo. " * 9, "not a picture"),
    "html": (lambda: b"<html><body>404 Not Found</body></html>", "not a picture"),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "not a picture"),
    "eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\nshowpage\n", "not a picture"),
    "zip": (lambda: b"PK\x03\x04" + bytes(200), "not a picture"),
    "random bytes": (lambda: np.random.default_rng(1).bytes(3000), "not a picture"),
    "heic": (lambda: b"\0\0\0\x18ftypheic" + bytes(400), "HEIC"),
    "mp4 film": (lambda: b"\0\0\0\x18ftypisom" + bytes(400), "not a picture"),
    "jpeg signature only": (lambda: b"\xff\xd8\xff\xe0", ""),
    "truncated jpeg": (lambda: _half(_noise("JPEG")), "damaged"),
    "truncated progressive jpeg": (lambda: _half(_noise("JPEG", progressive=True)), "damaged"),
    "truncated png": (lambda: _half(_noise("PNG")), "damaged"),
    "truncated gif": (lambda: _half(_noise("GIF")), "damaged"),
    "truncated webp": (lambda: _half(_noise("WEBP", lossless=True)), ""),
    "truncated bmp": (lambda: _half(_noise("BMP")), "damaged"),
    "truncated tiff": (lambda: _noise("TIFF", compression="tiff_lzw")[:-4000], ""),
    "truncated avif": (lambda: _half(_noise("AVIF")), ""),
    "corrupt png": (lambda: _corrupt_middle(_noise("PNG")), "damaged"),
    "corrupt tiff": (lambda: _corrupt_middle(_noise("TIFF", compression="tiff_lzw")), "damaged"),
    "1 x 1": (lambda: encoded(Image.new("RGB", (1, 1)), "PNG"), "too small"),
    "2000 x 3": (lambda: encoded(Image.new("RGB", (2000, 3)), "PNG"), "too small"),
    "claims 0 x 0": (lambda: _png_header(0, 0), ""),
    "claims 2 gigapixels": (lambda: _png_header(50000, 40000), "too large"),
    "claims 160 megapixels": (lambda: _png_header(16000, 10000), "too large"),
    "claims 100 megapixels in 100 bytes": (lambda: _png_header(10000, 10000), "damaged"),
    "float tiff with NaN": (lambda: _float_tiff(float("nan")), "not finite"),
    "float tiff with infinity": (lambda: _float_tiff(float("inf")), "not finite"),
    "float tiff of kelvins": (lambda: _float_tiff(293.15), "out of range"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_file_raises_a_clear_error_and_no_noise(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    make, message = BAD_FILES[kind]
    path = tmp_path / "photo.jpg"
    path.write_bytes(make())
    with pytest.raises(PhotoError) as caught:
        load_photo(path)
    assert str(path) in caught.value.title
    assert message in caught.value.title
    assert "\n" not in caught.value.title
    assert caught.value.expected or caught.value.remedy
    assert capfd.readouterr() == ("", "")


def test_folder_missing_file_and_device_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="is a folder"):
        load_photo(tmp_path)
    with pytest.raises(PhotoError, match="does not exist"):
        load_photo(tmp_path / "nothing.jpg")
    with pytest.raises(PhotoError, match=r"cannot be read|does not exist"):
        load_photo("a\0b.jpg")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no path there")
def test_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="is not a file"):
        load_photo(tmp_path / "pipe.jpg")


def test_file_without_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # chmod does not stop the superuser, who runs tests in containers
    with pytest.raises(PhotoError, match="cannot be read") as caught:
        load_photo(path)
    assert "Permission denied" in caught.value.found


def test_pillow_settings_are_put_back(quadrants: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(quadrants).save(tmp_path / "a.png")
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    load_photo(tmp_path / "a.png")
    with pytest.raises(PhotoError):
        load_photo(tmp_path / "b.png")
    assert limit == Image.MAX_IMAGE_PIXELS
    assert filters == list(warnings.filters)
