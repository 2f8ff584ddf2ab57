"""Files that must be refused: each kind by name, as a function that makes one in a folder."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fields_core.head import HeadModel, load_head, save_code
from tests.heads import tiny_flame_pickle, tiny_head, tiny_head_file

Maker = Callable[[Path], Path]


def _file(name: str, data: bytes) -> Maker:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def _picture(kind: str, size: tuple[int, int] = (200, 200), mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(stream, kind)
    return stream.getvalue()


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_of_size(width: int, height: int) -> bytes:
    header = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + _png_chunk(b"IEND", b"")


def _corrupted(png: bytes) -> bytes:
    """The compressed pixels begin with nonsense."""
    start = png.index(b"IDAT") + 4
    return png[:start] + b"\xff" * 200 + png[start + 200 :]


def _folder(name: str, files: tuple[str, ...] = ()) -> Maker:
    def make(folder: Path) -> Path:
        (folder / name).mkdir()
        for file in files:
            (folder / name / file).write_text("not a photo")
        return folder / name

    return make


def _nobody(folder: Path) -> Path:
    Image.new("RGB", (200, 200), "white").save(folder / "nobody.png")
    return folder / "nobody.png"


def _dangling_link(folder: Path) -> Path:
    (folder / "link.jpg").symlink_to(folder / "nowhere.jpg")
    return folder / "link.jpg"


BAD_PHOTOS: dict[str, Maker] = {
    "zero bytes": _file("zero.jpg", b""),
    "truncated JPEG": _file("half.jpg", _picture("JPEG")[:3000]),
    "only a JPEG header": _file("header.jpg", _picture("JPEG")[:20]),
    "truncated PNG": _file("half.png", _picture("PNG")[:5000]),
    "corrupt PNG": _file("corrupt.png", _corrupted(_picture("PNG"))),
    "truncated TIFF": _file("half.tif", _picture("TIFF")[:5000]),
    "truncated WebP": _file("half.webp", _picture("WEBP")[:500]),
    "text named .jpg": _file("text.jpg", b"dear diary\n" * 50),
    "HTML named .png": _file("page.png", b"<!DOCTYPE html><html></html>"),
    "SVG": _file("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>"),
    "PDF": _file("paper.pdf", b"%PDF-1.7\n%%EOF"),
    "1 x 1": _file("dot.png", _picture("PNG", (1, 1))),
    "a line": _file("line.png", _picture("PNG", (900, 1))),
    "decompression bomb": _file("bomb.png", _png_of_size(60_000, 60_000)),
    "PNG of no width": _file("flat.png", _png_of_size(0, 10)),
    "HEIC": _file("phone.heic", b"\0\0\0\x18ftypheic" + bytes(100)),
    "random bytes": _file("random.jpg", np.random.default_rng(1).bytes(5000)),
    "video": _file("film.mp4", b"\0\0\0\x20ftypisom" + bytes(500)),
    "no face": _nobody,
    "missing": lambda folder: folder / "missing.jpg",
    "dangling link": _dangling_link,
    "glob without match": lambda folder: folder / "*.nothing",
    "folder without photos": _folder("papers", ("a.txt", "b.pdf")),
    "empty folder": _folder("empty"),
    "folder named as a photo": _folder("album.jpg"),
    "name too long": lambda folder: folder / ("x" * 5000 + ".jpg"),
}


class _Owner:
    """Unpickles to a call that would leave a mark."""

    def __init__(self, folder: Path) -> None:
        self._mark = folder / "owned"

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._mark,))


def _malicious_pickle(name: str) -> Maker:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(pickle.dumps({"v_template": _Owner(folder)}))
        return folder / name

    return make


def _truncated_head(folder: Path) -> Path:
    path = tiny_head_file(folder / "half.npz")
    path.write_bytes(path.read_bytes()[:4000])
    return path


def _other_npz(folder: Path) -> Path:
    np.savez(folder / "other.npz", a=np.zeros(3))
    return folder / "other.npz"


def _pickled_member(name: str) -> Maker:
    def make(folder: Path) -> Path:
        stream = io.BytesIO()
        np.save(stream, np.array([_Owner(folder)], dtype=object), allow_pickle=True)
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("format.npy", stream.getvalue())
            archive.writestr("shape.npy", stream.getvalue())
        return folder / name

    return make


def _zip_bomb(name: str) -> Maker:
    def make(folder: Path) -> Path:
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (60_000_000,)})
        with (
            zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("shape.npy", "w", force_zip64=True) as member,
        ):
            member.write(stream.getvalue())
            for _ in range(480):  # 480 MB of zeros in 2 MB
                member.write(bytes(1_000_000))
        return folder / name

    return make


BAD_HEADS: dict[str, Maker] = {
    "missing": lambda folder: folder / "missing.npz",
    "folder": _folder("head.npz"),
    "text": _file("head.npz", b"not a zip"),
    "empty": _file("head.npz", b""),
    "truncated": _truncated_head,
    "npz of something else": _other_npz,
    "pickle in an npz": _pickled_member("head.npz"),
    "zip bomb": _zip_bomb("head.npz"),
    "malicious FLAME pickle": _malicious_pickle("head.pkl"),
    "truncated FLAME pickle": lambda folder: _cut(tiny_flame_pickle, folder / "flame.pkl"),
    "text named .pkl": _file("head.pkl", b"hello"),
    "unknown suffix": _file("head.obj", b"v 0 0 0"),
}


def _cut(write: Callable[[Path], object], path: Path) -> Path:
    write(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _code(ending: str, **changes: torch.Tensor) -> Maker:
    """A tiny head's neutral code, then changed past what the writer would refuse."""

    def make(folder: Path) -> Path:
        head = HeadModel(tiny_head())
        code, path = head.neutral_code(), folder / f"code{ending}"
        save_code(path, code, head)
        if ending == ".npz":
            with np.load(path) as archive:
                arrays = dict(archive)
            np.savez(path, **{**arrays, **{name: value.numpy() for name, value in changes.items()}})
        return path

    return make


