"""``python -m resources.open_head.contact_sheet OUT.jpg``: pictures of the open head, to be looked at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyvista as pv
import torch
from PIL import Image, ImageDraw, ImageFont

from fields_core.datatypes import FaceCode
from fields_core.files import replacing
from fields_core.head import HeadModel, load_head
from fields_core.render import vertex_normals

TILE = (320, 370)
"""Width and height in pixels."""
COLUMNS = 6
IDENTITIES = 12
_LIGHTS = (((0.9, 0.9, 1.7), 0.66), ((-1.6, 0.3, 1.2), 0.38), ((0.0, -0.8, 1.5), 0.16), ((0.3, 1.2, -1.8), 0.34))
"""Where each light stands, metres, and its intensity: key, fill, from below, from behind."""
_CENTRE = np.array([0.0, -0.012, -0.01])
_HALF_HEIGHT = 0.165
_VIEW_ANGLE = 14.0


@dataclass(frozen=True)
class Pose:
    """An expression by unit; a name without its side stands for both sides."""

    title: str
    units: Mapping[str, float] = field(default_factory=dict)
    jaw_open: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    """Radians down and to the person's left."""


EXPRESSIONS = (
    Pose("smile", {"mouthSmile": 1, "cheekSquint": 0.6, "eyeSquint": 0.3}),
    Pose("laugh", {"mouthSmile": 0.9, "mouthUpperUp": 0.5, "mouthLowerDown": 0.2, "cheekSquint": 0.7}, jaw_open=0.3),
    Pose("jaw open", jaw_open=1.0),
    Pose("blink", {"eyeBlink": 1}),
    Pose("surprise", {"browInnerUp": 1, "browOuterUp": 1, "eyeWide": 0.8}, jaw_open=0.5),
    Pose("anger", {"browDown": 1, "eyeSquint": 0.7, "noseSneer": 0.6, "mouthPress": 0.7}),
    Pose("sadness", {"browInnerUp": 1, "mouthFrown": 0.9, "mouthShrugLower": 0.3, "eyeSquint": 0.3}),
    Pose("disgust", {"noseSneer": 1, "mouthUpperUp": 0.4, "browDown": 0.6, "mouthFrown": 0.3}),
    Pose("pucker", {"mouthPucker": 1}),
    Pose("funnel", {"mouthFunnel": 1}, jaw_open=0.15),
    Pose("jaw left, look left", {"jawLeft": 1, "mouthLeft": 0.3}, gaze=(0.0, 0.4)),
    Pose("wink", {"eyeBlinkLeft": 1, "cheekSquintLeft": 0.8, "mouthSmileLeft": 0.6}),
)


class Studio:
    """Draws the head with its albedo, or as clay."""

    def __init__(self, head: HeadModel) -> None:
        self.head = head
        faces, uv_faces = head.faces.numpy(), head.uv_faces.numpy()
        # VTK has one texture coordinate a vertex: vertices on the seams of the layout are doubled.
        corners, index = np.unique(np.stack([faces.ravel(), uv_faces.ravel()], axis=1), axis=0, return_inverse=True)
        self._vertices, self._uv = corners[:, 0], head.uv.numpy()[corners[:, 1]]
        self._cells = np.column_stack([np.full(len(faces), 3), index.reshape(-1, 3)]).ravel()

    def draw(self, code: FaceCode, *, yaw: float = 0.0, pitch: float = 0.0, clay: bool = False) -> Image.Image:
        """One tile: a head seen from ``yaw`` degrees to its left and ``pitch`` degrees above."""
        with torch.no_grad():
            vertices = self.head(code)
            normals = vertex_normals(vertices, self.head.faces)[0].numpy()
        mesh = pv.PolyData(vertices[0].numpy()[self._vertices], self._cells)
        mesh.point_data["Normals"] = normals[self._vertices]
        mesh.point_data.active_normals_name = "Normals"
        mesh.active_texture_coordinates = self._uv
        plotter = pv.Plotter(off_screen=True, window_size=TILE, lighting="none")
        for position, intensity in _LIGHTS:
            plotter.add_light(pv.Light(position=position, focal_point=(0, 0, 0), intensity=intensity))
        look: dict[str, object] = {"color": (0.78, 0.72, 0.66)} if clay else {"texture": self._texture(code)}
        plotter.add_mesh(
            mesh, smooth_shading=True, ambient=0.34, diffuse=0.95, specular=0.10, specular_power=18, **look
        )
        self._aim(plotter, yaw, pitch)
        plotter.enable_anti_aliasing("ssaa")
        pixels = plotter.screenshot(None, return_img=True)
        plotter.close()
        return Image.fromarray(pixels)

    def _texture(self, code: FaceCode) -> pv.Texture:
        with torch.no_grad():
            albedo = self.head.albedo(code.albedo, 1024)[0]
        return pv.Texture((albedo.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))

    @staticmethod
    def _aim(plotter: pv.Plotter, yaw: float, pitch: float) -> None:
        yaw, pitch = np.radians(yaw), np.radians(pitch)
        towards = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        camera = plotter.camera
        camera.position = _CENTRE + towards * _HALF_HEIGHT / np.tan(np.radians(_VIEW_ANGLE / 2))
        camera.focal_point, camera.up, camera.view_angle = _CENTRE, (0, 1, 0), _VIEW_ANGLE
        plotter.set_background("white")


