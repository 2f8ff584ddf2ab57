"""GLB (glTF 2.0): one textured mesh, metres, every expression unit a named morph target.

The names are where Blender, three.js, Unity and Unreal look for them: ``mesh.extras.targetNames`` (glTF 2.0
specification, section 3.7.2.2, implementation note). ``mesh.weights`` reproduces the reconstructed expression.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygltflib
from numpy.typing import NDArray

from fields_core.export.morphs import MorphTargets, morph_targets
from fields_core.export.obj import png_bytes
from fields_core.export.surface import HeadSurface, SeamSplit, split_at_seams, vertex_normals
from fields_core.files import replacing

SMALLEST_TURN = 2e-3  # of a unit normal; what a target turns less than this it does not turn
SKIN_ROUGHNESS = 0.6


def write_glb(surface: HeadSurface, path: Path) -> list[Path]:
    """Write ``path`` (.glb).

    Raises:
        ExportError: the file cannot be written.
    """
    targets, split = morph_targets(surface), split_at_seams(surface.mesh)
    document = pygltflib.GLTF2(
        asset=pygltflib.Asset(
            version="2.0",
            generator="FIELDS",
            copyright=f"Head model {surface.head.name}: {surface.head.licence}",
            extras={"head_model": surface.head.name, "head_model_licence": surface.head.licence},
        )
    )
    blob = Blob(document)
    material = add_material(document, blob, surface.texture) if len(split.uv) and surface.texture is not None else None
    primitive = add_primitive(blob, targets, split, surface.mesh.faces, material)
    document.meshes = [
        pygltflib.Mesh(
            name="head",
            primitives=[primitive],
            weights=[float(weight) for weight in targets.weights],
            extras={"targetNames": list(targets.names)},
        )
    ]
    document.nodes = [pygltflib.Node(name="head", mesh=0)]
    document.scenes = [pygltflib.Scene(nodes=[0])]
    document.scene = 0
    document.buffers = [pygltflib.Buffer(byteLength=len(blob.data))]
    document.set_binary_blob(bytes(blob.data))
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(document.save_to_bytes()))
    return [path]


def add_primitive(
    blob: Blob, targets: MorphTargets, split: SeamSplit, faces: NDArray[np.int32], material: int | None
) -> pygltflib.Primitive:
    """The mesh with its targets; the document's accessors grow."""
    normals = vertex_normals(targets.neutral, faces)
    attributes = pygltflib.Attributes(
        POSITION=blob.add_dense(targets.neutral[split.sources], pygltflib.ARRAY_BUFFER, bounds=True),
        NORMAL=blob.add_dense(normals[split.sources], pygltflib.ARRAY_BUFFER),
    )
    if len(split.uv):
        uv = np.stack([split.uv[:, 0], 1 - split.uv[:, 1]], axis=1)  # glTF counts v from the top
        attributes.TEXCOORD_0 = blob.add_dense(uv, pygltflib.ARRAY_BUFFER)
    morphs = []
    for displacement in targets.displacements:
        turns = vertex_normals(targets.neutral + displacement, faces) - normals
        turns[np.abs(turns).max(axis=1) < SMALLEST_TURN] = 0
        morphs.append(
            pygltflib.Attributes(
                POSITION=blob.add_difference(displacement[split.sources], bounds=True),
                NORMAL=blob.add_difference(turns[split.sources]),
            )
        )
    indices = blob.add_dense(split.faces.reshape(-1), pygltflib.ELEMENT_ARRAY_BUFFER)
    return pygltflib.Primitive(attributes=attributes, indices=indices, material=material, targets=morphs)


