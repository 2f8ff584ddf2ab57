"""The batch queue: a table of photos with start, pause, cancel and retry."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from fields_app import style
from fields_app.batch_queue import BatchQueue, RowState
from fields_app.export_settings import ExportChoice
from fields_app.panels.batch_table import FACES, PHOTO, RESULT, STATUS, BatchTable, ProgressDelegate


class BatchPanel(QFrame):
    """Shows the queue; wishes leave as signals.

    Signals:
        add_photos_requested(), add_folder_requested(), output_requested()
        dropped(QMimeData)
        start_requested(), pause_requested(), cancel_requested()
        retry_requested(rows), remove_requested(rows), clear_requested()
        open_requested(row): look at that photo in the window.
    """

    add_photos_requested = Signal()
    add_folder_requested = Signal()
    output_requested = Signal()
    dropped = Signal(object)
    start_requested = Signal()
    pause_requested = Signal()
    cancel_requested = Signal()
    retry_requested = Signal(object)
    remove_requested = Signal(object)
    clear_requested = Signal()
    open_requested = Signal(int)

    def __init__(self, queue: BatchQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self.setAcceptDrops(True)
        self.photos_button = self._button(
            self.tr("Add photos …"), self.tr("Picture files; or drop them here"), self.add_photos_requested.emit
        )
        self.folder_button = self._button(
            self.tr("Add folder …"), self.tr("All photos in it and below; or drop it here"),
            self.add_folder_requested.emit,
        )  # fmt: skip
        self.start_button = self._button(self.tr("Start"), self.tr("Work the queue off"), self.start_requested.emit)
        self.start_button.setObjectName("primary")
        self.pause_button = self._button(
            self.tr("Pause"), self.tr("After the photo at work"), self.pause_requested.emit
        )
        self.cancel_button = self._button(
            self.tr("Stop"), self.tr("At once; the photo at work waits again"), self.cancel_requested.emit
        )
        self.retry_button = self._button(
            self.tr("Retry"), self.tr("Failed photos again: the selected ones, or all"), self._retry
        )
        self.copy_button = self._button(
            self.tr("Copy errors"), self.tr("All errors with what to do, to the clipboard"), self.copy_errors
        )
        self.clear_button = self._button(
            self.tr("Clear finished"), self.tr("Take the rows that are done out; their files stay"),
            self.clear_requested.emit,
        )  # fmt: skip
        self.output_button = self._button(
            self.tr("Output …"), self.tr("Folder and formats"), self.output_requested.emit
        )
        self._output = QLabel(self)
        self._output.setObjectName("faint")
        self._output.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self.table = self._make_table()
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(style.SMALL)
        self.bar.setAccessibleName(self.tr("Progress of the queue"))
        self._note = QLabel(self)
        self._note.setObjectName("soft")

        head, foot = QHBoxLayout(), QHBoxLayout()
        for layout, widgets in (
            (head, (self.photos_button, self.folder_button, None, self._output, self.output_button)),
            (foot, (self._note, None, self.copy_button, self.clear_button, self.retry_button, self.cancel_button,
                    self.pause_button, self.start_button)),
        ):  # fmt: skip
            layout.setSpacing(style.SMALL)
            for widget in widgets:
                if widget is None:
                    layout.addStretch(1)
                else:
                    layout.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(style.MEDIUM, style.MEDIUM, style.MEDIUM, style.MEDIUM)
        column.setSpacing(style.SMALL)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        column.addWidget(self.bar)
        column.addLayout(foot)

        for signal in (queue.rows_changed, queue.row_changed, queue.running_changed):
            signal.connect(self._update)
        self._update()

    @property
    def chosen(self) -> tuple[int, ...]:
        """Selected rows."""
        return tuple(sorted(index.row() for index in self.table.selectionModel().selectedRows()))

    def show_choice(self, choice: ExportChoice) -> None:
        """Where the files go and what they are."""
        formats = ", ".join(name.upper() for name in choice.formats)
        self._output.setText(f"{formats} → {choice.directory.name or choice.directory}")
        self._output.setToolTip(str(choice.directory))

    def copy_errors(self) -> None:
        rows = [row for row in self._queue.rows if row.state is RowState.FAILED]
        QGuiApplication.clipboard().setText("\n\n".join(f"{row.path}\n{row.error}\n{row.details}" for row in rows))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        key = event if watched is self.table and isinstance(event, QKeyEvent) else None
        if key is not None and key.type() == QEvent.Type.KeyPress and key.matches(QKeySequence.StandardKey.Delete):
            self.remove_requested.emit(self.chosen)
            return True
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.dropped.emit(event.mimeData())

    def _make_table(self) -> QTableView:
        table = QTableView(self)
        table.setModel(BatchTable(self._queue, table))
        table.setItemDelegateForColumn(STATUS, ProgressDelegate(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setAccessibleName(self.tr("Batch queue"))
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(style.ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in ((PHOTO, 220), (STATUS, 150), (FACES, 60)):
            table.setColumnWidth(column, width)
        header.setSectionResizeMode(RESULT, QHeaderView.ResizeMode.Stretch)
        table.doubleClicked.connect(lambda index: self.open_requested.emit(index.row()))
        table.installEventFilter(self)
        return table

    def _button(self, text: str, tip: str, slot: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: slot())
        return button

    def _retry(self) -> None:
        failed = [i for i, row in enumerate(self._queue.rows) if row.state is RowState.FAILED]
        self.retry_requested.emit([i for i in self.chosen if i in failed] or failed)

    def _update(self) -> None:
        queue, counts = self._queue, self._queue.counts
        finished = counts[RowState.DONE] + counts[RowState.FAILED]
        working = queue.running and not queue.pausing
        self.bar.setRange(0, 100 * max(len(queue.rows), 1))
        at_work = sum(row.progress for row in queue.rows if row.state is RowState.WORKING)
        self.bar.setValue(round(100 * (finished + at_work)))
        self.start_button.setEnabled(not working and (queue.pausing or queue.next_waiting >= 0))
        self.start_button.setText(self.tr("Go on") if finished and queue.next_waiting >= 0 else self.tr("Start"))
        self.pause_button.setEnabled(working)
        self.cancel_button.setEnabled(queue.running)
        self.retry_button.setEnabled(counts[RowState.FAILED] > 0)
        self.copy_button.setEnabled(counts[RowState.FAILED] > 0)
        self.clear_button.setEnabled(counts[RowState.DONE] > 0)
        self._note.setText(self._summary(counts[RowState.DONE], counts[RowState.FAILED]))

    def _summary(self, done: int, failed: int) -> str:
        total = len(self._queue.rows)
        if not total:
            return self.tr("Add photos or folders, or drop them here.")
        parts = [self.tr("%1 of %2 done").replace("%1", str(done)).replace("%2", str(total))]
        if failed:
            parts.append(self.tr("%1 failed").replace("%1", str(failed)))
        left = self._queue.seconds_left
        if self._queue.running and left is not None:
            minutes = self.tr("%1 min left").replace("%1", str(max(round(left / 60), 1)))
            parts.append(minutes if left > 90 else self.tr("%1 s left").replace("%1", f"{left:.0f}"))
        if self._queue.pausing:
            parts.append(self.tr("pausing after this photo"))
        return "  ·  ".join(parts)
