"""What a training learns from: folders of shards or photos, files of labels, addresses, heads to render."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHeaderView,
    QInputDialog,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.training_history import duration
from fields_core.data.addresses import RENDERED, absolute
from fields_core.progress import Progress

if TYPE_CHECKING:
    from fields_core.training.data_check import DataCheck

_HEADS = 2000
_ADDRESS_ROLE = Qt.ItemDataRole.UserRole


@dataclass
class _Source:
    """One row."""

    item: QTreeWidgetItem
    check: DataCheck | None = None
    working: bool = False
    begun: tuple[float, int] | None = None
    """When the first progress came, and how far it was then."""


class DataSources(QWidget):
    """A list of sources. Every source is looked at as soon as it is there; photos are prepared by that.

    Signals:
        look_requested(str): at a source that is new, or once more.
        given_up(str): it is not wanted any more, or not now.
        changed(): sources, or what is known of them.
    """

    look_requested = Signal(str)
    given_up = Signal(str)
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self.setAcceptDrops(True)
        self._sources: dict[str, _Source] = {}
        self.table = QTreeWidget(self)
        self.table.setRootIsDecorated(False)
        self.table.setHeaderLabels([self.tr("Training data"), self.tr("State"), self.tr("Progress")])
        self.table.setAccessibleName(self.tr("Training data"))
        header = self.table.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setFixedHeight(5 * style.ROW_HEIGHT)
        self.table.itemSelectionChanged.connect(self._update_buttons)
        self.address = QLineEdit(self)
        self.address.setAccessibleName(self.tr("Folder, file of labels or address"))
        self.address.setPlaceholderText(
            self.tr("Folder of shards or photos, CSV of labels, or http(s):// or s3:// address; Enter adds it")
        )
        self.address.returnPressed.connect(self._add_typed)
        self.folder_button = self._button(
            self.tr("Add folder …"), self._choose_folder, self.tr("Photos without labels, or shards of fields prepare")
        )
        self.labels_button = self._button(
            self.tr("Add labels …"),
            self._choose_labels,
            self.tr("A CSV file with the columns image, label, valence, arousal, person; photos lie beside it"),
        )
        self.render_button = self._button(
            self.tr("Render heads …"),
            self._choose_heads,
            self.tr("Made-up faces whose 3D truth is known; they say how strong a strong expression is"),
        )
        self.cancel_button = self._button(
            self.tr("Cancel"), self._cancel, self.tr("Stops preparing; what is finished stays for the next time")
        )
        self.again_button = self._button(self.tr("Look again"), self._again, self.tr("After a change, or to go on"))
        self.remove_button = self._button(
            self.tr("Remove"), self._remove, self.tr("Trains without it; nothing is deleted")
        )
        grid = QGridLayout()
        grid.setSpacing(style.TINY)
        buttons = (self.folder_button, self.labels_button, self.render_button,
                   self.cancel_button, self.again_button, self.remove_button)  # fmt: skip
        for number, button in enumerate(buttons):
            grid.addWidget(button, number % 3, number // 3)
        grid.addWidget(self.table, 0, 2, 4, 1)
        grid.setColumnStretch(2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.TINY)
        layout.addLayout(grid)
        layout.addWidget(self.address)
        self._update_buttons()

    @property
    def addresses(self) -> tuple[str, ...]:
        """As they were added."""
        return tuple(self._sources)

    @property
    def known(self) -> tuple[str, ...]:
        """Addresses of those that can be trained on."""
        return tuple(address for address, source in self._sources.items() if source.check is not None)

    @property
    def checks(self) -> tuple[DataCheck, ...]:
        """Of the sources that can be trained on."""
        return tuple(source.check for source in self._sources.values() if source.check is not None)

    @property
    def ready(self) -> bool:
        """Whether there are any, and all of them can be trained on."""
        return bool(self._sources) and len(self.checks) == len(self._sources)

    def add(self, addresses: Sequence[str]) -> None:
        """New ones are looked at; those that are there already stay as they are."""
        for address in (absolute(address) for address in addresses):
            if not address or address in self._sources:
                continue
            item = QTreeWidgetItem([_short(address), "", ""])
            item.setData(0, _ADDRESS_ROLE, address)
            item.setToolTip(0, address)
            self.table.addTopLevelItem(item)
            self._sources[address] = _Source(item)
            self._look(address)

    def look_again(self, addresses: Sequence[str]) -> None:
        for address in addresses:
            self._look(address)

    def show_progress(self, address: str, progress: Progress) -> None:
        source = self._sources.get(address)
        if source is None or not source.working:
            return
        now = time.monotonic()
        source.begun = source.begun or (now, progress.done)
        begun, first = source.begun
        bar = self.table.itemWidget(source.item, 2)
        if not isinstance(bar, QProgressBar):
            bar = QProgressBar(self.table)
            bar.setAccessibleName(self.tr("Preparing %1").replace("%1", _short(address)))
            bar.setMinimumWidth(160)
            bar.setTextVisible(False)
            self.table.setItemWidget(source.item, 2, bar)
        bar.setRange(0, max(progress.total, 1))
        bar.setValue(progress.done)
        text = self.tr("Preparing %1 of %2").replace("%1", f"{progress.done:,}").replace("%2", f"{progress.total:,}")
        if progress.done > first:
            left = (progress.total - progress.done) * (now - begun) / (progress.done - first)
            text += self.tr(", %1 left").replace("%1", duration(left))
        self._say(source, text)

    def show_check(self, address: str, check: DataCheck, unused: Sequence[str] = ()) -> None:
        """It can be trained on; files of labels that are left out are named."""
        if (source := self._sources.get(address)) is None:
            return
        source.check, source.working = check, False
        text = self.tr("%1 samples").replace("%1", f"{sum(one.samples for one in check.sources):,}")
        if dropped := sum(sum(one.dropped.values()) for one in check.sources):
            text += self.tr(", %1 dropped").replace("%1", f"{dropped:,}")
        if unused:
            text += self.tr(", without the labels in %1").replace("%1", ", ".join(unused))
        self._say(source, text, style.WARNING if unused else style.TEXT)
        hint = self.tr("A folder means photos alone. Add the file of labels instead, to learn from them too.")
        source.item.setToolTip(1, "\n".join([text, *([hint] if unused else []), check.folder]))
        self._settle(source)

    def show_refusal(self, address: str, error: BaseException) -> None:
        """It cannot be trained on."""
        if (source := self._sources.get(address)) is None:
            return
        source.check, source.working = None, False
        text = str(error) or type(error).__name__
        self._say(source, text.splitlines()[0], style.ERROR)
        source.item.setToolTip(1, text)
        self._settle(source)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.add([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def _look(self, address: str) -> None:
        source = self._sources[address]
        source.check, source.working, source.begun = None, True, None
        self._say(source, self.tr("Looking …"), style.TEXT_SOFT)
        source.item.setToolTip(1, "")
        self._update_buttons()
        self.look_requested.emit(address)
        self.changed.emit()

    def _settle(self, source: _Source) -> None:
        self.table.removeItemWidget(source.item, 2)
        self._update_buttons()
        self.changed.emit()

    def _say(self, source: _Source, text: str, colour: str = style.TEXT) -> None:
        source.item.setText(1, text)
        source.item.setForeground(1, QColor(colour))

    def _selected(self) -> list[str]:
        """All of them where none is selected and there is no choice."""
        chosen = [str(item.data(0, _ADDRESS_ROLE)) for item in self.table.selectedItems()]
        return chosen or (list(self._sources) if len(self._sources) == 1 else [])

    def _update_buttons(self) -> None:
        chosen = [self._sources[address] for address in self._selected()]
        self.cancel_button.setEnabled(any(source.working for source in chosen))
        self.again_button.setEnabled(any(not source.working for source in chosen))
        self.remove_button.setEnabled(bool(chosen))

    def _cancel(self) -> None:
        for address in self._selected():
            source = self._sources[address]
            if source.working:
                source.working = False
                self.given_up.emit(address)
                self._say(source, self.tr("Cancelled; Look again goes on with it"), style.WARNING)
                self._settle(source)

    def _again(self) -> None:
        for address in self._selected():
            if not self._sources[address].working:
                self._look(address)

    def _remove(self) -> None:
        for address in self._selected():
            source = self._sources.pop(address)
            if source.working:
                self.given_up.emit(address)
            self.table.takeTopLevelItem(self.table.indexOfTopLevelItem(source.item))
        self._update_buttons()
        self.changed.emit()

    def _add_typed(self) -> None:
        self.add([self.address.text().strip()])
        self.address.clear()

    def _choose_folder(self) -> None:
        self.add([QFileDialog.getExistingDirectory(self, self.tr("Training data"), self._near())])

    def _choose_labels(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Labels"), self._near(), self.tr("Labels (*.csv)"))
        self.add(names)

    def _choose_heads(self) -> None:
        count, wanted = QInputDialog.getInt(
            self, self.tr("Render heads"), self.tr("Heads with random faces"), _HEADS, 10, 10_000_000, 500
        )
        if wanted:
            self.add([f"{RENDERED}{count}"])

    def _near(self) -> str:
        """Where the last source lies."""
        paths = [address for address in self._sources if Path(address).exists()]
        return str(Path(paths[-1]).parent) if paths else ""

    def _button(self, text: str, slot: Callable[[], object], tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setAutoDefault(False)
        button.setToolTip(tip)
        button.clicked.connect(lambda: slot())
        return button


def _short(address: str) -> str:
    count = address.removeprefix(RENDERED)
    if count != address and count.isdecimal():
        return f"{int(count):,} rendered heads"
    return address if len(address) < 48 else f"… {address[-46:]}"
