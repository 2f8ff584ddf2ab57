"""The exported surface: what every mesh format is written from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core import render
from fields_core.datatypes import FaceCode, HeadMesh, Reconstruction
from fields_core.errors import ExportError
from fields_core.export.space import MODEL_SPACE, Space
from fields_core.head.model import HeadModel

TEXTURE_SIZE = 1024  # pixels; of the albedo that stands in where no photo texture was made


@dataclass(frozen=True, eq=False)
class HeadSurface:
    """One posed head with its texture, its code and the model that gives the code meaning."""

    head: HeadModel
    code: FaceCode
    """One face."""
    mesh: HeadMesh
    texture: NDArray[np.uint8] | None
    """(T, T, 3) sRGB, first row at v = 1; None if the head model has no albedo and no photo texture was made."""
    space: Space = MODEL_SPACE
    """Unit and axes that formats without their own are written in."""

    @property
    def placed(self) -> HeadMesh:
        """The mesh in ``space``."""
        return self.space.place(self.mesh)

    @property
    def provenance(self) -> str:
        """One line for file comments: which head model this is and under what licence."""
        return f"FIELDS head, model {self.head.name}, licence {self.head.licence}"


def surface_of_reconstruction(reconstruction: Reconstruction, head: HeadModel) -> HeadSurface:
    """The surface of a reconstructed face, with its photo texture where there is one.

    Raises:
        ExportError: the reconstruction was made with another head model.
    """
    mesh, code = reconstruction.mesh, reconstruction.code
    found = (len(mesh.vertices), len(mesh.faces), code.shape.shape[1], code.expression.shape[1])
    expected = (head.n_vertices, head.faces.shape[0], head.n_shape, head.n_expression)
    if found != expected:
        counts = "{} vertices, {} faces, {} shape and {} expression coefficients"
        raise ExportError(
            f"This face was not made with the head model {head.name}",
            expected=counts.format(*expected),
            found=counts.format(*found),
            remedy="Export it with the head model it was made with.",
        )
    texture = reconstruction.texture
    return HeadSurface(head, code, mesh, albedo_texture(code, head) if texture is None else texture)


def surface_of_code(code: FaceCode, head: HeadModel) -> HeadSurface:
    """The surface of a code of one face, textured with the head model's albedo."""
    return HeadSurface(head, code, head.mesh(code), albedo_texture(code, head))


def albedo_texture(code: FaceCode, head: HeadModel) -> NDArray[np.uint8] | None:
    """The head model's own skin for this code, (T, T, 3) sRGB; None if the model has no albedo or no UV layout."""
    if head.n_albedo == 0 or len(head.uv) == 0:
        return None
    colours = head.albedo(code.albedo[:1], size=TEXTURE_SIZE)[0].detach().cpu().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(np.round(colours.clip(0, 1) * 255).astype(np.uint8))


def vertex_normals(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> NDArray[np.float32]:
    """Unit normals (V, 3); +Z where no face gives a direction, since files want a unit vector everywhere."""
    corners = torch.from_numpy(faces.astype(np.int64))
    normals = render.vertex_normals(torch.from_numpy(vertices.astype(np.float64))[None], corners)[0].numpy()
    normals[~normals.any(axis=1)] = (0.0, 0.0, 1.0)
    return normals.astype(np.float32)


@dataclass(frozen=True, eq=False)
class SeamSplit:
    """A mesh whose vertices are doubled along the UV seams, so that one index serves position and texture."""

    sources: NDArray[np.int64]
    """(N,) the vertex of the head that each vertex copies."""
    uv: NDArray[np.float32]
    """(N, 2) v up; (0, 2) without UV layout."""
    faces: NDArray[np.int64]
    """(F, 3) indices below N."""


def split_at_seams(mesh: HeadMesh) -> SeamSplit:
    """Double the vertices that carry more than one texture coordinate, each pair (vertex, uv) once."""
    if not len(mesh.uv_faces):
        return SeamSplit(np.arange(len(mesh.vertices)), np.zeros((0, 2), np.float32), mesh.faces.astype(np.int64))
    keys = mesh.faces.astype(np.int64).ravel() * len(mesh.uv) + mesh.uv_faces.ravel()
    unique, corners = np.unique(keys, return_inverse=True)
    return SeamSplit(unique // len(mesh.uv), mesh.uv[unique % len(mesh.uv)], corners.reshape(-1, 3))
