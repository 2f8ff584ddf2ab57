"""Every kind of good picture file becomes an upright 8-bit RGB picture."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from fields_core.detection.photo_file import load_photo
from tests.core.photo_file.pictures import assert_quadrants, encoded, ramp


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
