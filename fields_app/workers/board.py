"""TensorBoard over runs, as a process of ours that ends with the window."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

INSTALL = "pip install 'fields-head[tensorboard]'"
_PATIENCE = 60_000  # milliseconds until it must have said where it is
_LAST_WORDS = 1500  # characters
_ADDRESS = re.compile(r"http://(?:localhost|127\.0\.0\.1):\d+/?")


class Board(QObject):
    """
    Signals:
        opened(str): where it can be looked at, on this machine only.
        failed(str, str): a sentence, and details.
    """

    opened = Signal(str)
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.stateChanged.connect(self._changed)
        self._wanted = False
        self._said = ""
        self._address = ""
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(_PATIENCE)
        self._late.timeout.connect(self._give_up)

    @property
    def process_id(self) -> int:
        """0 where none is at work."""
        return int(self._process.processId())

    def start(self, folder: Path, runs: Sequence[Path]) -> None:
        """Show some runs, or all of a folder; what was shown before is closed."""
        self.stop()
        if importlib.util.find_spec("tensorboard") is None:
            self.failed.emit(self.tr("TensorBoard is not installed"), INSTALL)
            return
        self._said = self._address = ""
        self._wanted = True
        # It reads its standard input and ends with it: the system closes that even if this program is killed.
        self._process.start(sys.executable, ["-m", "fields_app.board_process", *_places(folder, runs)])
        self._late.start()

    def stop(self) -> None:
        self._wanted = False
        self._late.stop()
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.kill()
            self._process.waitForFinished(5000)

    def _read(self) -> None:
        self._said += bytes(self._process.readAllStandardOutput().data()).decode("utf-8", "replace")
        self._said = self._said[-_LAST_WORDS:]
        if not self._address and (found := _ADDRESS.search(self._said)):
            self._address = found[0]
            self._late.stop()
            self.opened.emit(self._address)

    def _changed(self, state: QProcess.ProcessState) -> None:
        if state == QProcess.ProcessState.NotRunning and self._wanted:
            self._read()
            self._fail(self.tr("TensorBoard has ended"))

    def _give_up(self) -> None:
        self.stop()
        self._fail(self.tr("TensorBoard does not answer"))

    def _fail(self, text: str) -> None:
        self._wanted = False
        self._late.stop()
        self.failed.emit(text, self._said.strip())


def _places(folder: Path, runs: Sequence[Path]) -> list[str]:
    if not runs:
        return ["--logdir", str(folder)]
    if len(runs) == 1:
        return ["--logdir", str(runs[0])]
    return ["--logdir_spec", ",".join(f"{run.name}:{run}" for run in runs)]
