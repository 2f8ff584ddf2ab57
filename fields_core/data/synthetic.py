"""Made-up photos of the head model whose 3D truth is known: who, what expression, in what light, all at random."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fields_core.camera import project
from fields_core.data.expressions import Expression, ExpressionGenerator
from fields_core.data.hair import Hairdresser, draw_hairstyle
from fields_core.data.head_painter import Floats, PaintedSurface, normals, open_sky, paint
from fields_core.data.sample import STORED_SCALE, STORED_SIZE, Sample
from fields_core.data.scenery import (
    draw_background,
    draw_clothes,
    draw_glasses,
    draw_lighting,
    draw_occluder,
    lay,
    photograph,
)
from fields_core.data.skin import SkinPainter
from fields_core.datatypes import FaceCode
from fields_core.encoder.intensity import ExpressionIntensity
from fields_core.head.model import HeadModel
from fields_core.head.skinning import rodrigues

SOURCE = "synthetic"
_SHAPE_SIGMA = (0.7, 1.0)
_SHAPE_LIMIT = 3.0
_DARKEST, _BRIGHTEST = 0.16, 0.9  # skin, sRGB; the albedo model is linear and leaves the range of real skin
_SHADE = 0.5  # how much darker a vertex is that sees no sky
_OPENNESS = {"mouth": 0.35, "teeth": 0.75, "eyeballs": 0.75}


class SyntheticFaces:
    """An endless sequence of samples: number n follows from (seed, n) alone, whoever makes it.

    Attributes:
        head: the head model.
        intensity_scale: d95 in metres that the samples' intensities are relative to.
    """

    def __init__(self, head: HeadModel, seed: int, photos: Sequence[NDArray[np.uint8]] = ()) -> None:
        """
        Args:
            head: with ARKit's units, landmarks and albedo, on the CPU.
            seed: of the sequence.
            photos: (H, W, 3) RGB pictures whose parts serve as backgrounds, beside drawn ones.

        Raises:
            ModelFileError: the head model has no ARKit units or lacks a region.
        """
        self.head = head
        self._seed, self._photos = seed, photos
        self._expressions = ExpressionGenerator(head)
        self._hairdresser = Hairdresser(head)
        self._skin = SkinPainter(head)
        self.intensity_scale = self._expressions.intensity_scale
        self._intensity = ExpressionIntensity(head, self.intensity_scale)
        self._faces = head.faces.numpy()
        self._uv, self._uv_faces = head.uv.numpy(), head.uv_faces.numpy()
        self._openness = 1.0 - _SHADE * (1.0 - open_sky(head.template.numpy(), self._faces))
        for region, share in _OPENNESS.items():
            self._openness[head.region(region).numpy()] = share
        self._wetness = head.region("eyeballs").numpy().astype(np.float32)
        rest = head.template
        eyeballs = head.region("eyeballs")
        self._eyes = [(eyeballs & (rest[:, 0] > 0)).nonzero()[:, 0], (eyeballs & (rest[:, 0] < 0)).nonzero()[:, 0]]
        neck = head.region("neck")
        self._neck = (neck & (rest[:, 1] < rest[neck][:, 1].min() + 0.02)).nonzero()[:, 0]
        cheek = head.region("face") & ~head.region("eyes") & ~head.region("lips") & ~head.region("brows")
        corners = np.unique(self._uv_faces[cheek[head.faces].all(dim=1).numpy()])
        self._skin_uv = self._uv[corners[:: max(1, len(corners) // 200)]]

    @torch.no_grad()
    def __getitem__(self, number: int) -> Sample:
        """Sample ``number``, from 0."""
        if number < 0:
            raise IndexError(number)
        rng = np.random.default_rng((self._seed, number))
        expression = self._expressions.draw(rng)
        lighting, light = draw_lighting(rng)
        code, texels, skin = self._coloured(rng, self._posed(rng, expression))
        vertices = self.head(code)
        code = code.replace(
            camera=self._framed(self.head.landmarks(vertices)), lighting=torch.from_numpy(lighting)[None]
        )
        points = project(vertices, code.camera)
        landmarks = project(self.head.landmarks(vertices), code.camera)[0, :, :2].numpy()
        rotation = rodrigues(code.head_pose)[0].double().numpy()
        painted = _usual(texels, self._hairdresser.crown_uv)
        texels = self._skin.bearded(rng, self._skin.lined(rng, texels, expression.units), painted)
        surfaces = [self._surface(points, texels)]
        style = draw_hairstyle(rng, painted)
        if style is not None:
            skin_normals = normals(surfaces[0].points, self._faces)
            hair = self._hairdresser.grow(rng, style, vertices[0].numpy(), skin_normals, rotation)
            strands = project(torch.from_numpy(hair.points)[None], code.camera)[0].numpy()
            plain = np.ones(len(strands), np.float32)
            surfaces.append(
                PaintedSurface(strands, hair.faces, hair.uv, hair.faces, hair.texels, plain, np.zeros_like(plain))
            )
        colours, coverage = paint(surfaces, light, STORED_SIZE)
        picture = self._composed(rng, vertices, code, colours, coverage, landmarks, rotation, skin)
        return Sample(
            key=f"{self._seed}-{number:08d}",
            source=SOURCE,
            image=photograph(rng, picture),
            landmarks=landmarks.astype(np.float32),
            label=expression.label,
            valence_arousal=expression.valence_arousal,
            intensity=float(self._intensity(code)),
            confidence=1.0,
            code=code,
        )

    def _posed(self, rng: np.random.Generator, expression: Expression) -> FaceCode:
        """A random person with this expression, turned at random."""
        code = ExpressionGenerator.code(self.head, [expression])
        sigma = rng.uniform(*_SHAPE_SIGMA)
        shape = np.clip(rng.normal(0.0, sigma, (1, self.head.n_shape)), -_SHAPE_LIMIT, _SHAPE_LIMIT)
        fate = rng.random()
        yaw = (
            rng.normal(0.0, 12.0)
            if fate < 0.65
            else rng.uniform(-35.0, 35.0)
            if fate < 0.9
            else rng.uniform(-60.0, 60.0)
        )
        pitch, roll = rng.normal(0.0, 9.0), rng.normal(0.0, 7.0)
        angles = np.radians(np.clip([yaw, pitch, roll], -60.0, 60.0) * [1.0, 0.7, 0.7])
        return code.replace(shape=torch.from_numpy(shape).to(code.shape), head_pose=_turned(*angles).to(code.shape))

    def _coloured(self, rng: np.random.Generator, code: FaceCode) -> tuple[FaceCode, Floats, Floats]:
        """The code with an albedo, its (S, S, 3) texels and the (3,) usual colour of its skin."""
        coefficients = torch.from_numpy(rng.normal(0.0, 0.9, (1, self.head.n_albedo))).to(code.albedo)
        while True:
            texels = self.head.albedo(coefficients)[0].permute(1, 2, 0).contiguous().numpy()
            skin = _usual(texels, self._skin_uv)
            if float(skin.min()) > _DARKEST and float(skin.max()) < _BRIGHTEST:
                return code.replace(albedo=coefficients), texels, skin
            coefficients = coefficients * 0.8  # towards the mean skin, which is inside

    @staticmethod
    def _framed(landmarks: Tensor) -> Tensor:
        """(1, 3) camera of the stored crop: centred on the landmarks' box, STORED_SCALE times its longer side wide."""
        low, high = landmarks[:, :, :2].amin(dim=1), landmarks[:, :, :2].amax(dim=1)
        scale = 2.0 / (STORED_SCALE * (high - low).amax(dim=1, keepdim=True))
        return torch.cat([scale, -(low + high) / 2.0], dim=1)

    def _surface(self, points: Tensor, texels: Floats) -> PaintedSurface:
        return PaintedSurface(
            points[0].numpy(), self._faces, self._uv, self._uv_faces, texels, self._openness, self._wetness
        )

    def _composed(
        self,
        rng: np.random.Generator,
        vertices: Tensor,
        code: FaceCode,
        colours: Floats,
        coverage: Floats,
        landmarks: Floats,
        rotation: NDArray[np.float64],
        skin: Floats,
    ) -> Floats:
        """The head between what is behind and what is before it."""
        neck = _pixels(project(vertices[:, self._neck], code.camera)[0].numpy())
        middle, width = neck.mean(axis=0), float(np.ptp(neck[:, 0]))
        clothes = int(rng.integers(2**31))
        picture = draw_background(rng, STORED_SIZE, self._photos)
        picture = draw_clothes(np.random.default_rng(clothes), picture, middle, width, front=False)
        picture = lay(picture, colours, coverage)
        picture = draw_clothes(np.random.default_rng(clothes), picture, middle, width, front=True)
        if rng.random() < 0.15:
            picture = draw_glasses(rng, picture, *self._glasses(rng, vertices, code, rotation))
        if rng.random() < 0.15:
            picture = draw_occluder(rng, picture, _pixels(landmarks), skin)
        return picture.astype(np.float32)

    def _glasses(
        self, rng: np.random.Generator, vertices: Tensor, code: FaceCode, rotation: NDArray[np.float64]
    ) -> tuple[list[Floats], list[Floats]]:
        """Rims and temples before the eyes, pixels; see `draw_glasses`."""
        angle = np.linspace(0.0, 2.0 * math.pi, 28, endpoint=False)
        squareness = rng.uniform(0.5, 1.0)
        wide, high = rng.uniform(0.021, 0.027), rng.uniform(0.015, 0.022)
        rims, temples = [], []
        for eye, sign in zip(self._eyes, (1.0, -1.0), strict=True):
            centre = vertices[0, eye].mean(dim=0).numpy()
            x = -sign * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** squareness * wide
            y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** squareness * high - 0.003
            rim = np.column_stack([x, y, np.full_like(x, 0.026)])
            temple = np.array([[sign * wide, 0.004, 0.024], [sign * 0.045, 0.004, -0.06]])
            rims.append(self._in_picture(centre + rim @ rotation.T, code))
            if sign * rotation[0, 2] < 0.15:  # the far temple is behind the face
                temples.append(self._in_picture(centre + temple @ rotation.T, code))
        return rims, temples

    @staticmethod
    def _in_picture(points: NDArray[np.float64], code: FaceCode) -> Floats:
        return _pixels(project(torch.from_numpy(points)[None].to(code.camera), code.camera)[0].numpy())


def _usual(texels: Floats, uv: Floats) -> Floats:
    """(3,) median colour of (S, S, 3) texels at (N, 2) places, v up."""
    side = len(texels)
    columns = np.clip((uv[:, 0] * side).astype(int), 0, side - 1)
    rows = np.clip(((1.0 - uv[:, 1]) * side).astype(int), 0, side - 1)
    return np.median(texels[rows, columns], axis=0).astype(np.float32)


def _pixels(points: Floats) -> Floats:
    """(N, 2 or more) image frame -> (N, 2) pixels of the stored crop."""
    pixels: Floats = ((points[:, :2] + 1.0) * STORED_SIZE - 1.0) / 2.0
    return pixels


def _turned(yaw: float, pitch: float, roll: float) -> Tensor:
    """(1, 3) axis-angle of the head that rolls, nods and then turns (radians)."""
    turns = [cv2.Rodrigues(np.array(axis))[0] for axis in ([0.0, yaw, 0.0], [pitch, 0.0, 0.0], [0.0, 0.0, roll])]
    return torch.from_numpy(cv2.Rodrigues(turns[0] @ turns[1] @ turns[2])[0].reshape(1, 3))
