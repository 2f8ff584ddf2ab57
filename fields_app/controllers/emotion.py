"""Reads the expression on show, and turns dragged scores into edits. Both on threads that take only the latest wish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from fields_app.controllers.editing import EditingController
from fields_app.controllers.engine import Engine
from fields_app.panels.message_bar import MessageBar
from fields_app.session import Session
from fields_app.workers.latest_only import LatestOnlyThread
from fields_core.progress import CancelToken

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode
    from fields_core.expression.reading import ExpressionReading
    from fields_core.expression.steering import SteeredExpression, Steering
    from fields_core.expression.tools import ExpressionTools

READING_INTERVAL = 120  # milliseconds at least between two readings


@dataclass(frozen=True, eq=False)
class _Drag:
    """One drag of one bar."""

    person: str
    code: FaceCode
    """Where it began: every answer is measured from here."""
    emotion: int
    locked: frozenset[str]


@dataclass(frozen=True, eq=False)
class _Wish:
    drag: _Drag
    probability: float


class EmotionController(QObject):
    """The emotion panel's other half.

    Signals:
        available_changed(bool): whether weights with an emotion branch are installed.
        reading_changed(ExpressionReading): of the expression on show.
        steered(emotion, reached): an answer of a drag is on show.
    """

    available_changed = Signal(bool)
    reading_changed = Signal(object)
    steered = Signal(int, bool)

    def __init__(
        self, session: Session, editing: EditingController, messages: MessageBar, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._editing, self._messages = session, editing, messages
        self._tools: ExpressionTools | None = None
        self._drag: _Drag | None = None
        self._wish: _Wish | None = None  # the last one, while it has no answer
        self._ending = False
        self._steering: tuple[_Drag, Steering] | None = None  # the thread's own
        self._reader: LatestOnlyThread[FaceCode] = LatestOnlyThread(self._read, parent=self)
        self._steerer: LatestOnlyThread[_Wish] = LatestOnlyThread(self._steer, parent=self)
        self._rest = QTimer(self, singleShot=True, interval=READING_INTERVAL)
        self._rest.timeout.connect(self._rested)
        self._waiting = False  # a code has changed since the last reading began
        self._reader.answered.connect(self._answered)
        self._reader.failed.connect(lambda _, error: self._messages.show_error(error))
        self._steerer.answered.connect(self._steered)
        self._steerer.failed.connect(self._failed)
        session.code_changed.connect(self._request_reading)
        session.selection_changed.connect(self._forget_drag)

    def set_engine(self, engine: Engine) -> None:
        self._tools = engine.expression
        self.available_changed.emit(self._tools.can_steer)
        self._request_reading()

    def drag(self, emotion: int, probability: float) -> None:
        """Change the expression as little as possible so that the classifier gives ``emotion`` this probability."""
        code, tools = self._session.code, self._tools
        if code is None or tools is None or not tools.can_steer:
            return
        if self._drag is None or self._drag.emotion != emotion or self._ending:
            self._finish_drag()
            self._drag = _Drag(self._shown(), code, emotion, self._session.locked)
        self._wish = _Wish(self._drag, probability)
        self._steerer.submit(self._wish)

    def end_drag(self) -> None:
        """The bar was let go; its last wish still gets an answer, as part of the same undo step."""
        self._ending = self._drag is not None
        if self._wish is None:
            self._finish_drag()

    def stop(self) -> None:
        self._rest.stop()
        self._reader.stop()
        self._steerer.stop()

    def _shown(self) -> str:
        return self._session.person.id if self._session.person is not None else ""

    def _request_reading(self) -> None:
        """Read now, or when the last reading is a while ago: a drag must not share its processor with every reading."""
        if self._rest.isActive():
            self._waiting = True
        elif self._session.code is not None and self._tools is not None:
            self._rest.start()
            self._reader.submit(self._session.code)

    def _rested(self) -> None:
        if self._waiting:
            self._waiting = False
            self._request_reading()

    def _read(self, code: FaceCode, token: CancelToken) -> ExpressionReading:
        assert self._tools is not None
        return self._tools.read(code, token)

    def _answered(self, code: FaceCode, reading: ExpressionReading) -> None:
        self.reading_changed.emit(reading)

    def _steer(self, wish: _Wish, token: CancelToken) -> SteeredExpression:
        from fields_core.encoder.emotion_head import Emotion

        assert self._tools is not None
        if self._steering is None or self._steering[0] is not wish.drag:
            drag = wish.drag
            steering = self._tools.steering(drag.code, Emotion(drag.emotion), drag.locked, token)
            self._steering = (drag, steering)
        return self._steering[1].to(wish.probability)

    def _steered(self, wish: _Wish, answer: SteeredExpression) -> None:
        if wish.drag is not self._drag or wish.drag.person != self._shown():
            return
        from fields_app.panels.emotion_panel import EMOTIONS

        name = self.tr(EMOTIONS[wish.drag.emotion])
        text = self.tr("Score of %1").replace("%1", name)
        self._editing.apply(answer.code, text, merge=f"emotion {wish.drag.emotion}")
        self.steered.emit(wish.drag.emotion, answer.reached)
        if wish is self._wish:
            self._wish = None
            if self._ending:
                self._finish_drag()

    def _failed(self, wish: _Wish, error: BaseException) -> None:
        self._messages.show_error(error)
        self._forget_drag()

    def _finish_drag(self) -> None:
        if self._drag is not None:
            self._editing.end_drag()
        self._forget_drag()

    def _forget_drag(self) -> None:
        self._drag, self._wish, self._ending = None, None, False
