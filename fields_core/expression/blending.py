"""Stronger, weaker, from somebody else, less one's own rest: whole expressions in arithmetic, always within bounds."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from fields_core.datatypes import FaceCode
from fields_core.expression.space import ExpressionSpace

STRONGEST = 2.0  # times the present expression


def scaled(code: FaceCode, factor: float, space: ExpressionSpace) -> FaceCode:
    """The expression ``factor`` times as strong: 0 is neutral, 1 as it is, above 1 exaggerated up to the bounds.

    Args:
        factor: clamped to [0, STRONGEST].
    """
    values = space.values(code)
    if factor == 1.0:
        return code
    wanted = values * min(max(factor, 0.0), STRONGEST)
    return space.put(code, space.possible(wanted))


def with_expression_of(code: FaceCode, source: FaceCode, space: ExpressionSpace) -> FaceCode:
    """The expression of ``source``, jaw and eyelids included, on the head of ``code``."""
    return space.put(code, space.values(source))


def without_rest(code: FaceCode, rest: FaceCode, space: ExpressionSpace) -> FaceCode:
    """What is left of an expression when a person's resting face counts as neutral.

    Args:
        rest: the same person at rest.
    """
    return space.put(code, space.possible(space.values(code) - space.values(rest)))


def keeping(changed: FaceCode, code: FaceCode, locked: Collection[str], space: ExpressionSpace) -> FaceCode:
    """``changed``, with the locked numbers (of `ExpressionSpace.names`) as they are in ``code``."""
    held = space.columns(locked)
    if not held.any():
        return changed
    return space.put(changed, np.where(held, space.values(code), space.values(changed)))
