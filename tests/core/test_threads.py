from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fields_core.threads import prefer_one_thread


def test_one_thread_is_asked_for_unless_the_user_asked_for_another_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    prefer_one_thread()
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "4"


def test_it_comes_before_anything_heavy() -> None:
    program = "import sys, fields_core.threads; print({'numpy', 'torch'} & set(sys.modules) or 'light')"
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "light"
