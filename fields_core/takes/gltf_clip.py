"""GLB (glTF 2.0) with an animation: named morph targets, and nodes for head, neck, jaw and eyes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygltflib
from numpy.typing import NDArray

from fields_core.export.gltf import Blob, add_material, add_primitive
from fields_core.export.surface import albedo_texture, split_at_seams
from fields_core.files import replacing
from fields_core.head.model import HeadModel
from fields_core.takes.clip import Clip
from fields_core.takes.rig import JOINT_PARENTS, JOINTS, ClipRig, four_joints, rig_of

_FIRST_JOINT = 1  # node 0 is the mesh


def write_clip_glb(clip: Clip, head: HeadModel, path: Path) -> list[Path]:
    """Write ``path`` (.glb). Markers lie in the animation's extras.

    Raises:
        ExportError: the file cannot be written.
    """
    rig, texture = rig_of(clip, head), albedo_texture(clip.code[0], head)
    split = split_at_seams(rig.mesh)
    document = pygltflib.GLTF2(
        asset=pygltflib.Asset(
            version="2.0",
            generator="FIELDS",
            copyright=f"Head model {head.name}: {head.licence}",
            extras={"head_model": head.name, "head_model_licence": head.licence},
        )
    )
    blob = Blob(document)
    material = add_material(document, blob, texture) if len(split.uv) and texture is not None else None
    primitive = add_primitive(blob, rig.targets, split, rig.mesh.faces, material)
    joints, weights = four_joints(rig.skinning)
    primitive.attributes.JOINTS_0 = blob.add_dense(joints[split.sources], pygltflib.ARRAY_BUFFER)
    primitive.attributes.WEIGHTS_0 = blob.add_dense(weights[split.sources], pygltflib.ARRAY_BUFFER)
    document.meshes = [
        pygltflib.Mesh(
            name="head",
            primitives=[primitive],
            weights=rig.targets.weights.tolist(),
            extras={"targetNames": list(rig.targets.names)},
        )
    ]
    _add_joints(document, blob, rig)
    _add_animation(document, blob, clip, rig)
    document.scenes = [pygltflib.Scene(nodes=[0, _FIRST_JOINT])]
    document.scene = 0
    document.buffers = [pygltflib.Buffer(byteLength=len(blob.data))]
    document.set_binary_blob(bytes(blob.data))
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(document.save_to_bytes()))
    return [path]


def _add_joints(document: pygltflib.GLTF2, blob: Blob, rig: ClipRig) -> None:
    document.nodes = [pygltflib.Node(name="head", mesh=0, skin=0)]
    for joint, name in enumerate(JOINTS):
        children = [_FIRST_JOINT + child for child, parent in enumerate(JOINT_PARENTS) if parent == joint]
        document.nodes.append(
            pygltflib.Node(
                name=name,
                translation=rig.offsets[joint].tolist(),
                rotation=rig.rotations[0, joint].tolist(),
                children=children or None,
            )
        )
    bind = np.tile(np.eye(4, dtype=np.float32), (len(JOINTS), 1, 1))
    bind[:, 3, :3] = -rig.joints  # stored column by column
    view = blob.add_bytes(bind.astype("<f4").tobytes())
    document.accessors.append(
        pygltflib.Accessor(bufferView=view, componentType=pygltflib.FLOAT, count=len(JOINTS), type="MAT4")
    )
    document.skins = [
        pygltflib.Skin(
            joints=[_FIRST_JOINT + joint for joint in range(len(JOINTS))],
            skeleton=_FIRST_JOINT,
            inverseBindMatrices=len(document.accessors) - 1,
        )
    ]


def _add_animation(document: pygltflib.GLTF2, blob: Blob, clip: Clip, rig: ClipRig) -> None:
    times = clip.times.astype(np.float32)
    clock = blob.add_dense(times)
    accessor = document.accessors[clock]  # the specification wants the range of the times
    accessor.min, accessor.max = [float(times[0])], [float(times[-1])]
    animation = pygltflib.Animation(name=clip.name)
    curves: list[tuple[int, str, NDArray[np.float32]]] = [(0, "weights", rig.weights.reshape(-1))]
    curves += [(_FIRST_JOINT + joint, "rotation", rig.rotations[:, joint]) for joint in range(len(JOINTS))]
    for node, path, values in curves:
        animation.samplers.append(
            pygltflib.AnimationSampler(input=clock, output=blob.add_dense(values), interpolation="LINEAR")
        )
        animation.channels.append(
            pygltflib.AnimationChannel(
                sampler=len(animation.samplers) - 1, target=pygltflib.AnimationChannelTarget(node=node, path=path)
            )
        )
    animation.extras = {"markers": [{"time": marker.time, "text": marker.text} for marker in clip.markers]}
    document.animations = [animation]
