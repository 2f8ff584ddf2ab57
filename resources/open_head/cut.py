"""Where the head ends: the part of the body's skin above one closed edge loop at the foot of the neck."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resources.open_head.quads import QuadTopology
from resources.open_head.source import SourceMesh

NECK_LOOP_START = 1522
"""A vertex of the midline. The edge loop through it runs round the neck without a step; a plane or a weight threshold
would leave ragged shoulders."""
NECK_LOOP_LENGTH = 42
LIPS = (520, 523)
"""Vertices of the midline on the ring where upper and lower lip touch; behind it begins the mouth cavity."""
_THROAT = 690


def head_skin(mesh: SourceMesh) -> NDArray[np.int64]:
    """Indices of the body quads above the neck loop: one surface with mouth cavity and eye sockets."""
    body = mesh.part("body")
    topology = QuadTopology(mesh.quads[body])
    crown = int(np.argmax(mesh.vertices[topology.quads].min(axis=1)[:, 1]))
    return body[topology.enclosed(crown, neck_loop(topology))]


def mouth_cavity(mesh: SourceMesh) -> dict[int, int]:
    """The lining of the mouth: for each vertex the steps from the ring where the lips touch."""
    topology = QuadTopology(mesh.quads[head_skin(mesh)])
    border = topology.loop_through(*LIPS)
    throat = int(np.flatnonzero((topology.quads == _THROAT).any(axis=1))[0])
    lining = set(topology.quads[topology.enclosed(throat, border)].ravel().tolist())
    steps = dict.fromkeys(border, 0)
    front = border
    while front:
        front = sorted({n for v in front for n in topology.neighbours[v] if n in lining and n not in steps})
        steps |= dict.fromkeys(front, steps[max(steps, key=lambda v: steps[v])] + 1)
    return steps


def neck_loop(topology: QuadTopology) -> list[int]:
    """The vertices of the edge loop at which the head is cut off, in order."""
    candidates = (
        topology.loop(NECK_LOOP_START, second, NECK_LOOP_LENGTH)
        for second in sorted(topology.neighbours[NECK_LOOP_START])
    )
    return next(loop for loop in candidates if loop is not None and len(loop) == NECK_LOOP_LENGTH)
