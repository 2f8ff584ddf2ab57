"""The emotion branch in numpy, with its gradient: for one face at a time, 10 times as quick as through autograd."""

from __future__ import annotations

import numpy as np
from torch import nn

from fields_core.encoder.emotion_head import SLOPE, Emotion, EmotionHead
from fields_core.expression.space import Array, ExpressionSpace


class EmotionLogits:
    """The emotion branch as a function of an expression vector.

    Args:
        emotion_head: its weights are copied; it may know fewer expression coefficients than the space has.
        space: of the vectors.
    """

    def __init__(self, emotion_head: EmotionHead, space: ExpressionSpace) -> None:
        self._layers: list[_Linear | _Norm] = []
        for layer in emotion_head.layers:
            if isinstance(layer, nn.Linear):
                self._layers.append(_Linear(layer))
            elif isinstance(layer, nn.LayerNorm):
                self._layers.append(_Norm(layer))  # with the rectifier that follows
        count = len(space.head.expression_names)
        known = self._layers[0].weight.shape[1] - 5
        self._taken = np.concatenate([np.arange(known), np.arange(count, count + 5)])

    def probabilities(self, values: Array) -> Array:
        """(..., 8) in the order of `Emotion`, of vectors (..., N)."""
        logits = self._outputs(values)[..., : len(Emotion)]
        likely: Array = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return likely / likely.sum(axis=-1, keepdims=True)

    def valence_arousal(self, values: Array) -> Array:
        """(..., 2) in [-1, 1]."""
        affect: Array = np.tanh(self._outputs(values)[..., len(Emotion) :])
        return affect

    def log_odds(self, values: Array, emotion: Emotion) -> tuple[float, Array]:
        """log(p / (1 - p)) of a class, and its gradient (N,)."""
        hidden, signals = values[self._taken], []
        for layer in self._layers:
            signals.append(hidden)
            hidden = layer.forward(hidden)
        logits = hidden[: len(Emotion)]
        others = np.delete(logits, emotion)
        top = others.max()
        weights = np.exp(others - top)
        odds = float(logits[emotion] - top - np.log(weights.sum()))
        slope = np.zeros(len(hidden))
        slope[: len(Emotion)] = np.insert(-weights / weights.sum(), emotion, 1.0)
        for layer, signal in zip(reversed(self._layers), reversed(signals), strict=True):
            slope = layer.backward(signal, slope)
        gradient = np.zeros(len(values))
        gradient[self._taken] = slope
        return odds, gradient

    def _outputs(self, values: Array) -> Array:
        hidden = values[..., self._taken]
        for layer in self._layers:
            hidden = layer.forward(hidden)
        return hidden


class _Linear:
    def __init__(self, layer: nn.Linear) -> None:
        self.weight: Array = layer.weight.detach().double().cpu().numpy()
        self._bias: Array = layer.bias.detach().double().cpu().numpy()

    def forward(self, signal: Array) -> Array:
        result: Array = signal @ self.weight.T + self._bias
        return result

    def backward(self, signal: Array, slope: Array) -> Array:
        result: Array = slope @ self.weight
        return result


class _Norm:
    """Layer normalisation and the leaky rectifier after it."""

    def __init__(self, layer: nn.LayerNorm) -> None:
        self.weight: Array = layer.weight.detach().double().cpu().numpy()
        self._bias: Array = layer.bias.detach().double().cpu().numpy()
        self._epsilon = layer.eps

    def forward(self, signal: Array) -> Array:
        scaled = self._normalised(signal)[0] * self.weight + self._bias
        return np.where(scaled > 0.0, scaled, SLOPE * scaled)

    def backward(self, signal: Array, slope: Array) -> Array:
        normalised, spread = self._normalised(signal)
        passed = np.where(normalised * self.weight + self._bias > 0.0, slope, SLOPE * slope) * self.weight
        result: Array = (passed - passed.mean() - normalised * (passed * normalised).mean()) / spread
        return result

    def _normalised(self, signal: Array) -> tuple[Array, Array]:
        centred = signal - signal.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self._epsilon)
        return centred / spread, spread
