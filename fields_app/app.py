"""The application: opens the window, and catches what nobody caught: exceptions, Ctrl-C, the log."""

from __future__ import annotations

import logging
import logging.handlers
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from fields_app import bootstrap

bootstrap.prepare()

from PySide6.QtCore import QTimer  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from fields_app import style  # noqa: E402
from fields_app.controllers.engine_loading import load_engine  # noqa: E402
from fields_app.dialogs.log_viewer import log_file  # noqa: E402
from fields_app.settings import Settings  # noqa: E402
from fields_app.workbench import Workbench  # noqa: E402

_log = logging.getLogger("fields_app")


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window, with the photo named on the command line if there is one; the exit status."""
    arguments = list(sys.argv if argv is None else argv)
    application = QApplication(arguments)
    application.setApplicationName("FIELDS")
    application.setDesktopFileName("fields-app")
    _log_to_file()
    settings = Settings()
    style.apply(application, settings.preferences.theme)
    workbench = Workbench(lambda: load_engine(settings.preferences.threads, settings.models), settings)
    catch_exceptions(workbench)
    workbench.show()
    photos = [Path(argument) for argument in application.arguments()[1:]]
    if photos:
        workbench.open_paths(photos)
    alarm = _quit_on_interrupt(workbench)
    status = application.exec()
    alarm.stop()
    workbench.stop()
    return status


def _quit_on_interrupt(workbench: Workbench) -> QTimer:
    """Ctrl-C in the terminal closes the window properly. The timer lets Python look at signals while Qt sleeps."""
    signal.signal(signal.SIGINT, lambda *_: workbench.window.close())
    timer = QTimer(workbench)
    timer.timeout.connect(lambda: None)
    timer.start(300)
    return timer


def _log_to_file() -> None:
    try:
        path = log_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2)
    except OSError as error:  # a read-only home is no reason not to start
        _log.warning("no log file: %s", error)
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


def catch_exceptions(workbench: Workbench) -> None:
    """Whatever nobody caught is logged and shown, and the window stays up."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            workbench.report_crash(error)

    def thread_hook(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            workbench.report_crash(arguments.exc_value)

    sys.excepthook = hook
    threading.excepthook = thread_hook
