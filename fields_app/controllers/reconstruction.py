"""From what the user drops, opens or pastes to people in the session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QImage

from fields_app.controllers.engine import Engine
from fields_app.document import Person, PhotoEntry
from fields_app.panels.message_bar import MessageBar
from fields_app.pictures import pixels_of, read_thumbnail, thumbnail_of
from fields_app.session import Session
from fields_app.workers.job import JobThread
from fields_app.workers.latest_only import LatestOnlyThread
from fields_core.errors import NoFaceError, PhotoError
from fields_core.progress import CancelToken, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from fields_core.datatypes import Photo, Reconstruction


@dataclass(frozen=True, eq=False)
class _Request:
    generation: int
    paths: tuple[Path, ...] = ()
    """Files and folders; the first photo of them is reconstructed."""
    pixels: NDArray[Any] | None = None
    """A pasted picture."""
    entry: PhotoEntry | None = None
    """A photo of the document; read, and reconstructed if it never was."""
    again: bool = False
    """Reconstruct it although it has been."""
    refine: Person | None = None
    shape: Tensor | None = None
    """Of the person to refine, where several photos gave it."""


@dataclass(frozen=True, eq=False)
class _Read:
    """The first parts of an answer: which photos there are, then the photo; its faces are not there yet."""

    generation: int
    photos: tuple[Path, ...] = ()
    photo: Photo | None = None


class ReconstructionController(QObject):
    """Owns the thread that reads and reconstructs photos. A photo is reconstructed when it is first shown; it and
    its people then stay in the session's document.

    Signals:
        thumbnail_ready(photo id, QImage)
        busy_changed(bool)
        refined(person id, Reconstruction): a closer fit of that person.
        found_again(reconstructions): faces of the shown photo, which has people already.
    """

    thumbnail_ready = Signal(object, object)
    busy_changed = Signal(bool)
    refined = Signal(str, object)
    found_again = Signal(object)
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
        self._pictured: set[str] = set()
        session.photo_changed.connect(self._read_shown)
        session.restored.connect(self._restored)
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

    def show_photo(self, entry: str) -> None:
        """Show a photo of the document by its id."""
        wanted = next((photo for photo in self._session.photos if photo.id == entry), None)
        if wanted is not None and wanted.reconstructed:
            self._session.show(entry)
        elif wanted is not None:
            self._submit(_Request(0, entry=wanted))

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

    def find_faces(self) -> None:
        """Look for the faces of the shown photo again, as if it were new."""
        if self._session.entry is not None:
            self._submit(_Request(0, entry=self._session.entry, again=True))

    def refine(self) -> None:
        """Fit the selected face again, starting from its present code."""
        if self._session.person is not None:
            document, person = self._session.document(), self._session.person
            identity = document.identity(person.identity)
            shared = identity is not None and len(document.of_identity(identity.id)) > 1
            self._submit(_Request(0, refine=person, shape=identity.shape if shared and identity is not None else None))

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

    def _work(self, request: _Request, token: CancelToken) -> list[Reconstruction] | None:
        """On the worker thread."""
        engine = self._engine
        assert engine is not None
        if request.refine is not None:
            return [engine.refine(request.refine.reconstruction, token, request.shape)]
        if request.paths:
            # Which photos there are, then the rest of the way as `show_photo`.
            self._photo_read.emit(_Read(request.generation, tuple(engine.photos_in(request.paths))))
            return None
        if request.pixels is not None:
            photo = engine.open_photo(request.pixels)
        elif request.entry is not None:
            photo = request.entry.photo or engine.open_photo(_file_of(request.entry))
        else:
            photo = engine.sample_photo()
        token.raise_if_cancelled()
        self._photo_read.emit(_Read(request.generation, photo=photo))
        if request.entry is not None and request.entry.reconstructed and not request.again:
            return None
        return engine.reconstruct(photo, token)

    def _show_photo(self, read: _Read) -> None:
        if read.generation != self._generation:
            return
        if read.photos:
            entries = self._session.add_photos(read.photos)
            self._make_thumbnails()
            self.show_photo(entries[0].id)
            if read.generation == self._generation:  # nothing more to do: it is known already
                self._ready()
        elif read.photo is not None:
            self._session.set_photo(read.photo)
            self._make_thumbnails()
            self._messages.show_progress(
                Progress(0, 0, self.tr("Looking for faces and fitting the head …")), can_cancel=True
            )

    def _read_shown(self) -> None:
        """Read the shown photo's pixels if they are not in memory, as after an undo that shows another photo."""
        entry = self._session.entry
        if entry is not None and entry.reconstructed and entry.photo is None and entry.path is not None:
            self._submit(_Request(0, entry=entry))

    def _restored(self) -> None:
        """Another document: what is at work for the old one is worth nothing now."""
        self._make_thumbnails()
        entry = self._session.entry
        if entry is None:
            self.cancel()
        elif not entry.reconstructed:
            self.show_photo(entry.id)

    def _answered(self, request: _Request, reconstructions: list[Reconstruction] | None) -> None:
        if request.generation != self._generation:
            return
        if request.refine is not None and reconstructions is not None:
            self.refined.emit(request.refine.id, reconstructions[0])
        elif request.again:
            self.found_again.emit(reconstructions)
        elif reconstructions is not None:
            self._session.set_people(reconstructions)
        if not request.paths:
            self._ready()

    def _ready(self) -> None:
        self._set_busy(False)
        if self._session.person is not None:
            self._tell(self._session.person)
        else:
            self._messages.clear()

    def _failed(self, request: _Request, error: BaseException) -> None:
        if request.generation != self._generation:
            return
        self._set_busy(False)
        if isinstance(error, NoFaceError):
            if not request.again:
                self._session.set_people(())
            self._messages.show_warning(error.title, error.details)
        else:
            if isinstance(error, PhotoError) and request.entry is not None and not request.entry.reconstructed:
                self._session.remove_photo(request.entry.id)  # nothing is lost: it was never a photo
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
        text = self.tr("%1  ·  landmarks fitted to %2 % of the eye distance").replace("%1", faces)
        text = text.replace("%2", error)
        if seconds := person.original.timings.total:  # a face of a project was not fitted now
            text = self.tr("%1 in %2 s").replace("%1", text).replace("%2", f"{seconds:.2f}")
        self._messages.show_info(text)

    def _set_busy(self, busy: bool) -> None:
        if busy != self._busy:
            self._busy = busy
            self.busy_changed.emit(busy)

    def _make_thumbnails(self) -> None:
        """Of all photos that have none yet, in one thread after the other."""
        if self._thumbnails is not None:
            self._thumbnails.stop()  # and waits: only then is it known which there are
            self._thumbnails = None
        wanted = [entry for entry in self._session.photos if entry.id not in self._pictured]
        if len(self._session.photos) > 1 and wanted:
            self._thumbnails = JobThread(lambda report, token: self._thumbnail_all(wanted, token), self)
            self._thumbnails.start()

    def _thumbnail_all(self, entries: Sequence[PhotoEntry], token: CancelToken) -> None:
        for entry in entries:
            token.raise_if_cancelled()
            if entry.photo is not None:
                self.thumbnail_ready.emit(entry.id, thumbnail_of(entry.photo.pixels))
            elif entry.path is not None:
                self.thumbnail_ready.emit(entry.id, read_thumbnail(entry.path))
            self._pictured.add(entry.id)  # here, not where the signal arrives: a picture under way is made already


def _file_of(entry: PhotoEntry) -> Path:
    assert entry.path is not None  # what has no file never loses its pixels
    return entry.path
