"""Very large sets of photos: lists that are never in memory, rows that survive files, shards that survive kills."""

from __future__ import annotations

import dataclasses
import gzip
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from fields_core.assets import ENVIRONMENT_VARIABLE
from fields_core.bulk.face_row import CODE_FIELDS, FaceRow
from fields_core.bulk.job import BatchJob, BatchSettings, begin_batch, open_batch
from fields_core.bulk.local_pool import shards_here
from fields_core.bulk.photo_coder import CodingSettings, PhotoCoder, settled
from fields_core.bulk.shard_table import read_table, write_table
from fields_core.bulk.work_list import photo_names, write_work_list
from fields_core.cli import main
from fields_core.encoder.checkpoint import save_checkpoint
from fields_core.encoder.emotion_head import EmotionHead
from fields_core.errors import CodeFileError, ExportError, FieldsError, ModelFileError, PhotoError, SettingsError
from fields_core.head import HeadModel
from fields_core.live.tracked import EmotionReading
from tests.core.test_encoded_fit import checkpoint_for
from tests.core.test_landmark_fit import random_code
from tests.core.test_pipeline import ScriptedDetector, face_of
from tests.heads import tiny_head, tiny_head_file
from tests.made_up_coder import MadeUpCoder
from tests.web import serving

FIT = CodingSettings("fit")


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return HeadModel(tiny_head())


