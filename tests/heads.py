"""Small head models for tests: an egg with a face, in our own format and in FLAME's.

The egg has two eyeballs, a jaw, ARKit's 42 units as soft bumps where a face has them and all 478 landmarks on its
front, so that whatever works on a real head can be tried on it in milliseconds. Everything is deterministic.
"""

from __future__ import annotations

import io
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import scipy.sparse

from fields_core.head.model_file import HeadModelFile, write_head_file

RADII = np.array([0.075, 0.11, 0.095])
EYES = {"Left": np.array([0.032, 0.024, 0.076]), "Right": np.array([-0.032, 0.024, 0.076])}
EYE_RADIUS = 0.012
JAW = np.array([0.0, -0.03, -0.01])

_BOTH = ("Left", "Right")
_UNITS: tuple[tuple[str, tuple[str, ...], tuple[float, float, float], tuple[float, float, float]], ...] = (
    # name, sides, centre on the person's left half (m), displacement at 1 (mm); the right side is mirrored
    ("browDown", _BOTH, (0.03, 0.045, 0.08), (0, -6, 0)),
    ("browInnerUp", ("",), (0.0, 0.047, 0.09), (0, 7, 0)),
    ("browOuterUp", _BOTH, (0.045, 0.047, 0.07), (0, 6, 0)),
    ("cheekPuff", ("",), (0.0, -0.02, 0.08), (0, 0, 9)),
    ("cheekSquint", _BOTH, (0.035, 0.005, 0.08), (0, 4, 1)),
    ("eyeBlink", _BOTH, (0.032, 0.03, 0.08), (0, -9, 1)),
    ("eyeSquint", _BOTH, (0.032, 0.016, 0.08), (0, 5, 0)),
    ("eyeWide", _BOTH, (0.032, 0.032, 0.08), (0, 4, -1)),
    ("jawForward", ("",), (0.0, -0.07, 0.07), (0, 0, 8)),
    ("jawLeft", ("",), (0.0, -0.07, 0.07), (8, 0, 0)),
    ("jawRight", ("",), (0.0, -0.07, 0.07), (-8, 0, 0)),
    ("mouthClose", ("",), (0.0, -0.045, 0.085), (0, 9, 0)),
    ("mouthDimple", _BOTH, (0.028, -0.035, 0.08), (3, 0, -4)),
    ("mouthFrown", _BOTH, (0.024, -0.04, 0.08), (1, -7, 0)),
    ("mouthFunnel", ("",), (0.0, -0.037, 0.09), (0, 0, 9)),
    ("mouthLeft", ("",), (0.0, -0.036, 0.09), (9, 0, 0)),
    ("mouthLowerDown", _BOTH, (0.012, -0.045, 0.085), (0, -6, 1)),
    ("mouthPress", _BOTH, (0.016, -0.037, 0.085), (0, 2, -4)),
    ("mouthPucker", ("",), (0.0, -0.035, 0.088), (0, 1, 12)),
    ("mouthRight", ("",), (0.0, -0.036, 0.09), (-9, 0, 0)),
    ("mouthRollLower", ("",), (0.0, -0.043, 0.088), (0, 3, -6)),
    ("mouthRollUpper", ("",), (0.0, -0.03, 0.088), (0, -3, -6)),
    ("mouthShrugLower", ("",), (0.0, -0.055, 0.085), (0, 6, 3)),
    ("mouthShrugUpper", ("",), (0.0, -0.027, 0.09), (0, 5, 3)),
    ("mouthSmile", _BOTH, (0.026, -0.033, 0.08), (6, 8, -2)),
    ("mouthStretch", _BOTH, (0.03, -0.042, 0.075), (8, -3, -2)),
    ("mouthUpperUp", _BOTH, (0.012, -0.028, 0.087), (0, 6, 1)),
    ("noseSneer", _BOTH, (0.014, 0.005, 0.09), (0, 5, 0)),
)
_BUMP = 0.018  # metres, the standard deviation of a unit's bump


def tiny_head_file(path: Path) -> Path:
    """Write a valid head model of about 330 vertices in our own format to ``path`` (.npz)."""
    write_head_file(tiny_head(), path)
    return path


