"""All that can be done to an expression of one head model, behind one door for window and command line."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path

from fields_core.assets import ENCODER, find_asset
from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import Emotion, EmotionHead
from fields_core.errors import AssetMissingError
from fields_core.expression.blending import keeping, scaled, with_expression_of, without_rest
from fields_core.expression.emotion_logits import EmotionLogits
from fields_core.expression.mirror import has_sides, mirrored, symmetrised
from fields_core.expression.presets import Preset, apply_preset, built_in_presets, preset_of
from fields_core.expression.reading import ExpressionReader, ExpressionReading
from fields_core.expression.space import ExpressionSpace
from fields_core.expression.steering import Steering
from fields_core.expression.support import Support, measure_support
from fields_core.head.model import HeadModel
from fields_core.progress import CancelToken


def load_tools(head: HeadModel, weights: Path | None = None) -> ExpressionTools:
    """The tools of a head model, with the emotion branch of the installed weights if there are any for this head.

    Args:
        head: of all codes.
        weights: the user's choice of a checkpoint; None takes the installed one.

    Raises:
        AssetMissingError: the chosen weights are not there.
        ModelFileError: there are weights, but they are damaged.
    """
    try:
        path = find_asset(ENCODER, weights)
    except AssetMissingError:
        if weights is not None:
            raise
        return ExpressionTools(head)
    from fields_core.encoder.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path)
    if checkpoint.info.head_model != head.name:
        return ExpressionTools(head)
    return ExpressionTools(head, checkpoint.emotion, checkpoint.info.intensity_scale)


class ExpressionTools:
    """Codes in, codes out; nothing here changes identity, head pose or camera. Any thread may call.

    Args:
        head: the head model of all codes.
        emotion_head: the emotion branch of the installed weights; None where there are none.
        strong: metres that count as intensity 1, from the same weights; None measures it.
        support: what the data hold, if it has been measured.

    Attributes:
        space: of the expressions.
        presets: those that come with the program.
        can_steer: whether there is an emotion branch.
        has_sides: whether expressions can be mirrored.
    """

    def __init__(
        self,
        head: HeadModel,
        emotion_head: EmotionHead | None = None,
        strong: float | None = None,
        support: Support | None = None,
    ) -> None:
        self.space = ExpressionSpace(head)
        self._head, self._emotion_head, self._strong = head, emotion_head, strong
        self._lock = threading.Lock()
        self._support = support
        self._reader: ExpressionReader | None = None
        self.can_steer = emotion_head is not None
        self.has_sides = has_sides(head)
        try:
            self.presets = built_in_presets(self.space)
        except AssetMissingError:  # the neutral face needs no table
            self.presets = (Preset.neutral(),)

    def read(self, code: FaceCode, token: CancelToken | None = None) -> ExpressionReading:
        """Of one face; the first call takes a second or two more, to measure what the data hold.

        Raises:
            Cancelled: the token said so, while that was measured.
        """
        return self._reading(token).read(code)

    def steering(
        self, code: FaceCode, emotion: Emotion, locked: Collection[str] = (), token: CancelToken | None = None
    ) -> Steering:
        """A drag of one emotion that begins at this code; the first call may take as long as that of `read`.

        Raises:
            AssetMissingError: no weights are installed.
            Cancelled: see `read`.
        """
        if self._emotion_head is None:
            raise AssetMissingError(
                "No emotion branch is installed",
                expected="encoder weights with an emotion branch",
                remedy="Install encoder weights, or set the expression with sliders and presets.",
            )
        return Steering(self.space, self.support(token), self._emotion_head, code, emotion, locked)

    def scaled(self, code: FaceCode, factor: float, locked: Collection[str] = ()) -> FaceCode:
        """See `fields_core.expression.blending.scaled`."""
        return keeping(scaled(code, factor, self.space), code, locked, self.space)

    def with_preset(
        self, code: FaceCode, preset: Preset, intensity: float = 1.0, locked: Collection[str] = ()
    ) -> FaceCode:
        """See `fields_core.expression.presets.apply_preset`."""
        return keeping(apply_preset(code, preset, self.space, intensity), code, locked, self.space)

    def preset_of(self, name: str, code: FaceCode) -> Preset:
        """The expression of a code under a name; see `fields_core.expression.presets.preset_of`."""
        return preset_of(name, code, self.space)

    def mirrored(self, code: FaceCode, locked: Collection[str] = ()) -> FaceCode:
        """See `fields_core.expression.mirror.mirrored`."""
        return keeping(mirrored(code, self._head), code, locked, self.space)

    def symmetrised(self, code: FaceCode, locked: Collection[str] = ()) -> FaceCode:
        """See `fields_core.expression.mirror.symmetrised`."""
        return keeping(symmetrised(code, self._head), code, locked, self.space)

    def with_expression_of(self, code: FaceCode, source: FaceCode, locked: Collection[str] = ()) -> FaceCode:
        """See `fields_core.expression.blending.with_expression_of`."""
        return keeping(with_expression_of(code, source, self.space), code, locked, self.space)

    def without_rest(self, code: FaceCode, rest: FaceCode, locked: Collection[str] = ()) -> FaceCode:
        """See `fields_core.expression.blending.without_rest`."""
        return keeping(without_rest(code, rest, self.space), code, locked, self.space)

    def support(self, token: CancelToken | None = None) -> Support:
        """What the data hold; measured once."""
        with self._lock:
            if self._support is None:
                self._support = measure_support(self.space, self._head, token)
            return self._support

    def _reading(self, token: CancelToken | None) -> ExpressionReader:
        support = self.support(token)
        with self._lock:
            if self._reader is None:
                logits = EmotionLogits(self._emotion_head, self.space) if self._emotion_head is not None else None
                self._reader = ExpressionReader(self.space, support, logits, self._strong)
            return self._reader
