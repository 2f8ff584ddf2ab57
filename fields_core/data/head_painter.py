"""Draws one head fast, without gradients: what synthetic training photos are made with.

The same pictures as `fields_core.render.HeadRenderer` where light is plain spherical harmonics, plus what makes skin
and eyes look alive and no code describes: highlights, darkness inside the mouth, several surfaces at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.render.cpu import CpuRasterizer, compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

FINER = 2  # each pixel of the picture is the mean of so many squared
_DIRECTIONS = 40  # of the sky
_SKY_VIEW = 192  # pixels
_WET = 90.0  # sharpness of highlights on eyes


@dataclass(frozen=True, eq=False)
class PaintedSurface:
    """A posed mesh with its colours."""

    points: Floats
    """(V, 3) image frame."""
    faces: Ints
    """(F, 3) counter-clockwise from outside."""
    uv: Floats
    """(T, 2), v up."""
    uv_faces: Ints
    """(F, 3)"""
    texels: Floats
    """(S, S, 3) RGB in [0, 1], first row at v = 1."""
    openness: Floats
    """(V,) share of the light that reaches it, in [0, 1]."""
    wetness: Floats
    """(V,) 1 for eyes, 0 for skin."""


@dataclass(frozen=True, eq=False)
class Illumination:
    """Light of one picture."""

    coefficients: Floats
    """(9, 3) spherical harmonics as `fields_core.render.lighting.sh_shading` takes them, times the basis' factors."""
    halfway: Floats
    """(3,) unit: the normal that mirrors the main light into the camera, model frame."""
    gloss: Floats
    """(3,) brightness of the highlight, RGB."""
    sharpness: float
    """Exponent of the highlight on skin."""


def paint(surfaces: Sequence[PaintedSurface], light: Illumination, size: int) -> tuple[Floats, Floats]:
    """Draw surfaces that hide each other.

    Args:
        size: of the picture, pixels.

    Returns:
        (size, size, 3) RGB times coverage, at least 0; (size, size) coverage in [0, 1].
    """
    fine = size * FINER
    starts = np.cumsum([0] + [len(surface.points) for surface in surfaces[:-1]])
    uv_starts = np.cumsum([0] + [len(surface.uv) for surface in surfaces[:-1]])
    points = np.concatenate([surface.points for surface in surfaces])
    faces = np.concatenate([surface.faces + start for surface, start in zip(surfaces, starts, strict=True)])
    uv_faces = np.concatenate([surface.uv_faces + start for surface, start in zip(surfaces, uv_starts, strict=True)])
    layers = np.repeat(np.arange(len(surfaces)), [len(surface.faces) for surface in surfaces])
    seen = CpuRasterizer(threads=1)(torch.from_numpy(points)[None], torch.from_numpy(faces), fine, fine)[0].numpy()
    picture = np.zeros((fine, fine, 4), np.float32)
    _shade(
        seen,
        points,
        _normals(points, faces),
        faces,
        np.concatenate([surface.uv for surface in surfaces]),
        uv_faces,
        layers,
        np.stack([surface.texels for surface in surfaces]),
        np.concatenate([surface.openness for surface in surfaces]),
        np.concatenate([surface.wetness for surface in surfaces]),
        light.coefficients,
        light.halfway,
        light.gloss,
        np.float32(light.sharpness),
        picture,
    )
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., :3]), np.ascontiguousarray(small[..., 3])


def open_sky(vertices: Floats, faces: Ints) -> Floats:
    """How much of the sky above it each vertex sees: eye sockets, nostrils and the throat are darker than cheeks.

    Ambient occlusion (Zhukov et al. 1998), weighted by the cosine, over directions spread evenly over the sphere.

    Args:
        vertices: (V, 3) metres, model frame.

    Returns:
        (V,) in [0, 1].
    """
    framed = vertices - vertices.mean(axis=0)
    framed = framed / np.abs(framed).max() * 0.55
    outwards = normals((framed * [1.0, -1.0, -1.0]).astype(np.float32), faces)
    seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    rasterizer = CpuRasterizer(threads=1)
    for number in range(_DIRECTIONS):  # Fibonacci's sphere
        height = 1.0 - (2.0 * number + 1.0) / _DIRECTIONS
        azimuth = number * np.pi * (3.0 - np.sqrt(5.0))
        radius = np.sqrt(1.0 - height * height)
        towards = np.array([radius * np.cos(azimuth), height, radius * np.sin(azimuth)])
        across = np.cross(towards, [0.3, 0.2, 0.9])
        across /= np.linalg.norm(across)
        turned = (framed @ np.column_stack([across, np.cross(towards, across), -towards])).astype(np.float32)
        pixels = rasterizer(torch.from_numpy(turned)[None], torch.from_numpy(faces), _SKY_VIEW, _SKY_VIEW)[0].numpy()
        nearest = np.where(pixels >= 0, turned[faces[pixels], 2].mean(axis=-1), np.inf)
        column, row = ((turned[:, :2] + 1.0) * _SKY_VIEW / 2.0).astype(int).T
        weight = np.clip(outwards @ towards, 0.0, None)
        seen += weight * (turned[:, 2] < nearest[row, column] + 0.02)
        total += weight
    return (seen / np.maximum(total, 1e-6)).astype(np.float32)


