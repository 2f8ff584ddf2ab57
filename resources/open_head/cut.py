"""Where the head ends: the part of the body's skin above one closed edge loop at the foot of the neck."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resources.open_head.quads import QuadTopology, edge
from resources.open_head.source import SourceMesh

NECK_LOOP_START = 1522
"""A vertex of the midline. The edge loop through it runs round the neck without a step; a plane or a weight threshold
would leave ragged shoulders."""
NECK_LOOP_LENGTH = 42


def head_skin(mesh: SourceMesh) -> NDArray[np.int64]:
    """Indices of the body quads above the neck loop: one surface with mouth cavity and eye sockets."""
    body = mesh.part("body")
    topology = QuadTopology(mesh.quads[body])
    loop = neck_loop(topology)
    border = {edge(a, b) for a, b in zip(loop, loop[1:] + loop[:1], strict=True)}
    crown = int(np.argmax(mesh.vertices[topology.quads].min(axis=1)[:, 1]))
    reached, frontier = {crown}, [crown]
    while frontier:
        for a, b in topology.edges(frontier.pop()):
            if edge(a, b) not in border:
                fresh = set(topology.quads_of_edge[edge(a, b)]) - reached
                reached |= fresh
                frontier += sorted(fresh)
    return body[sorted(reached)]


def neck_loop(topology: QuadTopology) -> list[int]:
    """The vertices of the edge loop at which the head is cut off, in order."""
    candidates = (
        topology.loop(NECK_LOOP_START, second, NECK_LOOP_LENGTH)
        for second in sorted(topology.neighbours[NECK_LOOP_START])
    )
    return next(loop for loop in candidates if loop is not None and len(loop) == NECK_LOOP_LENGTH)
