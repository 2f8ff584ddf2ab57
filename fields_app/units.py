"""In which units numbers are shown and typed. What is stored never changes."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class NumberFormat:
    """How one kind of number is written."""

    factor: float
    """Written number for each unit of a slider."""
    suffix: str
    decimals: int

    def write(self, value: float) -> str:
        text = f"{value * self.factor:.{self.decimals}f}"
        return (text.removeprefix("-") if not float(text) else text) + self.suffix  # no "-0.00"

    def read(self, text: str) -> float | None:
        """The slider's value of what was typed, with a comma or a point; None for what is no number."""
        plain = text.strip().removesuffix(self.suffix.strip()).replace(",", ".").replace("−", "-")
        try:
            value = float(plain) / self.factor
        except ValueError:
            return None
        return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Units:
    """The user's choice."""

    radians: bool = False
    """Angles in radians instead of degrees."""
    percent: bool = False
    """Amounts from 0 to 100 % instead of 0 to 1."""

    def format_of(self, unit: str) -> NumberFormat:
        """For a slider in degrees ("°"), one that is in per cent by itself ("%"), or one without a unit ("")."""
        if unit == "%":
            return NumberFormat(1.0, "%", 0)
        if unit == "°":
            return NumberFormat(math.pi / 180.0, "", 2) if self.radians else NumberFormat(1.0, "°", 1)
        return NumberFormat(100.0, "%", 0) if self.percent else NumberFormat(1.0, "", 2)
