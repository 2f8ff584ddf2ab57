"""The command line as its user meets it: exit status, standard output, standard error, files."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from fields_core.cli import main
from fields_core.cli.photos import folder_names, select_photos
from fields_core.datatypes import Photo, Reconstruction
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, build_encoder, save_checkpoint
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.encoder.face_encoder import EncoderConfig
from fields_core.encoder.runtime import EncoderRuntime
from fields_core.errors import NoFaceError
from fields_core.head import HeadModel, load_code, load_head
from tests.core.bad_input import BAD_CODES, BAD_HEADS, BAD_PHOTOS
from tests.heads import tiny_flame_pickle, tiny_head, tiny_head_file
from tests.reconstructions import fake_reconstruction

Run = Callable[..., tuple[int, str, str]]


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


def _reconstruct(run: Run, head_file: Path, out: Path, *more: object) -> tuple[int, str, str]:
    return run("reconstruct", *more, "--out", out, "--head", head_file)


# --- the program ---


def test_help_and_version_are_quick_and_import_nothing_heavy() -> None:
    script = "import sys; from fields_core.cli import main\ntry: main(['{}'])\nfinally: print(sorted(sys.modules))"
    for option in ("--help", "--version"):
        done = subprocess.run([sys.executable, "-c", script.format(option)], capture_output=True, text=True, check=True)
        assert "fields" in done.stdout
        for heavy in ("torch", "numpy", "mediapipe", "cv2"):
            assert f"'{heavy}'" not in done.stdout


@pytest.mark.parametrize("command", ["reconstruct", "export", "evaluate", "models"])
def test_every_command_has_help(run: Run, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"fields {command}" in out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("reconstrukt",),
        ("reconstruct",),
        ("reconstruct", "a.jpg"),
        ("export", "a.npz"),
        ("evaluate",),
        ("--nonsense",),
    ],
)
def test_wrong_usage_is_explained_with_status_2(run: Run, arguments: tuple[str, ...]) -> None:
    status, out, err = run(*arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("usage: fields")


def test_with_an_encoder_each_face_has_scores_of_the_expression_classifier(
    run: Run, fake_pipeline: None, head_file: Path, tmp_path: Path
) -> None:
    head = load_head(head_file)
    config = EncoderConfig(head.n_shape, 5, layout="shared", expression_backbone="mobilenetv3_small_050")
    torch.manual_seed(0)
    checkpoint = Checkpoint(CheckpointInfo(head.name, config, 0.006), build_encoder(config), EmotionHead(5))
    save_checkpoint(tmp_path / "weights.safetensors", checkpoint)
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    arguments = (tmp_path / "a.png", "--json", "--encoder", tmp_path / "weights.safetensors", "--format", "json")
    status, out, err = _reconstruct(run, head_file, tmp_path / "out", *arguments)
    assert status == 0, err
    assert "by the encoder" in err
    (face,) = json.loads(out)["photos"][0]["faces"]
    assert face["emotion"]["scores"].keys() == {emotion.name.lower() for emotion in Emotion}
    assert sum(face["emotion"]["scores"].values()) == pytest.approx(1.0, abs=1e-4)
    assert face["emotion"]["intensity"] == pytest.approx(0.0)
    status, out, err = _reconstruct(run, head_file, tmp_path / "fit", *arguments[:2], "--fit")
    assert status == 0, err
    assert json.loads(out)["photos"][0]["faces"][0]["emotion"] is None
    assert "by fitting" in err


def test_models_names_files_licences_and_checksums(run: Run, head_file: Path) -> None:
    status, out, err = run("models", "--head", head_file)
    assert status == 0, err
    assert "head: tiny-head" in out
    assert "CC0-1.0" in out
    assert str(head_file) in out
    assert "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff" in out


def _in_a_terminal(script: str) -> str:
    """What a terminal shows of a Python script, its end included."""
    pty = pytest.importorskip("pty", reason="pseudo-terminals are a thing of POSIX systems")
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", script], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # Linux says so when the other side has closed
            while part := os.read(ours, 4096):
                shown += part
        os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


def test_a_terminal_shows_a_bar_and_keeps_the_lines_above_it() -> None:
    shown = _in_a_terminal(
        "from fields_core.cli.terminal import Terminal\n"
        "from fields_core.progress import Progress\n"
        "with Terminal() as terminal, terminal.progress() as bar:\n"
        "    import atexit, sys; atexit.register(sys.stdout.isatty)\n"
        "    print('noise')\n"
        "    bar.show(Progress(1, 2, '[red]img.jpg'))\n"
        "    terminal.note('line 1')\n"
    )
    assert "[red]img.jpg" in shown
    assert "1/2" in shown
    assert "line 1" in shown
    assert "noise" not in shown
    assert "Traceback" not in shown


def test_a_reader_that_stops_reading_is_no_error() -> None:
    script = (
        "import sys; from fields_core import cli\n"
        "cli.models.run = lambda arguments, terminal: [terminal.write('x' * 9999) for _ in range(99)] and 0\n"
        "sys.exit(cli.main(['models']))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


# --- reconstruct, with a made-up pipeline ---


@pytest.mark.usefixtures("fake_pipeline")
def test_every_face_of_every_photo_gets_its_files(run: Run, head_file: Path, photos: Path, tmp_path: Path) -> None:
    (photos / "one.jpg").rename(photos / "group.jpg")
    status, out, err = _reconstruct(run, head_file, tmp_path / "out", photos, "--format", "obj, GLB,json")
    assert status == 0, err
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    files = ("{}.glb", "{}.json", "{}.mtl", "{}.obj", "{}.png")
    faces = [f"group/face-{n}" for n in (1, 2, 3)] + ["img10/face-1", "img2/face-1"]
    assert names == sorted(pattern.format(face) for face in faces for pattern in files)
    assert "5 faces in 3 photos" in err
    assert "1.23%" in out
    assert "[3/3]" in err


@pytest.mark.usefixtures("fake_pipeline")
def test_json_is_all_that_standard_output_holds(run: Run, head_file: Path, photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (320, 240)).save(photos / "nobody.png")
    status, out, err = _reconstruct(run, head_file, tmp_path / "out", photos, tmp_path / "missing.jpg", "--json")
    assert status == 1
    result = json.loads(out, parse_constant=pytest.fail)
    assert list(result) == ["photos"]
    assert [Path(photo["path"]).name for photo in result["photos"]] == [
        "img2.png", "img10.png", "nobody.png", "one.jpg", "missing.jpg",
    ]  # fmt: skip
    for photo in result["photos"]:
        assert list(photo) == ["path", "error", "seconds", "faces"]
        assert photo["seconds"] >= 0
        assert (photo["error"] is None) == bool(photo["faces"])
    assert "No face found" in result["photos"][2]["error"]
    face = result["photos"][0]["faces"][0]
    assert list(face) == ["box", "landmark_error", "head_pose_degrees", "expression", "emotion", "files"]
    assert face["box"] == [60, 20, 260, 220]
    assert face["landmark_error"] == 0.0123
    assert face["head_pose_degrees"] == pytest.approx([5.64, 17.25, 0.86], abs=0.01)  # the rotation vector (.1, .3, 0)
    assert {"mouthSmileLeft", "jawOpen", "eyelidLeft"} <= set(face["expression"])
    assert all(Path(file).is_file() for file in face["files"])
    assert "noise" not in out + err


@pytest.mark.usefixtures("fake_pipeline")
def test_a_bug_in_one_photo_leaves_a_log_and_the_batch_goes_on(
    run: Run, head_file: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (320, 240)).save(photos / "bug.png")
    status, out, err = _reconstruct(run, head_file, tmp_path / "out", photos)
    assert status == 1
    assert "Traceback" not in out + err
    assert "Internal error: ZeroDivisionError: the unforeseen" in err
    log = Path(err.partition("with the log ")[2].split()[0])
    try:
        assert "ZeroDivisionError" in log.read_text()
        assert "native noise" in log.read_text()
    finally:
        log.unlink()
    assert "3 faces in 3 photos; 1 input failed" in err


@pytest.mark.usefixtures("fake_pipeline")
def test_interrupt_ends_with_130_and_leaves_no_half_file(
    run: Run, head_file: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (320, 240)).save(photos / "interrupt.png")
    # A shell starts what it puts in the background with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status, out, err = _reconstruct(run, head_file, tmp_path / "out", photos, "--format", "stl")
    finally:
        signal.signal(signal.SIGINT, before)
    assert status == 130
    assert "Interrupted" in err
    assert "Traceback" not in out + err
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["face-1.stl"] * 2 + ["img10", "img2"]


@pytest.mark.usefixtures("fake_pipeline")
def test_overlay_and_turntable_are_written_on_request(
    run: Run, head_file: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fields_core.export.pictures.TURNTABLE_FRAMES", 3)
    monkeypatch.setattr("fields_core.export.pictures.TURNTABLE_SIZE", 64)
    arguments = (photos / "one.jpg", "--format", "stl", "--overlay", "--turntable")
    status, _, err = _reconstruct(run, head_file, tmp_path / "out", *arguments)
    assert status == 0, err
    names = sorted(path.name for path in (tmp_path / "out" / "one").iterdir())
    assert names == ["face-1-overlay.jpg", "face-1-turntable.mp4", "face-1.stl"]


@pytest.mark.usefixtures("fake_pipeline")
def test_photos_that_share_a_stem_get_folders_of_their_own(
    run: Run, head_file: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (320, 240)).save(photos / "one.png")
    (tmp_path / "more").mkdir()
    Image.new("RGB", (320, 240)).save(tmp_path / "more" / "ONE.png")
    status, _, err = _reconstruct(run, head_file, tmp_path / "out", photos, tmp_path / "more", "--format", "stl")
    assert status == 0, err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ONE-3", "img10", "img2", "one", "one-2"]


@pytest.mark.usefixtures("fake_pipeline")
def test_a_photo_named_twice_is_done_once(run: Run, head_file: Path, photos: Path, tmp_path: Path) -> None:
    arguments = (photos, photos / "one.jpg", photos / "*.jpg", photos / ".." / "photos" / "img2.png")
    _, out, _ = _reconstruct(run, head_file, tmp_path / "out", *arguments, "--json", "--format", "stl")
    assert len(json.loads(out)["photos"]) == 3


@pytest.mark.usefixtures("fake_pipeline")
def test_file_names_are_never_read_as_markup(run: Run, head_file: Path, tmp_path: Path) -> None:
    photo = tmp_path / "[bold]x[nonsense=1] ü 日本.png"
    Image.new("RGB", (320, 240)).save(photo)
    status, out, err = _reconstruct(run, head_file, tmp_path / "out", photo, "--format", "stl")
    assert status == 0, err
    assert "[bold]x[nonsense=1] ü 日本" in "".join(out.split("\n"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow only Unicode in file names")
@pytest.mark.usefixtures("fake_pipeline")
def test_a_file_name_that_is_not_unicode_is_no_obstacle(run: Run, head_file: Path, tmp_path: Path) -> None:
    photo = tmp_path / os.fsdecode(b"caf\xe9.png")
    Image.new("RGB", (320, 240)).save(photo)
    status, out, err = _reconstruct(run, head_file, tmp_path / "out", photo, "--format", "stl", "--json")
    assert status == 0, err
    assert Path(json.loads(out)["photos"][0]["path"]) == photo


def test_natural_order_and_windows_proof_names() -> None:
    names = folder_names([Path("a/x.jpg"), Path("b/X.png"), Path("x-2.jpg"), Path("c/ y. .jpg"), Path("...jpg")])
    assert names == ["x", "X-2", "x-2-2", "y", "photo"]


def test_a_wrong_argument_spoils_nothing_but_itself(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    arguments = [str(tmp_path / "empty"), "", str(photos / "*.webp"), str(photos)]
    selection = select_photos(arguments)
    assert [path.name for path in selection.photos] == ["img2.png", "img10.png", "one.jpg"]
    assert [argument for argument, _ in selection.errors] == arguments[:3]


# --- bad input ---


@pytest.mark.parametrize("name", BAD_PHOTOS)
@pytest.mark.usefixtures("fake_pipeline")
def test_a_bad_photo_is_explained_and_skipped(
    run: Run, head_file: Path, photos: Path, tmp_path: Path, name: str
) -> None:
    bad = BAD_PHOTOS[name](tmp_path)
    status, out, err = _reconstruct(
        run, head_file, tmp_path / "out", bad, photos / "one.jpg", "--json", "--format", "stl"
    )
    failed, good = json.loads(out)["photos"]
    if good["error"]:
        failed, good = good, failed
    assert status == 1
    assert good["error"] is None
    assert failed["faces"] == []
    _assert_clear(err)
    assert failed["error"].splitlines()[0] in err


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_bad_head_model_is_explained(run: Run, photos: Path, tmp_path: Path, name: str) -> None:
    bad = BAD_HEADS[name](tmp_path)
    status, out, err = _reconstruct(run, bad, tmp_path / "out", photos, "--json")
    assert (status, out) == (2, "")
    _assert_clear(err)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", BAD_CODES)
def test_a_bad_code_file_is_explained_and_skipped(run: Run, head_file: Path, tmp_path: Path, name: str) -> None:
    bad, good = BAD_CODES[name](tmp_path), tmp_path / "good.json"
    _save_neutral(good)
    status, out, err = run("export", bad, good, "--out", tmp_path / "out", "--head", head_file, "--format", "stl")
    assert status == 1, err
    assert out.split() == [str(tmp_path / "out" / "good.stl")]
    _assert_clear(err)
    assert not (tmp_path / "owned").exists()


def _save_neutral(path: Path) -> None:
    from fields_core.head import save_code

    head = HeadModel(tiny_head())
    save_code(path, head.neutral_code(), head)


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
    _assert_clear(err)


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
    _assert_clear(err)


@pytest.mark.usefixtures("fake_pipeline")
def test_nothing_done_is_status_2(run: Run, head_file: Path, tmp_path: Path) -> None:
    status, out, err = _reconstruct(run, head_file, tmp_path / "out", tmp_path / "missing.jpg", "--json")
    assert status == 2
    assert "does not exist" in json.loads(out)["photos"][0]["error"]
    _assert_clear(err)


def test_evaluating_a_folder_that_is_none_is_explained(run: Run, tmp_path: Path) -> None:
    status, out, err = run("evaluate", "fit", tmp_path / "missing")
    assert (status, out) == (2, "")
    _assert_clear(err)


def _assert_clear(err: str) -> None:
    """An error with a title, and nothing that only a programmer could love."""
    assert "error: " in err
    for noise in ("Traceback", "Internal error", "WARNING:", "libpng", "W0000", "I0000", "<frozen", "site-packages"):
        assert noise not in err


# --- export ---


def test_codes_become_meshes(run: Run, head_file: Path, tmp_path: Path) -> None:
    _save_neutral(tmp_path / "code.npz")
    status, out, err = run(
        "export", tmp_path / "code.npz", "--out", tmp_path / "out", "--head", head_file, "--format", "obj,glb,npz"
    )
    assert status == 0, err
    assert [Path(line).name for line in out.split()] == ["code.obj", "code.mtl", "code.png", "code.glb", "code.npz"]
    head = HeadModel(tiny_head())
    assert torch.equal(load_code(tmp_path / "out" / "code.npz", head).shape, head.neutral_code().shape)


def test_each_face_of_a_code_file_gets_its_mesh(run: Run, head_file: Path, tmp_path: Path) -> None:
    from fields_core.head import save_code

    head = HeadModel(tiny_head())
    save_code(tmp_path / "two.json", head.neutral_code(2), head)
    status, out, err = run("export", tmp_path / "two.json", "--out", tmp_path, "--head", head_file, "--format", "stl")
    assert status == 0, err
    assert [Path(line).name for line in out.split()] == ["two-1.stl", "two-2.stl"]


def test_flame_files_can_be_the_head(run: Run, tmp_path: Path) -> None:
    from fields_core.head import load_head, save_code

    tiny_flame_pickle(tmp_path / "flame.pkl")
    head = load_head(tmp_path / "flame.pkl")
    save_code(tmp_path / "code.json", head.neutral_code(), head)
    status, _, err = run("export", tmp_path / "code.json", "--out", tmp_path, "--head", tmp_path / "flame.pkl")
    assert status == 0, err


# --- the real thing ---


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("real")
    Image.fromarray(data.astronaut()).save(folder / "astronaut.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)).save(folder / "noise.png")
    arguments = ["reconstruct", str(folder), "--out", str(folder / "out"), "--format", "glb,npz,json", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "fields_core.cli", *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    return done, folder


def test_a_real_photo_becomes_a_head(astronaut: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = astronaut
    assert done.returncode == 1, done.stderr
    photo, noise = json.loads(done.stdout)["photos"]
    assert photo["path"] == str(folder / "astronaut.png")
    (face,) = photo["faces"]
    assert face["landmark_error"] < 0.03
    assert face["expression"]["mouthSmileLeft"] > 0.2
    left, top, right, bottom = face["box"]
    assert 150 < left < right < 300
    assert 50 < top < bottom < 220
    assert max(map(abs, face["head_pose_degrees"])) < 40
    assert [Path(file).name for file in face["files"]] == ["face-1.glb", "face-1.npz", "face-1.json"]
    assert "No face" in noise["error"]


def test_nothing_of_the_libraries_reaches_the_terminal(
    astronaut: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    lines = astronaut[0].stderr.splitlines()
    for word in ("TensorFlow", "XNNPACK", "mediapipe", "absl", "W0000", "I0000", "Warning", "EGL"):
        assert not [line for line in lines if word in line]


def test_the_real_head_is_small_enough_to_send(astronaut: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert 200_000 < (astronaut[1] / "out" / "astronaut" / "face-1.glb").stat().st_size < 10_000_000