def normals(points: Floats, faces: Ints) -> Floats:
    """(V, 3) unit normals outwards in the model frame of (V, 3) points in the image frame."""
    return _normals(points, faces)


@compiled
def _normals(points, faces):  # type: ignore[no-untyped-def]
    sums = np.zeros_like(points)
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        # y and z of the image frame point the other way than the model frame's (half a turn about x).
        nx, ny, nz = uy * vz - uz * vy, -(uz * vx - ux * vz), -(ux * vy - uy * vx)
        for corner in (a, b, c):
            sums[corner, 0] += nx
            sums[corner, 1] += ny
            sums[corner, 2] += nz
    for vertex in range(len(sums)):
        length = np.sqrt(sums[vertex, 0] ** 2 + sums[vertex, 1] ** 2 + sums[vertex, 2] ** 2)
        if length > 0:
            sums[vertex] /= length
    return sums


@compiled
def _shade(  # type: ignore[no-untyped-def]
    seen, points, normals, faces, uv, uv_faces, layers, texels, openness, wetness, sh, halfway, gloss, sharpness, out
):
    """Fill out (H, W, 4) with colour and coverage of the faces in seen (H, W)."""
    height, width = seen.shape
    side = texels.shape[1]
    one, two = np.float32(1.0), np.float32(2.0)
    for row in range(height):
        y = (two * np.float32(row) + one) / np.float32(height) - one
        for column in range(width):
            face = seen[row, column]
            if face < 0:
                continue
            x = (two * np.float32(column) + one) / np.float32(width) - one
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            ax, ay = points[a, 0], points[a, 1]
            abx, aby = points[b, 0] - ax, points[b, 1] - ay
            acx, acy = points[c, 0] - ax, points[c, 1] - ay
            area = abx * acy - aby * acx
            beta = ((x - ax) * acy - (y - ay) * acx) / area
            gamma = (abx * (y - ay) - aby * (x - ax)) / area
            alpha = one - beta - gamma
            nx = alpha * normals[a, 0] + beta * normals[b, 0] + gamma * normals[c, 0]
            ny = alpha * normals[a, 1] + beta * normals[b, 1] + gamma * normals[c, 1]
            nz = alpha * normals[a, 2] + beta * normals[b, 2] + gamma * normals[c, 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz)
            if length > 0:
                nx, ny, nz = nx / length, ny / length, nz / length
            ta, tb, tc = uv_faces[face, 0], uv_faces[face, 1], uv_faces[face, 2]
            u = (alpha * uv[ta, 0] + beta * uv[tb, 0] + gamma * uv[tc, 0]) * side - np.float32(0.5)
            v = (one - alpha * uv[ta, 1] - beta * uv[tb, 1] - gamma * uv[tc, 1]) * side - np.float32(0.5)
            u = min(max(u, np.float32(0.0)), np.float32(side - 1.001))
            v = min(max(v, np.float32(0.0)), np.float32(side - 1.001))
            left, top = int(u), int(v)
            u, v = u - np.float32(left), v - np.float32(top)
            layer = layers[face]
            light = alpha * openness[a] + beta * openness[b] + gamma * openness[c]
            wet = alpha * wetness[a] + beta * wetness[b] + gamma * wetness[c]
            towards = max(nx * halfway[0] + ny * halfway[1] + nz * halfway[2], np.float32(0.0))
            highlight = np.float32(0.0)
            if wet < one:
                highlight += (one - wet) * towards**sharpness
            if wet > 0:
                highlight += two * wet * towards ** np.float32(_WET)
            highlight *= light
            for channel in range(3):
                colour = (one - v) * (
                    (one - u) * texels[layer, top, left, channel] + u * texels[layer, top, left + 1, channel]
                ) + v * (
                    (one - u) * texels[layer, top + 1, left, channel] + u * texels[layer, top + 1, left + 1, channel]
                )
                shading = (
                    sh[0, channel]
                    + sh[1, channel] * nx
                    + sh[2, channel] * ny
                    + sh[3, channel] * nz
                    + sh[4, channel] * nx * ny
                    + sh[5, channel] * nx * nz
                    + sh[6, channel] * ny * nz
                    + sh[7, channel] * (nx * nx - ny * ny)
                    + sh[8, channel] * (np.float32(3.0) * nz * nz - one)
                )
                bright = colour * max(shading, np.float32(0.0)) * light + gloss[channel] * highlight
                out[row, column, channel] = min(bright, np.float32(1.5))
            out[row, column, 3] = one
