"""A lit head on a plain or graded ground within a few milliseconds of one core: for pictures of what moves.

A software OpenGL driver takes four times as long for the same picture, on every core. The light is OpenGL's (ambient,
diffuse and Phong's highlight), worked out at the vertices instead of the pixels; vertices are close enough together
for nobody to see the difference (Gouraud, "Continuous Shading of Curved Surfaces", 1971).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fields_core.render.cpu import compiled, draw_rows

Floats = NDArray[np.float32]

_NEAREST = np.float32(1e-6)  # metres before the camera; nothing nearer can be projected


@dataclass(frozen=True)
class Lamp:
    """A light from far away."""

    direction: tuple[float, float, float]
    """Towards the lamp, in the camera's frame (x right, y up, z towards the camera); any length."""
    colour: tuple[float, float, float]
    """RGB, times the intensity."""


@dataclass(frozen=True)
class Skin:
    """How a surface answers light; all in [0, 1], as OpenGL has it."""

    colour: tuple[float, float, float]
    ambient: float
    diffuse: float
    specular: float
    power: float
    """Of the highlight."""


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """Where from, and how large. Matrices act on columns."""

    to_camera: NDArray[np.float64]
    """(4, 4): model metres to the camera's frame, in which it looks along -z."""
    to_clip: NDArray[np.float64]
    """(4, 4): model metres to clip coordinates; x and y in [-1, 1] are inside the picture, smaller depths nearer."""
    width: int
    height: int


def compile_sketch() -> None:
    """Have the machine code made, or read from disk, so that the first picture is as quick as the others."""
    corners = np.arange(3)
    sketch = Sketch(corners[None], corners, corners[None], np.zeros((3, 2)), np.zeros((1, 1, 3), np.uint8))
    view = Viewpoint(np.eye(4), np.eye(4), 4, 4)
    skin = Skin((1.0, 1.0, 1.0), ambient=0.0, diffuse=1.0, specular=0.0, power=1.0)
    sketch(np.eye(3), view, [Lamp((0.0, 0.0, 1.0), (1.0, 1.0, 1.0))], skin, ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))


class Sketch:
    """Draws one head again and again. One call at a time.

    Args:
        faces: (F, 3) counter-clockwise from outside, of vertices.
        corners: (P,) the vertex that each point is at. Points are vertices with one texture coordinate each.
        point_faces: (F, 3) the same faces, of points.
        uv: (P, 2) texture coordinates of points, v upwards; None: no texture.
        texture: (H, W, 3) uint8 RGB, first row at v = 1.

    Raises:
        ValueError: an index outside, or a texture without coordinates.
    """

    def __init__(
        self,
        faces: NDArray[np.integer],
        corners: NDArray[np.integer],
        point_faces: NDArray[np.integer],
        uv: NDArray[np.floating] | None = None,
        texture: NDArray[np.uint8] | None = None,
    ) -> None:
        if texture is not None and uv is None:
            raise ValueError("a texture needs texture coordinates")
        if len(faces) and (point_faces.min() < 0 or point_faces.max() >= len(corners) or faces.min() < 0):
            raise ValueError(f"point_faces must name one of {len(corners)} points, and faces vertices")
        self._faces = np.ascontiguousarray(faces, dtype=np.int64)
        self._corners = np.ascontiguousarray(corners, dtype=np.int64)
        self._point_faces = np.ascontiguousarray(point_faces, dtype=np.int64)
        self._uv = np.zeros((len(corners), 2), np.float32) if uv is None else np.ascontiguousarray(uv, np.float32)
        self._texture = np.zeros((0, 0, 3), np.uint8) if texture is None else np.ascontiguousarray(texture)
        self._vertices = 1 + max(int(faces.max(initial=-1)), int(corners.max(initial=-1)))
        self._depth = np.empty((0, 0), np.float32)
        self._hit = np.empty((0, 0), np.int32)

    def __call__(
        self,
        vertices: NDArray[np.floating],
        view: Viewpoint,
        lamps: Sequence[Lamp],
        skin: Skin,
        ground: tuple[tuple[float, float, float], tuple[float, float, float]],
    ) -> NDArray[np.uint8]:
        """The picture.

        Args:
            vertices: (V, 3) metres.
            view: where from.
            lamps: what shines.
            skin: what on.
            ground: RGB in [0, 1] at the lower and the upper edge.

        Returns:
            (H, W, 4) uint8 RGBA, opaque, the bottom row first.

        Raises:
            ValueError: too few vertices.
        """
        if len(vertices) < self._vertices:
            raise ValueError(f"expected at least {self._vertices} vertices, found {len(vertices)}")
        if self._depth.shape != (view.height, view.width):
            self._depth = np.empty((view.height, view.width), np.float32)
            self._hit = np.empty((view.height, view.width), np.int32)
        directions = np.array([lamp.direction for lamp in lamps], np.float32).reshape(-1, 3)
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
        colours = np.array([lamp.colour for lamp in lamps], np.float32).reshape(-1, 3)
        points, light = _lit(
            np.ascontiguousarray(vertices, np.float32), self._faces, self._corners,
            view.to_camera.astype(np.float32), view.to_clip.astype(np.float32), view.width, view.height,
            directions, colours, np.array([skin.ambient, skin.diffuse, skin.specular, skin.power], np.float32),
            np.array(skin.colour, np.float32),
        )  # fmt: skip
        draw_rows(points, self._point_faces, 0, view.height, self._depth, self._hit)
        picture = np.empty((view.height, view.width, 4), np.uint8)
        edges = np.array(ground, np.float32)
        planes = _planes(points, self._point_faces, light, self._uv)
        _paint(picture, self._hit, planes, self._texture, edges)
        return picture


