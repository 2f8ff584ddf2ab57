"""The photo behind the head, and the view in which the head lies on it: that of the photo's own camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from fields_core.datatypes import CROP_SIZE

if TYPE_CHECKING:
    from fields_core.datatypes import Reconstruction

_BEHIND = 0.4  # metres behind (or before) the head's origin: no depth is seen in a parallel view
_LARGEST_SIDE = 2048  # pixels of the texture

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class PhotoView:
    """A photo as a picture in the model frame.

    The camera of a code is orthographic (see `fields_core.camera`), so the photo is a rectangle parallel to the x-y
    plane, turned and scaled.
    """

    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    model_to_photo: Array
    """(3, 3): model x, y, 1 in metres -> photo pixels x, y, 1."""

    @property
    def corners(self) -> Array:
        """(4, 3) metres: the outer corners of the photo: top left, top right, bottom right, bottom left."""
        height, width = self.pixels.shape[:2]
        left, top, right, bottom = -0.5, -0.5, width - 0.5, height - 0.5
        pixels = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]])
        flat = pixels @ np.linalg.inv(self.model_to_photo).T
        return np.column_stack([flat[:, :2], np.full(4, -_BEHIND)])

    @property
    def up(self) -> Array:
        """(3,) unit vector of the model frame that is up in the photo."""
        up = np.linalg.inv(self.model_to_photo[:2, :2]) @ np.array([0.0, -1.0])
        return np.append(up / np.linalg.norm(up), 0.0)


def photo_view(reconstruction: Reconstruction) -> PhotoView:
    """The view of a reconstruction's own photo."""
    scale, tx, ty = (float(value) for value in reconstruction.code.camera[0].detach().cpu())
    n = CROP_SIZE
    to_crop = np.array(
        [
            [scale * n / 2, 0.0, (scale * tx * n + n - 1) / 2],
            [0.0, -scale * n / 2, (-scale * ty * n + n - 1) / 2],
            [0.0, 0.0, 1.0],
        ]
    )
    to_photo = np.vstack([np.asarray(reconstruction.crop.crop_to_photo, dtype=np.float64), [0.0, 0.0, 1.0]])
    return PhotoView(reconstruction.photo.pixels, to_photo @ to_crop)


class PhotoBackdrop:
    """Draws a photo view on a renderer: behind the head, and as a veil before it where the head is to be see-through.

    The veil, since a head that is transparent itself would show its inside.

    Args:
        renderer: a pyvista renderer.
    """

    def __init__(self, renderer: Any) -> None:
        self._renderer = renderer
        self._planes: tuple[tuple[Any, Any], ...] = ()  # actor and points: behind, before
        self._pixels: NDArray[np.uint8] | None = None
        self._opacity = 1.0

    def show(self, view: PhotoView | None) -> None:
        """Put the photo where its camera has it; in place while the photo stays the same."""
        if view is None:
            self._remove()
            return
        if self._pixels is not view.pixels:
            self._remove()
            self._build(view.pixels)
        for (_, poly), side in zip(self._planes, (1.0, -1.0), strict=True):
            poly.points[:] = view.corners * (1.0, 1.0, side)
            poly.GetPoints().Modified()

    def set_opacity(self, opacity: float) -> None:
        """Of the head before the photo, 0 to 1."""
        self._opacity = opacity
        for actor, _ in self._planes[1:]:
            actor.prop.opacity = 1.0 - opacity
            actor.SetVisibility(opacity < 1.0)

    def _build(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels
        step = -(-max(pixels.shape[:2]) // _LARGEST_SIDE)
        texture = pv.Texture(np.ascontiguousarray(pixels[::step, ::step]))
        texture.SetInterpolate(True)
        self._planes = tuple(self._plane(texture) for _ in range(2))
        self.set_opacity(self._opacity)

    def _plane(self, texture: Any) -> tuple[Any, Any]:
        poly = pv.PolyData(np.zeros((4, 3), np.float32), np.array([4, 0, 3, 2, 1]))
        poly.active_texture_coordinates = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
        actor = pv.Actor(mapper=pv.DataSetMapper(poly))
        actor.texture = texture
        actor.prop.lighting = False
        actor.prop.color = "white"
        self._renderer.AddActor(actor)
        return actor, poly

    def _remove(self) -> None:
        for actor, _ in self._planes:
            self._renderer.RemoveActor(actor)
        self._planes, self._pixels = (), None