def tiny_head() -> HeadModelFile:
    """The egg as arrays."""
    egg, egg_faces, egg_uv, egg_uv_faces = _egg()
    ball, ball_faces = _ball()
    parts = [egg, ball * EYE_RADIUS + EYES["Left"], ball * EYE_RADIUS + EYES["Right"]]
    v = np.concatenate(parts)
    skin, left, right = (
        (np.arange(len(v)) < len(egg)),
        _rows(len(egg), ball, len(v), 0),
        _rows(len(egg), ball, len(v), 1),
    )
    f = np.concatenate([egg_faces, ball_faces + len(egg), ball_faces + len(egg) + len(ball)])
    vt = np.concatenate([egg_uv, np.array([[0.02, 0.02], [0.04, 0.02], [0.03, 0.04]])])
    eye_uv = np.tile(np.arange(3) + len(egg_uv), (2 * len(ball_faces), 1))
    ft = np.concatenate([egg_uv_faces, eye_uv])

    names, units = _units(v, skin)
    weights = _weights(v, left, right)
    landmark_faces, barycentrics = _landmarks(v, f, len(egg_faces), len(ball_faces))
    rng = np.random.default_rng(7)
    regions = _regions(v, skin, left | right)
    return HeadModelFile(
        name="tiny-head",
        licence="CC0-1.0",
        v_template=v.astype(np.float32),
        f=f.astype(np.int32),
        shapedirs=_shapes(v).astype(np.float32),
        expression_dirs=units.astype(np.float32),
        expression_names=names,
        expression_bounds=np.tile(np.float32([0, 1]), (len(names), 1)),
        posedirs_columns=np.array([14, 16], np.int32),  # the jaw's -sin and +sin of a rotation about x
        posedirs=(_bump(v, (0, -0.05, 0.09))[:, None, None] * np.array([[0, 0], [-0.5, 0.5], [1, -1]]) * 1e-3).astype(
            np.float32
        ),
        J_regressor=_joints(v, left, right).astype(np.float32),
        weights=weights.astype(np.float32),
        kintree_table=np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32),
        l_eyelid=units[..., names.index("eyeBlinkLeft")].astype(np.float32),
        r_eyelid=units[..., names.index("eyeBlinkRight")].astype(np.float32),
        jaw_open_radians=0.42,
        vt=vt.astype(np.float32),
        ft=ft.astype(np.int32),
        landmark_ids=np.arange(478, dtype=np.int32),
        landmark_faces=landmark_faces.astype(np.int32),
        landmark_barycentrics=barycentrics.astype(np.float32),
        landmark_weights=np.ones(478, np.float32),
        landmarks_105=np.arange(0, 420, 4, dtype=np.int32),
        landmarks_68=np.arange(0, 408, 6, dtype=np.int32),
        region_names=tuple(regions),
        region_masks=np.stack(list(regions.values())),
        albedo_mean=np.tile(np.uint8([200, 160, 140]), (8, 8, 1)),
        albedo_dirs=rng.integers(-127, 128, (4, 8, 8, 3)).astype(np.int8),
        albedo_scales=np.float32([0.05, 0.03, 0.02, 0.01]),
    )