@compiled
def _lit(vertices, faces, corners, to_camera, to_clip, width, height, lamps, colours, answer, colour):  # type: ignore[no-untyped-def]
    """Where the points are in the picture, and their light.

    Returns:
        (P, 3) float32: pixels from the bottom left, and depth; not a number where a point is behind the camera.
        (P, 2, 3) float32: colours of the outer and the inner side, 1 is white.
    """
    normals = np.zeros((len(vertices), 3), np.float32)
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    points = np.empty((len(corners), 3), np.float32)
    light = np.empty((len(corners), 2, 3), np.float32)
    half = np.float32(0.5)
    tiny = np.float32(1e-20)
    for point in range(len(corners)):
        vertex = corners[point]
        x, y, z = vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2]
        w = to_clip[3, 0] * x + to_clip[3, 1] * y + to_clip[3, 2] * z + to_clip[3, 3]
        inverse = np.float32(1.0) / w if w > _NEAREST else np.float32(np.nan)
        points[point, 0] = (
            (to_clip[0, 0] * x + to_clip[0, 1] * y + to_clip[0, 2] * z + to_clip[0, 3]) * inverse + np.float32(1.0)
        ) * half * width - half
        points[point, 1] = (
            (to_clip[1, 0] * x + to_clip[1, 1] * y + to_clip[1, 2] * z + to_clip[1, 3]) * inverse + np.float32(1.0)
        ) * half * height - half
        points[point, 2] = (to_clip[2, 0] * x + to_clip[2, 1] * y + to_clip[2, 2] * z + to_clip[2, 3]) * inverse
        # The way to the camera, and the normal, in its frame.
        ex = -(to_camera[0, 0] * x + to_camera[0, 1] * y + to_camera[0, 2] * z + to_camera[0, 3])
        ey = -(to_camera[1, 0] * x + to_camera[1, 1] * y + to_camera[1, 2] * z + to_camera[1, 3])
        ez = -(to_camera[2, 0] * x + to_camera[2, 1] * y + to_camera[2, 2] * z + to_camera[2, 3])
        length = np.float32(1.0) / max(np.sqrt(ex * ex + ey * ey + ez * ez), tiny)
        ex, ey, ez = ex * length, ey * length, ez * length
        mx, my, mz = normals[vertex, 0], normals[vertex, 1], normals[vertex, 2]
        nx = to_camera[0, 0] * mx + to_camera[0, 1] * my + to_camera[0, 2] * mz
        ny = to_camera[1, 0] * mx + to_camera[1, 1] * my + to_camera[1, 2] * mz
        nz = to_camera[2, 0] * mx + to_camera[2, 1] * my + to_camera[2, 2] * mz
        length = np.float32(1.0) / max(np.sqrt(nx * nx + ny * ny + nz * nz), tiny)
        nx, ny, nz = nx * length, ny * length, nz * length
        for side in range(2):
            red, green, blue = answer[0], answer[0], answer[0]
            for lamp in range(len(lamps)):
                lx, ly, lz = lamps[lamp, 0], lamps[lamp, 1], lamps[lamp, 2]
                facing = nx * lx + ny * ly + nz * lz
                if facing <= np.float32(0.0):
                    continue
                share = answer[1] * facing
                # Phong: how far the mirrored light is from the way to the camera.
                mirrored = np.float32(2.0) * facing * (nx * ex + ny * ey + nz * ez) - (lx * ex + ly * ey + lz * ez)
                if answer[2] > np.float32(0.0) and mirrored > np.float32(0.0):
                    share += answer[2] * mirrored ** answer[3]
                red += share * colours[lamp, 0]
                green += share * colours[lamp, 1]
                blue += share * colours[lamp, 2]
            light[point, side, 0] = red * colour[0]
            light[point, side, 1] = green * colour[1]
            light[point, side, 2] = blue * colour[2]
            nx, ny, nz = -nx, -ny, -nz
    return points, light


