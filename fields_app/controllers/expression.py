"""Edits of the whole expression: presets, strength, mirror images. Identity, head pose and locked values are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fields_app.controllers.editing import EditingController
from fields_app.controllers.engine import Engine
from fields_app.panels.message_bar import MessageBar
from fields_app.parameters import read_all
from fields_app.session import Session
from fields_core.errors import FieldsError

if TYPE_CHECKING:
    from fields_core.datatypes import FaceCode
    from fields_core.expression.presets import Preset
    from fields_core.expression.tools import ExpressionTools

_RELAXED = ("expression", "jaw_pose", "eye_pose", "eyelids")


class ExpressionController(QObject):
    """What acts on many sliders at once.

    Args:
        presets_file: of the user's own presets.

    Signals:
        presets_changed(presets): all there are, those of the program first.
        strength_changed(per cent): the strength slider starts again from here.
        sides_known(bool): whether expressions can be mirrored.
    """

    presets_changed = Signal(object)
    strength_changed = Signal(float)
    sides_known = Signal(bool)

    def __init__(
        self,
        session: Session,
        editing: EditingController,
        messages: MessageBar,
        presets_file: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._editing, self._messages = session, editing, messages
        self._file = presets_file
        self._tools: ExpressionTools | None = None
        self._own: tuple[Preset, ...] = ()
        self._base: FaceCode | None = None  # what 100 % of the strength slider is
        self._scaled: FaceCode | None = None
        session.code_changed.connect(self._code_changed)

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Those of the program, then the user's own."""
        return (*(self._tools.presets if self._tools is not None else ()), *self._own)

    def set_engine(self, engine: Engine) -> None:
        from fields_core.expression.presets import load_presets

        self._tools = engine.expression
        try:
            self._own = load_presets(self._file)
        except FieldsError as error:
            self._messages.show_error(error)
        self.sides_known.emit(self._tools.has_sides)
        self.presets_changed.emit(self.presets)

    def apply_preset(self, preset: Preset, intensity: float = 1.0) -> None:
        """An expression by name; ``intensity`` 1 is the preset as it is."""
        code = self._session.code
        if code is None or self._tools is None:
            return
        try:
            changed = self._tools.with_preset(code, preset, intensity, self._session.locked)
        except FieldsError as error:
            self._messages.show_error(error)
            return
        self._editing.apply(changed, self.tr("Preset %1").replace("%1", self.tr(preset.name)))

    def keep_preset(self, name: str) -> None:
        """The expression on show becomes one of the user's presets; one of the same name is replaced."""
        code = self._session.code
        if code is None or self._tools is None:
            return
        try:
            preset = self._tools.preset_of(name, code)
            self._keep((*(own for own in self._own if own.name != preset.name), preset))
        except FieldsError as error:
            self._messages.show_error(error)
            return
        self._messages.show_info(self.tr("Kept the preset %1").replace("%1", preset.name))

    def forget_preset(self, preset: Preset) -> None:
        """Take one of the user's presets away."""
        try:
            self._keep(tuple(own for own in self._own if own.name != preset.name))
        except FieldsError as error:
            self._messages.show_error(error)

    def mirror(self) -> None:
        """Exchange left and right."""
        if self._session.code is not None and self._tools is not None:
            changed = self._tools.mirrored(self._session.code, self._session.locked)
            self._editing.apply(changed, self.tr("Mirror expression"))

    def symmetrise(self) -> None:
        """Make both sides the same."""
        if self._session.code is not None and self._tools is not None:
            changed = self._tools.symmetrised(self._session.code, self._session.locked)
            self._editing.apply(changed, self.tr("Same on both sides"))

    def relax(self) -> None:
        """A neutral face that keeps identity, pose, camera and what is locked."""
        code, rest = self._session.code, self._session.rest
        if code is None or rest is None:
            return
        relaxed = code.replace(**{name: getattr(rest.neutral, name).clone() for name in _RELAXED})
        locked = [parameter for parameter in self._session.parameters if parameter.key in self._session.locked]
        for parameter, value in zip(locked, read_all(locked, code), strict=True):
            relaxed = parameter.write(relaxed, value)
        self._editing.apply(relaxed, self.tr("Neutral face"))

    def scale(self, percent: float) -> None:
        """The expression as it was before, this many per cent as strong."""
        if self._session.code is None or self._tools is None:
            return
        if self._base is None:
            self._base = self._session.code
        self._scaled = self._tools.scaled(self._base, percent / 100.0, self._session.locked)
        self._editing.apply(self._scaled, self.tr("Strength of the expression"), merge="strength")

    def _keep(self, presets: tuple[Preset, ...]) -> None:
        from fields_core.expression.presets import save_presets

        save_presets(self._file, presets)
        self._own = presets
        self.presets_changed.emit(self.presets)

    def _code_changed(self) -> None:
        if self._base is not None and self._session.code is not self._scaled:
            self._base = self._scaled = None
            self.strength_changed.emit(100.0)
