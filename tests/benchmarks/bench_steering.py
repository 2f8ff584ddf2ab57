"""How quickly the face follows a dragged score: one answer of the steering, and one reading, in processor time."""

from __future__ import annotations

import time

import numpy as np

from fields_core.encoder.emotion_head import Emotion
from fields_core.expression.tools import ExpressionTools, load_tools
from fields_core.head import load_head
from tests.benchmarks.bench import Row
from tests.core.test_expression import trained_emotion_head

FRAME = 1000.0 / 30.0  # milliseconds


def measure() -> list[Row]:
    """Drags of all eight scores from rest to certainty and back, with the installed weights or quickly trained ones."""
    head = load_head()
    tools = load_tools(head)
    note = "installed weights"
    if not tools.can_steer:
        tools, note = ExpressionTools(head, trained_emotion_head(head)), "weights of a second's training"
    code = head.neutral_code()
    times = []
    for emotion in Emotion:
        steering = tools.steering(code, emotion)
        for probability in [*np.linspace(0.02, 0.98, 33), *np.linspace(0.98, 0.02, 33)]:
            start = time.process_time()
            steering.to(float(probability))
            times.append(1000.0 * (time.process_time() - start))
    start = time.process_time()
    for _ in range(20):
        tools.read(code)
    reading = 1000.0 * (time.process_time() - start) / 20
    return [
        Row("steering: one answer of a drag, mean", float(np.mean(times)), "ms", FRAME, note=f"{note}; 30 Hz"),
        Row("steering: one answer of a drag, 95th percentile", float(np.quantile(times, 0.95)), "ms", FRAME, note=note),
        Row("steering: one reading of scores and intensity", reading, "ms", FRAME, note=note),
    ]
