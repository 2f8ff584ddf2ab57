from __future__ import annotations

from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from fields_core.cli import NOTHING_DONE, SOME_FAILED, main
from fields_core.data.shards import ShardSet, shard_paths
from fields_core.encoder.emotion_head import Emotion


@pytest.mark.parametrize(
    "arguments",
    [[], ["photos", "--synthetic", "5"], ["--synthetic", "0"], ["--synthetic", "5", "--seed", "-1"]],
    ids=["nothing", "both", "none of them", "negative seed"],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    tmp_path: Path, arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", *arguments, "--out", str(tmp_path / "out")]) == NOTHING_DONE
    assert "Expected" in capfd.readouterr().err
    assert not list((tmp_path / "out").glob("*.tar"))


def test_a_labelled_csv_becomes_a_shard_and_what_was_dropped_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "astronaut.png")
    Image.new("RGB", (300, 300), "grey").save(tmp_path / "empty.png")
    (tmp_path / "faces.csv").write_text("image,label\nastronaut.png,happy\nempty.png,\n", "utf-8")
    assert main(["prepare", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "out")]) == SOME_FAILED
    assert "1 kept, 1 dropped" in capfd.readouterr().out
    read = ShardSet(shard_paths(tmp_path / "out", "faces"))
    assert len(read) == 1
    assert read[0].label == Emotion.HAPPY
    assert read[0].landmarks is not None