def _edited_json(edit: Callable[[dict[str, object]], object]) -> Maker:
    def make(folder: Path) -> Path:
        head = HeadModel(tiny_head())
        save_code(folder / "code.json", head.neutral_code(), head)
        content = json.loads((folder / "code.json").read_text())
        edit(content)
        (folder / "code.json").write_text(json.dumps(content))
        return folder / "code.json"

    return make


def _face(content: dict[str, object]) -> dict[str, object]:
    return content["faces"][0]  # type: ignore[index, return-value]


def _code_of_flame(folder: Path) -> Path:
    tiny_flame_pickle(folder / "flame.pkl")
    head = load_head(folder / "flame.pkl")
    save_code(folder / "code.npz", head.neutral_code(), head)
    return folder / "code.npz"


def _truncated_code(folder: Path) -> Path:
    path = _code(".npz")(folder)
    path.write_bytes(path.read_bytes()[:-300])
    return path


BAD_CODES: dict[str, Maker] = {
    "missing": lambda folder: folder / "missing.npz",
    "folder": _folder("code.json"),
    "empty npz": _file("code.npz", b""),
    "empty json": _file("code.json", b""),
    "broken json": _file("code.json", b'{"format": "fields-code-1", '),
    "json of something else": _file("code.json", b"[1, 2, 3]"),
    "deeply nested json": _file("code.json", b"[" * 100_000),
    "json that is not text": _file("code.json", b"\xff\xfe\x00\x80" * 100),
    "unknown suffix": _file("code.txt", b"0 0 0"),
    "truncated npz": _truncated_code,
    "another head model": _code_of_flame,
    "NaN camera in an npz": _code(".npz", camera=torch.tensor([[float("nan"), 0, 0]])),
    "infinite shape in an npz": _code(".npz", shape=torch.full((1, 6), float("inf"))),
    "too few coefficients": _code(".npz", shape=torch.zeros(1, 2)),
    "two faces here, one there": _code(".npz", jaw_pose=torch.zeros(2, 3)),
    "NaN camera in json": _edited_json(
        lambda content: _face(content).update(camera={"scale": float("nan"), "tx": 0, "ty": 0})
    ),
    "text for a number": _edited_json(lambda content: _face(content).update(head_pose=["a", "b", "c"])),
    "a huge number": _edited_json(lambda content: _face(content).update(head_pose=[1e300, 0, 0])),
    "misspelt unit": _edited_json(lambda content: _face(content).update(expression={"mouthSmielLeft": 1})),
    "no faces": _edited_json(lambda content: content.update(faces=[])),
    "missing part": _edited_json(lambda content: _face(content).pop("camera")),
    "other format version": _edited_json(lambda content: content.update(format="fields-code-99")),
    "pickle in an npz": _pickled_member("code.npz"),
    "zip bomb": _zip_bomb("code.npz"),
}
