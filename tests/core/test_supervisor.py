"""Trainings in processes of their own: started, steered, lost and found. Most of them only pretend to train."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from fields_core.errors import ExportError, SettingsError
from fields_core.training.journal import Journal, JournalReader, Note
from fields_core.training.run_process import PROCESS_FILE, claimed, process_of, this_process
from fields_core.training.run_status import RunState
from fields_core.training.supervisor import TRAIN, Supervisor, TrainingPlan, delete_run
from tests.heads import tiny_head_file
from tests.training_data import TINY, write_data
from tests.trainings import PROGRAM

PATIENCE = 120.0  # seconds: only a hang takes that long


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[str], Supervisor]]:
    made: list[Supervisor] = []

    def start(behaviour: str) -> Supervisor:
        data = tmp_path / "data"
        data.mkdir()
        (data / "behaviour").write_text(behaviour)
        made.append(Supervisor.start(TrainingPlan(TINY, (str(data),), tmp_path / "run"), PROGRAM))
        return made[-1]

    yield start
    for supervisor in made:
        if supervisor.folder.exists():
            supervisor.discard()
        supervisor.detach()


def wait(supervisor: Supervisor, until: Callable[[], bool]) -> list[Note]:
    """Everything heard until then."""
    notes, give_up = supervisor.poll(), time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < give_up, f"still {supervisor.status}"
        time.sleep(0.02)
        notes += supervisor.poll()
    return notes


def steps(notes: list[Note]) -> list[int]:
    return [note.step for note in notes if note.kind == "step"]


class TestSteering:
    def test_a_training_is_followed_to_its_end(self, started: Callable[[str], Supervisor]) -> None:
        supervisor = started("short")
        notes = wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.FINISHED
        assert steps(notes) == list(range(1, 11))
        assert notes[2].values == {"total": 2.0, "landmarks": 1.0}, "what is no number is left out"

    def test_pause_ends_the_process_and_resume_goes_on_exactly_there(
        self, started: Callable[[str], Supervisor]
    ) -> None:
        supervisor = started("steady")
        heard = wait(supervisor, lambda: supervisor.status.step >= 5)
        supervisor.pause()
        assert supervisor.status.state is RunState.PAUSING
        heard += wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.PAUSED
        supervisor.resume()
        heard += wait(supervisor, lambda: supervisor.status.step >= steps(heard)[-1] + 3)
        assert steps(heard) == list(range(1, len(steps(heard)) + 1))

    def test_stopping_early_keeps_the_weights(self, started: Callable[[str], Supervisor]) -> None:
        supervisor = started("steady")
        wait(supervisor, lambda: supervisor.status.step >= 3)
        supervisor.stop_early()
        wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.FINISHED
        assert (supervisor.folder / "encoder.safetensors").exists()

    def test_discarding_ends_the_process_and_leaves_nothing(self, started: Callable[[str], Supervisor]) -> None:
        supervisor = started("steady")
        wait(supervisor, lambda: supervisor.status.step >= 3)
        process = process_of(supervisor.folder)
        supervisor.discard()
        assert process is not None
        assert not process.alive
        assert not supervisor.folder.exists()

    def test_a_folder_with_a_run_is_not_trained_in_again(self, started: Callable[[str], Supervisor]) -> None:
        supervisor = started("short")
        with pytest.raises(SettingsError, match="already holds a run"):
            Supervisor.start(TrainingPlan(TINY, ("",), supervisor.folder), PROGRAM)


class TestTrouble:
    def test_a_crash_shows_its_last_lines(self, started: Callable[[str], Supervisor]) -> None:
        supervisor = started("crash")
        wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.FAILED
        assert "the encoder fell over" in supervisor.status.last_lines
        assert (supervisor.folder / "last").exists(), "the checkpoint stays"

    def test_a_killed_process_is_noticed_and_goes_on_from_its_checkpoint(
        self, started: Callable[[str], Supervisor]
    ) -> None:
        supervisor = started("steady")
        wait(supervisor, lambda: supervisor.status.step >= 4)
        process = process_of(supervisor.folder)
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.KILLED
        assert "SIGKILL" in supervisor.status.text
        before = int((supervisor.folder / "last").read_text())
        supervisor.resume()
        assert steps(wait(supervisor, lambda: supervisor.status.step > before))[0] in (before, before + 1)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device without room")
    def test_a_full_disk_is_named(self, started: Callable[[str], Supervisor]) -> None:
        supervisor = started("full")
        wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.FAILED
        assert "No space left" in supervisor.status.last_lines

    def test_a_deleted_data_folder_ends_the_run_with_its_name(self, started: Callable[[str], Supervisor]) -> None:
        supervisor = started("steady")
        wait(supervisor, lambda: supervisor.status.step >= 3)
        shutil.rmtree(supervisor.folder.parent / "data")
        wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.FAILED
        assert "data/behaviour" in supervisor.status.last_lines

    def test_a_deleted_run_folder_is_noticed(self, started: Callable[[str], Supervisor]) -> None:
        supervisor = started("steady")
        wait(supervisor, lambda: supervisor.status.step >= 3)
        process = process_of(supervisor.folder)
        assert process is not None
        process.kill()
        shutil.rmtree(supervisor.folder)
        supervisor.poll()
        assert supervisor.status.state is RunState.GONE


class TestComingBack:
    def test_whoever_comes_later_hears_the_whole_story_and_steers(self, started: Callable[[str], Supervisor]) -> None:
        first = started("steady")
        wait(first, lambda: first.status.step >= 3)
        first.detach()
        second = Supervisor(first.folder, PROGRAM)
        notes = wait(second, lambda: second.status.step >= 6)
        assert steps(notes)[:3] == [1, 2, 3]
        assert second.status.state is RunState.TRAINING
        second.pause()
        wait(second, lambda: not second.status.state.active)
        assert second.status.state is RunState.PAUSED

    def test_a_training_outlives_whoever_started_it(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        data.mkdir()
        (data / "behaviour").write_text("steady")
        script = (
            "import os, signal, time; from pathlib import Path\n"
            "from fields_core.training.supervisor import Supervisor, TrainingPlan\n"
            "from tests.training_data import TINY; from tests.trainings import PROGRAM\n"
            f"s = Supervisor.start(TrainingPlan(TINY, ({str(data)!r},), Path({str(tmp_path / 'run')!r})), PROGRAM)\n"
            "while s.status.step < 2: s.poll(); time.sleep(0.02)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False, timeout=PATIENCE)
        found = Supervisor(tmp_path / "run", PROGRAM)
        try:
            wait(found, lambda: found.status.step >= 5)
            assert found.status.state is RunState.TRAINING
        finally:
            found.discard()

    def test_a_recycled_process_id_is_not_mistaken(self, tmp_path: Path) -> None:
        own = this_process()
        (tmp_path / PROCESS_FILE).write_text(json.dumps({"pid": own.pid, "started": own.started - 60.0}))
        assert process_of(tmp_path) is None

    def test_two_cannot_train_in_one_folder(self, tmp_path: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            row = {"pid": other.pid, "started": psutil.Process(other.pid).create_time()}
            (tmp_path / PROCESS_FILE).write_text(json.dumps(row))
            with pytest.raises(SettingsError, match="being trained in"), claimed(tmp_path):
                pass
            (tmp_path / "config.json").touch()
            with pytest.raises(SettingsError, match="being trained in"):
                delete_run(tmp_path)
            other.kill()

    def test_a_folder_without_a_run_is_not_deleted(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="holds no run"):
            delete_run(tmp_path)


class TestJournal:
    def test_a_line_that_is_cut_off_waits_for_its_rest(self, tmp_path: Path) -> None:
        Journal(tmp_path).write(Note("step", stage="a", step=1, values={"total": 1.5}))
        path = tmp_path / "events.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole + whole[:20])
        reader = JournalReader(tmp_path)
        assert [note.step for note in reader.new()] == [1]
        path.write_bytes(whole + whole)
        assert [note.values for note in reader.new()] == [{"total": 1.5}]
        assert reader.new() == []

    @pytest.mark.parametrize("line", [b"{}", b"null", b'{"kind": "step"}', b"\xff", b'{"kind": "other", "time": 1}'])
    def test_damaged_lines_are_skipped(self, tmp_path: Path, line: bytes) -> None:
        (tmp_path / "events.jsonl").write_bytes(line + b"\n")
        Journal(tmp_path).write(Note("finished"))
        assert [note.kind for note in JournalReader(tmp_path).new()] == ["finished"]

    def test_a_full_disk_is_an_error_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").symlink_to("/dev/full")
        with pytest.raises(ExportError, match=r"events\.jsonl"):
            Journal(tmp_path).write(Note("began"))


LONG = dataclasses.replace(
    TINY,
    pretrain=dataclasses.replace(TINY.pretrain, steps=5000),
    a=dataclasses.replace(TINY.a, steps=0),
    b=dataclasses.replace(TINY.b, steps=0),
    checkpoint_minutes=0.01,
)


class TestRealTrouble:
    """What befalls a training that really trains."""

    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        folder = write_data(tmp_path / "data")
        tiny_head_file(folder / "egg.npz")
        return folder

    @pytest.fixture
    def small_disk(self, tmp_path: Path) -> Iterator[Path]:
        """A file system of its own, with room for the journal and the first checkpoint, not for all of them."""
        place = tmp_path / "disk"
        place.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("only root may mount a small disk")
        yield place
        subprocess.run(["umount", "--lazy", str(place)], check=True)

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a small disk")
    def test_a_disk_that_fills_up_ends_it_and_the_checkpoint_stays(self, data: Path, small_disk: Path) -> None:
        run = small_disk / "run"
        supervisor = Supervisor.start(TrainingPlan(LONG, (str(data),), run, head=data / "egg.npz"))
        try:
            heard = wait(supervisor, lambda: (run / "pretrain" / "last.ckpt").exists())
            with (small_disk / "ballast").open("wb") as ballast:
                while room := shutil.disk_usage(small_disk).free:
                    ballast.write(bytes(min(room, 1 << 20)))
                    ballast.flush()
            heard += wait(supervisor, lambda: not supervisor.status.state.active)
            status = supervisor.status
            assert status.state is RunState.FAILED, status
            assert "No space left" in status.text + status.last_lines
            assert "disk is full" in status.text
            saved = max(note.step for note in heard if note.kind == "saved")
            (small_disk / "ballast").unlink()
            supervisor.resume()
            after = wait(supervisor, lambda: supervisor.status.step > saved)
            assert next(note.step for note in after if note.kind == "stage") >= saved, "from the last checkpoint"
        finally:
            supervisor.discard()

    @pytest.mark.skipif(sys.platform == "win32", reason="has no limit of file sizes")
    def test_a_checkpoint_that_cannot_be_written_leaves_no_half_of_it(self, data: Path, tmp_path: Path) -> None:
        limited = ("/bin/sh", "-c", 'ulimit -f 200; exec "$@"', "sh", *TRAIN)  # blocks of 512 or 1024 bytes
        supervisor = Supervisor.start(
            TrainingPlan(LONG, (str(data),), tmp_path / "run", head=data / "egg.npz"), limited
        )
        try:
            wait(supervisor, lambda: not supervisor.status.state.active)
            assert supervisor.status.state is RunState.FAILED, supervisor.status
            assert "File too large" in supervisor.status.text, supervisor.status
            assert not [path for path in supervisor.folder.rglob("*") if path.suffix in (".ckpt", ".safetensors")]
        finally:
            supervisor.discard()

    def test_data_that_are_deleted_end_it_with_their_name_and_it_goes_on_when_they_are_back(
        self, data: Path, tmp_path: Path
    ) -> None:
        head = shutil.copy(data / "egg.npz", tmp_path / "egg.npz")
        supervisor = Supervisor.start(TrainingPlan(LONG, (str(data),), tmp_path / "run", head=Path(head)))
        try:
            heard = wait(supervisor, lambda: (supervisor.folder / "pretrain" / "last.ckpt").exists())
            data.rename(tmp_path / "elsewhere")
            heard += wait(supervisor, lambda: not supervisor.status.state.active)
            assert supervisor.status.state is RunState.FAILED, supervisor.status
            assert str(data) in supervisor.status.text
            (tmp_path / "elsewhere").rename(data)
            supervisor.resume()
            before = max(note.step for note in heard if note.kind == "saved")
            wait(supervisor, lambda: supervisor.status.step > before)
            assert supervisor.status.state is RunState.TRAINING
        finally:
            supervisor.discard()


def test_a_real_training_is_paused_killed_resumed_and_finished_early(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    tiny_head_file(data / "egg.npz")
    none = dataclasses.replace(TINY.a, steps=0)
    stage = dataclasses.replace(TINY.pretrain, steps=5000)
    config = dataclasses.replace(TINY, pretrain=stage, a=none, b=none, checkpoint_minutes=0.01)
    supervisor = Supervisor.start(TrainingPlan(config, (str(data),), tmp_path / "run", head=data / "egg.npz"))
    try:
        heard = wait(supervisor, lambda: supervisor.status.step >= 2)
        supervisor.pause()
        heard += wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.PAUSED, supervisor.status
        supervisor.resume()
        again = wait(supervisor, lambda: supervisor.status.step > steps(heard)[-1])
        assert steps(again)[0] == steps(heard)[-1] + 1, "no step is lost or done twice"
        checkpoint = supervisor.folder / "pretrain" / "last.ckpt"
        before = checkpoint.stat().st_mtime
        again += wait(supervisor, lambda: checkpoint.stat().st_mtime > before)
        told = supervisor.status.step  # the note on the checkpoint is written before the next step's
        again += wait(supervisor, lambda: supervisor.status.step > told)
        process = process_of(supervisor.folder)
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        again += wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.KILLED, supervisor.status
        saved = max(note.step for note in again if note.kind == "saved")
        supervisor.resume()
        after = wait(
            supervisor, lambda: supervisor.status.state is RunState.TRAINING and supervisor.status.step > saved
        )
        assert next(note.step for note in after if note.kind == "stage") >= saved, "from the last checkpoint"
        supervisor.stop_early()
        after += wait(supervisor, lambda: not supervisor.status.state.active)
        assert supervisor.status.state is RunState.FINISHED, supervisor.status
        assert (tmp_path / "run" / "encoder.safetensors").stat().st_size > 100_000
        assert any(note.kind == "validated" and note.best for note in heard + again + after)
        assert all(note.gauges["learning_rate"] > 0 for note in heard if note.kind == "step")
    finally:
        supervisor.discard()
