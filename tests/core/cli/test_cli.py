"""The program: help, usage, what a terminal and a pipe see, Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.core.cli.running import Run, reconstruct


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


def test_models_names_files_licences_and_checksums(run: Run, head_file: Path) -> None:
    status, out, err = run("models", "--head", head_file)
    assert status == 0, err
    assert "head: tiny-head" in out
    assert "CC0-1.0" in out
    assert "trained on " in out, "names of data sets are no licences"
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


@pytest.mark.usefixtures("fake_pipeline")
def test_interrupt_ends_with_130_and_leaves_no_half_file(
    run: Run, head_file: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (320, 240)).save(photos / "interrupt.png")
    # A shell starts what it puts in the background with Ctrl-C ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status, out, err = reconstruct(run, head_file, tmp_path / "out", photos, "--format", "stl")
    finally:
        signal.signal(signal.SIGINT, before)
    assert status == 130
    assert "Interrupted" in err
    assert "Traceback" not in out + err
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["face-1.stl"] * 2 + ["img10", "img2"]
