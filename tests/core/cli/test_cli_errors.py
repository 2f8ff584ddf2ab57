"""Whatever is wrong is explained in words, and spoils nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.core.bad_input import BAD_CODES, BAD_HEADS, BAD_PHOTOS
from tests.core.cli.running import Run, assert_clear, reconstruct, save_neutral


@pytest.mark.parametrize("name", BAD_PHOTOS)
@pytest.mark.usefixtures("fake_pipeline")
def test_a_bad_photo_is_explained_and_skipped(
    run: Run, head_file: Path, photos: Path, tmp_path: Path, name: str
) -> None:
    bad = BAD_PHOTOS[name](tmp_path)
    status, out, err = reconstruct(
        run, head_file, tmp_path / "out", bad, photos / "one.jpg", "--json", "--format", "stl"
    )
    failed, good = json.loads(out)["photos"]
    if good["error"]:
        failed, good = good, failed
    assert status == 1
    assert good["error"] is None
    assert failed["faces"] == []
    assert_clear(err)
    assert failed["error"].splitlines()[0] in err


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_bad_head_model_is_explained(run: Run, photos: Path, tmp_path: Path, name: str) -> None:
    bad = BAD_HEADS[name](tmp_path)
    status, out, err = reconstruct(run, bad, tmp_path / "out", photos, "--json")
    assert (status, out) == (2, "")
    assert_clear(err)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", BAD_CODES)
def test_a_bad_code_file_is_explained_and_skipped(run: Run, head_file: Path, tmp_path: Path, name: str) -> None:
    bad, good = BAD_CODES[name](tmp_path), tmp_path / "good.json"
    save_neutral(good)
    status, out, err = run("export", bad, good, "--out", tmp_path / "out", "--head", head_file, "--format", "stl")
    assert status == 1, err
    assert out.split() == [str(tmp_path / "out" / "good.stl")]
    assert_clear(err)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--format", "fbx"), "Unknown format 'fbx'"),
        (("--format", "gbl"), "Did you mean glb?"),
        (("--format", ""), "No format given"),
        (("--format", ",,"), "No format given"),
        (("--head", "missing.npz"), "missing.npz"),
    ],
)
def test_a_bad_option_is_explained(run: Run, photos: Path, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    status, out, err = run("reconstruct", photos, "--out", tmp_path / "out", "--json", *options)
    assert (status, out) == (2, "")
    assert says in err
    assert_clear(err)


@pytest.mark.parametrize("where", ["a file", "below a file", "not writable"])
def test_an_output_folder_that_cannot_be_is_explained(run: Run, photos: Path, tmp_path: Path, where: str) -> None:
    if where == "not writable":
        if sys.platform != "linux" or not Path("/proc").is_dir():
            pytest.skip("needs a folder in which not even root can write")
        out_folder = Path("/proc/fields")
    else:
        (tmp_path / "file").write_text("")
        out_folder = tmp_path / "file" / ("below" if where == "below a file" else "")
    status, out, err = run("reconstruct", photos, "--out", out_folder, "--json")
    assert (status, out) == (2, "")
    assert str(out_folder) in err
    assert_clear(err)


@pytest.mark.usefixtures("fake_pipeline")
def test_nothing_done_is_status_2(run: Run, head_file: Path, tmp_path: Path) -> None:
    status, out, err = reconstruct(run, head_file, tmp_path / "out", tmp_path / "missing.jpg", "--json")
    assert status == 2
    assert "does not exist" in json.loads(out)["photos"][0]["error"]
    assert_clear(err)


def test_evaluating_a_folder_that_is_none_is_explained(run: Run, tmp_path: Path) -> None:
    status, out, err = run("evaluate", "fit", tmp_path / "missing")
    assert (status, out) == (2, "")
    assert_clear(err)
