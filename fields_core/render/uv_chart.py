"""The texture square of a head model: which point of the head each texel is, and which is its mirror image."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fields_core.head import HeadModel
from fields_core.render.cpu import CpuRasterizer
from fields_core.render.interpolation import pixel_barycentrics

Floats = NDArray[np.float32]

_BORDER = 4.0  # texels
_SAME_PLACE = 2e-3  # metres; a vertex has a mirror image if another vertex is this near to where it should be


class UvChart:
    """Texels of one head model at one size. Made once, used for every photo.

    Attributes:
        size: T; pictures are (T, T), first row at v = 1.
        covered: (T, T) bool, texels that are a point of the head, or so near to one that looking up the texture between
            texel centres may touch them; those repeat the nearest point.
        mirror: (T, T, 2) float32, texel coordinates (column, row; the first texel's centre at 0) of the point on the
            other side of the head; far outside the square where there is none.
    """

    def __init__(self, head: HeadModel, size: int) -> None:
        self.size = size
        faces = head.faces.cpu().numpy()
        uv_faces = head.uv_faces.cpu()
        uv = head.uv.detach().float().cpu()
        flat = torch.stack([2.0 * uv[:, 0] - 1.0, 1.0 - 2.0 * uv[:, 1], torch.zeros(len(uv))], dim=-1)[None]
        seen = CpuRasterizer()(flat, uv_faces, size, size)
        barycentrics = pixel_barycentrics(flat, uv_faces, seen)[0].numpy()
        face_of, barycentrics = _with_border(seen[0].numpy(), barycentrics)
        self.covered: NDArray[np.bool_] = face_of >= 0
        self._faces = face_of[self.covered]
        self._barycentrics: Floats = barycentrics[self.covered].astype(np.float32)
        starts = np.arange(0, 3 * len(self._faces) + 1, 3)
        shape = (len(self._faces), head.n_vertices)
        entries = (self._barycentrics.ravel(), faces[self._faces].ravel(), starts)
        self._matrix = sp.csr_matrix(entries, shape=shape)  # texels from vertices
        template = head.mesh(head.neutral_code().to(torch.float32)).vertices
        self.mirror = self._mirror(faces, uv_faces.numpy(), uv.numpy(), template)

    def from_vertices(self, values: NDArray[np.floating]) -> Floats:
        """Spread values at the vertices (V, C) over the texels (T, T, C); 0 where no point of the head is."""
        picture = np.zeros((self.size, self.size, values.shape[1]), np.float32)
        picture[self.covered] = self._matrix @ values.astype(np.float32)
        return picture

    def to_vertices(self, picture: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """The weighted mean of the texels around each vertex: (T, T, C), (T, T) -> (V, C), (V,).

        The second is the mean weight around the vertex. Vertices without texels get 0.
        """
        weight = weights[self.covered]
        area = np.asarray(self._matrix.sum(axis=0)).ravel()
        total = self._matrix.T @ weight
        values = self._matrix.T @ (picture[self.covered] * weight[:, None])
        return values / np.maximum(total, 1e-6)[:, None], total / np.maximum(area, 1e-6)

    def region(self, mask: NDArray[np.floating]) -> Floats:
        """A weight at the vertices (V,) as a picture (T, T)."""
        return self.from_vertices(mask[:, None])[..., 0]

    def _mirror(
        self, faces: NDArray[np.int64], uv_faces: NDArray[np.int64], uv: Floats, template: Floats
    ) -> NDArray[np.float32]:
        opposite = mirror_faces(faces, mirror_vertices(template))
        known = opposite[:, 0] >= 0
        corner_uv = np.full((len(faces), 3, 2), -2.0, np.float32)
        corner_uv[known] = uv[uv_faces[opposite[known, 0, None], opposite[known, 1:]]]
        where = (corner_uv[self._faces] * self._barycentrics[..., None]).sum(1)
        picture = np.full((self.size, self.size, 2), -2.0, np.float32)
        picture[self.covered] = np.stack([where[:, 0], 1.0 - where[:, 1]], axis=-1)
        return picture * self.size - 0.5


def _with_border(face_of: NDArray[np.int64], barycentrics: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Continue (T, T) face numbers and (T, T, 3) barycentrics a few texels beyond the islands."""
    outside = (face_of < 0).astype(np.uint8)
    if outside.all() or not outside.any():
        return face_of, barycentrics
    distance, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    inside = np.flatnonzero(outside == 0)
    nearest = np.zeros(int(labels.max()) + 1, np.int64)
    nearest[labels.ravel()[inside]] = inside
    border = np.flatnonzero((outside > 0) & (distance <= _BORDER))
    sources = nearest[labels.ravel()[border]]
    faces, weights = face_of.copy(), barycentrics.copy()
    faces.ravel()[border] = face_of.ravel()[sources]
    weights.reshape(-1, 3)[border] = barycentrics.reshape(-1, 3)[sources]
    return faces, weights


def mirror_vertices(template: Floats) -> NDArray[np.int64]:
    """(V,) the vertex that is each one's mirror image in the plane x = 0; -1 where there is none."""
    distance, nearest = cKDTree(template).query(template * np.array([-1.0, 1.0, 1.0]))
    partner = np.where(distance < _SAME_PLACE, nearest, -1)
    mutual = (partner >= 0) & (partner[partner] == np.arange(len(partner)))
    return np.where(mutual, partner, -1)


def mirror_faces(faces: NDArray[np.int64], partner: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each face its mirror image and which corner of that is the image of each of its own.

    Returns:
        (F, 4): face, then the corners (0-2); -1 where no face is the image.
    """
    count = int(faces.max()) + 1 if faces.size else 1
    image = partner[faces]
    order = np.argsort(faces, axis=1)
    image_order = np.argsort(image, axis=1)
    key = _keys(np.take_along_axis(faces, order, 1), count)
    image_key = _keys(np.take_along_axis(image, image_order, 1), count)
    by_key = np.argsort(key)
    at = np.searchsorted(key, image_key, sorter=by_key).clip(max=len(key) - 1)
    found = by_key[at]
    valid = (key[found] == image_key) & (image >= 0).all(axis=1)
    corners = np.empty_like(faces)
    np.put_along_axis(corners, image_order, order[found], 1)
    return np.where(valid[:, None], np.concatenate([found[:, None], corners], axis=1), -1)


def union_of_regions(head: HeadModel, names: Iterable[str]) -> NDArray[np.bool_]:
    """(V,) vertices in any of the named regions that this head model has."""
    union = np.zeros(head.n_vertices, bool)
    for name in names:
        if name in head.region_names:
            union |= head.region(name).cpu().numpy()
    return union


def _keys(sorted_corners: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = (sorted_corners[:, 0] * count + sorted_corners[:, 1]) * count + sorted_corners[:, 2]
    return keys
