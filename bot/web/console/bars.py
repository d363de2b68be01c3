"""Small bar charts as SVG attributes, for no style may be written into a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_STEP, _WIDTH, _HEIGHT = 10, 7, 40


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: `up` above the line and `down` below it, in pixels of the picture."""

    x: int
    width: int
    up: float
    down: float
    title: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of days; `line` is where nothing is."""

    bars: list[Bar]
    width: int
    height: int
    line: float
    empty: bool


def bars(days: Sequence[tuple[str, int, int]], *, height: int = _HEIGHT) -> Bars:
    """Days as (title, up, down), the oldest first."""
    most_up = max((up for _, up, _ in days), default=0)
    most_down = max((down for _, _, down in days), default=0)
    scale = (height - 2) / max(most_up + most_down, 1)
    made = [
        Bar(place * _STEP, _WIDTH, round(up * scale, 1), round(down * scale, 1), title)
        for place, (title, up, down) in enumerate(days)
    ]
    line = round(1 + most_up * scale, 1) if most_up + most_down else height - 1
    return Bars(made, len(days) * _STEP, height, line, most_up + most_down == 0)
