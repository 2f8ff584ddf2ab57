"""What the licences of models allow, and where models can be had that do not come with the program."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass


class LicenceClass(enum.Enum):
    """What a licence allows, as far as its text tells."""

    FREE = "free"
    """Any use, with at most the duty to name the authors."""
    NON_COMMERCIAL = "non-commercial"
    """Research and other uses that earn nothing."""
    UNKNOWN = "unknown"
    """Not written down, or different for different parts: read what is stated, or ask the authors."""


@dataclass(frozen=True)
class LicencePage:
    """Where models can be had, after reading and accepting their licence there."""

    what: str
    url: str
    files: str
    """Names of the files to import."""


LICENCE_PAGES = (
    LicencePage("FLAME (head model)", "https://flame.is.tue.mpg.de/", "generic_model.pkl, flame2023.pkl"),
    LicencePage("SMIRK (encoder)", "https://georgeretsi.github.io/smirk/", "SMIRK_em1.pt"),
    LicencePage("DECA (encoder)", "https://deca.is.tue.mpg.de/", "deca_model.tar"),
    LicencePage("EMOCA (encoder)", "https://emoca.is.tue.mpg.de/", "a checkpoint .ckpt"),
    LicencePage("MediaPipe (landmarker)", "https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker",
                "face_landmarker.task"),
)  # fmt: skip

_FORBIDDING = re.compile(
    r"\b(non-?commercial|by-nc|nc-(sa|nd)|flame licen[cs]e|smirk|deca|emoca|research (only|purposes))\b"
)
_UNSURE = re.compile(r"\b(rights with|unknown|unclear)\b")
_ALLOWING = re.compile(r"\b(cc0|public domain|cc[- ]by[- ][34]\.0|mit|apache|bsd)\b")


def licence_class(licence: str) -> LicenceClass:
    """The strictest class of all lines of a licence text. A text that names no licence is `LicenceClass.UNKNOWN`."""
    lines = [line.lower() for line in licence.splitlines() if line.strip()]
    if any(_FORBIDDING.search(line) for line in lines):
        return LicenceClass.NON_COMMERCIAL
    if lines and all(_ALLOWING.search(line) and not _UNSURE.search(line) for line in lines):
        return LicenceClass.FREE
    return LicenceClass.UNKNOWN


def licence_page(name: str, licence: str) -> str:
    """Address of the page about a model's licence; "" where none is known."""
    text = f"{name} {licence}".lower()
    for page in LICENCE_PAGES:
        if page.what.split()[0].lower() in text:
            return page.url
    return "https://creativecommons.org/publicdomain/zero/1.0/" if "cc0" in text else ""