def batch(folder: Path, count: int = 10, shard_size: int = 4, bad: dict[int, str] | None = None) -> BatchJob:
    """A batch of photos that only `MadeUpCoder` can read; some are bad in the ways it knows."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{(bad or {}).get(number, 'photo')}-{number}.jpg" for number in range(count)]
    (folder / "list.txt").write_text("\n".join(names))
    return begin_batch(
        folder / "out", BatchSettings((str(folder / "list.txt"),), FIT, table="jsonl", shard_size=shard_size)
    )


def rows(job: BatchJob) -> list[FaceRow]:
    return [row for shard in range(job.work.shards) for row in read_table(job.path(shard))]


# --- lists


def test_lists_hold_folders_with_sub_folders_globs_lists_addresses_and_missing_files(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/a/1.png", "b/notes.md", "b/.hidden/3.jpg", "c1.jpg", "c2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "more.txt").write_text("c1.jpg\n\nhttps://example.org/x.jpg\n/gone.jpg\r\n")
    inputs = [str(tmp_path / "b"), str(tmp_path / "c?.jpg"), str(tmp_path / "more.txt"), "s3://bucket/y.jpg"]
    assert sorted(photo_names(inputs)) == sorted(
        [
            *(str(tmp_path / name) for name in ("b/2.jpg", "b/a/1.png", "c1.jpg", "c1.jpg", "c2.jpg")),
            "https://example.org/x.jpg",
            "/gone.jpg",
            "s3://bucket/y.jpg",
        ]
    )
    with pytest.raises(PhotoError, match="cannot be read"):
        list(photo_names([str(tmp_path / "none.txt")]))


def test_any_file_name_survives_the_list(tmp_path: Path) -> None:
    names = ["a\nb.jpg", 'quote".jpg', "ümlaut.jpg", os.fsdecode(b"/not-utf8-\xff.jpg")]
    work = write_work_list(tmp_path, names, 3)
    assert work.shards == 2
    assert [*work.shard(0), *work.shard(1)] == list(enumerate(names))


def test_a_long_list_is_written_and_read_without_being_held(tmp_path: Path) -> None:
    def names() -> Iterator[str]:
        for number in range(50_000):
            yield f"/photos/{number:07d}.jpg"

    tracemalloc.start()
    work = write_work_list(tmp_path, names(), 1000)
    last = list(work.shard(49))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (work.photos, work.shards, last[-1]) == (50_000, 50, (49_999, "/photos/0049999.jpg"))
    assert peak < 1 << 20  # as a list they take five times that


# --- rows and tables


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".parquet"])
def test_rows_survive_files(head: HeadModel, tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="pyarrow (extra cluster) is not installed", exc_type=ImportError)
    code = random_code(head, 1, 3)
    emotion = EmotionReading((0.5, 0.25, 0.25, 0, 0, 0, 0, 0), 0.5, -0.25)
    face = FaceRow(
        7, "/a/ü.jpg", 2, "", "", 640, 480, (1.5, 2, 3, 4), (1, 0, 0, 0, 1, 0), 0.0625, "odd", code, emotion, 0.5
    )
    failed = FaceRow(8, "/b.jpg", error="No face\nExpected: one", error_kind="NoFaceError", seconds=0.25)
    write_table(tmp_path / f"t{suffix}", [face, failed], head, "{}")
    first, second = read_table(tmp_path / f"t{suffix}")
    assert first.code is not None
    assert all(torch.equal(getattr(first.code, name), getattr(code, name).float()) for name in CODE_FIELDS)
    plain = [name for name in FaceRow.__dataclass_fields__ if name != "code"]
    assert [getattr(first, name) for name in plain] == [getattr(face, name) for name in plain]
    assert [getattr(second, name) for name in plain] == [getattr(failed, name) for name in plain]
    assert second.code is None


def test_damaged_tables_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"no gzip", gzip.compress(b"[1]\n"), gzip.compress(b'{"place": 1}\n')):
        (tmp_path / "t.jsonl.gz").write_bytes(content or b"x")
        with pytest.raises(CodeFileError, match="not a table"):
            read_table(tmp_path / "t.jsonl.gz")


# --- shards


def test_a_bad_photo_is_a_row_with_its_error(tmp_path: Path) -> None:
    job = batch(tmp_path, bad={1: "nobody", 4: "bug"})
    done = [job.code(shard, MadeUpCoder(FIT)) for shard in job.pending()]
    found = rows(job)
    assert [row.place for row in found] == list(range(10))
    assert [(row.place, row.error_kind) for row in found if row.face == 0] == [(1, "NoFaceError"), (4, "Bug")]
    assert "ZeroDivisionError" in found[4].error
    assert [(one.photos, one.faces, one.failed) for one in done] == [(4, 3, 1), (4, 3, 1), (2, 2, 0)]
    assert job.pending() == []


def test_a_batch_goes_on_where_it_stopped_and_its_files_do_not_depend_on_that(tmp_path: Path) -> None:
    whole, halted = batch(tmp_path / "a"), batch(tmp_path / "b")
    for shard in whole.pending():
        whole.code(shard, MadeUpCoder(FIT))
    halted.code(1, MadeUpCoder(FIT))
    before = halted.path(1).stat().st_mtime_ns
    again = open_batch(halted.folder)
    assert again.pending() == [0, 2]
    for shard in again.pending():
        again.code(shard, MadeUpCoder(FIT))
    assert halted.path(1).stat().st_mtime_ns == before
    names = [[(row.place, Path(row.photo).name, row.landmark_error) for row in rows(job)] for job in (whole, again)]
    assert names[0] == names[1]


def test_a_folder_keeps_its_batch(tmp_path: Path) -> None:
    job = batch(tmp_path)
    assert begin_batch(job.folder, job.settings).work == job.work
    with pytest.raises(SettingsError, match="another batch") as caught:
        begin_batch(job.folder, BatchSettings(job.settings.inputs, FIT, "jsonl", 5))
    assert "shard_size 4" in caught.value.expected
    with pytest.raises(SettingsError, match="no batch"):
        open_batch(tmp_path)
    (tmp_path / "no photos").mkdir()
    with pytest.raises(PhotoError, match="No picture"):
        begin_batch(tmp_path / "other", BatchSettings((str(tmp_path / "no photos"),), FIT, "jsonl"))


def test_processes_share_the_shards_and_a_photo_that_ends_them_is_left_out(tmp_path: Path) -> None:
    job = batch(tmp_path, count=12, bad={5: "deadly"})
    done = list(shards_here(job, job.pending(), 2, MadeUpCoder))
    assert sorted(one.shard for one in done) == [0, 1, 2]
    found = rows(job)
    assert [row.place for row in found] == list(range(12))
    assert [(row.place, row.error_kind) for row in found if row.face == 0] == [(5, "ProcessDied")]
    assert not list(job.folder.rglob("*.begun"))


def test_what_concerns_the_whole_batch_ends_it(tmp_path: Path) -> None:
    job = batch(tmp_path)
    (job.folder / "shards").write_text("a file where a folder should be")
    with pytest.raises(ExportError, match="Cannot write"):
        job.code(0, MadeUpCoder(FIT))
    assert job.pending() == [0, 1, 2]


def test_being_told_to_stop_is_not_held_against_the_photo(tmp_path: Path) -> None:
    job = batch(tmp_path, bad={2: "stop"})
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            job.code(0, MadeUpCoder(FIT))
    assert (job.path(0).parent / "shard-0000000.begun").read_bytes() == b""


# --- codes


def test_codes_and_scores_come_from_the_weights_that_the_batch_was_begun_with(
    head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    monkeypatch.setattr("fields_core.pipeline.FaceDetector", lambda: ScriptedDetector([face_of(head, 1, 100)]))
    file = str(tiny_head_file(tmp_path / "egg.npz"))
    checkpoint = checkpoint_for(head)
    torch.manual_seed(0)
    info = dataclasses.replace(checkpoint.info, emotion_branch=True)
    emotion = EmotionHead(checkpoint.info.encoder.n_expression).eval()
    save_checkpoint(tmp_path / "encoder.safetensors", dataclasses.replace(checkpoint, info=info, emotion=emotion))
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "a.png")
    settings = settled(CodingSettings("encoder", file))
    coder = PhotoCoder(settings)
    (local,) = coder.rows(0, str(tmp_path / "a.png"))
    assert local.code is not None
    assert local.emotion is not None
    assert sum(local.emotion.probabilities) == pytest.approx(1.0, abs=1e-5)
    assert (local.width, len(local.box), len(local.crop_to_photo)) == (200, 4, 6)
    with serving(tmp_path) as web:
        (remote,) = coder.rows(0, f"{web.address}/a.png")
    assert remote.code is not None
    assert torch.equal(remote.code.expression, local.code.expression)
    assert remote.photo == f"{web.address}/a.png"
    (refined,) = PhotoCoder(dataclasses.replace(settings, codes="refine")).rows(0, str(tmp_path / "a.png"))
    assert refined.landmark_error < local.landmark_error
    (tmp_path / "encoder.safetensors").write_bytes(b"other weights")
    with pytest.raises(ModelFileError, match="not those that the batch was begun with"):
        PhotoCoder(settings)
    (tmp_path / "encoder.safetensors").unlink()
    monkeypatch.setattr("fields_core.assets.user_data_folder", lambda: tmp_path / "none")
    monkeypatch.setattr("fields_core.assets.ASSETS", {})
    assert settled(CodingSettings("encoder", file)).codes == "fit"


# --- the command line


def test_the_command_line_says_what_makes_no_sense(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for more in (["--overlay"], ["--json"], ["--workers", "0"], ["--format", "glb"], ["--shard-size", "0"]):
        options = ["--format", "jsonl"] if "--format" not in more else []
        assert main(["reconstruct", "--shards", "x.jpg", "--fit", "--out", str(tmp_path), *options, *more]) == 2
        assert "error" in capfd.readouterr().err


def test_options_are_looked_at_before_what_is_installed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(table: str) -> None:
        raise SettingsError(f"{table} is not installed")

    monkeypatch.setattr("fields_core.bulk.shard_table.require_format", nothing)
    assert main(["reconstruct", "--shards", "x.jpg", "--out", str(tmp_path), "--shard-size", "-3"]) == 2
    assert "--shard-size 1 or more" in capfd.readouterr().err


def test_the_command_line_does_what_is_left(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fields_core.bulk.photo_coder.PhotoCoder", MadeUpCoder)
    job_folder = tmp_path / "out"
    (tmp_path / "list.txt").write_text("a.jpg\nb.jpg\nnobody-c.jpg\n")
    command = ["reconstruct", "--shards", "--fit", "--workers", "1", "--format", "jsonl", "--shard-size", "2"]
    command += [str(tmp_path / "list.txt"), "--out", str(job_folder)]
    assert main(command) == 1
    assert "2 faces in 3 photos, 1 of which gave none" in capfd.readouterr().err
    job = open_batch(job_folder)
    assert [row.face for row in rows(job)] == [1, 1, 0]
    job.path(0).unlink()
    assert main(command) == 0
    assert "1 of them done" in capfd.readouterr().err


def test_ray_does_what_is_left_with_two_workers_and_survives_a_deadly_photo(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray (extra cluster) is not installed", exc_type=ImportError)
    job = batch(tmp_path, count=12, shard_size=3, bad={4: "deadly", 7: "nobody"})
    job.code(0, MadeUpCoder(FIT))
    before = job.path(0).stat().st_mtime_ns
    script = (
        "import sys; from fields_core.cli import main; import fields_core.bulk.photo_coder as module\n"
        "from tests.made_up_coder import MadeUpCoder; module.PhotoCoder = MadeUpCoder\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = ["reconstruct", "--cluster", "--workers", "2", "--fit", "--format", "jsonl", "--shard-size", "3"]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", script, *command, job.settings.inputs[0], "--out", str(job.folder)],
        cwd=root,
        env=environment | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "4 shards, 1 of them done" in done.stderr
    found = rows(job)
    assert [row.place for row in found] == list(range(12))
    failed = {row.place: row.error_kind for row in found if row.face == 0}
    assert failed == {4: "ProcessDied", 7: "NoFaceError"}
    assert job.path(0).stat().st_mtime_ns == before


def test_ray_that_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fields_core.bulk.ray_cluster import shards_on_ray

    monkeypatch.setitem(sys.modules, "ray", None)
    job = batch(tmp_path)
    with pytest.raises(FieldsError, match="Ray is not installed") as caught:
        list(shards_on_ray(job, job.pending(), 2, None, MadeUpCoder))
    assert "cluster" in caught.value.remedy
