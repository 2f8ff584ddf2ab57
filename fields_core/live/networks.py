"""The trained networks in the live path: the encoder as a coder, and the emotion branch. Both are optional."""

from __future__ import annotations

from dataclasses import dataclass

from fields_core.datatypes import FaceCode
from fields_core.encoder.emotion_head import EmotionHead
from fields_core.expression.emotion_logits import EmotionLogits
from fields_core.expression.space import ExpressionSpace
from fields_core.fitting.encoded_fit import encoder_for
from fields_core.head.model import HeadModel
from fields_core.live.coder import EncodedCoder, FaceCoder
from fields_core.live.tracked import EmotionReading


class EmotionReader:
    """Reads the emotion of a code in a tenth of a millisecond.

    Args:
        emotion_head: the emotion branch; it may know fewer expression coefficients than the head has.
        head: the head model of the codes.
    """

    def __init__(self, emotion_head: EmotionHead, head: HeadModel) -> None:
        self._space = ExpressionSpace(head)
        self._logits = EmotionLogits(emotion_head, self._space)

    def __call__(self, code: FaceCode) -> EmotionReading:
        """Of a code of one face."""
        values = self._space.values(code)
        valence, arousal = self._logits.valence_arousal(values).tolist()
        return EmotionReading(tuple(self._logits.probabilities(values).tolist()), valence, arousal)


@dataclass(frozen=True, eq=False)
class LiveNetworks:
    """What is installed; None where it is not."""

    coder: FaceCoder | None = None
    emotion: EmotionReader | None = None


def installed_networks(head: HeadModel) -> LiveNetworks:
    """The networks of the encoder checkpoint that is installed for this head model; none where it is for another.

    Raises:
        ModelFileError: there is one, but it is damaged.
    """
    encoder = encoder_for(head)
    if encoder is None:
        return LiveNetworks()
    emotion = EmotionReader(encoder.emotion, head) if encoder.emotion is not None else None
    return LiveNetworks(EncodedCoder(encoder, head), emotion)