def posed(head: HeadModel, pose: Pose, code: FaceCode) -> FaceCode:
    """The code with the expression, jaw and gaze of a pose."""
    expression, jaw = code.expression.clone(), code.jaw_pose.clone()
    for unit, value in pose.units.items():
        names = [unit] if unit in head.expression_names else [f"{unit}Left", f"{unit}Right"]
        expression[:, [head.expression_names.index(name) for name in names]] = value
    jaw[:, 0] = pose.jaw_open * head.jaw_open_radians
    gaze = torch.tensor([pose.gaze[0], pose.gaze[1], 0.0]).repeat(2)[None]
    return code.replace(expression=expression, jaw_pose=jaw, eye_pose=gaze)


def random_person(head: HeadModel, random: np.random.Generator) -> FaceCode:
    """Shape and albedo drawn from the model's own distribution."""
    code = head.neutral_code()
    shape, albedo = (torch.from_numpy(random.normal(size=(1, n))).float() for n in (head.n_shape, head.n_albedo))
    return code.replace(shape=shape, albedo=albedo)


def contact_sheet(head: HeadModel) -> Image.Image:
    """Views of the mean head, `EXPRESSIONS`, and random people."""
    studio, neutral = Studio(head), head.neutral_code()
    tiles = [
        ("neutral", studio.draw(neutral)),
        ("three-quarter", studio.draw(neutral, yaw=-40)),
        ("profile", studio.draw(neutral, yaw=-90)),
        ("back", studio.draw(neutral, yaw=-150, pitch=15)),
        ("clay", studio.draw(neutral, clay=True)),
        ("clay, three-quarter", studio.draw(neutral, yaw=40, clay=True)),
    ]
    tiles += [(pose.title, studio.draw(posed(head, pose, neutral))) for pose in EXPRESSIONS]
    random = np.random.default_rng(7)
    for index in range(IDENTITIES):
        tiles.append((f"identity {index + 1}", studio.draw(random_person(head, random), yaw=-25.0 * (index % 2))))
    return _grid(tiles)


def _grid(tiles: list[tuple[str, Image.Image]]) -> Image.Image:
    width, height = TILE
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (width * COLUMNS, height * rows), "white")
    font = ImageFont.load_default(size=16)
    for index, (title, tile) in enumerate(tiles):
        corner = (index % COLUMNS * width, index // COLUMNS * height)
        sheet.paste(tile, corner)
        ImageDraw.Draw(sheet).text((corner[0] + 8, corner[1] + 6), title, fill=(60, 60, 60), font=font)
    return sheet


def main(arguments: list[str] | None = None) -> int:
    """Draw the sheet; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m resources.open_head.contact_sheet", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--head", type=Path, help="head model file (default: the open head)")
    options = parser.parse_args(arguments)
    sheet = contact_sheet(load_head(options.head))
    with replacing(options.out) as temporary:
        sheet.save(temporary, quality=84, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