def tiny_flame_pickle(
    path: Path, *, vertices: int = 24, shapes: int = 300, expressions: int = 100
) -> dict[str, np.ndarray]:
    """Write a file with FLAME's exact keys and types: chumpy arrays, a sparse regressor, Python 2's protocol.

    Returns:
        The arrays that went in, dense, by FLAME's names.
    """
    rng = np.random.default_rng(3)
    weights = rng.random((vertices, 5))
    regressor = rng.random((5, vertices)) * (rng.random((5, vertices)) < 0.5)
    dense = {
        "v_template": rng.normal(size=(vertices, 3)) * 0.1,
        "f": rng.integers(0, vertices, (2 * vertices - 4, 3)).astype(np.uint32),
        "shapedirs": rng.normal(size=(vertices, 3, shapes + expressions)) * 1e-3,
        "posedirs": rng.normal(size=(vertices, 3, 36)) * 1e-3,
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.int64),
        "J": rng.normal(size=(5, 3)),
    }
    chumpy = types.ModuleType("chumpy")
    ch = types.ModuleType("chumpy.ch")
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch", "__qualname__": "Ch"})  # type: ignore[attr-defined]

    def chumpy_array(array: np.ndarray) -> object:
        made = ch.Ch()
        made.__dict__.update(x=array, _dirty_vars=set(), _depends_on_deps={}, _itr=None, _dr_cache={})
        return made

    stored: dict[str, object] = {**dense, "bs_style": "lbs", "bs_type": "lrotmin"}
    for name in ("v_template", "shapedirs", "posedirs", "weights", "J"):
        stored[name] = chumpy_array(dense[name])
    stored["J_regressor"] = scipy.sparse.csc_matrix(dense["J_regressor"])
    modules = {"chumpy": chumpy, "chumpy.ch": ch}
    sys.modules.update(modules)
    try:
        data = _python2_pickle(stored)
    finally:
        for name in modules:
            del sys.modules[name]
    path.write_bytes(data)
    return dense


def _python2_pickle(value: object) -> bytes:
    """Protocol 2 with the module names of FLAME's day (numpy 1, scipy 1.0)."""
    stream = io.BytesIO()
    pickle.Pickler(stream, protocol=2, fix_imports=True).dump(value)
    data = stream.getvalue()
    return data.replace(b"cnumpy._core.", b"cnumpy.core.").replace(b"cscipy.sparse._csc\n", b"cscipy.sparse.csc\n")


