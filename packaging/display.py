"""A display for scripts that drive the real window."""

from __future__ import annotations

import os
import shutil
import sys


def start_again_on_display() -> None:
    """Where Linux has no display, this program starts itself again on a virtual one (Xvfb); else nothing happens."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        return
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        raise SystemExit("No display and no xvfb-run: run packaging/linux-packages.sh --display.")
    virtual = [xvfb, "--auto-servernum", "--server-args=-screen 0 1600x1000x24"]
    os.execv(xvfb, [*virtual, sys.executable, *sys.argv])
