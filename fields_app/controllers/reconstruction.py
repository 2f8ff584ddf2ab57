"""From what the user drops, opens or pastes to people in the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QMimeData, QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage, QImageReader, QPainter

from fields_app.controllers.engine import Engine
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Person, Session
from fields_app.workers.job import JobThread
from fields_app.workers.latest_only import LatestOnlyThread
from fields_core.errors import NoFaceError
from fields_core.progress import CancelToken, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fields_core.datatypes import Photo, Reconstruction

_THUMBNAIL = QSize(128, 128)


@dataclass(frozen=True, eq=False)
class _Request:
    generation: int
    paths: tuple[Path, ...] = ()
    """Files and folders; the first photo of them is reconstructed."""
    pixels: NDArray[Any] | None = None
    """A pasted picture."""
    refine: Person | None = None
    index: int = -1


@dataclass(frozen=True, eq=False)
class _Read:
    """The first parts of an answer: which photos there are, then the photo; its faces are not there yet."""

    generation: int
    photos: tuple[Path, ...]
    photo: Photo | None = None


class ReconstructionController(QObject):
    """Owns the thread that reads and reconstructs photos.

    Signals:
        thumbnail_ready(path, QImage)
        busy_changed(bool)
    """

    thumbnail_ready = Signal(object, object)
    busy_changed = Signal(bool)
    _photo_read = Signal(object)

    def __init__(self, session: Session, messages: MessageBar, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._messages = messages
        self._engine: Engine | None = None
        self._generation = 0
        self._busy = False
        self._pending: _Request | None = None
        self._thread: LatestOnlyThread[_Request] = LatestOnlyThread(self._work, cancel_running=True, parent=self)
        self._thread.answered.connect(self._answered)
        self._thread.failed.connect(self._failed)
        self._photo_read.connect(self._show_photo, Qt.ConnectionType.QueuedConnection)
        self._thumbnails: JobThread | None = None
        messages.cancel_requested.connect(self.cancel)

    @property
    def busy(self) -> bool:
        return self._busy

    def set_engine(self, engine: Engine) -> None:
        """The core has been loaded; what was asked for meanwhile starts now."""
        self._engine = engine
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._submit(pending)

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Files and folders, as dropped or chosen. Several photos become the list to pick from."""
        if paths:
            self._submit(_Request(0, paths=tuple(paths)))

    def open_pixels(self, pixels: NDArray[Any]) -> None:
        """A picture without a file, (H, W, 3) uint8 RGB."""
        self._submit(_Request(0, pixels=pixels))

    def open_mime(self, data: QMimeData) -> None:
        """What was dropped or pasted: files, folders or a picture."""
        paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        image = data.imageData() if data.hasImage() else None
        if paths:
            self.open_paths(paths)
        elif isinstance(image, QImage) and not image.isNull():
            self.open_pixels(pixels_of(image))
        else:
            self._messages.show_warning(
                self.tr("There is no photo in that."),
                self.tr("Expected: picture files, folders, or a copied picture.")
                + self.tr("\nWhat to do: save the picture to a file and open it."),
            )

    def open_sample(self) -> None:
        self._submit(_Request(0))

    def refine(self) -> None:
        """Fit the selected face again, starting from its present code."""
        if self._session.person is not None:
            self._submit(_Request(0, refine=self._session.person, index=self._session.selected))

    def select_face(self, index: int) -> None:
        if index == self._session.selected:
            return
        self._session.select(index)
        self._tell(self._session.person)

    def cancel(self) -> None:
        if self._busy:
            self._generation += 1
            self._pending = None
            self._thread.cancel()
            self._set_busy(False)
            self._messages.show_info(self.tr("Cancelled."))

    def stop(self) -> None:
        """End all threads; call before the window goes."""
        self._thread.stop()
        if self._thumbnails is not None:
            self._thumbnails.stop()

    def _submit(self, request: _Request) -> None:
        self._generation += 1
        request = replace(request, generation=self._generation)
        self._set_busy(True)
        if self._engine is None:
            self._pending = request
            self._messages.show_progress(Progress(0, 0, self.tr("Loading the head model …")))
            return
        text = self.tr("Refining the fit …") if request.refine is not None else self.tr("Reading the photo …")
        self._messages.show_progress(Progress(0, 0, text), can_cancel=True)
        self._thread.submit(request)

    def _work(self, request: _Request, token: CancelToken) -> list[Reconstruction]:
        """On the worker thread."""
        engine = self._engine
        assert engine is not None
        if request.refine is not None:
            return [engine.refine(request.refine.reconstruction, token)]
        photos: tuple[Path, ...] = ()
        if request.paths:
            photos = tuple(engine.photos_in(request.paths))
            self._photo_read.emit(_Read(request.generation, photos))
            photo = engine.open_photo(photos[0])
        elif request.pixels is not None:
            photo = engine.open_photo(request.pixels)
        else:
            photo = engine.sample_photo()
        token.raise_if_cancelled()
        self._photo_read.emit(_Read(request.generation, photos, photo))
        return engine.reconstruct(photo, token)

    def _show_photo(self, read: _Read) -> None:
        if read.generation != self._generation:
            return
        if read.photos != self._session.photos and not (
            len(read.photos) == 1 and read.photos[0] in self._session.photos
        ):
            self._session.set_photos(read.photos)
            self._make_thumbnails(read.photos)
        if read.photo is None:
            return
        self._session.set_photo(read.photo)
        self._messages.show_progress(
            Progress(0, 0, self.tr("Looking for faces and fitting the head …")), can_cancel=True
        )

    def _answered(self, request: _Request, reconstructions: list[Reconstruction]) -> None:
        if request.generation != self._generation:
            return
        self._set_busy(False)
        if request.refine is not None:
            self._session.replace_person(request.index, reconstructions[0])
        else:
            self._session.set_people(reconstructions)
        self._tell(self._session.person)

    def _failed(self, request: _Request, error: BaseException) -> None:
        if request.generation != self._generation:
            return
        self._set_busy(False)
        if isinstance(error, NoFaceError):
            self._messages.show_warning(error.title, error.details)
        else:
            self._messages.show_error(error)

    def _tell(self, person: Person | None) -> None:
        if person is None:
            return
        if person.original.warning:
            self._messages.show_warning(person.original.warning)
            return
        count = len(self._session.people)
        faces = (
            self.tr("1 face") if count == 1 else self.tr("%1 faces; click a box to select").replace("%1", str(count))
        )
        error = f"{100 * person.original.landmark_error:.1f}"
        text = self.tr("%1  ·  landmarks fitted to %2 % of the eye distance in %3 s").replace("%1", faces)
        text = text.replace("%2", error).replace("%3", f"{person.original.timings.total:.2f}")
        self._messages.show_info(text)

    def _set_busy(self, busy: bool) -> None:
        if busy != self._busy:
            self._busy = busy
            self.busy_changed.emit(busy)

    def _make_thumbnails(self, paths: tuple[Path, ...]) -> None:
        if self._thumbnails is not None:
            self._thumbnails.stop()
            self._thumbnails = None
        if len(paths) > 1:
            self._thumbnails = JobThread(lambda report, token: self._thumbnail_all(paths, token), self)
            self._thumbnails.start()

    def _thumbnail_all(self, paths: tuple[Path, ...], token: CancelToken) -> None:
        for path in paths:
            token.raise_if_cancelled()
            self.thumbnail_ready.emit(path, read_thumbnail(path))


def read_thumbnail(path: Path) -> QImage:
    """A small square picture of a photo; grey where the file cannot be read (opening it will say why)."""
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    if size.isValid():
        reader.setScaledSize(size.scaled(_THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatioByExpanding))
    image = reader.read()
    if image.isNull():
        image = QImage(_THUMBNAIL, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.darkGray)
    left, top = (image.width() - _THUMBNAIL.width()) // 2, (image.height() - _THUMBNAIL.height()) // 2
    return image.copy(left, top, _THUMBNAIL.width(), _THUMBNAIL.height())


def pixels_of(image: QImage) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a Qt image; what is transparent lies on white."""
    flat = QImage(image.size(), QImage.Format.Format_RGB888)
    flat.fill(Qt.GlobalColor.white)
    painter = QPainter(flat)
    painter.drawImage(0, 0, image)
    painter.end()
    rows = np.frombuffer(flat.constBits(), np.uint8).reshape(flat.height(), flat.bytesPerLine())
    return rows[:, : 3 * flat.width()].reshape(flat.height(), flat.width(), 3).copy()
