"""Takes are read with suspicion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fields_core.errors import TakeError
from fields_core.head import HeadModel, load_head
from fields_core.takes.record_file import MAGIC
from fields_core.takes.take import Take, load_take
from tests.takes import performance, record


class TestReading:
    @pytest.mark.parametrize("lost", [1, 7, 300])
    def test_a_torn_last_record_is_dropped_with_a_note(self, head: HeadModel, tmp_path: Path, lost: int) -> None:
        path = record(tmp_path / "a.take", head)
        whole = path.read_bytes()
        path.write_bytes(whole[:-lost])
        take = load_take(path)
        assert len(take) == 59
        assert "breaks off" in take.note

    def test_damage_in_the_middle_keeps_what_comes_before(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
        take = load_take(path)
        assert 20 < len(take) < 40
        assert take.note

    def test_a_damaged_picture_is_an_error_of_that_picture_only(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head, pictures=True)
        data = bytearray(path.read_bytes())
        where = data.index(b"\xff\xd8\xff", len(data) // 2)
        data[where + 50] ^= 0xFF
        path.write_bytes(data)
        take = load_take(path)
        assert len(take) == 60
        broken = 0
        for index in range(60):
            try:
                take.picture(index)
            except TakeError:
                broken += 1
        assert broken == 1

    @pytest.mark.parametrize(
        "content",
        [b"", b"PK\3\4 not a take", MAGIC, MAGIC + b"H" + b"\xff" * 8, MAGIC + b"H\2\0\0\0\0\0\0\0{}", b"\0" * 4096],
    )
    def test_other_files_are_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.take"
        path.write_bytes(content)
        with pytest.raises(TakeError):
            load_take(path)

    def test_a_missing_file_and_a_folder_are_refused(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.take", tmp_path):
            with pytest.raises(TakeError):
                load_take(path)

    @pytest.mark.parametrize(
        "change",
        [
            {"format": "fields-take-9"},
            {"n_shape": 10**9},
            {"n_shape": -1},
            {"n_albedo": "4"},
            {"expression_names": []},
            {"expression_names": ["a", "a"]},
            {"expression_names": 3},
            {"head_model": None},
            {"pictures": 1},
            {"more": 1},
        ],
    )
    def test_a_hostile_header_is_refused(self, head: HeadModel, change: dict[str, object]) -> None:
        from fields_core.takes.layout import TakeHeader

        content = json.loads(TakeHeader.of(head, "", "", False).to_bytes())
        content.update(change)
        with pytest.raises(TakeError, match="header"):
            TakeHeader.from_bytes(json.dumps(content).encode(), "x.take")

    @pytest.mark.parametrize("part", ["expression", "camera", "head_pose", "confidence", "crop"])
    def test_numbers_no_tracker_gives_are_refused(self, head: HeadModel, part: str) -> None:
        from fields_core.takes.layout import FRAME_HEAD, TakeHeader, pack_frame, unpack_frame

        header = TakeHeader.of(head, "", "", False)
        tracked, _ = next(performance(head))
        payload = bytearray(pack_frame(tracked, header))
        row = np.frombuffer(payload, header.face_row, offset=FRAME_HEAD.itemsize)
        assert unpack_frame(bytes(payload), header, "x")[1]["id"][0] == 0
        np.ndarray.__setitem__(row[part], ..., np.nan)
        with pytest.raises(TakeError, match="damaged"):
            unpack_frame(bytes(payload), header, "x")
        with pytest.raises(TakeError, match="damaged"):
            unpack_frame(bytes(payload[:-3]), header, "x")

    def test_another_head_model_is_refused(self, take: Take) -> None:
        with pytest.raises(TakeError, match="another head model"):
            load_take(take.path, load_head())

    def test_random_damage_never_escapes_as_another_error(self, head: HeadModel, tmp_path: Path) -> None:
        path = record(tmp_path / "a.take", head, seconds=0.3, pictures=True)
        whole = path.read_bytes()
        rng = np.random.default_rng(5)
        for _ in range(60):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 4):
                data[place] = rng.integers(256)
            path.write_bytes(data[: rng.integers(1, len(data) + 1)])
            try:
                damaged = load_take(path)
                for index in range(len(damaged)):
                    damaged.picture(index)
            except TakeError:
                continue