def _egg(rings: int = 15, segments: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (302, 3), faces, uv (one column more than vertices: the seam runs down the back) and uv faces."""
    polar = np.pi * np.arange(1, rings + 1) / (rings + 1)
    around = 2 * np.pi * np.arange(segments) / segments + np.pi  # starts at the back
    p, a = np.meshgrid(polar, around, indexing="ij")
    ring = np.stack([np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)], -1).reshape(-1, 3)
    v = np.concatenate([ring, [[0, 1, 0]], [[0, -1, 0]]]) * RADII
    uv = np.stack(np.meshgrid(np.linspace(0.05, 0.95, segments + 1), 1 - polar / np.pi, indexing="xy"), -1).reshape(
        -1, 2
    )
    uv = np.concatenate([uv, [[0.5, 0.99]], [[0.5, 0.01]]])
    f, ft = [], []
    top, bottom, uv_top = rings * segments, rings * segments + 1, rings * (segments + 1)
    for s in range(segments):
        n = (s + 1) % segments
        f.append((top, s, n))
        ft.append((uv_top, s, s + 1))
        last, uv_last = (rings - 1) * segments, (rings - 1) * (segments + 1)
        f.append((bottom, last + n, last + s))
        ft.append((uv_top + 1, uv_last + s + 1, uv_last + s))
        for r in range(rings - 1):
            i, j = r * segments, (r + 1) * segments
            u, w = r * (segments + 1), (r + 1) * (segments + 1)
            f += [(i + s, j + s, j + n), (i + s, j + n, i + n)]
            ft += [(u + s, w + s, w + s + 1), (u + s, w + s + 1, u + s + 1)]
    return v, np.array(f), uv, np.array(ft)


def _ball() -> tuple[np.ndarray, np.ndarray]:
    """An octahedron: 6 unit vertices, 8 faces."""
    v = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    f = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    return v, np.array(f)


def _rows(start: int, ball: np.ndarray, total: int, index: int) -> np.ndarray:
    rows = np.arange(total)
    return (rows >= start + index * len(ball)) & (rows < start + (index + 1) * len(ball))


def _bump(v: np.ndarray, centre: tuple[float, float, float] | np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * ((v - np.asarray(centre)) ** 2).sum(1) / _BUMP**2)


def _units(v: np.ndarray, skin: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    names, columns = [], []
    for name, sides, centre, displacement in _UNITS:
        for side in sides:
            mirror = np.array([-1.0 if side == "Right" else 1.0, 1.0, 1.0])
            bump = _bump(v, np.array(centre) * mirror) * skin
            names.append(name + side)
            columns.append(bump[:, None] * np.array(displacement) * mirror * 1e-3)
    return tuple(names), np.stack(columns, -1)


def _shapes(v: np.ndarray) -> np.ndarray:
    """Six ways an egg can differ: wider, taller, deeper, heavier chin, longer nose, rounder crown."""
    x, y, z = v.T
    zero = np.zeros_like(x)
    low, high, nose = _bump(v, (0, -0.09, 0.04)), _bump(v, (0, 0.1, 0)), _bump(v, (0, 0, 0.095))
    modes = [
        (x, zero, zero),
        (zero, y, zero),
        (zero, zero, z),
        (zero, -low, low),
        (zero, zero, nose),
        (zero, high, zero),
    ]
    return np.stack(
        [np.stack(mode, -1) * scale for mode, scale in zip(modes, (0.04,) * 3 + (4e-3,) * 3, strict=True)], -1
    )


def _weights(v: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    root = np.clip((-0.08 - v[:, 1]) / 0.02, 0, 1) * np.clip(0.5 - v[:, 2] / 0.04, 0, 1)
    jaw = np.clip((-0.03 - v[:, 1]) / 0.03, 0, 1) * np.clip(v[:, 2] / 0.04, 0, 1)
    weights = np.stack([root, 1 - root - jaw, jaw, np.zeros(len(v)), np.zeros(len(v))], 1)
    weights[left], weights[right] = np.eye(5)[3], np.eye(5)[4]
    return weights


def _joints(v: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    regressor = np.zeros((5, len(v)))
    for joint, where in enumerate([(0, -0.1, -0.03), (0, -0.06, -0.03), JAW]):
        near = np.exp(-0.5 * ((v - np.array(where)) ** 2).sum(1) / 0.06**2) * ~(left | right)
        regressor[joint] = near / near.sum()
    regressor[3], regressor[4] = left / left.sum(), right / right.sum()
    return regressor


def _landmarks(v: np.ndarray, f: np.ndarray, egg_faces: int, ball_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """A sunflower of 468 points on the front of the egg, then five on each iris (right eye first, as MediaPipe)."""
    index = np.arange(468)
    polar = np.radians(65) * np.sqrt((index + 0.5) / 468)
    around = index * np.pi * (3 - np.sqrt(5))
    rays = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1) * RADII
    corners = v[f[:egg_faces]].transpose(0, 2, 1)  # (F, 3, 3), columns are corners: solve corners c = ray
    mix = np.einsum("fij,nj->nfi", np.linalg.inv(corners), rays)
    hit = mix.min(-1).argmax(1)
    barycentrics = mix[index, hit].clip(0)
    faces = [hit]
    for eye in (1, 0):
        faces.append(egg_faces + eye * ball_faces + np.array([0, 0, 1, 2, 3]))
    iris = np.tile([[0.0, 0.0, 1.0], *[[0.1, 0.1, 0.8]] * 4], (2, 1))  # the third corner is the pole that looks ahead
    barycentrics = np.concatenate([barycentrics, iris])
    return np.concatenate(faces), barycentrics / barycentrics.sum(1, keepdims=True)


def _regions(v: np.ndarray, skin: np.ndarray, eyeballs: np.ndarray) -> dict[str, np.ndarray]:
    x, y, z = v.T
    face = skin & (z > 0.02)
    return {
        "face": face,
        "lips": face & (np.abs(y + 0.037) < 0.015) & (np.abs(x) < 0.03) & (z > 0.06),
        "eyes": face & (np.abs(y - 0.024) < 0.015) & (np.abs(np.abs(x) - 0.032) < 0.02),
        "brows": face & (np.abs(y - 0.047) < 0.01),
        "nose": face & (np.abs(x) < 0.015) & (np.abs(y) < 0.02),
        "ears": skin & (np.abs(x) > 0.07) & (np.abs(y) < 0.03),
        "neck": skin & (y < -0.08) & (z < 0.02),
        "scalp": skin & (y > 0.06),
        "eyeballs": eyeballs,
    }
