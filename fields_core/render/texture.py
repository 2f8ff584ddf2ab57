"""The photo as a skin: what it shows of the head, without its light, and the rest made to match.

Three layers in the texture square, each toned to agree with the one above where both are known: the photo's own pixels,
the mirror image of the other side, and the fitted albedo of the head model.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.camera import project
from fields_core.datatypes import FaceCode, FaceCrop, Photo
from fields_core.errors import ModelFileError
from fields_core.head import HeadModel
from fields_core.render.cpu import CpuRasterizer
from fields_core.render.eyes import EyePainter
from fields_core.render.interpolation import interpolate, pixel_barycentrics, vertex_normals
from fields_core.render.lighting import sh_shading
from fields_core.render.photo_view import SPAN, view_photo
from fields_core.render.tone import SurfaceTone, log_ratio, smooth_over_mesh, typical
from fields_core.render.uv_chart import UvChart, union_of_regions

Floats = NDArray[np.float32]

_DEPTH_VIEW = 384  # pixels of the z-buffer
_BEHIND = 0.03  # image units (6 mm on a usual crop); no further behind what is seen still counts as seen
_INNER = ("eyeballs", "teeth", "mouth")
_COVERED = ("neck", "ears")  # by collars and hair as often as not
_FACING = (0.25, 0.65)  # cosine towards the viewer from which the photo begins to count, and counts fully
_EDGE_ROUNDS = 8  # of smoothing; the photo fades out over one or two centimetres at the edge of the face
_UNLIGHT = 0.85  # how much of the estimated shading is taken out
_LEAST_SHARE = 1e-3  # of all texels; fewer do not make a tone
_LEAST_HAIR = 0.12  # sRGB; hair differs at least so much from the skin
_LEAST_HAIR_SHARE = 0.2  # of the visible scalp; with less the head counts as bald
_PLAIN = 0.6  # sRGB of heads without albedo, before they take the photo's tone


@dataclass(frozen=True, eq=False)
class _HairTone:
    amount: Floats
    """(t, t) in [0, 1], how much of a texel of the fill is painted hair."""
    change: Floats
    """(3,) log ratio."""


class TextureProjector:
    """Makes textures for one head model. Keep one: making it takes longer than using it."""

    def __init__(self, head: HeadModel, size: int = 1024) -> None:
        """Args:
            head: a head model with a texture layout.
            size: T, the side of the textures.

        Raises:
            ModelFileError: the head model has no texture layout.
        """
        if len(head.uv) == 0:
            raise ModelFileError(
                f"The head model {head.name} has no texture layout",
                expected="texture coordinates",
                found="none",
                remedy="Reconstruct without a texture, or use the open head.",
            )
        self._head = head
        self._faces = head.faces.cpu()
        faces = self._faces.numpy()
        self._chart = UvChart(head, size)
        self._coarse = UvChart(head, size // 2)
        self._least = round(_LEAST_SHARE * self._coarse.size**2)
        self._tone = SurfaceTone(head.n_vertices, faces)
        self._eyes = EyePainter(head, self._chart)
        inner = union_of_regions(head, _INNER)
        self._outer = (~inner).astype(np.float32)
        self._scalp = union_of_regions(head, ["scalp"]).astype(np.float32)
        self._hairy = self._coarse.region(_ramp(smooth_over_mesh(self._scalp, faces, 2 * _EDGE_ROUNDS), 0.02, 0.15))
        allowed = union_of_regions(head, ["face"]) if "face" in head.region_names else ~inner
        allowed &= ~union_of_regions(head, (*_INNER, *_COVERED))
        self._allowed = _ramp(smooth_over_mesh(allowed.astype(np.float32), faces, _EDGE_ROUNDS), 0.2, 0.9) * self._outer

    @torch.no_grad()
    def project(self, photo: Photo, crop: FaceCrop, code: FaceCode) -> NDArray[np.uint8]:
        """The texture of one face.

        Args:
            photo: where the face is.
            crop: of the face.
            code: of one face, fitted to the crop, its lighting and albedo too (`AppearanceFitter`): the light is taken
                out of the photo's pixels, the albedo fills what the photo does not show.

        Returns:
            (T, T, 3) sRGB in the head model's UV layout, first row at v = 1.
        """
        if len(code) != 1:
            raise ValueError(f"Expected the code of one face, found {len(code)}")
        code = code.to(torch.float32)
        posed = self._head(code)
        points = project(posed, code.camera).cpu()
        normals = vertex_normals(posed, self._head.faces).cpu()
        view = view_photo(photo, crop)

        flat = view.to_pixels(points[0].numpy())
        known = [points[0].numpy()[:, 2:], normals[0].numpy()[:, 2:]]
        depth, facing = np.moveaxis(self._coarse.from_vertices(np.concatenate(known, axis=1)), -1, 0)
        places = self._coarse.from_vertices(flat)
        in_front = self._in_front(points, (places + np.float32(0.5)) / np.float32(len(view.pixels)), depth)
        face = view.weights_at(view.face_outline(crop.landmarks), places)
        seen = in_front * _ramp(facing, *_FACING) * face * self._coarse.region(self._allowed)
        colours = view.colours_at(self._chart.from_vertices(flat))

        fill = self._fill(code)
        hair = in_front * view.weights_at(view.inside, places) * self._coarse.region(self._scalp)
        painted = self._hair_tone(self._small(colours), fill, seen, hair * (facing > _FACING[0]))
        colours *= _resized(1.0 / self._shading(normals, code, seen), self._chart.size)
        texture = self._blend(colours, seen, fill, painted)
        self._eyes.paint(texture, view, crop.landmarks)
        return cv2.convertScaleAbs(texture, alpha=255.0).astype(np.uint8, copy=False)

    def _in_front(self, points: Tensor, places: Floats, depth: Floats) -> Floats:
        """Whether nothing is before each coarse texel, softly in [0, 1].

        Args:
            points: (1, V, 3) image frame.
            places: (t, t, 2) where the texel is in the view, as shares of its size.
            depth: (t, t) image frame.

        Returns:
            (t, t)
        """
        framed = points / torch.tensor([SPAN, SPAN, 1.0])
        pix_to_face = CpuRasterizer()(framed, self._faces, _DEPTH_VIEW, _DEPTH_VIEW)
        barycentrics = pixel_barycentrics(framed, self._faces, pix_to_face)
        drawn = interpolate(framed[..., 2:], self._faces, pix_to_face, barycentrics)[0, 0]
        nearest = torch.where(pix_to_face[0] >= 0, drawn, 1e3).numpy()
        where = places * np.float32(_DEPTH_VIEW) - np.float32(0.5)
        before = cv2.remap(nearest, where, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        in_front = (depth <= before + _BEHIND).astype(np.float32)
        return _ramp(cv2.GaussianBlur(in_front, (0, 0), 3.0), 0.5, 1.0) * self._coarse.covered

    def _shading(self, normals: Tensor, code: FaceCode, seen: Floats) -> Floats:
        """(t, t, 3) the light on each coarse texel, 1 on average where it is seen."""
        shading = self._coarse.from_vertices(sh_shading(normals, code.lighting.cpu())[0].numpy())
        total = seen.sum()
        mean = (shading * seen[..., None]).sum(axis=(0, 1)) / total if total > 0 else np.ones(3, np.float32)
        relative = np.where(self._coarse.covered[..., None], shading / np.maximum(mean, 0.05), 1.0)
        return np.power(relative.clip(0.45, 1.6), _UNLIGHT).astype(np.float32)

    def _fill(self, code: FaceCode) -> Floats:
        """(T, T, 3) the albedo model's skin, or a plain tone for a head model without one."""
        size = self._chart.size
        if self._head.n_albedo == 0:
            return np.full((size, size, 3), _PLAIN, np.float32)
        return np.ascontiguousarray(self._head.albedo(code.albedo, size)[0].permute(1, 2, 0).cpu().numpy())

    def _blend(self, colours: Floats, seen: Floats, fill: Floats, painted: _HairTone) -> Floats:
        """The layers in one (T, T, 3): colours (T, T, 3) where seen (t, t), their mirror image, the fill.

        Args:
            painted: the hair of the fill, which takes the colour of that in the photo, not its pixels.
        """
        size = self._chart.size
        opposite = cv2.remap(seen, self._coarse.mirror, None, cv2.INTER_LINEAR, borderValue=0.0)
        flipped = cv2.remap(colours, self._chart.mirror, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        ratio = log_ratio(self._small(colours), self._small(flipped))
        flipped *= self._factor(self._change(ratio, seen * opposite, np.zeros(3, np.float32)))
        both = _mixed(colours, flipped, _resized(seen, size))

        known = np.maximum(seen, opposite)
        ratio = log_ratio(self._small(both), self._small(fill))
        change = self._change(ratio, known, typical(ratio, known, self._least, np.zeros(3, np.float32)))
        share = painted.amount[..., None]
        below = fill * self._factor(change * (1.0 - share) + painted.change * share)
        return _mixed(both, below, _resized(known, size))

    def _hair_tone(self, photo: Floats, fill: Floats, seen: Floats, hair: Floats) -> _HairTone:
        """How the fill's painted hair must change, and where it is: between the usual colours of face and scalp.

        Args:
            photo: (t, t, 3) the photo's pixels. Their light stays: what is known of it comes from the face.
            seen, hair: (t, t) where it shows face, where scalp.
        """
        small = self._small(fill)
        plain = np.full(3, _PLAIN, np.float32)
        skin_fill = typical(small, self._coarse.region(self._allowed), 1, plain)
        hair_fill = typical(small, self._coarse.region(self._scalp), 1, skin_fill)
        span = hair_fill - skin_fill
        length = float(span @ span)
        if length < _LEAST_HAIR**2:  # bald, or a head model without scalp or albedo
            return _HairTone(np.zeros_like(hair), np.zeros(3, np.float32))
        amount = ((small - skin_fill) @ (span / length)).clip(0.0, 1.0) * self._hairy
        # Where the hairline is higher than the model's, the photo shows skin on the scalp: take what differs from skin.
        distance = np.linalg.norm(photo - typical(photo, seen, self._least, skin_fill), axis=-1)
        strands = hair * (distance > _LEAST_HAIR)
        few = max(self._least, round(_LEAST_HAIR_SHARE * np.count_nonzero(hair > 0.5)))
        change = log_ratio(typical(photo, strands, few, typical(photo, hair, self._least, hair_fill)), hair_fill)
        return _HairTone(amount, change)

    def _change(self, ratio: Floats, weights: Floats, expected: Floats) -> Floats:
        """(t, t, 3) the change of tone that makes a layer agree with another, as a log ratio that is known by weights.

        Args:
            expected: (V, 3) or (3,), far from what is known.
        """
        values, sure = self._coarse.to_vertices(ratio, weights)
        spread = self._tone.spread(values, sure * self._outer, expected * self._outer[:, None])
        return self._coarse.from_vertices(spread * self._outer[:, None])

    def _factor(self, change: Floats) -> Floats:
        return _resized(np.exp(change), self._chart.size)

    def _small(self, picture: Floats) -> Floats:
        return cv2.resize(picture, (self._coarse.size,) * 2, interpolation=cv2.INTER_AREA)


def project_texture(
    photo: Photo, crop: FaceCrop, code: FaceCode, head: HeadModel, size: int = 1024
) -> NDArray[np.uint8]:
    """One texture; see `TextureProjector`, which is faster for the second photo of a head model.

    Returns:
        (size, size, 3) sRGB.

    Raises:
        ModelFileError: the head model has no texture layout.
    """
    return TextureProjector(head, size).project(photo, crop, code)


def _ramp(values: Floats, start: float, end: float) -> Floats:
    """0 up to start, 1 from end on, a smooth cubic between."""
    t = np.clip((values - start) / (end - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _mixed(picture: Floats, other: Floats, share: Floats) -> Floats:
    """The share (T, T) of a picture (T, T, 3) and the rest of the other."""
    return cv2.blendLinear(picture, other, share, 1.0 - share).astype(np.float32, copy=False)


def _resized(picture: Floats, size: int) -> Floats:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)
