"""USD as text (.usda): one textured mesh, every expression unit a UsdSkel blend shape.

Written from the OpenUSD documentation (UsdSkel schemas: SkelRoot, Skeleton, SkelAnimation, BlendShape;
UsdPreviewSurface specification 2.3), without OpenUSD's library, which is 150 MB.
``points`` are the neutral head; the animation's ``blendShapeWeights`` reproduce the reconstructed expression. Blend
shapes need a skeleton to hang on, so there is one of a single joint that never moves.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.export.morphs import MorphTargets, morph_targets
from fields_core.export.obj import png_bytes
from fields_core.export.surface import HeadSurface, vertex_normals
from fields_core.files import replacing

SMALLEST_TURN = 2e-3  # of a unit normal; what a shape turns less than this it does not turn
_JOINT = "root"


def write_usd(surface: HeadSurface, path: Path) -> list[Path]:
    """Write ``path`` (.usda) and, for a textured head, the .png of the same stem beside it.

    Returns:
        The files written, the USD first.

    Raises:
        ExportError: a file cannot be written.
    """
    picture = path.with_suffix(".png")
    textured = surface.texture is not None and len(surface.mesh.uv_faces) > 0
    text = _document(surface, picture.name if textured else "")
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    if not textured or surface.texture is None:
        return [path]
    with replacing(picture) as temporary:
        temporary.write_bytes(png_bytes(surface.texture))
    return [path, picture]


def _document(surface: HeadSurface, picture: str) -> str:
    targets, space, faces = morph_targets(surface), surface.space, surface.placed.faces
    matrix = space.matrix.T
    points = (targets.neutral @ matrix).astype(np.float32)
    names = [prim_name(name) for name in targets.names]
    out = io.StringIO()
    out.write(
        "#usda 1.0\n(\n"
        f"    doc = {quoted(surface.provenance)}\n"
        "    customLayerData = {\n"
        '        string creator = "FIELDS"\n'
        f"        string head_model = {quoted(surface.head.name)}\n"
        f"        string head_model_licence = {quoted(surface.head.licence)}\n"
        "    }\n"
        '    defaultPrim = "Head"\n'
        f"    metersPerUnit = {1.0 / space.per_metre:.6g}\n"
        f'    upAxis = "{space.up.upper()}"\n'
        ")\n\n"
        'def SkelRoot "Head" (\n    kind = "component"\n)\n{\n'
    )
    normals = vertex_normals(points, faces)
    _write_mesh(out, surface, points, normals, names, bool(picture))
    for name, displacement in zip(names, targets.displacements, strict=True):
        write_shape(out, name, points, normals, (displacement @ matrix).astype(np.float32), faces)
    out.write("    }\n\n")
    _write_skeleton(out, targets, names)
    if picture:
        out.write(material(picture))
    out.write("}\n")
    return out.getvalue()


def _write_mesh(
    out: io.StringIO,
    surface: HeadSurface,
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    names: Sequence[str],
    textured: bool,
) -> None:
    mesh = surface.placed
    schemas = '"SkelBindingAPI", "MaterialBindingAPI"' if textured else '"SkelBindingAPI"'
    out.write(f'    def Mesh "Skin" (\n        prepend apiSchemas = [{schemas}]\n    )\n    {{\n')
    write_array(out, "float3[] extent", np.stack([points.min(0), points.max(0)]))
    write_array(out, "int[] faceVertexCounts", np.full(len(mesh.faces), 3))
    write_array(out, "int[] faceVertexIndices", mesh.faces.reshape(-1))
    write_array(out, "point3f[] points", points)
    write_array(out, "normal3f[] normals", normals, interpolation="vertex")
    if len(mesh.uv_faces):
        write_array(out, "texCoord2f[] primvars:st", mesh.uv, interpolation="faceVarying")
        write_array(out, "int[] primvars:st:indices", mesh.uv_faces.reshape(-1))
    out.write(
        '        uniform token subdivisionScheme = "none"\n'
        "        matrix4d primvars:skel:geomBindTransform = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))\n"
        "        int[] primvars:skel:jointIndices = [0] (\n"
        '            elementSize = 1\n            interpolation = "constant"\n        )\n'
        "        float[] primvars:skel:jointWeights = [1] (\n"
        '            elementSize = 1\n            interpolation = "constant"\n        )\n'
        "        rel skel:skeleton = </Head/Skeleton>\n"
    )
    write_array(out, "uniform token[] skel:blendShapes", names)
    out.write("        rel skel:blendShapeTargets = [\n")
    out.write(",\n".join(f"            </Head/Skin/{name}>" for name in names) + "\n        ]\n")
    if textured:
        out.write("        rel material:binding = </Head/Material>\n")


def write_shape(
    out: io.StringIO,
    name: str,
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    moved: NDArray[np.float32],
    faces: NDArray[np.int32],
) -> None:
    """One blend shape; only the points that move or turn are stored."""
    turns = vertex_normals(points + moved, faces) - normals
    turns[np.abs(turns).max(axis=1) < SMALLEST_TURN] = 0
    # A reader need not accept an empty shape, so a unit that moves nothing keeps one point.
    stored = np.flatnonzero(np.any(moved != 0, axis=1) | np.any(turns != 0, axis=1))
    stored = stored if len(stored) else np.zeros(1, np.int64)
    out.write(f'\n        def BlendShape "{name}"\n        {{\n')
    write_array(out, "uniform int[] pointIndices", stored)
    write_array(out, "uniform vector3f[] offsets", moved[stored])
    write_array(out, "uniform vector3f[] normalOffsets", turns[stored])
    out.write("        }\n")


def _write_skeleton(out: io.StringIO, targets: MorphTargets, names: Sequence[str]) -> None:
    still = "[ ( (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1) ) ]"
    out.write(
        '    def Skeleton "Skeleton" (\n        prepend apiSchemas = ["SkelBindingAPI"]\n    )\n    {\n'
        f'        uniform token[] joints = ["{_JOINT}"]\n'
        f"        uniform matrix4d[] bindTransforms = {still}\n"
        f"        uniform matrix4d[] restTransforms = {still}\n"
        "        rel skel:animationSource = </Head/Skeleton/Expression>\n\n"
        '        def SkelAnimation "Expression"\n        {\n'
        f'        uniform token[] joints = ["{_JOINT}"]\n'
        "        float3[] translations = [(0, 0, 0)]\n"
        "        quatf[] rotations = [(1, 0, 0, 0)]\n"
        "        half3[] scales = [(1, 1, 1)]\n"
    )
    write_array(out, "uniform token[] blendShapes", names)
    write_array(out, "float[] blendShapeWeights", targets.weights)
    out.write("        }\n    }\n")


def material(picture: str) -> str:
    """The prim </Head/Material>: matt skin with a picture beside the file."""
    return f"""
    def Material "Material"
    {{
        token outputs:surface.connect = </Head/Material/Surface.outputs:surface>

        def Shader "Surface"
        {{
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </Head/Material/Skin.outputs:rgb>
            float inputs:metallic = 0
            float inputs:roughness = 0.6
            token outputs:surface
        }}

        def Shader "Skin"
        {{
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @./{picture}@
            token inputs:sourceColorSpace = "sRGB"
            float2 inputs:st.connect = </Head/Material/Coordinates.outputs:result>
            token inputs:wrapS = "clamp"
            token inputs:wrapT = "clamp"
            float3 outputs:rgb
        }}

        def Shader "Coordinates"
        {{
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }}
    }}
"""


def prim_name(name: str) -> str:
    """An expression's name as USD allows it: letters, digits and underscores, no digit first ("expression 1")."""
    cleaned = re.sub(r"\W", "_", name, flags=re.ASCII)
    return cleaned if cleaned and not cleaned[0].isdigit() else f"_{cleaned}"


def write_array(
    out: io.StringIO, declaration: str, values: NDArray[np.generic] | Sequence[str], interpolation: str = ""
) -> None:
    """``declaration = [...]``: strings, (N,) numbers or (N, 2 or 3) tuples."""
    if isinstance(values, np.ndarray):
        kind = "%.7g" if values.dtype.kind == "f" else "%d"
        rows = values.reshape(len(values), -1)
        one = kind if values.ndim == 1 else "(" + ", ".join([kind] * rows.shape[1]) + ")"
        items = (", ".join([one] * len(rows)) % tuple(rows.ravel().tolist())) if len(rows) else ""
    else:
        items = ", ".join(f'"{value}"' for value in values)
    out.write(f"        {declaration} = [{items}]")
    out.write(f' (\n            interpolation = "{interpolation}"\n        )\n' if interpolation else "\n")


def quoted(text: str) -> str:
    """A USD string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
