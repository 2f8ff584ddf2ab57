"""Every kind of picture file: the good become upright 8-bit RGB, the bad a clear `PhotoError` and nothing else."""

from __future__ import annotations

import io
import os
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from fields_core.detection import photo_file
from fields_core.detection.photo_file import load_photo, photo_from_array, photo_paths
from fields_core.errors import PhotoError

HEIGHT, WIDTH = 40, 60
RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (250, 250, 250)


@pytest.fixture
def quadrants() -> np.ndarray:
    """(40, 60, 3): red, green / blue, white: its orientation shows."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = RED
    picture[: HEIGHT // 2, WIDTH // 2 :] = GREEN
    picture[HEIGHT // 2 :, : WIDTH // 2] = BLUE
    picture[HEIGHT // 2 :, WIDTH // 2 :] = WHITE
    return picture


def assert_quadrants(pixels: np.ndarray, tolerance: int = 0) -> None:
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    corners = pixels[[5, 5, -6, -6], [5, -6, 5, -6]].astype(int)
    assert np.abs(corners - [RED, GREEN, BLUE, WHITE]).max() <= tolerance


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def ramp(dtype: type, top: float) -> np.ndarray:
    return np.tile(np.linspace(0, top, 64), (32, 1)).astype(dtype)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_are_read_exactly(kind: str, quadrants: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / f"picture.{kind.lower()}"
    Image.fromarray(quadrants).save(path, kind)
    photo = load_photo(path)
    assert_quadrants(photo.pixels)
    assert photo.path == path


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "AVIF", "JPEG2000"])
def test_lossy_formats_are_read(kind: str, quadrants: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "picture.with a wrong suffix.txt"
    Image.fromarray(quadrants).save(path, kind)
    assert_quadrants(load_photo(str(path)).pixels, tolerance=14)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int, quadrants: np.ndarray, tmp_path: Path) -> None:
    stored = {  # EXIF 2.32, 4.6.4 A: which side of the scene is the stored picture's first row and column
        1: quadrants,
        2: quadrants[:, ::-1],
        3: quadrants[::-1, ::-1],
        4: quadrants[::-1],
        5: quadrants.transpose(1, 0, 2),
        6: np.rot90(quadrants, 1),
        7: quadrants[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(quadrants, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, kind, exif=exif)
    assert_quadrants(load_photo(path).pixels, tolerance=14)


def test_damaged_exif_does_not_spoil_the_picture(quadrants: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "exif.jpg"
    path.write_bytes(encoded(Image.fromarray(quadrants), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7fgarbage"))
    assert_quadrants(load_photo(path).pixels, tolerance=14)


def test_grey_becomes_equal_channels(tmp_path: Path) -> None:
    grey = ramp(np.uint8, 255)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(load_photo(tmp_path / "grey.png").pixels, np.repeat(grey[..., None], 3, 2))


def test_black_and_white_bitmap_is_read(tmp_path: Path) -> None:
    Image.fromarray(ramp(np.uint8, 255) > 127).save(tmp_path / "fax.tif")
    pixels = load_photo(tmp_path / "fax.tif").pixels
    assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_lie_on_grey(mode: str, tmp_path: Path) -> None:
    picture = np.full((32, 32, 4), 255, np.uint8)
    picture[:16, :, 3] = 0
    Image.fromarray(picture).convert(mode).save(tmp_path / "glass.png")
    pixels = load_photo(tmp_path / "glass.png").pixels
    assert (pixels[4, 4] == 128).all()
    assert (pixels[-4, -4] == 255).all()


def test_transparent_palette_lies_on_grey(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32) // 16, "P")
    picture.putpalette([value for i in range(256) for value in (i * 60 % 256, 255 - i, i)])
    picture.save(tmp_path / "palette.png", transparency=0)
    pixels = load_photo(tmp_path / "palette.png").pixels
    assert (pixels[0, 0] == 128).all()
    assert tuple(pixels[0, 16]) == (60, 254, 1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_not_clipped(kind: str, tmp_path: Path) -> None:
    Image.fromarray(ramp(np.uint16, 65535)).save(tmp_path / "deep", kind)
    pixels = load_photo(tmp_path / "deep").pixels
    assert pixels[0, [0, -1]].tolist() == [[0] * 3, [255] * 3]
    assert np.abs(pixels[0, :, 0].astype(int) - ramp(np.float64, 255)[0]).max() <= 1


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colour_is_scaled(suffix: str, channels: int, tmp_path: Path) -> None:
    deep = np.repeat(ramp(np.uint16, 65535)[..., None], channels, 2)
    deep[..., 3:] = 65535
    _, data = cv2.imencode(suffix, deep)
    (tmp_path / "deep").write_bytes(data.tobytes())
    assert np.abs(load_photo(tmp_path / "deep").pixels[0, :, 1].astype(int) - ramp(np.float64, 255)[0]).max() <= 1


def test_floating_point_tiff_in_range_is_read(tmp_path: Path) -> None:
    Image.fromarray(ramp(np.float32, 1.0)).save(tmp_path / "float.tif")
    assert load_photo(tmp_path / "float.tif").pixels[0, [0, -1], 0].tolist() == [0, 255]


def test_cmyk_is_read_whether_inverted_or_not(quadrants: np.ndarray, tmp_path: Path) -> None:
    cmyk = Image.fromarray(quadrants).convert("CMYK")
    cmyk.save(tmp_path / "adobe.jpg", quality=95)  # Pillow writes Adobe's inverted kind, with its marker
    cmyk.save(tmp_path / "plain.tif")
    assert b"Adobe" in (tmp_path / "adobe.jpg").read_bytes()
    assert_quadrants(load_photo(tmp_path / "adobe.jpg").pixels, tolerance=14)
    assert_quadrants(load_photo(tmp_path / "plain.tif").pixels, tolerance=2)


def test_lab_tiff_is_read(quadrants: np.ndarray, tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    ImageCms.profileToProfile(Image.fromarray(quadrants), srgb, lab, outputMode="LAB").save(tmp_path / "lab.tif")
    assert_quadrants(load_photo(tmp_path / "lab.tif").pixels, tolerance=14)


def test_colour_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    linear = _linear_grey_profile()
    Image.fromarray(np.full((32, 32), 55, np.uint8)).save(tmp_path / "linear.png", icc_profile=linear)
    # 55/255 of the light is sRGB 0.5029 (IEC 61966-2-1).
    assert load_photo(tmp_path / "linear.png").pixels == pytest.approx(128, abs=3)


def test_damaged_colour_profile_is_ignored(quadrants: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(quadrants).save(tmp_path / "odd.png", icc_profile=b"no profile at all")
    assert_quadrants(load_photo(tmp_path / "odd.png").pixels)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation_is_used(kind: str, quadrants: np.ndarray, tmp_path: Path) -> None:
    frames = [Image.fromarray(quadrants), Image.fromarray(255 - quadrants)]
    frames[0].save(tmp_path / "film", kind, save_all=True, append_images=frames[1:], duration=100)
    assert_quadrants(load_photo(tmp_path / "film").pixels, tolerance=14)


def test_multi_picture_jpeg_of_a_phone_is_read(quadrants: np.ndarray, tmp_path: Path) -> None:
    picture = Image.fromarray(quadrants)
    picture.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[picture.resize((16, 16))])
    assert_quadrants(load_photo(tmp_path / "phone.jpg").pixels, tolerance=14)


def test_huge_jpeg_is_shrunk_by_a_whole_factor(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    Image.new("L", (12000, 8400), 90).save(path)  # 100 megapixels
    photo = load_photo(path)
    assert (photo.width, photo.height) == (6000, 4200)
    assert photo.pixels[2000, 3000].tolist() == [90] * 3


def test_large_array_is_shrunk_to_the_working_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_file, "WORKING_PIXELS", 1000)
    photo = photo_from_array(np.full((90, 120, 3), 7, np.uint8))
    assert photo.width * photo.height <= 1000
    assert (photo.pixels == 7).all()


def _linear_grey_profile() -> bytes:
    """The smallest ICC version 2 grey profile whose tone curve is the identity (ICC.1:2001-04)."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)
    text = b"desc\0\0\0\0" + struct.pack(">I", 7) + b"linear\0" + bytes(78)
    parts = ((b"desc", text), (b"wtpt", white), (b"kTRC", curve))
    body, table, offset = b"", struct.pack(">I", len(parts)), 128 + 4 + 12 * len(parts)
    for tag, data in parts:
        padded = data + bytes(-len(data) % 4)
        table += tag + struct.pack(">2I", offset + len(body), len(data))
        body += padded
    size = 128 + len(table) + len(body)
    dates = struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
    header = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, b"mntr", b"GRAY", b"XYZ ") + dates + b"acsp"
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + table + body


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


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.full((20, 30, 3), 51, np.uint8)),
        np.full((40, 60, 3), 51, np.uint8)[::-2, ::-2],
        np.full((20, 30, 3), 51, np.uint8)[..., ::-1],
        np.full((20, 30), 51, np.uint8),
        np.full((20, 30, 1), 51, np.uint8),
        np.full((20, 30, 3), 0.2, np.float32),
        np.full((20, 30), 0.2, np.float16),
        np.full((20, 30), 51 * 257, np.uint16),
        np.full((20, 30), 51 * 257, ">u2"),
        np.dstack([np.full((20, 30), 51, np.uint8), np.full((20, 30), 255, np.uint8)]),
    ],
)
def test_arrays_of_any_layout_and_type_are_taken(array: np.ndarray) -> None:
    before = array.copy()
    photo = photo_from_array(array)
    assert photo.pixels.shape == (20, 30, 3)
    assert photo.pixels.flags.c_contiguous
    assert (photo.pixels == 51).all()
    np.testing.assert_array_equal(array, before)


