"""How a live run goes: rates, latency by stage, frames lost."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from fields_core.live.tracked import StageTimes

_WINDOW = 120  # frames that rates and times look back on


@dataclass(frozen=True)
class LiveCounters:
    """How it goes; times are means over the last two seconds or so."""

    captured: int = 0
    """Frames read since the start."""
    tracked: int = 0
    dropped: int = 0
    """Frames that were replaced by a later one before they could be tracked."""
    source_rate: float = 0.0
    """Frames a second from the source."""
    tracked_rate: float = 0.0
    """Frames a second tracked."""
    wait: float = 0.0
    """Seconds a frame lay there before it was taken."""
    detect: float = 0.0
    code: float = 0.0
    steady: float = 0.0
    latency: float = 0.0
    """Seconds from read to tracked, median."""
    latency_p95: float = 0.0


class LiveMeter:
    """Collects what `LiveCounters` sums up. Not safe between threads: the pipeline's lock guards it."""

    def __init__(self) -> None:
        self._captured = self._tracked = self._dropped = 0
        self._captures: deque[float] = deque(maxlen=_WINDOW)
        self._results: deque[tuple[float, ...]] = deque(maxlen=_WINDOW)

    def captured(self, moment: float, dropped: bool) -> None:
        """A frame was read at ``moment`` seconds; the one before it was dropped or not."""
        self._captured += 1
        self._dropped += dropped
        self._captures.append(moment)

    def tracked(self, captured: float, begun: float, finished: float, times: StageTimes) -> None:
        """A frame that was read, taken and tracked at these moments, seconds."""
        self._tracked += 1
        row = (finished, begun - captured, times.detect, times.code, times.steady, finished - captured)
        self._results.append(row)

    def counters(self) -> LiveCounters:
        if not self._results:
            return LiveCounters(self._captured, self._tracked, self._dropped, _rate(list(self._captures)))
        table = np.array(self._results)
        wait, detect, code, steady = (float(value) for value in table[:, 1:5].mean(axis=0))
        return LiveCounters(
            captured=self._captured,
            tracked=self._tracked,
            dropped=self._dropped,
            source_rate=_rate(list(self._captures)),
            tracked_rate=_rate(table[:, 0].tolist()),
            wait=wait,
            detect=detect,
            code=code,
            steady=steady,
            latency=float(np.median(table[:, 5])),
            latency_p95=float(np.percentile(table[:, 5], 95)),
        )


def _rate(moments: list[float]) -> float:
    """Events a second."""
    return (len(moments) - 1) / (moments[-1] - moments[0]) if len(moments) > 1 and moments[-1] > moments[0] else 0.0
