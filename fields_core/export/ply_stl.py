"""PLY with vertex colours, and STL, both binary, little endian, in the unit and axes of the surface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.export.space import UNIT_NAMES
from fields_core.export.surface import HeadSurface, vertex_normals
from fields_core.files import replacing


def write_ply(surface: HeadSurface, path: Path) -> list[Path]:
    """Write one vertex a head vertex, with normal and, for a textured head, the colour under it.

    Raises:
        ExportError: the file cannot be written.
    """
    mesh = surface.placed
    columns = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("nx", "<f4"), ("ny", "<f4"), ("nz", "<f4")]
    colours = vertex_colours(surface)
    if colours is not None:
        columns += [("red", "u1"), ("green", "u1"), ("blue", "u1")]
    vertices = np.empty(len(mesh.vertices), dtype=columns)
    values = np.hstack([mesh.vertices, vertex_normals(mesh.vertices, mesh.faces)])
    for name, column in zip(("x", "y", "z", "nx", "ny", "nz"), values.T, strict=True):
        vertices[name] = column
    if colours is not None:
        for name, column in zip(("red", "green", "blue"), colours.T, strict=True):
            vertices[name] = column
    faces = np.empty(len(mesh.faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    kinds = {"<f4": "float", "u1": "uchar"}
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {surface.provenance}",
        f"comment {surface.space}",
        f"element vertex {len(vertices)}",
        *(f"property {kinds[kind]} {name}" for name, kind in columns),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    with replacing(path) as temporary:
        text = "\n".join([*header, ""]).encode("ascii", "backslashreplace")
        temporary.write_bytes(text + vertices.tobytes() + faces.tobytes())
    return [path]


def write_stl(surface: HeadSurface, path: Path) -> list[Path]:
    """Write a binary STL. The format carries no unit: slicers take millimetres, other programs their own.

    Raises:
        ExportError: the file cannot be written.
    """
    mesh = surface.placed
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    records = np.zeros(len(corners), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    records["normal"], records["corners"] = normals, corners
    note = f"{surface.provenance}; {UNIT_NAMES[surface.space.unit]}".encode("ascii", "backslashreplace")
    header = note[:80].ljust(80) + np.uint32(len(records)).astype("<u4").tobytes()
    with replacing(path) as temporary:
        temporary.write_bytes(header + records.tobytes())
    return [path]


def vertex_colours(surface: HeadSurface) -> NDArray[np.uint8] | None:
    """The texture's colour (V, 3) at each vertex (of its last texture coordinate, at a seam); None without texture."""
    mesh, texture = surface.mesh, surface.texture
    if texture is None or not len(mesh.uv_faces):
        return None
    uv = np.zeros((len(mesh.vertices), 2))
    uv[mesh.faces.ravel()] = mesh.uv[mesh.uv_faces.ravel()]
    height, width = texture.shape[:2]
    columns = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    rows = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    colours: NDArray[np.uint8] = texture[rows, columns]
    return colours