def test_photo_does_not_share_memory_with_the_array() -> None:
    frame = np.zeros((20, 30, 3), np.uint8)
    photo = photo_from_array(frame)
    frame[:] = 255
    assert (photo.pixels == 0).all()


def test_bool_array_is_black_and_white() -> None:
    assert set(np.unique(photo_from_array(np.eye(20, dtype=bool)).pixels)) == {0, 255}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((0, 0, 3), np.uint8), "empty"),
        (np.zeros((20, 0), np.uint8), "empty"),
        (np.zeros((1, 1, 3), np.uint8), "too small"),
        (np.zeros(20, np.uint8), "not a picture"),
        (np.zeros((), np.uint8), "not a picture"),
        (np.zeros((20, 20, 5), np.uint8), "not a picture"),
        (np.zeros((20, 20, 0), np.uint8), "not a picture"),
        (np.zeros((2, 20, 20, 3), np.uint8), "not a picture"),
        (np.zeros((3, 20, 20), np.float32), "not a picture"),
        (np.zeros((20, 20, 3), np.int64), "wrong type"),
        (np.zeros((20, 20, 3), np.complex64), "wrong type"),
        (np.array([["a"] * 20] * 20), "wrong type"),
        (np.full((20, 20), None, object), "wrong type"),
        (np.full((20, 20, 3), np.nan), "not finite"),
        (np.full((20, 20, 3), -np.inf), "not finite"),
        (np.full((20, 20, 3), 200.0), "out of range"),
        (np.full((20, 20, 3), -0.5), "out of range"),
    ],
)
def test_bad_array_raises_a_clear_error(array: np.ndarray, message: str) -> None:
    with pytest.raises(PhotoError, match=message):
        photo_from_array(array)


def test_paths_of_files_folders_and_patterns(tmp_path: Path, quadrants: np.ndarray) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "sub/c.webp"):
        (tmp_path / name).write_bytes(b"x")
    a, b, c = tmp_path / "a.png", tmp_path / "b.JPG", tmp_path / "sub" / "c.webp"
    assert photo_paths([tmp_path]) == [a, b]
    assert photo_paths([str(tmp_path / "*")]) == [a, b]
    assert photo_paths([str(tmp_path / "**" / "*"), a, tmp_path]) == [a, b, c]
    assert photo_paths([tmp_path / "notes.txt", tmp_path / "gone.jpg"]) == [
        tmp_path / "gone.jpg",
        tmp_path / "notes.txt",
    ]


def test_file_with_brackets_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    path = tmp_path / "party[1].jpg"
    path.write_bytes(b"x")
    assert photo_paths([path]) == [path]


def test_no_picture_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="No picture in"):
        photo_paths([tmp_path, tmp_path / "*.jpg"])
    with pytest.raises(PhotoError, match="No picture was named"):
        photo_paths([])
