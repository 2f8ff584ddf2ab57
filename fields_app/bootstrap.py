"""Import order and environment: `prepare` before the first import of PySide6, `import_core` after the window shows.

Why an order: on Windows torch after Qt fails (WinError 1114), so there torch comes first; everywhere else it waits
until the window is visible. OpenCV's wheel points Qt at plugins and fonts of its own Qt 5, which would break our Qt 6
and that of every child process, so those variables are removed again after its import.
"""

from __future__ import annotations

import importlib
import os
import sys

from fields_core.threads import prefer_one_thread

_OPENCV_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
# torchvision and timm bring Triton: its LLVM must be there before that of a software OpenGL driver, or the process dies
# of both.
_HEAVY_MODULES = (
    *("torch", "torchvision", "timm", "scipy.spatial.transform"),
    *("cv2", "mediapipe", "pyvista", "pyvistaqt"),
)


def prepare() -> None:
    """Set what libraries read at their import. Call before PySide6 is imported."""
    os.environ["MPLBACKEND"] = "Agg"
    os.environ["QT_API"] = "pyside6"
    prefer_one_thread()
    if sys.platform == "win32":
        importlib.import_module("torch")
    _remove_opencv_qt()


def import_core() -> None:
    """Import the slow modules, in the order that works. Meant for a worker thread; later imports are then instant."""
    for name in _HEAVY_MODULES:
        importlib.import_module(name)
    _remove_opencv_qt()


def _remove_opencv_qt() -> None:
    for name in _OPENCV_QT_VARIABLES:
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]
