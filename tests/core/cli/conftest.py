"""The command line in this process, with a small head and a reconstructor that finds what file names say."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from PIL import Image

from fields_core.cli import main
from fields_core.datatypes import Photo, Reconstruction
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.errors import NoFaceError
from fields_core.head import HeadModel
from tests.core.cli.running import Run
from tests.heads import tiny_head_file
from tests.reconstructions import fake_reconstruction


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run ``fields ...`` in this process; returns exit status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as leaving:  # argparse
            status = int(leaving.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return call


@pytest.fixture
def head_file(tmp_path: Path) -> Path:
    return tiny_head_file(tmp_path / "tiny.npz")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three grey pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("img10.png", "img2.png", "one.jpg"):
        Image.new("RGB", (320, 240), "grey").save(folder / name)
    return folder


class FakeReconstructor:
    """Finds one face in a picture, three in "group.*", none in "nobody.*", and a bug in "bug.*"."""

    def __init__(self, head: HeadModel, encoder: EncoderRuntime | None = None) -> None:
        self._head = head

    def reconstruct(self, photo: Photo, *, texture: bool = True) -> list[Reconstruction]:
        if photo.name == "nobody":
            raise NoFaceError(f"No face found in {photo.name}")
        if photo.name == "bug":
            raise ZeroDivisionError("the unforeseen")
        if photo.name == "interrupt":
            signal.raise_signal(signal.SIGINT)
        print("noise of a library")  # noqa: T201
        os.write(1, b"native noise\n")
        os.write(2, b"native noise\n")
        code = self._head.neutral_code().replace(head_pose=torch.tensor([[0.1, 0.3, 0.0]]))
        count = 3 if photo.name == "group" else 1
        return [fake_reconstruction(self._head, code, photo.path) for _ in range(count)]

    def close(self) -> None: ...


@pytest.fixture
def fake_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fields_core.cli.batch.Reconstructor", FakeReconstructor)
