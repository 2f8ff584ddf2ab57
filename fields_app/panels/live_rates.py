"""How the live view goes: frames a second, and where the time between camera and head goes."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from fields_app import style
from fields_app.live_view import LiveView


class LiveRates(QWidget):
    """Two lines; empty while nothing is tracked."""

    def __init__(self, view: LiveView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plain")
        self._view = view
        self._rates, self._stages = QLabel(self), QLabel(self)
        self._rates.setObjectName("soft")
        self._stages.setObjectName("faint")
        self._rates.setAccessibleName(self.tr("Frame rate"))
        self._stages.setAccessibleName(self.tr("Latency by stage"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.SMALL)
        layout.addWidget(self._rates)
        layout.addWidget(self._stages)
        view.counters_changed.connect(self._show)
        view.switches_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        view, counters = self._view, self._view.counters
        if not view.running or counters is None or not counters.tracked:
            self._rates.setText("")
            self._stages.setText("")
            return
        method = {"encoder": self.tr("encoder"), "fit": self.tr("landmark fit")}.get(view.coder, "")
        text = self.tr("%1 frames/s shown of %2  ·  %3 dropped").replace("%1", f"{view.shown_rate:.0f}")
        text = text.replace("%2", f"{counters.source_rate:.0f}").replace("%3", str(counters.dropped))
        lines = ["  ·  ".join(part for part in (text, method) if part)]
        lines += [f"{view.streaming} ({view.sent})"] if view.streaming else []
        self._rates.setText("\n".join(lines))  # one long line would make the window wider than a laptop's screen
        stages = (
            (self.tr("wait"), counters.wait), (self.tr("detect"), counters.detect), (self.tr("head"), counters.code),
            (self.tr("steady"), counters.steady),
        )  # fmt: skip
        took = "  ".join(f"{name} {1e3 * seconds:.0f}" for name, seconds in stages)
        text = self.tr("%1 ms\ncamera to head %2 ms (95 %)").replace("%1", took)
        self._stages.setText(text.replace("%2", f"{1e3 * view.shown_p95:.0f}"))
