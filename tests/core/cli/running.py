"""``fields ...`` as tests run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fields_core.head import HeadModel
from tests.heads import tiny_head

Run = Callable[..., tuple[int, str, str]]


def reconstruct(run: Run, head_file: Path, out: Path, *more: object) -> tuple[int, str, str]:
    return run("reconstruct", *more, "--out", out, "--head", head_file)


def save_neutral(path: Path) -> None:
    from fields_core.head import save_code

    head = HeadModel(tiny_head())
    save_code(path, head.neutral_code(), head)


def assert_clear(err: str) -> None:
    """An error with a title, and nothing that only a programmer could love."""
    assert "error: " in err
    for noise in ("Traceback", "Internal error", "WARNING:", "libpng", "W0000", "I0000", "<frozen", "site-packages"):
        assert noise not in err