@compiled
def _planes(points, faces, light, uv):  # type: ignore[no-untyped-def]
    """(F, 5, 3) float32: red, green, blue, u, v of each face as value at pixel (0, 0), step in x and step in y."""
    planes = np.zeros((len(faces), 5, 3), np.float32)
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        ax, ay = points[a, 0], points[a, 1]
        ux, uy, vx, vy = points[b, 0] - ax, points[b, 1] - ay, points[c, 0] - ax, points[c, 1] - ay
        area = ux * vy - uy * vx  # with y upwards, positive is the outer side
        if not abs(area) > np.float32(1e-12):
            continue
        side = 0 if area > np.float32(0.0) else 1
        inverse = np.float32(1.0) / area
        for channel in range(5):
            if channel < 3:
                va, vb, vc = light[a, side, channel], light[b, side, channel], light[c, side, channel]
            else:
                va, vb, vc = uv[a, channel - 3], uv[b, channel - 3], uv[c, channel - 3]
            by_x = ((vb - va) * vy - (vc - va) * uy) * inverse
            by_y = ((vc - va) * ux - (vb - va) * vx) * inverse
            planes[face, channel, 0] = va - by_x * ax - by_y * ay
            planes[face, channel, 1] = by_x
            planes[face, channel, 2] = by_y
    return planes


@compiled
def _paint(picture, hit, planes, texture, ground):  # type: ignore[no-untyped-def]
    """Fill the picture: the head's light, times its texture where there is one, and the ground beside it."""
    height, width = hit.shape
    rows, columns = texture.shape[0], texture.shape[1]
    white, zero, one = np.float32(255.0), np.float32(0.0), np.float32(1.0)
    half, share_of_white = np.float32(0.5), np.float32(1.0 / 255.0)
    colour = np.empty(3, np.float32)
    for row in range(height):
        y = np.float32(row)
        share = (y + np.float32(0.5)) / np.float32(height)
        below = np.empty(3, np.uint8)
        for channel in range(3):
            value = ground[0, channel] + (ground[1, channel] - ground[0, channel]) * share
            below[channel] = np.uint8(value * white + np.float32(0.5))
        for column in range(width):
            picture[row, column, 3] = 255
            face = hit[row, column]
            if face < 0:
                picture[row, column, 0] = below[0]
                picture[row, column, 1] = below[1]
                picture[row, column, 2] = below[2]
                continue
            x = np.float32(column)
            plane = planes[face]
            for channel in range(3):
                colour[channel] = plane[channel, 0] + plane[channel, 1] * x + plane[channel, 2] * y
                # OpenGL limits the light before it lays the texture over it.
                colour[channel] = min(max(colour[channel], zero), one) * white
            if rows > 0:
                u = plane[3, 0] + plane[3, 1] * x + plane[3, 2] * y
                v = plane[4, 0] + plane[4, 1] * x + plane[4, 2] * y
                across = min(max(u * np.float32(columns) - np.float32(0.5), zero), np.float32(columns - 1))
                down = min(max((one - v) * np.float32(rows) - np.float32(0.5), zero), np.float32(rows - 1))
                left, top = int(across), int(down)
                right, bottom = min(left + 1, columns - 1), min(top + 1, rows - 1)
                fx, fy = across - np.float32(left), down - np.float32(top)
                for channel in range(3):
                    upper, lower = np.float32(texture[top, left, channel]), np.float32(texture[bottom, left, channel])
                    upper += (np.float32(texture[top, right, channel]) - upper) * fx
                    lower += (np.float32(texture[bottom, right, channel]) - lower) * fx
                    colour[channel] *= (upper + (lower - upper) * fy) * share_of_white
            for channel in range(3):
                picture[row, column, channel] = np.uint8(colour[channel] + half)
