"""Photos, labels and numbers of heads that become shards by themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from fields_core.data import raw_data
from fields_core.data.raw_data import Shards, as_shards, data_name
from fields_core.data.shard_folder import open_folder
from fields_core.errors import FieldsError, SettingsError
from fields_core.progress import Cancelled, CancelToken, Progress
from fields_core.training.data_check import check_data
from tests.training_data import write_data


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A face, a picture without one, and the labels of both."""
    folder = tmp_path / "my photos"
    (folder / "faces").mkdir(parents=True)
    cv2.imwrite(str(folder / "faces" / "a.png"), cv2.cvtColor(data.astronaut()[:300, 80:380], cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(folder / "faces" / "b.png"), np.full((200, 200, 3), 90, np.uint8))
    (folder / "faces.csv").write_text("image,label\na.png,happy\nb.png,sad\n")
    return folder


def ignore(progress: Progress) -> None:
    del progress


def made(address: object, store: Path) -> Shards:
    return as_shards(str(address), store, ignore, CancelToken())


class TestNames:
    @pytest.mark.parametrize(
        ("path", "name"),
        [("/data/wild/train.csv", "wild-train"), ("/data/portraits", "portraits"), ("/a b.c", "a-b-c")],
    )
    def test_they_tell_files_of_the_same_name_apart(self, path: str, name: str) -> None:
        assert data_name(Path(path)) == name

    def test_two_folders_of_one_name_become_two_data_sets(self, photos: Path, tmp_path: Path) -> None:
        other = tmp_path / "other" / "faces"
        shutil.copytree(photos / "faces", other)
        folders = [made(path, tmp_path / "store").folder for path in (photos / "faces", other, photos / "faces")]
        assert [Path(folder).name for folder in folders] == ["faces", "faces-2", "faces"]
        assert open_folder(folders[1]).names == ["faces-2"]


class TestPhotos:
    def test_labels_become_shards_and_what_was_dropped_is_known(self, photos: Path, tmp_path: Path) -> None:
        heard: list[Progress] = []
        found = as_shards(str(photos / "faces.csv"), tmp_path / "store", heard.append, CancelToken())
        (source,) = check_data(found.folder, 20, ignore, CancelToken()).sources
        assert source.name == "my-photos-faces"
        assert (source.samples, source.class_counts[1], source.dropped) == (1, 1, {"no face": 1})
        assert heard[-1].done == heard[-1].total == 2

    def test_a_folder_means_photos_alone_and_says_which_labels_it_leaves(self, photos: Path, tmp_path: Path) -> None:
        found = made(photos, tmp_path / "store")
        assert found.unused == ("faces.csv",)
        (source,) = check_data(found.folder, 20, ignore, CancelToken()).sources
        assert (source.samples, sum(source.class_counts)) == (1, 0)

    def test_what_is_made_is_not_made_again_unless_it_changed(
        self, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = Path(made(photos / "faces.csv", tmp_path / "store").folder)
        (tar,) = folder.glob("*.tar")
        before = tar.stat().st_mtime_ns
        with monkeypatch.context() as patch:
            patch.setattr(raw_data, "prepare", None)
            made(photos / "faces.csv", tmp_path / "store")
        assert tar.stat().st_mtime_ns == before
        (photos / "faces.csv").write_text("image,label\na.png,fear\n")
        again = made(photos / "faces.csv", tmp_path / "store").folder
        (source,) = check_data(again, 20, ignore, CancelToken()).sources
        assert (source.class_counts[4], source.dropped) == (1, {})
        assert tar.stat().st_mtime_ns == before, "a training may be reading it"

    def test_what_was_begun_and_changed_since_is_begun_anew(self, photos: Path, tmp_path: Path) -> None:
        token, store = CancelToken(), tmp_path / "store"
        with pytest.raises(Cancelled):
            as_shards(str(photos / "faces.csv"), store, lambda progress: token.cancel(), token)
        (photos / "faces.csv").write_text("image,label\na.png,fear\n")
        (begun,) = store.iterdir()
        (begun / f"{begun.name}-000000.tar").write_bytes(b"of the photos of before")
        found = made(photos / "faces.csv", store)
        (source,) = check_data(found.folder, 20, ignore, CancelToken()).sources
        assert (found.folder, source.class_counts[4], source.dropped) == (str(begun), 1, {})

    def test_cancelled_and_asked_for_again_it_goes_on(self, photos: Path, tmp_path: Path) -> None:
        token = CancelToken()
        with pytest.raises(Cancelled):
            as_shards(str(photos / "faces"), tmp_path / "store", lambda progress: token.cancel(), token)
        assert not list((tmp_path / "store").rglob("*.tar"))
        assert open_folder(made(photos / "faces", tmp_path / "store").folder).names == ["faces"]

    @pytest.mark.parametrize("name", ["nothing", "empty"])
    def test_what_holds_no_photos_is_refused_and_leaves_nothing(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(FieldsError, match=name):
            made(tmp_path / name, tmp_path / "store")
        assert not (tmp_path / "store").exists()


class TestOthers:
    def test_shards_are_taken_as_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        folder = write_data(tmp_path / "data")
        assert made(folder, tmp_path / "store") == Shards(str(folder))
        assert made("s3://bucket/faces", tmp_path / "store") == Shards("s3://bucket/faces")
        assert not (tmp_path / "store").exists()

    @pytest.mark.parametrize("address", ["rendered:", "rendered:0", "rendered:many"])
    def test_a_number_of_heads_that_is_none_is_refused(self, tmp_path: Path, address: str) -> None:
        with pytest.raises(SettingsError, match="number of heads"):
            made(address, tmp_path / "store")

    def test_heads_are_rendered_with_their_truth(self, tmp_path: Path) -> None:
        (source,) = check_data(made("rendered:3", tmp_path / "store").folder, 20, ignore, CancelToken()).sources
        assert (source.samples, source.with_3d) == (3, True)
