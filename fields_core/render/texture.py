"""The photo as a skin: what it shows of the head, unlit, and the rest made to match.

Three layers in the texture square, each toned smoothly to agree with the one above where both are known: the photo's
own pixels, the mirror image of the other side, and the fitted albedo of the head model.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.camera import project
from fields_core.datatypes import FaceCode, FaceCrop, Photo
from fields_core.errors import ModelFileError
from fields_core.head import HeadModel
from fields_core.render.blending import Floats, grown, matched, smoothstep
from fields_core.render.cpu import CpuRasterizer
from fields_core.render.interpolation import interpolate, pixel_barycentrics, vertex_normals
from fields_core.render.lighting import sh_shading
from fields_core.render.uv_chart import UvChart, smooth_over_mesh, union_of_regions

_SPAN = 1.5  # how far beyond the crop's half width the photo is looked at
_VIEW = 1024  # most pixels of that look
_DEPTH_VIEW = 384  # pixels of the z-buffer
_BEHIND = 0.03  # image units (6 mm on a usual crop); nearer than this to what is seen counts as seen
_HIDING = ("eyeballs", "teeth", "mouth")
_NEVER = (*_HIDING, "neck", "ears")
_EDGE_ROUNDS = 12  # of smoothing; the weights fall off over about two centimetres
_UNLIGHT = 0.85  # how much of the estimated shading is taken out
_TONE_SIZE = 128  # texels a side when tones are compared


@dataclass(frozen=True, eq=False)
class _View:
    """The square of the photo around the head: picture x in [-_SPAN, _SPAN], likewise y."""

    pixels: Floats
    """(n, n, 3) in [0, 1]."""
    inside: Floats
    """(n, n) 1 where the photo has a pixel, else 0."""

    def at(self, points: Floats) -> tuple[Floats, Floats]:
        """Colours (T, T, 3) and whether there are any (T, T) at points (T, T, 2 or more) of the image frame."""
        size = len(self.pixels)
        where = ((points[..., :2] / _SPAN + 1.0) * size - 1.0) / 2.0
        x, y = np.ascontiguousarray(where[..., 0]), np.ascontiguousarray(where[..., 1])
        colours = cv2.remap(self.pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        known = cv2.remap(self.inside, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
        return colours, known


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
        self._chart = UvChart(head, size)
        self._coarse = UvChart(head, size // 2)
        faces = self._faces.numpy()
        allowed = union_of_regions(head, ["face"]) if "face" in head.region_names else np.ones(head.n_vertices, bool)
        allowed &= ~union_of_regions(head, _NEVER)
        soft = smooth_over_mesh(allowed, faces, _EDGE_ROUNDS) * ~union_of_regions(head, _HIDING)
        self._allowed = self._coarse.region(smoothstep(soft, 0.15, 0.85))

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
        code = code.to(torch.float32).to(torch.device("cpu"))
        posed = self._head(code).cpu()
        points = project(posed, code.camera)
        normals = vertex_normals(posed, self._faces)
        view = _look(photo, crop)

        colours, inside = view.at(self._chart.from_vertices(points[0].numpy()))
        seen = self._visibility(points, normals[0].numpy())
        seen *= _shrunk(inside, self._coarse.size)
        shading = self._shading(normals, code, seen)
        colours = colours / _enlarged(shading, self._chart.size)

        fill = self._fill(code)
        texture = self._blend(colours, seen, fill)
        return np.round(grown(texture, self._chart.covered, 4).clip(0.0, 1.0) * 255.0).astype(np.uint8)

    def _visibility(self, points: torch.Tensor, normals: Floats) -> Floats:
        """(t, t) how well each coarse texel is seen, in [0, 1]."""
        framed = points / torch.tensor([_SPAN, _SPAN, 1.0])
        pix_to_face = CpuRasterizer()(framed, self._faces, _DEPTH_VIEW, _DEPTH_VIEW)
        barycentrics = pixel_barycentrics(framed, self._faces, pix_to_face)
        depth = interpolate(framed[..., 2:], self._faces, pix_to_face, barycentrics)[0, 0]
        nearest = torch.where(pix_to_face[0] >= 0, depth, torch.inf).numpy()
        nearest = np.where(np.isfinite(nearest), nearest, 1e3).astype(np.float32)
        values = self._coarse.from_vertices(np.concatenate([framed[0].numpy(), normals], axis=1))
        where = ((values[..., :2] + 1.0) * _DEPTH_VIEW - 1.0) / 2.0
        x, y = np.ascontiguousarray(where[..., 0]), np.ascontiguousarray(where[..., 1])
        before = cv2.remap(nearest, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        open_to_view = (values[..., 2] <= before + _BEHIND).astype(np.float32)
        open_to_view = smoothstep(cv2.GaussianBlur(open_to_view, (0, 0), 3.0), 0.5, 1.0)
        return open_to_view * smoothstep(values[..., 5], 0.2, 0.6) * self._allowed * self._coarse.covered

    def _shading(self, normals: torch.Tensor, code: FaceCode, seen: Floats) -> Floats:
        """(t, t, 3) the light on each coarse texel, 1 on average where it is seen."""
        shading = self._coarse.from_vertices(sh_shading(normals, code.lighting)[0].numpy())
        total = seen.sum()
        mean = (shading * seen[..., None]).sum(axis=(0, 1)) / total if total > 0 else np.ones(3, np.float32)
        relative = np.where(self._coarse.covered[..., None], shading / np.maximum(mean, 0.05), 1.0)
        return np.power(relative.clip(0.45, 1.6), _UNLIGHT).astype(np.float32)

    def _fill(self, code: FaceCode) -> Floats:
        """(T, T, 3) the albedo model's skin, or a plain tone for a head model without one."""
        size = self._chart.size
        if self._head.n_albedo == 0:
            return np.full((size, size, 3), 0.6, np.float32)
        return np.ascontiguousarray(self._head.albedo(code.albedo, size)[0].permute(1, 2, 0).cpu().numpy())

    def _blend(self, colours: Floats, seen: Floats, fill: Floats) -> Floats:
        opposite = cv2.remap(seen, *_planes(self._coarse.mirror), cv2.INTER_LINEAR, borderValue=0.0)
        flipped = cv2.remap(colours, *_planes(self._chart.mirror), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        if (seen * opposite).sum() > 0:
            flipped = matched(flipped, colours, seen * opposite, _TONE_SIZE, 0.0)
        share = _enlarged(seen, self._chart.size)[..., None]
        both = colours * share + flipped * (1.0 - share)
        known = np.maximum(seen, opposite)
        below = matched(fill, both, known, _TONE_SIZE, 0.02)
        share = _enlarged(known, self._chart.size)[..., None]
        return both * share + below * (1.0 - share)


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


def _look(photo: Photo, crop: FaceCrop) -> _View:
    """Resample the photo around the crop, averaging where it is finer than the look."""
    crop_size = crop.image.shape[0]
    to_photo = np.asarray(crop.crop_to_photo, np.float64)
    scale = float(np.hypot(to_photo[0, 0], to_photo[1, 0]))  # photo pixels in a crop pixel
    size = int(np.clip(round(_SPAN * crop_size * scale), 128, _VIEW))
    # view pixel v -> image coordinate ((2 v + 1) / size - 1) * span -> crop pixel ((x + 1) n - 1) / 2
    step = _SPAN * crop_size / size
    shift = ((1.0 / size - 1.0) * _SPAN + 1.0) * crop_size / 2.0 - 0.5
    view_to_crop = np.array([[step, 0.0, shift], [0.0, step, shift], [0.0, 0.0, 1.0]])
    matrix = to_photo @ view_to_crop
    pixels = photo.pixels
    finer = scale * step
    if finer > 1.5:
        pixels, matrix = _reduced(photo.pixels, matrix, size, finer)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(pixels, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(
        np.ones(pixels.shape[:2], np.float32), matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT
    )
    return _View(picture.astype(np.float32) / 255.0, inside)


def _reduced(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float64], size: int, finer: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut out what the look covers and shrink it by averaging."""
    corners = matrix @ np.array([[0, size, 0, size], [0, 0, size, size], [1, 1, 1, 1]])
    left, top = np.floor(corners.min(axis=1) - 2).astype(int).clip(0)
    right, bottom = np.ceil(corners.max(axis=1) + 2).astype(int)
    part = pixels[top:bottom, left:right]
    if part.size == 0:
        return pixels, matrix
    width, height = max(1, round(part.shape[1] / finer)), max(1, round(part.shape[0] / finer))
    small = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    fx, fy = width / part.shape[1], height / part.shape[0]
    to_small = np.array([[fx, 0.0, (0.5 - left) * fx - 0.5], [0.0, fy, (0.5 - top) * fy - 0.5]])
    return small, to_small @ np.vstack([matrix, [0.0, 0.0, 1.0]])


def _planes(where: Floats) -> tuple[Floats, Floats]:
    return np.ascontiguousarray(where[..., 0]), np.ascontiguousarray(where[..., 1])


def _enlarged(picture: Floats, size: int) -> Floats:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)


def _shrunk(picture: Floats, size: int) -> Floats:
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
