"""Every error a user can meet: what was expected, what came, what to do.

Raise the most specific kind. The command line prints ``str(error)``; the window shows ``title`` in its message bar
and the rest under "Details".
"""

from __future__ import annotations


class FieldsError(Exception):
    """Base of all errors that are the input's or the machine's fault, never a bug of ours.

    Attributes:
        title: one line, what went wrong, naming the file or value concerned.
        expected: what would have been right ("" where it is obvious).
        found: what came instead.
        remedy: what the user can do now.
    """

    title: str
    expected: str
    found: str
    remedy: str

    def __init__(self, title: str, *, expected: str = "", found: str = "", remedy: str = "") -> None:
        self.title, self.expected, self.found, self.remedy = title, expected, found, remedy
        super().__init__(title)

    def __reduce__(self) -> tuple[object, ...]:
        state = {"expected": self.expected, "found": self.found, "remedy": self.remedy}
        return (_rebuild, (type(self), self.title, state))

    @property
    def details(self) -> str:
        """The sentences after the title, one a line."""
        parts = (("Expected", self.expected), ("Found", self.found), ("What to do", self.remedy))
        return "\n".join(f"{label}: {text}" for label, text in parts if text)

    def __str__(self) -> str:
        return "\n".join(text for text in (self.title, self.details) if text)


def _rebuild(kind: type[FieldsError], title: str, state: dict[str, str]) -> FieldsError:
    """Unpickle an error that crossed a process boundary."""
    return kind(title, **state)


class PhotoError(FieldsError):
    """A picture file that cannot be read, or is too large, too small or empty."""


class NoFaceError(FieldsError):
    """A readable picture in which no face was found."""


class AssetMissingError(FieldsError):
    """A model file (head, landmarker, checkpoint) that is nowhere to be found, or fails its checksum."""


class ModelFileError(FieldsError):
    """A head model or checkpoint file that is damaged, hostile or of another kind than expected."""


class CodeFileError(FieldsError):
    """A face code (npz or JSON) that is damaged or belongs to another head model."""


class ProjectError(FieldsError):
    """A project that is damaged, hostile, of another head model, or written by a newer program."""


class FitError(FieldsError):
    """Landmarks to which no head could be fitted (not finite, too few, degenerate)."""


class ExportError(FieldsError):
    """A file that could not be written, or a format that cannot hold what was asked."""


class SettingsError(FieldsError):
    """An option, argument or configuration value that makes no sense."""


class SourceError(FieldsError):
    """A camera, clip, folder of pictures or stream that cannot be opened, or that stopped delivering."""


class TakeError(FieldsError):
    """A recorded take that is damaged, hostile or of another head model, or an edit of it that makes no sense."""
