"""USD as text (.usda) with an animation: UsdSkel blend shapes and joints (OpenUSD documentation, UsdSkel schemas)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.export.obj import png_bytes
from fields_core.export.surface import albedo_texture, vertex_normals
from fields_core.export.usd import material, prim_name, quoted, write_array, write_shape
from fields_core.files import replacing
from fields_core.head.model import HeadModel
from fields_core.takes.clip import Clip
from fields_core.takes.rig import JOINT_PARENTS, JOINTS, ClipRig, four_joints, rig_of

_INFLUENCES = 4


def write_clip_usd(clip: Clip, head: HeadModel, path: Path) -> list[Path]:
    """Write ``path`` (.usda) and, for a head model with skin, the .png of the same stem beside it. Metres, Y up.

    Returns:
        The files written, the USD first.

    Raises:
        ExportError: a file cannot be written.
    """
    rig, texture = rig_of(clip, head), albedo_texture(clip.code[0], head)
    picture = path.with_suffix(".png")
    out = io.StringIO()
    _write_head(out, clip, head)
    _write_mesh(out, rig, texture is not None)
    _write_skeleton(out, clip, rig)
    if texture is not None:
        out.write(material(picture.name))
    out.write("}\n")
    with replacing(path) as temporary:
        temporary.write_text(out.getvalue(), encoding="utf-8", newline="\n")
    if texture is None:
        return [path]
    with replacing(picture) as temporary:
        temporary.write_bytes(png_bytes(texture))
    return [path, picture]


def _write_head(out: io.StringIO, clip: Clip, head: HeadModel) -> None:
    rate = clip.frames_per_second
    markers = "; ".join(f"{marker.time:.3f} s {marker.text}" for marker in clip.markers)
    out.write(
        "#usda 1.0\n(\n"
        f"    doc = {quoted(f'FIELDS take {clip.name}, head model {head.name}, licence {head.licence}')}\n"
        f"    customLayerData = {{\n        string markers = {quoted(markers)}\n    }}\n"
        '    defaultPrim = "Head"\n    metersPerUnit = 1\n    upAxis = "Y"\n'
        f"    timeCodesPerSecond = {rate:.9g}\n    framesPerSecond = {rate:.9g}\n"
        f"    startTimeCode = {clip.times[0] * rate:.7g}\n    endTimeCode = {clip.times[-1] * rate:.7g}\n"
        ")\n\n"
        'def SkelRoot "Head" (\n    kind = "component"\n)\n{\n'
    )


def _write_mesh(out: io.StringIO, rig: ClipRig, textured: bool) -> None:
    mesh, names = rig.mesh, [prim_name(name) for name in rig.targets.names]
    normals = vertex_normals(mesh.vertices, mesh.faces)
    schemas = '"SkelBindingAPI", "MaterialBindingAPI"' if textured else '"SkelBindingAPI"'
    out.write(f'    def Mesh "Skin" (\n        prepend apiSchemas = [{schemas}]\n    )\n    {{\n')
    write_array(out, "float3[] extent", np.stack([mesh.vertices.min(0), mesh.vertices.max(0)]))
    write_array(out, "int[] faceVertexCounts", np.full(len(mesh.faces), 3))
    write_array(out, "int[] faceVertexIndices", mesh.faces.reshape(-1))
    write_array(out, "point3f[] points", mesh.vertices)
    write_array(out, "normal3f[] normals", normals, interpolation="vertex")
    if len(mesh.uv_faces):
        write_array(out, "texCoord2f[] primvars:st", mesh.uv, interpolation="faceVarying")
        write_array(out, "int[] primvars:st:indices", mesh.uv_faces.reshape(-1))
    joints, weights = four_joints(rig.skinning)
    out.write('        uniform token subdivisionScheme = "none"\n')
    out.write(f"        matrix4d primvars:skel:geomBindTransform = {_matrix(np.zeros(3))}\n")
    for declaration, values in (
        ("int[] primvars:skel:jointIndices", joints),
        ("float[] primvars:skel:jointWeights", weights),
    ):
        items = ", ".join(f"{value:.7g}" for value in values.reshape(-1).tolist())
        out.write(
            f"        {declaration} = [{items}] (\n"
            f'            elementSize = {_INFLUENCES}\n            interpolation = "vertex"\n        )\n'
        )
    out.write("        rel skel:skeleton = </Head/Skeleton>\n")
    write_array(out, "uniform token[] skel:blendShapes", names)
    out.write("        rel skel:blendShapeTargets = [\n")
    out.write(",\n".join(f"            </Head/Skin/{name}>" for name in names) + "\n        ]\n")
    if textured:
        out.write("        rel material:binding = </Head/Material>\n")
    for name, displacement in zip(names, rig.targets.displacements, strict=True):
        write_shape(out, name, mesh.vertices, normals, displacement, mesh.faces)
    out.write("    }\n\n")


def _write_skeleton(out: io.StringIO, clip: Clip, rig: ClipRig) -> None:
    paths = _joint_paths()
    codes = clip.times * clip.frames_per_second
    out.write('    def Skeleton "Skeleton" (\n        prepend apiSchemas = ["SkelBindingAPI"]\n    )\n    {\n')
    write_array(out, "uniform token[] joints", paths)
    for name, places in (("bindTransforms", rig.joints), ("restTransforms", rig.offsets)):
        out.write(f"        uniform matrix4d[] {name} = [{', '.join(_matrix(place) for place in places)}]\n")
    out.write("        rel skel:animationSource = </Head/Skeleton/Animation>\n\n")
    out.write('        def SkelAnimation "Animation"\n        {\n')
    write_array(out, "uniform token[] joints", paths)
    write_array(out, "float3[] translations", rig.offsets)
    write_array(out, "half3[] scales", np.ones((len(JOINTS), 3), np.float32))
    turns = rig.rotations[..., [3, 0, 1, 2]]  # USD writes the real part first
    _write_samples(out, "quatf[] rotations", codes, (_tuples(frame) for frame in turns))
    write_array(out, "uniform token[] blendShapes", [prim_name(name) for name in rig.targets.names])
    rows = (", ".join(f"{value:.6g}" for value in frame.tolist()) for frame in rig.weights)
    _write_samples(out, "float[] blendShapeWeights", codes, rows)
    out.write("        }\n    }\n")


def _write_samples(out: io.StringIO, declaration: str, codes: NDArray[np.float64], rows: Iterable[str]) -> None:
    out.write(f"        {declaration}.timeSamples = {{\n")
    for code, row in zip(codes.tolist(), rows, strict=True):
        out.write(f"            {code:.7g}: [{row}],\n")
    out.write("        }\n")


def _joint_paths() -> list[str]:
    paths: list[str] = []
    for name, parent in zip(JOINTS, JOINT_PARENTS, strict=True):
        paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
    return paths


def _tuples(rows: NDArray[np.float32]) -> str:
    return ", ".join("(" + ", ".join(f"{value:.7g}" for value in row) + ")" for row in rows.tolist())


def _matrix(place: NDArray[np.floating]) -> str:
    """A translation; USD multiplies rows from the left, so it is in the last row."""
    x, y, z = place.tolist()
    return f"( (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), ({x:.7g}, {y:.7g}, {z:.7g}, 1) )"
