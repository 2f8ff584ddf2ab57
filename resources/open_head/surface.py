"""The members of the head model file that lie on the surface: texture layout, albedo, landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resources.open_head.albedo import Painter, build_albedo
from resources.open_head.geometry import HeadGeometry
from resources.open_head.landmarks import Calibration, embed_landmarks, show_views
from resources.open_head.texels import map_texels
from resources.open_head.uv import layout_uv

FINE, COARSE = 1024, 256
"""Texels across the mean albedo, and across the albedo components."""
CALIBRATION = Path(__file__).with_name("landmark_calibration.csv")
"""Made by `calibrate` from neutral faces of the Face Research Lab London Set (DeBruine and Jones, CC BY 4.0)."""


def surface_arrays(geometry: HeadGeometry, landmarker: Path) -> dict[str, NDArray[np.generic]]:
    """Lay out, paint, show to MediaPipe; about two minutes on two cores.

    Args:
        landmarker: MediaPipe's ``face_landmarker.task``.
    """
    layout = layout_uv(geometry.topology, geometry.v_template)
    fine, coarse = (Painter(map_texels(geometry.topology, geometry.v_template, layout, n)) for n in (FINE, COARSE))
    albedo = build_albedo(fine, coarse)
    calibration = Calibration.read(CALIBRATION)
    landmarks = embed_landmarks(geometry, layout, show_views(geometry, layout, landmarker), calibration)
    return {
        "vt": layout.vt.astype(np.float32),
        "ft": layout.ft.astype(np.int32),
        "albedo_mean": albedo.mean,
        "albedo_dirs": albedo.dirs,
        "albedo_scales": albedo.scales,
        "landmark_faces": landmarks.faces.astype(np.int32),
        "landmark_barycentrics": landmarks.barycentrics.astype(np.float32),
        "landmark_weights": landmarks.weights.astype(np.float32),
        "landmarks_105": np.array(landmarks.ids_105, dtype=np.int32),
        "landmarks_68": np.array(landmarks.ids_68, dtype=np.int32),
    }