def add_material(document: pygltflib.GLTF2, blob: Blob, texture: NDArray[np.uint8]) -> int:
    """The document's only material, matt skin; returns its index."""
    document.images = [
        pygltflib.Image(bufferView=blob.add_bytes(png_bytes(texture)), mimeType="image/png", name="skin")
    ]
    document.samplers = [
        pygltflib.Sampler(
            magFilter=pygltflib.LINEAR,
            minFilter=pygltflib.LINEAR_MIPMAP_LINEAR,
            wrapS=pygltflib.CLAMP_TO_EDGE,
            wrapT=pygltflib.CLAMP_TO_EDGE,
        )
    ]
    document.textures = [pygltflib.Texture(source=0, sampler=0)]
    document.materials = [
        pygltflib.Material(
            name="skin",
            doubleSided=False,
            pbrMetallicRoughness=pygltflib.PbrMetallicRoughness(
                baseColorTexture=pygltflib.TextureInfo(index=0), metallicFactor=0.0, roughnessFactor=SKIN_ROUGHNESS
            ),
        )
    ]
    return 0


class Blob:
    """The binary chunk as it grows, with the buffer views and accessors that point into it."""

    def __init__(self, document: pygltflib.GLTF2) -> None:
        self.data = bytearray()
        self._document = document
        self._zeros: int | None = None

    def add_bytes(self, data: bytes, target: int | None = None) -> int:
        """Append at the next multiple of four bytes; returns the buffer view's index."""
        self.data.extend(b"\0" * (-len(self.data) % 4))
        view = pygltflib.BufferView(buffer=0, byteOffset=len(self.data), byteLength=len(data), target=target)
        self.data.extend(data)
        self._document.bufferViews.append(view)
        return len(self._document.bufferViews) - 1

    def add_dense(self, values: NDArray[np.generic], target: int | None = None, *, bounds: bool = False) -> int:
        """An accessor over all of ``values``: (N, 2 or 3) floats, or (N,) indices. Returns its index."""
        data, kind = _stored(values)
        return self._add(values, bounds, componentType=kind, bufferView=self.add_bytes(data.tobytes(), target))

    def add_difference(self, values: NDArray[np.float32], *, bounds: bool = False) -> int:
        """An accessor over ``values`` (N, 3), most of them 0, N always the same: sparse where that is smaller."""
        moved = np.flatnonzero(np.any(values != 0, axis=1))
        # A reader need not accept an empty sparse part, so a target that moves nothing stores one zero.
        moved = moved if len(moved) else np.zeros(1, np.int64)
        indices, index_kind = _stored(moved, largest=len(values))
        data, kind = _stored(values[moved])
        if indices.nbytes + data.nbytes >= values.size * 4:
            return self.add_dense(values, pygltflib.ARRAY_BUFFER, bounds=bounds)
        sparse = pygltflib.Sparse(
            count=len(moved),
            indices=pygltflib.AccessorSparseIndices(
                bufferView=self.add_bytes(indices.tobytes()), componentType=index_kind
            ),
            values=pygltflib.AccessorSparseValues(bufferView=self.add_bytes(data.tobytes())),
        )
        # The specification reads a sparse accessor without buffer view as zeros; VTK reads it as whatever is in memory.
        if self._zeros is None:
            self._zeros = self.add_bytes(bytes(values.size * 4), pygltflib.ARRAY_BUFFER)
            self._document.bufferViews[self._zeros].byteStride = 12  # required where accessors share a view
        return self._add(values, bounds, componentType=kind, bufferView=self._zeros, sparse=sparse)

    def _add(self, values: NDArray[np.generic], bounds: bool, **where: object) -> int:
        shape = pygltflib.SCALAR if values.ndim == 1 else f"VEC{values.shape[1]}"
        least, most = (values.min(axis=0).tolist(), values.max(axis=0).tolist()) if bounds else (None, None)
        self._document.accessors.append(pygltflib.Accessor(count=len(values), type=shape, min=least, max=most, **where))
        return len(self._document.accessors) - 1


def _stored(values: NDArray[np.generic], largest: int | None = None) -> tuple[NDArray[np.generic], int]:
    """The little-endian array to store and its glTF component type: floats, or the smallest index that holds all."""
    if values.dtype.kind == "f":
        return values.astype("<f4"), pygltflib.FLOAT
    if (int(values.max(initial=0)) if largest is None else largest) < 65535:
        return values.astype("<u2"), pygltflib.UNSIGNED_SHORT
    return values.astype("<u4"), pygltflib.UNSIGNED_INT
