"""What the live view looks at: cameras, the last file, folder or stream, and how to choose others; start and stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QWidget

from fields_app import style
from fields_app.live_settings import SIZES, LiveSettings, SourceChoice, SourceKind
from fields_app.live_view import LiveView

if TYPE_CHECKING:
    from fields_core.live.camera import CameraDevice

_OTHERS = (SourceKind.FILE, SourceKind.FOLDER, SourceKind.STREAM)


class LiveSource(QWidget):
    """Choices in a row. Listens to the view for what runs.

    Signals:
        started(SourceChoice), stopped()
        browse_requested(SourceKind): a file, a folder or an address is to be asked for.
        cameras_requested(): look for cameras again.
        size_picked((width, height)): what the camera is wished to deliver.
    """

    started = Signal(object)
    stopped = Signal()
    browse_requested = Signal(object)
    cameras_requested = Signal()
    size_picked = Signal(object)

    def __init__(self, view: LiveView, settings: LiveSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self._view = view
        self._cameras: list[SourceChoice] = []
        self._offered: dict[str, tuple[tuple[int, int], ...]] = {}
        self._chosen = settings.source
        self._size = settings.size
        self.sources = self._combo(self.tr("Source"), self.tr("Camera, video file, folder of pictures or stream"))
        self.sizes = self._combo(self.tr("Camera resolution"), self.tr("Wished for; the camera takes the nearest"))
        self.start_button = QPushButton(self.tr("Start"), self)
        self.start_button.setToolTip(self.tr("Open the source, or stop it (Ctrl+F5)"))
        self.start_button.setAccessibleName(self.tr("Start"))
        self.start_button.setObjectName("primary")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(style.SMALL)
        row.addWidget(self.sources, 1)
        row.addWidget(self.sizes)
        row.addWidget(self.start_button)
        self.start_button.clicked.connect(self.toggle)
        self.sources.activated.connect(self._source_activated)
        self.sizes.activated.connect(lambda _: self._pick_size())
        view.run_changed.connect(self._show_run)
        self.set_cameras([])

    def set_cameras(self, cameras: Sequence[CameraDevice]) -> None:
        """The cameras of this machine."""
        self._cameras = [SourceChoice(SourceKind.CAMERA, str(c.number), c.name) for c in cameras]
        self._offered = {str(camera.number): camera.sizes for camera in cameras}
        self._list_sources()

    def choose(self, choice: SourceChoice) -> None:
        """Put a source into the list and select it."""
        self._chosen = choice
        self._list_sources()

    @property
    def choice(self) -> SourceChoice | None:
        """The source selected; None where nothing can be opened."""
        return self.sources.currentData() if isinstance(self.sources.currentData(), SourceChoice) else None

    def toggle(self) -> None:
        """Start what is chosen, or stop what runs."""
        if self._view.running:
            self.stopped.emit()
        elif self.choice is not None:
            self.started.emit(self.choice)

    def _list_sources(self) -> None:
        """Cameras, then the last file, folder or stream, then how to choose others."""
        chosen = self._chosen
        with QSignalBlocker(self.sources):
            self.sources.clear()
            for camera in self._cameras:
                self.sources.addItem(camera.name, camera)
            if chosen.kind is not SourceKind.CAMERA:
                self.sources.addItem(chosen.name or chosen.place, chosen)
            if not self.sources.count():
                self.sources.addItem(self.tr("No camera found"), None)
            self.sources.insertSeparator(self.sources.count())
            texts = (self.tr("Video file …"), self.tr("Folder of pictures …"), self.tr("Network stream …"))
            for kind, text in zip(_OTHERS, texts, strict=True):
                self.sources.addItem(text, kind)
            self.sources.addItem(self.tr("Look for cameras again"), "")
            places = [self.sources.itemData(place) for place in range(self.sources.count())]
            known = [p for p, c in enumerate(places) if isinstance(c, SourceChoice) and _same(c, chosen)]
            self.sources.setCurrentIndex(known[0] if known else 0)
        self._show_run()

    def _source_activated(self, place: int) -> None:
        data = self.sources.itemData(place)
        if isinstance(data, SourceChoice):
            self._chosen = data
            self._show_run()
            if self._view.running:
                self.started.emit(data)
            return
        self._list_sources()  # what was selected before stays so until there is an answer
        if data in _OTHERS:
            self.browse_requested.emit(SourceKind(data))
        elif data == "":
            self.cameras_requested.emit()

    def _pick_size(self) -> None:
        self._size = self.sizes.currentData()
        self.size_picked.emit(self._size)

    def _list_sizes(self, choice: SourceChoice | None) -> None:
        """What the camera offers, or else what is common; what is wished is among them."""
        offered = self._offered.get(choice.place, ()) if choice is not None else ()
        sizes = sorted({*(offered or SIZES), self._size})
        if [self.sizes.itemData(place) for place in range(self.sizes.count())] != sizes:
            with QSignalBlocker(self.sizes):
                self.sizes.clear()
                for size in sizes:
                    self.sizes.addItem("{} × {}".format(*size), size)
        self.sizes.setCurrentIndex(sizes.index(self._size))
        said = self.tr("What this camera offers") if offered else self.tr("Wished for; the camera takes the nearest")
        self.sizes.setToolTip(said)

    def _show_run(self) -> None:
        running, choice = self._view.running, self.choice
        self.start_button.setText(self.tr("Stop") if running else self.tr("Start"))
        self.start_button.setEnabled(running or choice is not None)
        self._list_sizes(choice)
        self.sizes.setVisible(choice is not None and choice.kind is SourceKind.CAMERA)

    def _combo(self, name: str, tip: str) -> QComboBox:
        combo = QComboBox(self)
        combo.setAccessibleName(name)
        combo.setToolTip(tip)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        return combo


def _same(one: SourceChoice, other: SourceChoice) -> bool:
    return (one.kind, one.place) == (other.kind, other.place)
