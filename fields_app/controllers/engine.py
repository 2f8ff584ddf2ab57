"""What the controllers need of the core, as one protocol: the real one is `CoreEngine`, tests bring their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fields_app.controllers.people_export import PersonToExport
from fields_app.session import Overlay, RestHead
from fields_app.settings import ExportChoice
from fields_core.progress import CancelToken, ProgressCallback

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from fields_app.parameters import Parameter
    from fields_core.datatypes import FaceCode, HeadMesh, Photo, Reconstruction
    from fields_core.expression.tools import ExpressionTools
    from fields_core.head.model import HeadModel
    from fields_core.live.tracked import TrackedFace
    from fields_core.pipeline import FusedReconstructions


class Engine(Protocol):
    """Every method may be called from worker threads; `mesh` and `overlay` also while `reconstruct` is at work."""

    @property
    def head(self) -> HeadModel:
        """The head model that all codes belong to."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What can be edited of this head model."""

    @property
    def expression(self) -> ExpressionTools:
        """What can be done to expressions of this head model."""

    def rest_head(self) -> RestHead:
        """The neutral head with the head model's own skin."""

    def photos_in(self, paths: Sequence[Path]) -> list[Path]:
        """The photos that files and folders stand for.

        Raises:
            PhotoError: there are none.
        """

    def open_photo(self, source: Path | NDArray[Any]) -> Photo:
        """Read a file, or take the pixels (H, W, 3) RGB of a pasted picture.

        Raises:
            PhotoError: not a picture, or too small or large.
        """

    def sample_photo(self) -> Photo:
        """scikit-image's astronaut."""

    def reconstruct(self, photo: Photo, token: CancelToken) -> list[Reconstruction]:
        """All faces, largest first.

        Raises:
            NoFaceError: there is none.
            Cancelled: the token said so.
        """

    def refine(self, reconstruction: Reconstruction, token: CancelToken, shape: Tensor | None = None) -> Reconstruction:
        """Fit again, from the code it has; with ``shape`` (1, S) where it is known from several photos."""

    def fuse(self, reconstructions: Sequence[Reconstruction], token: CancelToken) -> FusedReconstructions:
        """One person in several photos, each reconstructed alone: with one shape.

        Raises:
            FitError: the landmarks make no face.
            Cancelled: the token said so.
        """

    def adopt(self, photo: Photo, face: TrackedFace) -> Reconstruction:
        """A tracked face of a live picture as one of a photo."""

    def mesh(self, code: FaceCode) -> HeadMesh:
        """The head that a code describes."""

    def overlay(self, reconstruction: Reconstruction) -> Overlay:
        """The head as it lies over its photo."""

    def export(
        self, people: Sequence[PersonToExport], choice: ExportChoice, report: ProgressCallback, token: CancelToken
    ) -> list[Path]:
        """Write what the choice asks for; the files written.

        Raises:
            ExportError: a file could not be written.
            PhotoError: a photo is no longer where it was.
            Cancelled: the token said so.
        """

    def close(self) -> None:
        """Free the detector."""
